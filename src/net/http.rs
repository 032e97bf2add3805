//! HTTP: the agent API, the viewer's files, health, metrics, and the door to the WebSocket paths.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::admission::Admission;
use super::api::{self, Api};
use super::assets;
use super::body::AnswerBody;
use super::door::{Caller, Door, DoorRefusal};
use super::event_loop::{ConnectionLimits, Loops};
use super::opening::open_socket;
use super::reply::Reply;
use crate::control::{Hubs, SessionPath};
use crate::dialect::visual::{VisualSettings, not_allowed, too_many};
use crate::domain::{Current, MemoryRoom, Room};
use crate::engine::Streams;
use crate::engine::encoding::Encoder;
use crate::relay::Speech;
use crate::telemetry::{CONTENT_TYPE, Metrics, RefusalReason};

/// The paths of the visualisation protocol (document C, WebSocket Endpoints, and its example), with
/// what is shown there.
const VISUAL_PATHS: [(&str, SessionPath); 5] = [
    ("/api/visualisation/agents/ws", SessionPath::Visualisation),
    ("/api/visualization/agents/ws", SessionPath::Visualisation),
    ("/agents/ws", SessionPath::Visualisation),
    ("/api/graph/ws", SessionPath::Graph),
    ("/api/control/ws", SessionPath::Control),
];

/// The paths of documents A and B, with what is spoken there first (decision X14).
const AGENT_PATHS: [(&str, Speech); 3] = [
    ("/v1/ws", Speech::A),
    ("/ws", Speech::A),
    ("/api/v1/ws", Speech::B),
];

/// What is spoken at a path of the agent API's sockets.
pub(super) fn agent_path(path: &str) -> Option<Speech> {
    let found = AGENT_PATHS.iter().find(|(known, _)| *known == path);
    found.map(|(_, speech)| *speech)
}

/// What is shown at a path of the visualisation protocol.
pub(super) fn visual_path(path: &str) -> Option<SessionPath> {
    let found = VISUAL_PATHS.iter().find(|(known, _)| *known == path);
    found.map(|(_, shown)| *shown)
}

/// The description of all messages, for programs (`AsyncAPI` 3).
const ASYNCAPI: &str = include_str!("../../docs/asyncapi.json");

/// Where RFC 6455's test suite finds an echo, if the setting `echo_path` is on.
pub(super) const ECHO_PATH: &str = "/test/echo";

pub(super) type Answer = Response<AnswerBody>;

/// What every connection shares.
#[derive(Debug)]
pub struct Site {
    /// All streams.
    pub streams: Arc<Streams>,
    /// What happens in them beside positions.
    pub hubs: Arc<Hubs>,
    /// The thread that makes other encodings of positions.
    pub encoder: Encoder,
    /// The event loops.
    pub loops: Arc<Loops>,
    /// Who may come in.
    pub admission: Arc<Admission>,
    /// From where requests may come.
    pub door: Door,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// What visualisation sessions share.
    pub visual: Current<VisualSettings>,
    /// What one visualisation connection may do.
    pub limits: Current<ConnectionLimits>,
    /// Whether TLS is spoken, so that URLs here begin with `https`.
    pub is_encrypted: bool,
    /// Whether `/test/echo` is served.
    pub has_echo: bool,
    /// How much room there is in memory.
    pub room: Arc<MemoryRoom>,
    /// Whether the server is stopping.
    pub is_draining: AtomicBool,
    /// The agent API, from the moment on at which the store is open.
    pub api: OnceLock<Arc<Api>>,
}

/// Answers one request.
pub fn serve(site: &Arc<Site>, peer: IpAddr, request: Request<Incoming>) -> Reply {
    let began = Instant::now();
    let admitted = site.door.admit(peer, site.is_encrypted, &request);
    let is_open = site.api.get().is_some_and(|api| api.doorkeeper.is_open());
    let admitted = match admitted {
        Ok(caller) if is_open => site.door.check_name(&caller, &request).map(|()| caller),
        admitted => admitted,
    };
    match admitted {
        Err(refusal) => turn_away(site, &refusal, request).into(),
        Ok(caller) => {
            let reply = match caller.preflight_answer() {
                Some(answer) => answer.into(),
                None => serve_caller(site, &caller, request, began),
            };
            caller.tell(reply)
        }
    }
}

/// Answers whoever may not come in.
fn turn_away(site: &Site, refusal: &DoorRefusal, request: Request<Incoming>) -> Answer {
    let reason = match refusal {
        DoorRefusal::Origin(_) | DoorRefusal::Host(_) => RefusalReason::Origin,
        DoorRefusal::Address(_) => RefusalReason::BadRequest,
    };
    site.metrics.connections_refused.increment(reason);
    let (head, body) = request.into_parts();
    api::waste(body);
    let path = head.uri.path();
    let field = match refusal {
        DoorRefusal::Address(_) => {
            return text(StatusCode::BAD_REQUEST, &format!("{refusal}\n"));
        }
        DoorRefusal::Origin(_) => "origin",
        DoorRefusal::Host(_) => "host",
    };
    let is_api = api::is_api_path(path) || agent_path(path).is_some();
    let message = refusal.to_string();
    if visual_path(path).is_some() {
        let mut answer = json(Bytes::from(not_allowed(&message, field)));
        *answer.status_mut() = StatusCode::FORBIDDEN;
        answer
    } else if is_api {
        api::forbid(&head, &message, field)
    } else {
        text(StatusCode::FORBIDDEN, &format!("{message}\n"))
    }
}

fn serve_caller(
    site: &Arc<Site>,
    caller: &Caller,
    request: Request<Incoming>,
    began: Instant,
) -> Reply {
    if api::is_api_path(request.uri().path())
        && agent_path(request.uri().path()).is_none()
        && visual_path(request.uri().path()).is_none()
        && has_one_host(&request)
    {
        return match site.api.get() {
            Some(api) => api::answer(api, request, caller.address, began),
            None => not_open_yet().into(),
        };
    }
    serve_aside(site, caller, request).into()
}

/// HTTP/1.1 wants exactly one (RFC 9112, 3.2).
fn has_one_host(request: &Request<Incoming>) -> bool {
    request.version() != Version::HTTP_11
        || request.headers().get_all(header::HOST).iter().count() == 1
}

/// Answers a request that isn't the agent API's.
fn serve_aside(site: &Arc<Site>, caller: &Caller, request: Request<Incoming>) -> Answer {
    let path = request.uri().path();
    let is_socket = visual_path(path).is_some() || (site.has_echo && path == ECHO_PATH);
    let is_refused = [Method::TRACE, Method::CONNECT].contains(request.method());
    // The agents' sockets refuse every method themselves.
    if agent_path(path).is_some() || is_socket && !is_refused {
        return open_socket(site, caller, request);
    }
    if !has_one_host(&request) {
        let mut answer = text(StatusCode::BAD_REQUEST, "host: exactly one is needed\n");
        end_connection(&mut answer);
        return answer;
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        api::waste(request.into_body());
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "allowed: GET, HEAD\n");
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        if is_refused {
            end_connection(&mut answer);
        }
        return answer;
    }
    match path {
        "/healthz" => text(StatusCode::OK, "alive\n"),
        "/readyz" => readiness(site),
        "/asyncapi.json" => json(Bytes::from_static(ASYNCAPI.as_bytes())),
        "/openapi.json" => moved("/openapi/v1.json"),
        "/docs" => moved("/docs/"),
        "/metrics" => metrics(site, caller, &request),
        path => described(site, path)
            .or_else(|| assets::find(path, request.headers()))
            .unwrap_or_else(|| text(StatusCode::NOT_FOUND, "no such path; the viewer is at /\n")),
    }
}

pub(super) fn readiness(site: &Site) -> Answer {
    match missing(site) {
        Some(missing) => text(StatusCode::SERVICE_UNAVAILABLE, missing),
        None => text(StatusCode::OK, "ready\n"),
    }
}

/// What the server lacks to be ready, if anything.
pub fn missing(site: &Site) -> Option<&'static str> {
    if site.is_draining.load(Ordering::Relaxed) {
        return Some("draining\n");
    }
    let lost = lost(site);
    lost.or_else(|| match site.api.get() {
        None => Some("opening the store\n"),
        Some(_) if site.room.now() != Room::Ample => Some("memory is tight\n"),
        Some(_) => None,
    })
}

/// Which part that must run for ever has ended, if one has: then the server is of no more use, while
/// all else that it may lack comes back by itself.
pub fn lost(site: &Site) -> Option<&'static str> {
    let has_writer = site.api.get().is_none_or(|api| api.fleet.is_alive());
    if !site.loops.are_alive() {
        Some("an event loop has ended\n")
    } else if !site.encoder.is_alive() {
        Some("the encoder has ended\n")
    } else if !has_writer {
        Some("the store's writer has ended\n")
    } else {
        None
    }
}

/// The `OpenAPI` document at this path.
fn described(site: &Site, path: &str) -> Option<Answer> {
    let document = site.api.get()?.document(path)?;
    Some(json(document.clone()))
}

/// The numbers, for whoever may read them: everyone, as long as there are no credentials.
fn metrics(site: &Site, caller: &Caller, request: &Request<Incoming>) -> Answer {
    let refuse =
        |api: &Arc<Api>| api.refuse_metrics(request.headers(), (caller.address, Instant::now()));
    let refused = site.api.get().and_then(refuse);
    refused.unwrap_or_else(|| all_metrics(site))
}

/// The numbers.
pub(super) fn all_metrics(site: &Site) -> Answer {
    let mut exposition = site.metrics.exposition();
    exposition.gauge(
        "agnt_ready",
        "Whether the server is ready, 1 or 0, as /readyz says.",
        i64::from(missing(site).is_none()),
    );
    if let Some(api) = site.api.get() {
        api.show(&mut exposition);
    }
    let mut answer = text(StatusCode::OK, "");
    *answer.body_mut() = AnswerBody::Whole(Bytes::from(exposition.into_text()));
    let kind = HeaderValue::from_static(CONTENT_TYPE);
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// The store is being opened: soon there is an API.
fn not_open_yet() -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, "opening the store\n");
    let soon = HeaderValue::from_static("1");
    answer.headers_mut().insert(header::RETRY_AFTER, soon);
    answer
}

fn moved(to: &'static str) -> Answer {
    let mut answer = text(StatusCode::PERMANENT_REDIRECT, "");
    let to = HeaderValue::from_static(to);
    answer.headers_mut().insert(header::LOCATION, to);
    answer
}

fn json(body: Bytes) -> Answer {
    let mut answer = text(StatusCode::OK, "");
    *answer.body_mut() = AnswerBody::Whole(body);
    let kind = HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    answer
}

/// The answer of the visualisation paths to one too many, and of what.
pub(super) fn too_many_for_viewer(message: &str, what: &'static str) -> Answer {
    let mut answer = json(Bytes::from(too_many(message, what)));
    *answer.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    answer
}

/// Nothing more is read from the client behind this answer.
pub(super) fn end_connection(answer: &mut Answer) {
    let close = HeaderValue::from_static("close");
    answer.headers_mut().insert(header::CONNECTION, close);
}

pub(super) fn text(status: StatusCode, body: &str) -> Answer {
    let body = Bytes::copy_from_slice(body.as_bytes());
    let mut answer = Response::new(AnswerBody::Whole(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/plain; charset=utf-8"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    answer
}
