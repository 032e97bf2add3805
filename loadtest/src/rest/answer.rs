//! An HTTP answer, read from the bytes that came.

use hyper::StatusCode;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};

use crate::failure::{Context, Failure, Result};

/// The largest answer that is read.
pub(crate) const ANSWER_BYTES_MAX: usize = 16 << 20;

const FIELDS_MAX: usize = 64;

/// An answer; its body has a length that its head tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer<'a> {
    /// The status.
    pub(crate) status: u16,
    /// The body.
    pub(crate) body: &'a [u8],
    /// The bytes of head and body together.
    pub(crate) len: usize,
}

impl<'a> Answer<'a> {
    /// The answer that `bytes` begin with; nothing if more must come.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let mut head = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(head_len) =
            head.parse(bytes).context("head of an answer")?
        else {
            return is_bounded(bytes.len()).map(|()| None);
        };
        let status = head.code.unwrap_or(0);
        let length = head
            .headers
            .iter()
            .find(|field| field.name.eq_ignore_ascii_case("content-length"));
        let body_len = match length {
            Some(field) => std::str::from_utf8(field.value)
                .ok()
                .and_then(|text| text.parse::<usize>().ok())
                .ok_or_else(|| Failure::new("the answer's content-length is no number"))?,
            None if status == StatusCode::NO_CONTENT => 0,
            None => return Err(Failure::new("the answer has no content-length")),
        };
        is_bounded(body_len)?;
        let len = head_len + body_len;
        Ok(bytes
            .get(head_len..len)
            .map(|body| Self { status, body, len }))
    }
}

/// Its header fields but for those that every server sets itself.
pub(crate) fn own_fields(bytes: &[u8]) -> Result<HeaderMap> {
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    head.parse(bytes).context("head of an answer")?;
    let mut own = HeaderMap::new();
    for field in head.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes()).context(field.name)?;
        if name != CONTENT_LENGTH && name != hyper::header::DATE {
            own.append(
                name,
                HeaderValue::from_bytes(field.value).context(field.name)?,
            );
        }
    }
    Ok(own)
}

fn is_bounded(len: usize) -> Result<()> {
    if len <= ANSWER_BYTES_MAX {
        return Ok(());
    }
    let text = format!("an answer of {len} bytes; at most {ANSWER_BYTES_MAX} are read");
    Err(Failure::new(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BYTES: &[u8] =
        b"HTTP/1.1 201 Created\r\nDate: x\r\nContent-Length: 5\r\nX-A: 1\r\n\r\nhello";

    #[test]
    fn an_answer_is_whole_when_its_last_byte_has_come() {
        for cut in 0..BYTES.len() {
            assert_eq!(Answer::read(&BYTES[..cut]), Ok(None), "{cut}");
        }
        let more = [BYTES, b"HTTP/1.1"].concat();
        let answer = Answer::read(&more).unwrap().unwrap();
        assert_eq!(
            (answer.status, answer.body, answer.len),
            (201, &b"hello"[..], BYTES.len())
        );
        let empty = b"HTTP/1.1 204 No Content\r\n\r\n";
        assert_eq!(Answer::read(empty).unwrap().unwrap().body, b"");
    }

    #[test]
    fn what_can_not_be_measured_is_refused() {
        for wrong in [
            &b"HTTP/1.1 200 OK\r\n\r\n"[..],
            b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
            b"SSH-2.0-OpenSSH\r\n\r\n",
        ] {
            assert!(Answer::read(wrong).is_err());
        }
    }

    #[test]
    fn its_own_fields_are_those_that_servers_do_not_set() {
        let fields = own_fields(BYTES).unwrap();
        assert_eq!(
            (fields.len(), &fields["x-a"]),
            (1, &HeaderValue::from_static("1"))
        );
    }
}
