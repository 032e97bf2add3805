//! The viewer's files, embedded in the program.

use bytes::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{HeaderMap, Response, StatusCode};
use rust_embed::RustEmbed;

use super::body::AnswerBody;

#[derive(RustEmbed)]
#[folder = "viewer/"]
#[include = "*.html"]
#[include = "*.css"]
#[include = "*.js"]
#[include = "*.mjs"]
#[include = "*.svg"]
struct Viewer;

/// Only our own files run, and they may connect to where the page came from.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; \
     img-src 'self' data:; object-src 'none'; base-uri 'none'; frame-ancestors 'self'";

/// The file that a path names; `/` and `/docs/` are pages.
pub fn find(path: &str, request: &HeaderMap) -> Option<Response<AnswerBody>> {
    let name = match path {
        "/" => "index.html",
        "/docs/" => "docs/index.html",
        path => path.strip_prefix('/')?,
    };
    let file = Viewer::get(name)?;
    let hash = file.metadata.sha256_hash();
    let tag = u64::from_be_bytes([
        hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7],
    ]);
    let tag = format!("\"{tag:016x}\"");
    let is_known = request
        .get(header::IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let body = match (is_known, file.data) {
        (true, _) => Bytes::new(),
        (false, std::borrow::Cow::Borrowed(bytes)) => Bytes::from_static(bytes),
        (false, std::borrow::Cow::Owned(bytes)) => Bytes::from(bytes),
    };
    let mut response = Response::new(AnswerBody::Whole(body));
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    let headers = response.headers_mut();
    let kind = match name.rsplit('.').next() {
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/html; charset=utf-8",
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(CONTENT_SECURITY_POLICY),
    );
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        headers.insert(header::ETAG, tag);
    }
    Some(response)
}
