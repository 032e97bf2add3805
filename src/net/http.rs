//! HTTP: the viewer's files, health, metrics, and the door to the WebSocket paths.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode, Version};

use super::admission::{Admission, Permit};
use super::event_loop::{Adoption, ConnectionLimits, Loops};
use super::upgrade::{self, UpgradeError};
use super::{assets, ws};
use crate::dialect::Session;
use crate::dialect::echo::EchoSession;
use crate::dialect::visual::{Introduction, VisualSession, VisualSettings};
use crate::engine::Streams;
use crate::telemetry::{CONTENT_TYPE, Metrics, RefusalReason};

/// The paths of the visualisation protocol (document C, WebSocket Endpoints, and its example).
const VISUAL_PATHS: [&str; 3] = [
    "/api/visualisation/agents/ws",
    "/api/visualization/agents/ws",
    "/agents/ws",
];

/// Where RFC 6455's test suite finds an echo, if the setting `echo_path` is on.
const ECHO_PATH: &str = "/test/echo";

/// The suite's largest messages have 16 MiB.
const ECHO_BYTES_MAX: usize = 64 << 20;

/// Its most fragments are 64 bytes of 4 MiB each.
const ECHO_FRAGMENTS_MAX: usize = 1 << 20;

/// After how many seconds a refused client may come again.
const RETRY_AFTER_S: &str = "5";

type Answer = Response<Full<Bytes>>;

/// Who speaks on a socket, and what it may do.
type Guest = (Box<dyn Session>, Arc<ConnectionLimits>);

/// What every connection shares.
#[derive(Debug)]
pub struct Site {
    /// All streams.
    pub streams: Streams,
    /// The event loops.
    pub loops: Loops,
    /// Who may come in.
    pub admission: Arc<Admission>,
    /// The numbers.
    pub metrics: Arc<Metrics>,
    /// What visualisation sessions share.
    pub visual: Arc<VisualSettings>,
    /// What one visualisation connection may do.
    pub limits: Arc<ConnectionLimits>,
    /// Whether `/test/echo` is served.
    pub has_echo: bool,
    /// Whether the server is stopping.
    pub is_draining: AtomicBool,
}

/// Answers one request.
pub fn serve(site: &Arc<Site>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    let is_socket = VISUAL_PATHS.contains(&path.as_str()) || (site.has_echo && path == ECHO_PATH);
    let is_refused = [Method::TRACE, Method::CONNECT].contains(request.method());
    if is_socket && !is_refused {
        return open_socket(site, request);
    }
    if request.headers().get_all(header::HOST).iter().count() != 1
        && request.version() == Version::HTTP_11
    {
        return text(StatusCode::BAD_REQUEST, "host: exactly one is needed\n");
    }
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut answer = text(StatusCode::METHOD_NOT_ALLOWED, "allowed: GET, HEAD\n");
        answer
            .headers_mut()
            .insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return answer;
    }
    match path.as_str() {
        "/healthz" => text(StatusCode::OK, "alive\n"),
        "/readyz" if site.is_draining.load(Ordering::Relaxed) => {
            text(StatusCode::SERVICE_UNAVAILABLE, "draining\n")
        }
        "/readyz" if !site.loops.are_alive() => {
            text(StatusCode::SERVICE_UNAVAILABLE, "an event loop has ended\n")
        }
        "/readyz" => text(StatusCode::OK, "ready\n"),
        "/metrics" => {
            let mut answer = text(StatusCode::OK, &site.metrics.encode());
            answer
                .headers_mut()
                .insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
            answer
        }
        _ => assets::find(&path, request.headers())
            .unwrap_or_else(|| text(StatusCode::NOT_FOUND, "no such path; the viewer is at /\n")),
    }
}

/// Judges an upgrade and, if it is good, answers 101 and hands the socket to an event loop.
fn open_socket(site: &Arc<Site>, mut request: Request<Incoming>) -> Answer {
    let bad = |answer| {
        site.metrics
            .connections_refused
            .increment(RefusalReason::BadRequest);
        answer
    };
    if let Err(error) = upgrade::check(&request) {
        return bad(refusal(&error));
    }
    if site.is_draining.load(Ordering::Relaxed) {
        site.metrics
            .connections_refused
            .increment(RefusalReason::Draining);
        return full("draining\n");
    }
    // A place first: who is turned away makes no stream.
    let Some(permit) = site.admission.admit_session() else {
        site.metrics
            .connections_refused
            .increment(RefusalReason::Full);
        return full("as many sessions are open as max_connections allows\n");
    };
    let (session, limits) = match session_for(site, &request) {
        Ok(session) => session,
        Err(answer) => return bad(*answer),
    };
    match fastwebsockets::upgrade::upgrade(&mut request) {
        Ok((answer, upgrade)) => {
            tokio::spawn(hand_over(
                Arc::clone(site),
                upgrade,
                session,
                limits,
                permit,
            ));
            answer.map(|_| Full::default())
        }
        Err(error) => bad(text(StatusCode::BAD_REQUEST, &format!("{error}\n"))),
    }
}

/// Who will speak on the socket.
fn session_for(site: &Site, request: &Request<Incoming>) -> Result<Guest, Box<Answer>> {
    if request.uri().path() == ECHO_PATH {
        let read = ws::ReadLimits {
            message_bytes_max: ECHO_BYTES_MAX,
            fragments_max: ECHO_FRAGMENTS_MAX,
        };
        let limits = ConnectionLimits {
            read,
            outbox_bytes_max: ECHO_BYTES_MAX,
        };
        return Ok((Box::new(EchoSession), Arc::new(limits)));
    }
    let preferred = request.headers().get("x-requested-protocols");
    let preferred = preferred.and_then(|value| value.to_str().ok());
    let introduction = Introduction::read(request.uri().query().unwrap_or(""), preferred)
        .map_err(|error| Box::new(text(StatusCode::BAD_REQUEST, &format!("{error}\n"))))?;
    let stream = site
        .streams
        .open(&introduction.stream)
        .map_err(|error| Box::new(full(&format!("{error}\n"))))?;
    let session = VisualSession::new(
        Arc::clone(&site.visual),
        stream,
        introduction,
        Instant::now(),
    );
    Ok((Box::new(session), Arc::clone(&site.limits)))
}

async fn hand_over(
    site: Arc<Site>,
    upgrade: fastwebsockets::upgrade::UpgradeFut,
    session: Box<dyn Session>,
    limits: Arc<ConnectionLimits>,
    permit: Permit,
) {
    let socket = upgrade.await.map(|socket| socket.into_inner().into_inner());
    let reclaimed = match socket {
        Ok(upgraded) => upgrade::reclaim(upgraded),
        // The client left between the request and the answer.
        Err(_) => return,
    };
    match reclaimed {
        Ok((socket, early)) => {
            site.loops
                .adopt(Adoption {
                    socket,
                    early,
                    session,
                    limits,
                    permit: Box::new(permit),
                })
                .await;
        }
        Err(error) => tracing::warn!(%error, "upgraded socket lost"),
    }
}

fn refusal(error: &UpgradeError) -> Answer {
    let body = format!("{error}\n");
    match error {
        UpgradeError::NotAsked | UpgradeError::Version(_) => {
            let mut answer = text(StatusCode::UPGRADE_REQUIRED, &body);
            let headers = answer.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            headers.insert(
                header::SEC_WEBSOCKET_VERSION,
                HeaderValue::from_static("13"),
            );
            answer
        }
        UpgradeError::Header(..) | UpgradeError::HttpVersion => {
            text(StatusCode::BAD_REQUEST, &body)
        }
    }
}

fn full(body: &str) -> Answer {
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, body);
    answer
        .headers_mut()
        .insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    answer
}

fn text(status: StatusCode, body: &str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
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
