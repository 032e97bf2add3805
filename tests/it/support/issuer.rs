//! An issuer of tokens that publishes its keys over HTTP, and keys as it publishes them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::tokens::key_file;

/// The issuer: what it publishes, by path.
pub(crate) struct Issuer {
    address: SocketAddr,
    documents: Arc<Mutex<Vec<(String, Value)>>>,
}

impl Issuer {
    /// One that publishes nothing yet.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let documents: Arc<Mutex<Vec<(String, Value)>>> = Arc::default();
        let issuer = Self {
            address: listener.local_addr().unwrap(),
            documents: Arc::clone(&documents),
        };
        std::thread::spawn(move || {
            for socket in listener.incoming() {
                let mut socket = socket.unwrap();
                let mut line = String::new();
                let mut reader = BufReader::new(socket.try_clone().unwrap());
                reader.read_line(&mut line).unwrap();
                let mut header = line.clone();
                while header.trim_end() != "" {
                    header.clear();
                    reader.read_line(&mut header).unwrap();
                }
                let path = line.split(' ').nth(1).unwrap_or("");
                let found = documents.lock().unwrap();
                let found = found.iter().find(|(known, _)| known == path);
                let (status, body) = match found {
                    Some((_, document)) => ("200 OK", document.to_string()),
                    None => ("404 Not Found", String::new()),
                };
                let len = body.len();
                let head = format!("HTTP/1.1 {status}\r\nContent-Length: {len}\r\n\r\n{body}");
                // The server may have left.
                let _ = socket.write_all(head.as_bytes());
            }
        });
        issuer
    }

    /// The URL of a path of it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Publishes a document from now on, in the place of what was at that path.
    pub(crate) fn publish(&self, path: &str, document: Value) {
        let mut documents = self.documents.lock().unwrap();
        documents.retain(|(known, _)| known != path);
        documents.push((path.to_owned(), document));
    }
}

/// Public keys on P-256 as a JWKS, by their ids: the last 64 bytes of a file are the point.
pub(crate) fn jwks(keys: &[(&str, &str)]) -> Value {
    let keys = keys.iter().map(|(id, file)| {
        let text = std::fs::read_to_string(key_file(file)).unwrap();
        let digits: String = text.lines().filter(|line| !line.starts_with('-')).collect();
        let der = STANDARD.decode(digits).unwrap();
        let (x, y) = der[der.len() - 64..].split_at(32);
        let [x, y] = [x, y].map(|half| URL_SAFE_NO_PAD.encode(half));
        json!({"kty": "EC", "crv": "P-256", "kid": id, "alg": "ES256", "use": "sig",
            "x": x, "y": y})
    });
    json!({"keys": keys.collect::<Vec<_>>()})
}
