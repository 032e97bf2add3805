//! As much of an HTTP server as a test makes up, written apart from the program under test.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// A request.
pub(crate) struct Request {
    /// Its method.
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// All of its body.
    pub(crate) body: String,
}

/// One connection to the server.
pub(crate) type Connection = BufReader<TcpStream>;

/// Serves each connection on a thread of its own; where it listens.
pub(crate) fn listen(serve: impl Fn(Connection) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let serve = Arc::new(serve);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (stream, serve) = (stream.unwrap(), Arc::clone(&serve));
            stream.set_nodelay(true).unwrap();
            thread::spawn(move || serve(BufReader::new(stream)));
        }
    });
    url
}

/// The next request of a connection; `None` at its end.
pub(crate) fn read_request(connection: &mut Connection) -> Option<Request> {
    let mut first = String::new();
    connection.read_line(&mut first).ok()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, target) = (words.next()?, words.next()?);
    let mut body_bytes = 0;
    loop {
        let mut line = String::new();
        connection.read_line(&mut line).ok()?;
        match line.trim_end().split_once(": ") {
            Some(("Content-Length", length)) => body_bytes = length.parse().ok()?,
            Some(_) => {}
            None => break,
        }
    }
    let mut body = vec![0; body_bytes];
    connection.read_exact(&mut body).ok()?;
    Some(Request {
        method,
        target,
        body: String::from_utf8(body).ok()?,
    })
}

/// Answers a request; a client that has gone is no matter.
pub(crate) fn answer(connection: &mut Connection, status: u16, body: &str) {
    let bytes = body.len();
    let text = format!("HTTP/1.1 {status} X\r\nContent-Length: {bytes}\r\n\r\n{body}");
    drop(connection.get_mut().write_all(text.as_bytes()));
}
