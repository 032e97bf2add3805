//! One request and its reply.

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderName};
use hyper::http::HeaderValue;
use hyper::{HeaderMap, Method, Request};

use crate::fault::Fault;
use crate::resolver::Boxed;
use crate::signature::{SIGNATURE_HEADER, SigningKeys};
use crate::target::Target;

/// The header that carries a delivery's id.
pub const DELIVERY_HEADER: &str = "x-agnt-delivery";

const USER_AGENT: &str = concat!("agnt/", env!("CARGO_PKG_VERSION"));

/// Who carries a request to its target and brings the reply's head, in bounded time.
pub(crate) trait Exchange: Send + Sync + 'static {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        request: Request<Full<Bytes>>,
    ) -> Boxed<'a, Result<Reply, Fault>>;
}

/// What is kept of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// For how long the receiver asks to be left alone, in s.
    pub(crate) retry_after_s: Option<u64>,
}

impl Reply {
    pub(crate) fn new(status: u16, headers: &HeaderMap) -> Self {
        let retry_after_s = headers
            .get(header::RETRY_AFTER)
            .and_then(|value| value.to_str().ok()?.parse().ok());
        Self {
            status,
            retry_after_s,
        }
    }
}

/// A callback, signed for this second.
pub(crate) fn callback(
    target: &Target,
    id: &str,
    body: &Bytes,
    keys: &SigningKeys,
    unix_time_s: u64,
) -> Request<Full<Bytes>> {
    let mut request = request(Method::POST, target, body.clone());
    let headers = request.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    let signature = keys.sign(unix_time_s, body);
    headers.insert(HeaderName::from_static(SIGNATURE_HEADER), text(&signature));
    headers.insert(HeaderName::from_static(DELIVERY_HEADER), text(id));
    headers.insert(HeaderName::from_static("idempotency-key"), text(id));
    request
}

/// A health poll.
pub(crate) fn poll(target: &Target) -> Request<Full<Bytes>> {
    request(Method::GET, target, Bytes::new())
}

fn request(method: Method, target: &Target, body: Bytes) -> Request<Full<Bytes>> {
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method;
    *request.uri_mut() = target
        .path_and_query()
        .parse()
        .expect("a judged URL's path is one");
    let headers = request.headers_mut();
    headers.insert(header::HOST, text(target.authority()));
    headers.insert(header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    request
}

fn text(value: &str) -> HeaderValue {
    HeaderValue::from_str(value).expect("hosts, ids and signatures are checked ASCII")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn whatever_is_judged_can_be_asked_for(
            url in "https?://[a-z0-9.:\\[\\]-]{1,16}[/?]?\\PC{0,24}",
        ) {
            if let Ok(target) = Target::parse(&url) {
                let request = poll(&target);
                prop_assert_eq!(request.headers()[header::HOST].as_bytes(), target.authority().as_bytes());
                prop_assert!(request.uri().path().starts_with('/') && request.uri().host().is_none());
            }
        }
    }
}
