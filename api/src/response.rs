//! An answer, ready to be sent.

use std::io;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Serialize;

/// The media type of most answers.
const JSON: &str = "application/json";

/// An answer: status, header fields, body. The length of the body is among the fields only where
/// the body is left out.
#[derive(Clone, Debug)]
pub struct ApiResponse {
    /// The status.
    pub status: StatusCode,
    /// The media type of the body, if it has one.
    pub media_type: Option<&'static str>,
    /// The header fields of this answer that others don't have.
    pub own_headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

/// A text that can't grow beyond a bound.
struct Bounded {
    text: Vec<u8>,
    bytes_max: usize,
}

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.len() > self.bytes_max - self.text.len() {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl ApiResponse {
    /// An answer without a body.
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            media_type: None,
            own_headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// An answer with a body in JSON.
    pub fn json(status: StatusCode, body: &impl Serialize) -> Self {
        Self::typed(status, JSON, body)
    }

    /// The same, 200, if the body has no more than so many bytes.
    pub(crate) fn json_within(bytes_max: usize, body: &impl Serialize) -> Option<Self> {
        let mut text = Bounded {
            text: Vec::with_capacity(512),
            bytes_max,
        };
        serde_json::to_writer(&mut text, body).ok()?;
        Some(Self::written(StatusCode::OK, text.text.into()))
    }

    /// An answer with a body in JSON that is written already.
    pub(crate) fn written(status: StatusCode, body: Bytes) -> Self {
        Self {
            media_type: Some(JSON),
            body,
            ..Self::empty(status)
        }
    }

    /// An answer with a body in a media type that is JSON.
    pub(crate) fn typed(
        status: StatusCode,
        media_type: &'static str,
        body: &impl Serialize,
    ) -> Self {
        let mut text = Vec::with_capacity(512);
        // A view has string keys and finite numbers; a vector takes everything.
        if serde_json::to_writer(&mut text, body).is_err() {
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            return Self::empty(status).of_type(media_type);
        }
        Self::written(status, text.into()).of_type(media_type)
    }

    /// The same with a media type.
    #[must_use]
    pub(crate) fn of_type(mut self, media_type: &'static str) -> Self {
        self.media_type = Some(media_type);
        self
    }

    /// The same with one more header field; a value that no header may have is left out.
    #[must_use]
    pub(crate) fn with(mut self, name: HeaderName, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.own_headers.insert(name, value);
        }
        self
    }

    /// The same, or, to a request for its head, without the body but with its length.
    #[must_use]
    pub(crate) fn headed(mut self, is_head: bool) -> Self {
        if is_head {
            let length = HeaderValue::from(self.body.len());
            self.own_headers.insert(header::CONTENT_LENGTH, length);
            self.body = Bytes::new();
        }
        self
    }

    /// Whether its header fields are those of [`Self::plain_headers`].
    pub fn is_plain(&self) -> bool {
        self.media_type == Some(JSON) && self.own_headers.is_empty()
    }

    /// The header fields of an answer in JSON that has none of its own.
    pub fn plain_headers() -> HeaderMap {
        shared_headers(Some(JSON))
    }

    /// All its header fields.
    pub fn headers(&self) -> HeaderMap {
        let mut headers = shared_headers(self.media_type);
        for (name, value) in &self.own_headers {
            headers.insert(name.clone(), value.clone());
        }
        headers
    }
}

/// What all answers have in common, with room for what a server adds.
fn shared_headers(media_type: Option<&'static str>) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(12);
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let nosniff = HeaderValue::from_static("nosniff");
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    if let Some(media_type) = media_type {
        let media_type = HeaderValue::from_static(media_type);
        headers.insert(header::CONTENT_TYPE, media_type);
    }
    headers
}
