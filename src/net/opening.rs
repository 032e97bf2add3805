//! A request that becomes a session: judged, given a place, upgraded, and handed to an event loop.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Request, StatusCode};

use super::admission::{Crowded, Permit};
use super::api::{self, Api};
use super::body::AnswerBody;
use super::door::Caller;
use super::event_loop::{Adoption, ConnectionLimits};
use super::http::{
    Answer, ECHO_PATH, Site, agent_path, end_connection, text, too_many_for_viewer, visual_path,
};
use super::session_span::SessionSpan;
use super::upgrade::{self, UpgradeError};
use super::ws;
use crate::control::{Hub, SessionPath};
use crate::dialect::Session;
use crate::dialect::agents::{AgentIntroduction, AgentSession, AnySession};
use crate::dialect::echo::EchoSession;
use crate::dialect::visual::{Introduction, VisualSession, connection_failed};
use crate::domain::StreamName;
use crate::engine::StreamsFull;
use crate::guard::{Badge, Identity, NoSeat, Seat};
use crate::telemetry::RefusalReason;

/// The largest messages of RFC 6455's test suite have 16 MiB.
const ECHO_BYTES_MAX: usize = 64 << 20;

/// Its most fragments are 64 bytes of 4 MiB each.
const ECHO_FRAGMENTS_MAX: usize = 1 << 20;

/// After how many seconds a refused client may come again.
const RETRY_AFTER_S: &str = "5";

/// Who speaks on a socket, and what it may do.
type Guest = (Box<dyn Session>, Arc<ConnectionLimits>);

/// Judges an upgrade and, if it is good, answers 101 and hands the socket to an event loop.
pub(super) fn open_socket(
    site: &Arc<Site>,
    caller: &Caller,
    mut request: Request<Incoming>,
) -> Answer {
    let asks = request.headers().contains_key(header::UPGRADE);
    let bad = |mut answer: Answer| {
        site.metrics
            .connections_refused
            .increment(RefusalReason::BadRequest);
        if asks && answer.status() == StatusCode::BAD_REQUEST {
            // What comes behind may be meant for a socket.
            end_connection(&mut answer);
        }
        answer
    };
    // A ticket is good once: it is not used up by what would lead to no socket anyway.
    if let Err(error) = upgrade::check(&request)
        && api::shows_ticket(&request)
    {
        api::waste(request.into_body());
        return bad(refusal(&error));
    }
    let speech = agent_path(request.uri().path());
    let api = site.api.get();
    let known = api.map(|api| {
        (
            api,
            api.judge_socket(&request, (caller.address, Instant::now())),
        )
    });
    if let (Some(speech), Some((api, passage))) = (speech, &known)
        && let Some(answer) = api.refuse_socket(&request, speech, passage)
    {
        api::waste(request.into_body());
        return bad(answer);
    }
    if let Err(error) = upgrade::check(&request) {
        api::waste(request.into_body());
        return bad(refusal(&error));
    }
    if site.is_draining.load(Ordering::Relaxed) {
        site.metrics
            .connections_refused
            .increment(RefusalReason::Draining);
        return full("draining\n");
    }
    // Without any credentials one may come in where a handshake may bring them (ruling 64).
    let Some((api, passage)) = known else {
        return bad(full("opening the store\n"));
    };
    if let Some(answer) = api.refuse_bad_credentials(&passage) {
        return bad(answer);
    }
    let identity = passage.into_identity();
    // A place first: who is turned away makes no stream.
    let permit = match admit(site, caller, &request, &identity) {
        Ok(permit) => permit,
        Err(answer) => return *answer,
    };
    let (session, limits) = match session_for(site, &request, identity, permit.seat()) {
        Ok(session) => session,
        Err(answer) => return bad(*answer),
    };
    let subprotocol = api::subprotocol(request.headers(), speech.is_some());
    match fastwebsockets::upgrade::upgrade(&mut request) {
        Ok((answer, upgrade)) => {
            tokio::spawn(hand_over(
                Arc::clone(site),
                upgrade,
                session,
                limits,
                permit,
            ));
            let mut answer = answer.map(|_| AnswerBody::default());
            if let Some(name) = subprotocol {
                let name = HeaderValue::from_static(name);
                answer
                    .headers_mut()
                    .insert(header::SEC_WEBSOCKET_PROTOCOL, name);
            }
            answer
        }
        Err(error) => bad(text(StatusCode::BAD_REQUEST, &format!("{error}\n"))),
    }
}

/// A place for the session that is asked for, or the answer to a client that gets none.
fn admit(
    site: &Site,
    caller: &Caller,
    request: &Request<Incoming>,
    identity: &Identity,
) -> Result<Permit, Box<Answer>> {
    let client = identity.client(caller.address);
    let is_unguarded = caller.is_local && matches!(identity, Identity::Anonymous);
    let now = Instant::now();
    let admitted = site.admission.admit_session(client, is_unguarded, now);
    let permit = admitted.map_err(|crowded| {
        site.metrics.connections_refused.increment(crowded.reason());
        Box::new(match crowded {
            Crowded::Server => full("as many sessions are open as max_connections allows\n"),
            Crowded::Memory => full("the server has no memory for more sessions now\n"),
            Crowded::Client(full) => too_many(request, full),
        })
    })?;
    let spans = site.api.get().and_then(|api| api.spans.as_ref());
    let begin = |spans| SessionSpan::begin(spans, request.headers(), request.uri().path());
    Ok(permit.with(spans.and_then(begin)))
}

/// The answer to a client that has as many sessions as one may have.
fn too_many(request: &Request<Incoming>, full: NoSeat) -> Answer {
    let text = full.to_string();
    let is_agents = agent_path(request.uri().path()).is_some();
    let mut answer = if is_agents {
        api::too_many(request, &text)
    } else {
        too_many_for_viewer(&text, "connections")
    };
    let soon = HeaderValue::from_static(RETRY_AFTER_S);
    answer.headers_mut().insert(header::RETRY_AFTER, soon);
    answer
}

/// Who will speak on the socket.
fn session_for(
    site: &Site,
    request: &Request<Incoming>,
    identity: Identity,
    seat: Option<Arc<Seat>>,
) -> Result<Guest, Box<Answer>> {
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
    let software = request.headers().get("x-client-version");
    let software = software
        .and_then(|value| value.to_str().ok())
        .unwrap_or("-");
    tracing::debug!(client_version = %software.escape_debug(), "upgrade");
    let query = request.uri().query().unwrap_or("");
    let introduction = Introduction::read(query, preferred)
        .map_err(|error| Box::new(text(StatusCode::BAD_REQUEST, &format!("{error}\n"))))?;
    let hub = match site.hubs.find(&introduction.stream) {
        Some(hub) => Ok(hub),
        // Getting to know many registered agents takes its time.
        None => tokio::task::block_in_place(|| open_hub(site, &introduction.stream)),
    };
    let hub = hub.map_err(|error| Box::new(full(&format!("{error}\n"))))?;
    let stream = introduction.stream.as_str().to_owned();
    let shown = visual_path(request.uri().path()).unwrap_or(SessionPath::Visualisation);
    let session = VisualSession::new(site.visual.read(), hub, shown, introduction, Instant::now());
    let limits = site.limits.read();
    let Some(api) = site.api.get() else {
        return Ok((Box::new(session), limits));
    };
    let mut badge = Badge::new(Arc::clone(&api.doorkeeper), &stream, identity);
    if let Some(seat) = seat {
        badge = badge.with_seat(seat);
    }
    Ok((
        Box::new(joined(api, request, session, Arc::new(badge))?),
        limits,
    ))
}

/// The session of a path, which its first message may make one of another family.
fn joined(
    api: &Api,
    request: &Request<Incoming>,
    visual: VisualSession,
    badge: Arc<Badge>,
) -> Result<AnySession, Box<Answer>> {
    let headers = request.headers();
    let query = request.uri().query().unwrap_or("");
    let Some(speech) = agent_path(request.uri().path()) else {
        let agents = AgentIntroduction::at_visual_path(query);
        let agents = AgentSession::new(api.office(), agents, Arc::clone(&badge));
        let visual = visual.with_office(api.office(), badge);
        return Ok(AnySession::of_visual(agents, Box::new(visual)));
    };
    let query = api::query_with_subprotocol(query, headers);
    let agents = AgentIntroduction::read(speech, &query)
        .map_err(|error| Box::new(text(StatusCode::BAD_REQUEST, &format!("{error}\n"))))?;
    let agents = AgentSession::new(api.office(), agents, Arc::clone(&badge));
    let visual = visual.with_office(api.office(), badge);
    Ok(AnySession::of_agents(agents, Box::new(visual)))
}

/// The hub of a stream; if there may be no more of them, in the place of one that nobody misses.
fn open_hub(site: &Site, stream: &StreamName) -> Result<Arc<Hub>, StreamsFull> {
    let now = Instant::now();
    site.hubs.open(stream, now).or_else(|_| {
        site.hubs.make_room(now);
        site.hubs.open(stream, now)
    })
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
                    allowance: permit.seat().and_then(|seat| seat.allowance()),
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

/// No connection now: document C's error, and when to come again.
fn full(body: &str) -> Answer {
    let error = connection_failed(body.trim_end());
    let mut answer = text(StatusCode::SERVICE_UNAVAILABLE, &error);
    let headers = answer.headers_mut();
    let kind = HeaderValue::from_static("application/json");
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S));
    answer
}
