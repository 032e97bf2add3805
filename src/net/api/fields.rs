//! The header fields of a request that say something to the agent API, found in one walk over them.

use std::borrow::Cow;

use hyper::HeaderMap;
use hyper::header::HeaderValue;

use crate::guard::Presented;
use crate::telemetry::TraceContext;

/// The fields; of those that come twice, the first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fields<'a> {
    accept: Option<&'a HeaderValue>,
    api_key: Option<&'a HeaderValue>,
    authorization: Option<&'a HeaderValue>,
    content_encoding: Option<&'a HeaderValue>,
    content_type: Option<&'a HeaderValue>,
    correlation_id: Option<&'a HeaderValue>,
    idempotency_key: Option<&'a HeaderValue>,
    last_event_id: Option<&'a HeaderValue>,
    /// What names the request, and is sent back.
    pub(super) request_id: Option<&'a HeaderValue>,
    trace_parent: Option<&'a HeaderValue>,
}

impl<'a> Fields<'a> {
    /// Finds them.
    pub(super) fn read(headers: &'a HeaderMap) -> Self {
        let mut fields = Self::default();
        for (name, value) in headers {
            let field = match name.as_str() {
                "accept" => &mut fields.accept,
                "x-api-key" => &mut fields.api_key,
                "authorization" => &mut fields.authorization,
                "content-encoding" => &mut fields.content_encoding,
                "content-type" => &mut fields.content_type,
                "x-correlation-id" => &mut fields.correlation_id,
                "idempotency-key" => &mut fields.idempotency_key,
                "last-event-id" => &mut fields.last_event_id,
                "x-request-id" => &mut fields.request_id,
                "traceparent" => &mut fields.trace_parent,
                _ => continue,
            };
            field.get_or_insert(value);
        }
        fields
    }

    /// The credentials.
    pub(super) fn presented(&self) -> Presented<'a> {
        Presented {
            authorization: self.authorization.map(HeaderValue::as_bytes),
            api_key: self.api_key.map(HeaderValue::as_bytes),
            ..Presented::default()
        }
    }

    pub(super) fn accept(&self) -> Option<&'a str> {
        text(self.accept)
    }

    /// How the body is encoded, unless it is as it is.
    pub(super) fn content_encoding(&self) -> Option<Cow<'a, str>> {
        let given = judged(self.content_encoding)?;
        (!given.eq_ignore_ascii_case("identity")).then_some(given)
    }

    pub(super) fn content_type(&self) -> Option<&'a str> {
        text(self.content_type)
    }

    pub(super) fn correlation_id(&self) -> Option<&'a str> {
        text(self.correlation_id)
    }

    /// It is judged: one that is no ASCII must not pass for one that is absent.
    pub(super) fn idempotency_key(&self) -> Option<Cow<'a, str>> {
        judged(self.idempotency_key)
    }

    /// It is judged, too.
    pub(super) fn last_event_id(&self) -> Option<Cow<'a, str>> {
        judged(self.last_event_id)
    }

    /// The trace that the request is a part of, for whoever recorded it.
    pub(super) fn trace_context(&self) -> Option<TraceContext> {
        TraceContext::read(text(self.trace_parent)?)
    }

    /// The UUID that the request is traced by: the trace id of `traceparent` (W3C Trace Context),
    /// which has as many bits, else `X-Request-Id` if it is one.
    pub(super) fn trace_id(&self) -> Option<String> {
        let parent = text(self.trace_parent).and_then(trace_of_parent);
        let own = || uuid::Uuid::try_parse(text(self.request_id)?).ok();
        let uuid = parent.or_else(own)?;
        Some(uuid.hyphenated().to_string())
    }
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok()
}

fn judged(value: Option<&HeaderValue>) -> Option<Cow<'_, str>> {
    Some(String::from_utf8_lossy(value?.as_bytes()))
}

/// The trace id of `VERSION-TRACE-PARENT-FLAGS`, all in small hexadecimal digits.
fn trace_of_parent(parent: &str) -> Option<uuid::Uuid> {
    let mut parts = parent.split('-');
    let is_hex = |part: &&str, digits| {
        part.len() == digits
            && part
                .bytes()
                .all(|it| matches!(it, b'0'..=b'9' | b'a'..=b'f'))
    };
    parts
        .next()
        .filter(|part| is_hex(part, 2) && *part != "ff")?;
    let trace = parts.next().filter(|part| is_hex(part, 32))?;
    parts.next().filter(|part| is_hex(part, 16))?;
    let uuid = uuid::Uuid::try_parse(trace).ok()?;
    (!uuid.is_nil()).then_some(uuid)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &[u8])]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn each_field_is_found_and_the_first_of_two_counts() {
        let headers = headers(&[
            ("Accept", b"application/json"),
            ("accept", b"text/plain"),
            ("X-API-Key", b"k"),
            ("authorization", b"Bearer t"),
            ("idempotency-key", b"\xC3\xA4"),
            ("x-correlation-id", b"\xFF"),
            ("host", b"h"),
        ]);
        let fields = Fields::read(&headers);
        assert_eq!(fields.accept(), Some("application/json"));
        assert_eq!(fields.presented().api_key, Some(&b"k"[..]));
        assert_eq!(fields.presented().authorization, Some(&b"Bearer t"[..]));
        assert_eq!(fields.idempotency_key().as_deref(), Some("ä"));
        assert_eq!(fields.correlation_id(), None);
        assert_eq!(
            (fields.last_event_id(), fields.content_type()),
            (None, None)
        );
    }

    #[test]
    fn a_trace_goes_before_a_request_id_and_nonsense_is_none() {
        // The example of W3C Trace Context, section 3.2.
        let example = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let traced = "0af76519-16cd-43dd-8448-eb211c80319c";
        let request = "01936d2e-0000-7000-8000-000000000001";
        let zeros = "00-00000000000000000000000000000000-b7ad6b7169203331-01";
        for (parent, id, want) in [
            (example, request, Some(traced)),
            (zeros, request, Some(request)),
            ("00-x", "my-request", None),
            ("", request, Some(request)),
            ("", "", None),
        ] {
            let given = [
                ("traceparent", parent.as_bytes()),
                ("x-request-id", id.as_bytes()),
            ];
            let headers = headers(&given);
            let found = Fields::read(&headers).trace_id();
            assert_eq!(found.as_deref(), want, "{parent:?} {id:?}");
        }
    }
}
