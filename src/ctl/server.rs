//! The server that is asked: requests with one answer, and the stream of its events.

use std::time::Duration;

use agnt_outbound::Tls;
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{ACCEPT, HeaderName, RETRY_AFTER};
use hyper::{Method, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;
use tokio::time::timeout;

use super::failure::Failure;
use crate::admin::{ClientError, RestClient, checked};

/// How long a server may take to be reached and to begin its stream.
const PATIENCE: Duration = Duration::from_secs(10);

/// What stands for itself in a part of an address; a dot does not, for two of them lead upward.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_');

/// The server that is asked; see the module.
pub(super) struct Server(RestClient);

impl Server {
    /// The server at `http://HOST:PORT` or `https://HOST:PORT`, which is shown this API key.
    pub(super) fn new(url: &str, key: Option<String>, tls: Tls) -> Self {
        Self(RestClient::new(url, key, tls))
    }

    /// One request and its answer; null if that has no body.
    pub(super) async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        Ok(self.0.json(method, path, body).await?)
    }

    /// One request and its answer, in plain text.
    pub(super) async fn text(&self, path: &str) -> Result<String, Failure> {
        Ok(self.0.text(path).await?)
    }

    /// The stream of events after a number.
    pub(super) async fn stream(&self, path: &str, after: u64) -> Result<Incoming, Failure> {
        let request = self.0.request(Method::GET, path);
        let request = request
            .header(ACCEPT, "text/event-stream")
            .header(HeaderName::from_static("last-event-id"), after);
        let answer = timeout(PATIENCE, self.0.answer(request, Bytes::new())).await;
        let answer = answer.map_err(|_| ClientError::Http(late()))??;
        match answer.status() {
            StatusCode::OK => Ok(answer.into_body()),
            _ => Err(refused(answer).await),
        }
    }
}

fn late() -> String {
    format!("no answer within {} s", PATIENCE.as_secs())
}

/// What an answer that is no stream says.
async fn refused(answer: Response<Incoming>) -> Failure {
    let after = answer.headers().get(RETRY_AFTER);
    let after = after.and_then(|value| value.to_str().ok()?.parse().ok());
    let refusal = match checked(answer).await {
        Err(refusal) => refusal,
        Ok(answer) => ClientError::Http(format!("{} instead of a stream", answer.status())),
    };
    Failure::Refused {
        retry_after: after.map(Duration::from_secs),
        refusal,
    }
}

/// A text as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// The query of these parameters, with its mark; nothing if there are none.
pub(super) fn query(parameters: &[(&'static str, String)]) -> String {
    let parameters = parameters.iter();
    let pairs = parameters.map(|(name, value)| format!("{name}={}", segment(value)));
    match pairs.collect::<Vec<_>>().join("&") {
        none if none.is_empty() => none,
        pairs => format!("?{pairs}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type_stays_in_its_place() {
        assert_eq!(segment("a-b_1"), "a-b_1");
        assert_eq!(segment("../x?y=1&z#é"), "%2E%2E%2Fx%3Fy%3D1%26z%23%C3%A9");
        assert_eq!(query(&[]), "");
        let parameters = [
            ("status", "idle,busy".to_owned()),
            ("type", "a b".to_owned()),
        ];
        assert_eq!(query(&parameters), "?status=idle%2Cbusy&type=a%20b");
    }
}
