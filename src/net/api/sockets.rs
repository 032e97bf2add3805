//! Requests for the sockets of documents A and B that don't become one, told in their dialect.

use std::borrow::Cow;

use agnt_api::Principal;
use agnt_fleet::{Refusal, RefusalKind};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request;
use hyper::{HeaderMap, Method, Request, Response};

use super::answering::refused;
use super::asked::Asked;
use super::gate::Passage;
use super::service::Api;
use crate::dialect::agents::AgentIntroduction;
use crate::net::body::AnswerBody;
use crate::net::upgrade::{self, UpgradeError};
use crate::relay::Speech;

/// What a socket needs of a credential; one of them is enough, and what is said over it is judged
/// each time.
const SCOPES: &[&str] = &["read", "publish", "control", "agents", "tasks"];

impl Api {
    /// Why this request is refused, if so: first its method and its credentials, then what it asks
    /// for, then whether it asks for a WebSocket at all.
    pub(in crate::net) fn refuse_socket<B>(
        &self,
        request: &Request<B>,
        speech: Speech,
        passage: &Passage,
    ) -> Option<Response<AnswerBody>> {
        let asked = Asked::of(request.method(), request.uri(), request.headers());
        let (refusal, fields) = judge(request, speech, passage)?;
        let manner = asked.request(&Principal::default(), &[]).manner();
        let mut answer = refused(&manner, &refusal);
        for (name, value) in fields {
            let value = HeaderValue::from_static(value);
            answer.headers_mut().insert(name.clone(), value);
        }
        passage.tell(self, &mut answer);
        Some(answer)
    }
}

/// The answer to a request of these paths that is not allowed, whoever asks.
pub fn forbid(head: &request::Parts, message: &str, reason: &str) -> Response<AnswerBody> {
    let refusal = Refusal::new(RefusalKind::Forbidden, message).with("reason", reason);
    in_its_words(&Asked::read(head), &refusal)
}

/// The answer to a request for a socket of a client that has too many.
pub fn too_many<B>(request: &Request<B>, message: &str) -> Response<AnswerBody> {
    let asked = Asked::of(request.method(), request.uri(), request.headers());
    let refusal = Refusal::new(RefusalKind::TooMany, message);
    in_its_words(&asked, &refusal)
}

fn in_its_words(asked: &Asked<'_>, refusal: &Refusal) -> Response<AnswerBody> {
    let principal = Principal::default();
    refused(&asked.request(&principal, &[]).manner(), refusal)
}

/// The channels that a client may also ask for as a subprotocol (decision M31).
const SUBPROTOCOLS: [&str; 3] = ["events", "commands", "status"];

/// The subprotocol beside which a browser offers its token, `bearer.TOKEN`: who offers some must be
/// answered one of them, and a token is never sent back.
const PLAIN: &str = "agnt";

/// The first of the subprotocols that a client offers which is known here, of all that are known at
/// that kind of path: the one that it is answered.
pub fn subprotocol(headers: &HeaderMap, is_agents: bool) -> Option<&'static str> {
    let fields = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let lists = fields.filter_map(|field| field.to_str().ok());
    let mut offered = lists.flat_map(|list| list.split(',')).map(str::trim);
    let channels = SUBPROTOCOLS.into_iter().filter(move |_| is_agents);
    let known: Vec<_> = channels.chain([PLAIN]).collect();
    offered.find_map(|offer| known.iter().copied().find(|known| *known == offer))
}

/// A query that says with `protocol=` what the subprotocol says, unless it has a word of its own.
pub fn query_with_subprotocol<'a>(query: &'a str, headers: &HeaderMap) -> Cow<'a, str> {
    let has_own = query.split('&').any(|pair| pair.starts_with("protocol="));
    match subprotocol(headers, true) {
        Some(name) if !has_own && name != PLAIN => Cow::Owned(format!("{query}&protocol={name}")),
        _ => Cow::Borrowed(query),
    }
}

type Fields = &'static [(HeaderName, &'static str)];

static ALLOWED: [(HeaderName, &str); 1] = [(header::ALLOW, "GET")];

static UPGRADE: [(HeaderName, &str); 3] = [
    (header::UPGRADE, "websocket"),
    (header::CONNECTION, "upgrade"),
    (header::SEC_WEBSOCKET_VERSION, "13"),
];

fn judge<B>(request: &Request<B>, speech: Speech, passage: &Passage) -> Option<(Refusal, Fields)> {
    let method = request.method();
    if *method != Method::GET {
        let message = format!("{method} is not allowed here; GET is");
        return Some((
            Refusal::new(RefusalKind::MethodNotAllowed, message),
            &ALLOWED,
        ));
    }
    if let Some(refusal) = passage.refusal(SCOPES) {
        return Some((refusal, &[]));
    }
    let query = request.uri().query().unwrap_or("");
    if let Err(error) = AgentIntroduction::read(speech, query) {
        return Some((Refusal::new(RefusalKind::Invalid, error), &[]));
    }
    let error = upgrade::check(request).err()?;
    let message = error.to_string();
    Some(match error {
        UpgradeError::NotAsked | UpgradeError::Version(_) => (
            Refusal::new(RefusalKind::UpgradeRequired, message),
            &UPGRADE,
        ),
        UpgradeError::Header(..) | UpgradeError::HttpVersion => {
            (Refusal::new(RefusalKind::Invalid, message), &[])
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_subprotocol_stands_in_for_the_query() {
        for (offered, query, answered, read) in [
            ("status", "a=b", Some("status"), "a=b&protocol=status"),
            (
                "graphql-ws, commands ,events",
                "",
                Some("commands"),
                "&protocol=commands",
            ),
            (
                "status",
                "protocol=events",
                Some("status"),
                "protocol=events",
            ),
            ("graphql-ws", "a=b", None, "a=b"),
            ("agnt, bearer.x", "a=b", Some("agnt"), "a=b"),
            ("bearer.x", "a=b", None, "a=b"),
            ("", "", None, ""),
        ] {
            let mut headers = HeaderMap::new();
            let value = HeaderValue::from_static(offered);
            headers.insert(header::SEC_WEBSOCKET_PROTOCOL, value);
            assert_eq!(subprotocol(&headers, true), answered, "{offered}");
            assert_eq!(query_with_subprotocol(query, &headers), read, "{offered}");
        }
    }
}
