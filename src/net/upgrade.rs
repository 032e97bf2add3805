//! From an HTTP request to a socket that speaks WebSocket (RFC 6455, section 4.2.1).
//!
//! The request is judged here, strictly; the accept key and the hand-over are fastwebsockets'.

use std::io;

use bytes::Bytes;
use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
use hyper::upgrade::Upgraded;
use hyper::{Method, Request, Version};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

use super::event_loop::Socket;

/// Why a request can't be upgraded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeError {
    /// It does not ask for it.
    #[error("this path speaks WebSocket: send GET with 'Upgrade: websocket' over HTTP/1.1")]
    NotAsked,
    /// Another version than 13.
    #[error("Sec-WebSocket-Version: '{0}' is not supported; 13 is")]
    Version(String),
    /// A header is missing, doubled or malformed.
    #[error("{0}: {1}")]
    Header(HeaderName, &'static str),
    /// WebSocket needs HTTP/1.1 here.
    #[error("HTTP version: WebSocket needs HTTP/1.1")]
    HttpVersion,
}

/// Checks everything that RFC 6455 demands of the request.
pub fn check<B>(request: &Request<B>) -> Result<(), UpgradeError> {
    let headers = request.headers();
    let asks = request.method() == Method::GET
        && lists(headers, &header::UPGRADE, "websocket")
        && lists(headers, &header::CONNECTION, "upgrade");
    if !asks {
        return Err(UpgradeError::NotAsked);
    }
    if request.version() != Version::HTTP_11 {
        return Err(UpgradeError::HttpVersion);
    }
    single(headers, header::HOST)?;
    // What stands behind the request is WebSocket's, to every reader.
    let is_empty = |value: &HeaderValue| value == "0";
    if !headers.get_all(header::CONTENT_LENGTH).iter().all(is_empty) {
        let text = "a request for an upgrade has no body";
        return Err(UpgradeError::Header(header::CONTENT_LENGTH, text));
    }
    if headers.contains_key(header::TRANSFER_ENCODING) {
        let text = "a request for an upgrade has no body";
        return Err(UpgradeError::Header(header::TRANSFER_ENCODING, text));
    }
    let version = single(headers, header::SEC_WEBSOCKET_VERSION)?;
    if version != "13" {
        let shown = version
            .chars()
            .take(16)
            .flat_map(char::escape_default)
            .collect();
        return Err(UpgradeError::Version(shown));
    }
    let key = single(headers, header::SEC_WEBSOCKET_KEY)?;
    if !is_key(key) {
        let text = "not 16 bytes in base64";
        return Err(UpgradeError::Header(header::SEC_WEBSOCKET_KEY, text));
    }
    Ok(())
}

/// Whether a header's comma lists name `token`.
fn lists(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    let values = headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok());
    values
        .flat_map(|value| value.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

fn single(headers: &HeaderMap, name: HeaderName) -> Result<&str, UpgradeError> {
    let mut values = headers.get_all(&name).iter();
    match (values.next().map(|value| value.to_str()), values.next()) {
        (Some(Ok(value)), None) => Ok(value),
        (None, _) => Err(UpgradeError::Header(name, "missing")),
        (Some(Err(_)), _) => Err(UpgradeError::Header(name, "not ASCII")),
        (_, Some(_)) => Err(UpgradeError::Header(name, "more than one")),
    }
}

/// Whether a text is the base64 of 16 bytes: 22 characters, the last of which has four spare bits
/// that are zero, and the padding.
fn is_key(text: &str) -> bool {
    let Some((digits, b"==")) = text.as_bytes().split_at_checked(22) else {
        return false;
    };
    digits
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
        && matches!(digits[21], b'A' | b'Q' | b'g' | b'w')
}

/// Takes the socket back from hyper, with the bytes that came behind the request.
pub fn reclaim(upgraded: Upgraded) -> io::Result<(Socket, Bytes)> {
    let upgraded = match upgraded.downcast::<TokioIo<TcpStream>>() {
        Ok(parts) => {
            let socket = unbound(parts.io.into_inner())?;
            return Ok((Socket::plain(socket), parts.read_buf));
        }
        Err(upgraded) => upgraded,
    };
    let parts = upgraded
        .downcast::<TokioIo<TlsStream<TcpStream>>>()
        .map_err(|_| io::Error::other("the connection is neither plain TCP nor TLS over it"))?;
    let (socket, session) = parts.io.into_inner().into_inner();
    let socket = unbound(socket)?;
    Ok((Socket::encrypted(socket, session), parts.read_buf))
}

/// Without the bound of those who speak HTTP; a session has its own.
fn unbound(socket: TcpStream) -> io::Result<std::net::TcpStream> {
    let socket = socket.into_std()?;
    socket2::SockRef::from(&socket).set_tcp_user_timeout(None)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(change: impl FnOnce(&mut Request<()>)) -> Request<()> {
        let mut request = Request::builder()
            .uri("/agents/ws")
            .header("host", "localhost")
            .header("upgrade", "WebSocket")
            .header("connection", "keep-alive, Upgrade")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
            .body(())
            .expect("a request");
        change(&mut request);
        request
    }

    fn with(name: &'static str, value: &str) -> Request<()> {
        let value = value.parse().expect("a value");
        request(|request| drop(request.headers_mut().insert(name, value)))
    }

    #[test]
    fn the_example_of_rfc_6455_is_taken() {
        assert_eq!(check(&request(|_| {})), Ok(()));
    }

    #[test]
    fn everything_else_is_refused_by_name() {
        let post = request(|request| *request.method_mut() = Method::POST);
        assert_eq!(check(&post), Err(UpgradeError::NotAsked));
        assert_eq!(check(&with("upgrade", "h2c")), Err(UpgradeError::NotAsked));
        assert_eq!(
            check(&with("connection", "close")),
            Err(UpgradeError::NotAsked)
        );
        let old = request(|request| *request.version_mut() = Version::HTTP_10);
        assert_eq!(check(&old), Err(UpgradeError::HttpVersion));
        let version = check(&with("sec-websocket-version", "8"));
        assert_eq!(version, Err(UpgradeError::Version("8".to_owned())));
        for key in [
            "",
            "x",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZR==",
            "dGhlIHNhbXBsZSBub25j!Q==",
        ] {
            assert!(
                matches!(
                    check(&with("sec-websocket-key", key)),
                    Err(UpgradeError::Header(..))
                ),
                "{key}"
            );
        }
        for name in ["host", "sec-websocket-key", "sec-websocket-version"] {
            let missing = request(|request| drop(request.headers_mut().remove(name)));
            let error = check(&missing).expect_err(name).to_string();
            assert_eq!(error, format!("{name}: missing"));
            let doubled = request(|request| {
                let value = request.headers()[name].clone();
                request.headers_mut().append(name, value);
            });
            assert_eq!(
                check(&doubled).expect_err(name).to_string(),
                format!("{name}: more than one")
            );
        }
    }
}
