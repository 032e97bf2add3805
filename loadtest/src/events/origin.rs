//! Where requests go, and as whom: requests written, connections opened, answers' heads read.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::connect::header;
use crate::credential::{Credential, field_of};
use crate::failure::{Context, Failure, Result};

/// No request of this program takes so long unless the server has stopped answering.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
const HEAD_BYTES_MAX: usize = 16 << 10;

/// A server's REST API, and what it is shown.
#[derive(Debug, Clone)]
pub(crate) struct Origin {
    address: SocketAddr,
    credential: Option<Credential>,
}

/// The head of an answer, and how long what follows is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The HTTP status.
    pub(crate) status: u16,
    /// Bytes of the head.
    pub(crate) head_bytes: usize,
    /// Bytes of the body.
    pub(crate) body_bytes: usize,
}

impl Origin {
    /// The server at `address`, to be shown this.
    pub(crate) fn new(address: SocketAddr, credential: Option<&Credential>) -> Self {
        Self {
            address,
            credential: credential.cloned(),
        }
    }

    /// A connection, blocking, with a time limit.
    pub(crate) fn connect(&self) -> Result<TcpStream> {
        let stream = TcpStream::connect(self.address).context(self.address)?;
        stream.set_nodelay(true).context("socket")?;
        stream
            .set_read_timeout(Some(ANSWER_TIMEOUT))
            .context("socket")?;
        Ok(stream)
    }

    /// Appends a request; `fields` are further header fields, each with its line end.
    pub(crate) fn write_request(
        &self,
        method: &str,
        target: &str,
        fields: &str,
        body: Option<&[u8]>,
        out: &mut Vec<u8>,
    ) {
        let credential = field_of(self.credential.as_ref());
        let length = match body.map(<[u8]>::len) {
            Some(bytes) => {
                format!("Content-Type: application/json\r\nContent-Length: {bytes}\r\n")
            }
            None => String::new(),
        };
        let host = self.address;
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{credential}{length}{fields}\r\n"
        );
        out.extend_from_slice(head.as_bytes());
        out.extend_from_slice(body.unwrap_or_default());
    }
}

/// Reads the head of an answer; `None` when `bytes` end inside it. Only answers that name their
/// length are understood.
pub(crate) fn parse_answer(bytes: &[u8]) -> Result<Option<Answer>> {
    let Some((status, head)) = parse_head(bytes)? else {
        return Ok(None);
    };
    let head_bytes = head.len();
    let length = header(head, "content-length").map(str::parse::<usize>);
    let body_bytes = match length {
        Some(Ok(bytes)) => bytes,
        None if status == 204 => 0,
        _ => return Err(Failure::new("an answer without a Content-Length")),
    };
    Ok(Some(Answer {
        status,
        head_bytes,
        body_bytes,
    }))
}

/// Status and text of an answer's head; `None` when `bytes` end inside it.
fn parse_head(bytes: &[u8]) -> Result<Option<(u16, &str)>> {
    let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else {
        return match bytes.len() {
            0..HEAD_BYTES_MAX => Ok(None),
            _ => Err(Failure::new("no end of an answer's head after 16 KiB")),
        };
    };
    let head = std::str::from_utf8(&bytes[..end + 4]).context("an answer's head")?;
    let status = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| Failure::new("an answer that isn't HTTP/1.1"))?;
    Ok(Some((status, head)))
}

/// Sends `request` and reads the head of its answer: its status, its text and what came behind it.
pub(crate) fn ask(stream: &mut TcpStream, request: &[u8]) -> Result<(u16, String, Vec<u8>)> {
    stream.write_all(request).context("sending a request")?;
    let mut read = Vec::new();
    loop {
        if let Some((status, head)) = parse_head(&read)? {
            let (head, head_bytes) = (head.to_owned(), head.len());
            return Ok((status, head, read.split_off(head_bytes)));
        }
        let mut piece = [0; 1024];
        let got_bytes = stream.read(&mut piece).context("waiting for an answer")?;
        if got_bytes == 0 {
            return Err(Failure::new("the server closed the connection"));
        }
        read.extend_from_slice(&piece[..got_bytes]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_who_asks_and_how_long_it_is() {
        let key = Credential::Key("secret".to_owned());
        let origin = Origin::new(SocketAddr::from(([127, 0, 0, 1], 8080)), Some(&key));
        let mut out = Vec::new();
        origin.write_request("POST", "/x", "Accept: a\r\n", Some(b"{}"), &mut out);
        let expected = "POST /x HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nX-API-Key: secret\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\nAccept: a\r\n\r\n{}";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }

    #[test]
    fn an_answer_is_read_once_its_head_is_whole() {
        let text = b"HTTP/1.1 202 Accepted\r\nContent-Length: 14\r\n\r\n{\"sequence\":1}";
        let whole = Answer {
            status: 202,
            head_bytes: 45,
            body_bytes: 14,
        };
        assert_eq!(parse_answer(text).unwrap(), Some(whole));
        for cut in 0..45 {
            assert_eq!(parse_answer(&text[..cut]).unwrap(), None, "{cut}");
        }
        let empty = parse_answer(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
        assert_eq!(empty.map(|answer| answer.body_bytes), Some(0));
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        assert!(parse_answer(b"HTTP/1.0 200 OK\r\n\r\n").is_err());
        assert!(parse_answer(b"HTTP/1.1 200 OK\r\n\r\n").is_err(), "length");
        assert!(parse_answer(&vec![b'x'; 20_000]).is_err());
    }
}
