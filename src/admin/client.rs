//! A small client of the REST API: one request a connection, answers bounded.

use std::time::Duration;

use agnt_outbound::{Link, Tls};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::http::request::Builder;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::Value;

/// The largest answer that is read as JSON, in bytes.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How long a server may take to be reached and to begin its answer.
const PATIENCE: Duration = Duration::from_mins(1);

/// A client of one server.
#[derive(Clone)]
pub struct RestClient {
    /// With its scheme.
    url: String,
    authority: String,
    /// How TLS is spoken, if it is.
    tls: Option<Tls>,
    key: Option<String>,
}

/// Why there is no answer, or none that helps.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server isn't there.
    #[error("{url} can't be reached: {source}")]
    Connect {
        /// Where it was looked for.
        url: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The request or the answer broke off, or can't be sent at all.
    #[error("HTTP: {0}")]
    Http(String),
    /// No answer in time.
    #[error("no answer within {} s", PATIENCE.as_secs())]
    Silent,
    /// The server refuses.
    #[error("the server answered {status}: {message}")]
    Refused {
        /// The status of its answer.
        status: u16,
        /// The code that the answer's body names, if any.
        code: String,
        /// What the answer's body says.
        message: String,
        /// All of it.
        body: Value,
    },
}

impl RestClient {
    /// A client of the server at `http://HOST:PORT` or `https://HOST:PORT`, which is shown this API
    /// key; `tls` says by whom the server is known over TLS, and what it is shown there.
    pub fn new(url: &str, key: Option<String>, tls: Tls) -> Self {
        let url = url.trim_end_matches('/');
        let (scheme, authority) = url.split_once("://").unwrap_or(("http", url));
        Self {
            url: url.to_owned(),
            authority: authority.to_owned(),
            tls: (scheme == "https").then_some(tls),
            key,
        }
    }

    /// A request to this server, as far as all of them are alike.
    pub fn request(&self, method: Method, path: &str) -> Builder {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, &self.authority);
        match &self.key {
            Some(key) => request.header(AUTHORIZATION, format!("Bearer {key}")),
            None => request,
        }
    }

    /// Sends a request; the body is JSON.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Response<Incoming>, ClientError> {
        let mut request = self.request(method, path);
        if body.is_some() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        let body = body.map(ToString::to_string).unwrap_or_default();
        let answered = self.answer(request, body.into());
        let answered = tokio::time::timeout(PATIENCE, answered).await;
        answered.map_err(|_| ClientError::Silent)?
    }

    /// Sends a request over a connection of its own and returns the answer as soon as it begins,
    /// however long that takes.
    pub async fn answer(
        &self,
        request: Builder,
        body: Bytes,
    ) -> Result<Response<Incoming>, ClientError> {
        let http = |error: &dyn std::error::Error| ClientError::Http(error.to_string());
        let request = request.body(Full::new(body));
        let request = request.map_err(|error| http(&error))?;
        let link = Link::connect(&self.authority, self.tls.as_ref()).await;
        let link = link.map_err(|source| ClientError::Connect {
            url: self.url.clone(),
            source,
        })?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(link))
            .await
            .map_err(|error| http(&error))?;
        // Whatever goes wrong here also fails the request or its answer, which report it.
        tokio::spawn(connection);
        let answer = sender.send_request(request).await;
        answer.map_err(|error| http(&error))
    }

    /// Sends a request and reads the answer; a status of 400 and more is an error.
    pub async fn json(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Value, ClientError> {
        let bytes = self.bytes(method, path, body).await?;
        if bytes.is_empty() {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&bytes).map_err(|error| ClientError::Http(error.to_string()))
    }

    /// Reads what is there in plain text; a status of 400 and more is an error.
    pub async fn text(&self, path: &str) -> Result<String, ClientError> {
        let bytes = self.bytes(Method::GET, path, None).await?;
        String::from_utf8(bytes.into()).map_err(|error| ClientError::Http(error.to_string()))
    }

    async fn bytes(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Bytes, ClientError> {
        let answer = self.send(method, path, body).await?;
        let answer = checked(answer).await?;
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX).collect();
        let body = body.await;
        let body = body.map_err(|error| ClientError::Http(error.to_string()))?;
        Ok(body.to_bytes())
    }
}

/// The answer, unless its status is 400 or more.
pub async fn checked(answer: Response<Incoming>) -> Result<Response<Incoming>, ClientError> {
    let status = answer.status();
    if !status.is_client_error() && !status.is_server_error() {
        return Ok(answer);
    }
    let body = Limited::new(answer.into_body(), 1 << 20).collect().await;
    let bytes = body.map(http_body_util::Collected::to_bytes);
    let bytes = bytes.unwrap_or_default();
    let body: Value = serde_json::from_slice(&bytes).unwrap_or_default();
    // Document A writes `error` and `message` side by side, document B an object `error`.
    let within = |key: &str| {
        let inner = body.get("error").and_then(|error| error.get(key));
        inner
            .or_else(|| body.get(key))
            .and_then(Value::as_str)
            .map(str::to_owned)
    };
    let plain = || String::from_utf8_lossy(&bytes).trim().to_owned();
    let code = within("code")
        .or_else(|| within("error_code"))
        .or_else(|| within("error"));
    Err(ClientError::Refused {
        status: status.as_u16(),
        code: code.unwrap_or_default(),
        message: within("message").unwrap_or_else(plain),
        body,
    })
}

/// Shows everything but the key.
impl std::fmt::Debug for RestClient {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("RestClient")
            .field("authority", &self.authority)
            .finish_non_exhaustive()
    }
}
