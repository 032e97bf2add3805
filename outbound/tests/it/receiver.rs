//! Receivers made of bare sockets: they know HTTP only as the bytes that a test gives them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// What a receiver does when a request has come.
#[derive(Clone, Copy)]
pub(crate) enum Manner {
    /// Writes these bytes and closes.
    Writes(&'static str),
    /// Writes these bytes, then this piece again and again.
    WritesForEver(&'static str, &'static str),
    /// Writes these bytes and keeps the connection.
    WritesAndWaits(&'static str),
    /// Closes without a word.
    Closes,
}

/// A receiver on this machine. Its tasks end with the test's runtime.
pub(crate) struct Receiver {
    pub address: SocketAddr,
    pub requests: mpsc::Receiver<Vec<u8>>,
    hits: Arc<AtomicUsize>,
    written_bytes: Arc<AtomicUsize>,
}

impl Receiver {
    pub(crate) async fn start(ip: &str, manner: Manner) -> Self {
        Self::start_at(&format!("{ip}:0"), manner).await.unwrap()
    }

    pub(crate) async fn start_at(address: &str, manner: Manner) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (tell, requests) = mpsc::channel(64);
        let receiver = Self {
            address: listener.local_addr()?,
            requests,
            hits: Arc::default(),
            written_bytes: Arc::default(),
        };
        let hits = Arc::clone(&receiver.hits);
        let written_bytes = Arc::clone(&receiver.written_bytes);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                hits.fetch_add(1, Ordering::SeqCst);
                let (tell, written_bytes) = (tell.clone(), Arc::clone(&written_bytes));
                tokio::spawn(serve(stream, manner, tell, written_bytes));
            }
        });
        Ok(receiver)
    }

    /// How many connections were opened to it.
    pub(crate) fn hits(&self) -> usize {
        self.hits.load(Ordering::SeqCst)
    }

    /// How many bytes it got rid of.
    pub(crate) fn written_bytes(&self) -> usize {
        self.written_bytes.load(Ordering::SeqCst)
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }
}

async fn serve(
    mut stream: TcpStream,
    manner: Manner,
    tell: mpsc::Sender<Vec<u8>>,
    written_bytes: Arc<AtomicUsize>,
) {
    let Some(request) = read_request(&mut stream).await else {
        return;
    };
    let _ = tell.try_send(request);
    let mut write = async |text: &str| {
        let result = stream.write_all(text.as_bytes()).await;
        written_bytes.fetch_add(text.len(), Ordering::SeqCst);
        result
    };
    match manner {
        Manner::Writes(reply) => drop(write(reply).await),
        Manner::WritesForEver(reply, piece) => {
            let _ = write(reply).await;
            while write(piece).await.is_ok() {}
        }
        Manner::WritesAndWaits(reply) => {
            let _ = write(reply).await;
            let _ = stream.read(&mut [0; 64]).await;
        }
        Manner::Closes => {}
    }
}

/// The bytes of a request: its head, and as many bytes as that announces.
async fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let read = stream
            .read(&mut piece)
            .await
            .ok()
            .filter(|read| *read > 0)?;
        request.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let announced = header(head, "content-length").map_or(0, |value| value.parse().unwrap());
        if body.len() >= announced {
            return Some(request);
        }
    }
}

/// The value of a header, by a plain search.
pub(crate) fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (key, value) = line.split_once(": ")?;
        key.eq_ignore_ascii_case(name).then_some(value)
    })
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
