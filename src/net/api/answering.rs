//! One request, from its head to its answer.
//!
//! What only reads is answered without waiting for anything; the rest goes on in a future.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_api::routes::{self, Operation, ROUTES, Route};
use agnt_api::{ApiResponse, Dialect, Manner, Step, refuse};
use agnt_fleet::{Refusal, RefusalKind, TraceSpan};
use bytes::Bytes;
use hyper::body::Incoming;
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::http::request;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};

use super::asked::Asked;
use super::gate::Passage;
use super::service::Api;
use super::{body_reader, own, own_routes, steps};
use crate::domain::time;
use crate::net::body::AnswerBody;
use crate::net::reply::Reply;
use crate::telemetry::{Answered, Span, SpanKind, SpanValue, Spans, TraceContext};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The longest `X-Request-Id` that is sent back.
const REQUEST_ID_BYTES_MAX: usize = 128;

/// A request that the gate has judged.
pub(super) struct Call {
    pub(super) passage: Passage,
    route: Option<usize>,
    is_b: bool,
    request_id: Option<HeaderValue>,
    /// What its answer may have without drawing on the room for answers.
    free_bytes: usize,
    /// Its span, if that is recorded.
    span: Option<CallSpan>,
    began: Instant,
}

/// The span of a call that is under way.
struct CallSpan {
    context: TraceContext,
    id: u64,
    method: Method,
}

/// Answers a request of the agent API.
pub fn answer(api: &Arc<Api>, request: Request<Incoming>, peer: IpAddr, began: Instant) -> Reply {
    let (head, body) = request.into_parts();
    if own_routes::is_own(head.uri.path()) {
        let api = Arc::clone(api);
        return Reply::later(async move { own::answer(&api, &head, body, peer, began).await });
    }
    if api.shared_limit.is_none() {
        return answer_counted(api, head, body, (peer, began), None);
    }
    // Others count as well: they are asked, and everything else waits for that.
    let api = Arc::clone(api);
    Reply::later(async move {
        let found = routes::find(&head.method, head.uri.path()).ok();
        let is_free = is_free(found.map(|found| found.route));
        let passage = {
            let asked = Asked::read(&head);
            Passage::judge_with_others(&api, &asked, (peer, began), is_free).await
        };
        let reply = answer_counted(&api, head, body, (peer, began), Some(passage));
        reply.answer().await
    })
}

/// Answers a request that was counted, if there is a `passage`, or else is counted here.
fn answer_counted(
    api: &Arc<Api>,
    head: request::Parts,
    body: Incoming,
    (peer, began): (IpAddr, Instant),
    passage: Option<Passage>,
) -> Reply {
    let asked = Asked::read(&head);
    let found = routes::find(&head.method, head.uri.path());
    let row = found.as_ref().ok().map(|found| found.route);
    let passage =
        passage.unwrap_or_else(|| Passage::judge(api, &asked, (peer, began), is_free(row)));
    let call = Call::new(passage, &asked, row, began).traced(api, &asked);
    let scopes = row.map_or(&[][..], |row| row.scopes);
    let principal = call.passage.principal();
    let asker = || asked.request(&principal, &[]);
    let refusal = call.passage.refusal(scopes);
    // What is free is small, and under way already; what only reads has room of its own, and what
    // takes something away makes room.
    let needs_room = || takes_body(&head.method) && !is_free(row);
    let refusal = refusal.or_else(|| needs_room().then(|| api.office().needs_room().err())?);
    let destination = match (refusal, found) {
        (Some(refusal), _) => {
            body_reader::waste(body);
            let answer = refused(&asker().manner(), &refusal);
            return call.finish(api, answer).into();
        }
        (None, Err(detour)) => {
            body_reader::waste(body);
            let answer = answer_of(detour.answer(&asker()));
            return call.finish(api, answer).into();
        }
        (None, Ok(destination)) => destination,
    };
    if takes_body(&head.method) {
        return read_on(Arc::clone(api), head, body, call);
    }
    body_reader::waste(body);
    match agnt_api::begin(&destination, &asker(), &**api) {
        Step::Answer(answer) => {
            let answer = held(api, &call, answer, || asker().manner());
            call.send(api, answer).into()
        }
        step => {
            let manner = asker().manner();
            let api = Arc::clone(api);
            Reply::later(async move {
                let _under_way = api.begin();
                let answer = steps::carry_out(&api, step, &call, manner).await;
                call.finish(&api, answer)
            })
        }
    }
}

/// Reads the body of a request that has a destination, and goes on from there.
fn read_on(api: Arc<Api>, head: request::Parts, body: Incoming, call: Call) -> Reply {
    Reply::later(async move {
        let _under_way = api.begin();
        let asked = Asked::read(&head);
        let principal = call.passage.principal();
        let manner = asked.request(&principal, &[]).manner();
        if let Some(encoding) = asked.fields.content_encoding() {
            body_reader::waste(body);
            let message = format!("Content-Encoding: {encoding:?} is not allowed; identity is");
            let refusal = Refusal::new(RefusalKind::UnsupportedMediaType, message);
            return call.finish(&api, refused(&manner, &refusal));
        }
        let answer = match body_reader::read(body, &api.limits.read(), &api.body_room).await {
            Err(refusal) => refused(&manner, &refusal),
            // A body may be long in coming.
            Ok(_) if let Some(refusal) = call.passage.lapse(&api) => refused(&manner, &refusal),
            // What never draws on the limit may be as large as anything else, and is kept as well.
            Ok(body)
                if body.is_large()
                    && let Err(refusal) = api.office().needs_room() =>
            {
                refused(&manner, &refusal)
            }
            Ok(body) => {
                let request = asked.request(&principal, &body);
                let step = agnt_api::answer(&request, &*api);
                // What the steps need of the body is in them.
                drop(body);
                steps::carry_out(&api, step, &call, manner).await
            }
        };
        call.finish(&api, answer)
    })
}

/// The answer, if it is small or there is room for it until its client has taken it; else a refusal.
pub(super) fn held(
    api: &Api,
    call: &Call,
    answer: ApiResponse,
    manner: impl FnOnce() -> Manner,
) -> ApiResponse {
    if answer.body.len() <= call.free_bytes {
        return answer;
    }
    match api.answer_room.hold(&call.passage.client(), answer.body) {
        Ok(body) => ApiResponse { body, ..answer },
        Err(refusal) => refuse(&manner(), &refusal),
    }
}

/// Tells of a request that was answered, in the log as well.
fn leave_span(
    spans: &Spans,
    span: &CallSpan,
    route: &'static str,
    (status, duration): (u16, Duration),
) {
    let CallSpan {
        context,
        id,
        ref method,
    } = *span;
    let taken_us = duration.as_micros() as u64;
    tracing::debug!(
        target: "agnt::requests",
        trace_id = %format_args!("{:032x}", context.trace),
        span_id = %format_args!("{id:016x}"),
        %method, route, status, taken_us, "answered"
    );
    spans.leave(Span {
        trace: context.trace,
        id,
        parent: context.parent,
        name: format!("{method} {route}"),
        kind: SpanKind::Server,
        began_us: time::unix_us().saturating_sub(taken_us),
        taken_us,
        is_failed: status >= 500,
        attributes: vec![
            ("http.request.method", SpanValue::Text(method.to_string())),
            ("http.route", SpanValue::Text(route.to_owned())),
            (
                "http.response.status_code",
                SpanValue::Number(status.into()),
            ),
        ],
        links: Vec::new(),
    });
}

impl Call {
    /// The call of a route, if one was found.
    fn new(
        passage: Passage,
        asked: &Asked<'_>,
        row: Option<&'static Route>,
        began: Instant,
    ) -> Self {
        Self {
            passage,
            route: row.and_then(place_of),
            is_b: Dialect::of_path(asked.path).0 == Dialect::B,
            request_id: asked.fields.request_id.cloned(),
            free_bytes: asked.free_answer_bytes(),
            span: None,
            began,
        }
    }

    /// The same call, recorded if it is to be.
    fn traced(mut self, api: &Api, asked: &Asked<'_>) -> Self {
        self.span = api.spans.as_ref().and_then(|spans| {
            Some(CallSpan {
                context: spans.begin(asked.fields.trace_context())?,
                id: Spans::id(),
                method: asked.method.clone(),
            })
        });
        self
    }

    /// As a part of what its steps are carried out, if that is recorded.
    pub(super) fn trace(&self) -> Option<TraceSpan> {
        self.span.as_ref().map(|span| TraceSpan {
            trace: span.context.trace,
            span: span.id,
        })
    }

    /// The call of a path that no route leads to.
    pub(super) fn aside(passage: Passage, asked: &Asked<'_>, began: Instant) -> Self {
        Self {
            passage,
            route: None,
            is_b: false,
            request_id: asked.fields.request_id.cloned(),
            free_bytes: asked.free_answer_bytes(),
            span: None,
            began,
        }
    }

    /// Adds to the answer what every answer has, and counts it.
    pub(super) fn finish(
        &self,
        api: &Api,
        mut answer: Response<AnswerBody>,
    ) -> Response<AnswerBody> {
        self.passage.tell(api, &mut answer);
        self.count(api, answer)
    }

    /// The same for an answer of the dialects that came at once.
    fn send(&self, api: &Api, answer: ApiResponse) -> Response<AnswerBody> {
        let ready = self.passage.beside_plain(api);
        match ready.filter(|_| answer.is_plain()) {
            Some(headers) => self.count(api, response(answer.status, headers, answer.body)),
            None => self.finish(api, answer_of(answer)),
        }
    }

    /// Names the request in the answer, and counts it.
    fn count(&self, api: &Api, mut answer: Response<AnswerBody>) -> Response<AnswerBody> {
        let id = self.request_id.as_ref();
        if let Some(id) = id.filter(|id| id.len() <= REQUEST_ID_BYTES_MAX) {
            answer.headers_mut().insert(REQUEST_ID.clone(), id.clone());
        }
        let (status, duration) = (answer.status().as_u16(), self.began.elapsed());
        api.figures.record(Answered {
            route: self.route,
            is_b: self.is_b,
            status,
            duration,
        });
        if let (Some(spans), Some(span)) = (&api.spans, &self.span) {
            let route = api.figures.route(self.route);
            leave_span(spans, span, route, (status, duration));
        }
        answer
    }
}

/// Whether a request never draws on a limit: signs of life and answers (ruling 66).
fn is_free(row: Option<&Route>) -> bool {
    row.is_some_and(|row| matches!(row.operation, Operation::Heartbeat | Operation::Respond))
}

/// Whether a body says something: not that of GET, HEAD and DELETE (RFC 9110, 9.3).
pub(super) fn takes_body(method: &Method) -> bool {
    !matches!(
        *method,
        Method::GET | Method::HEAD | Method::DELETE | Method::OPTIONS
    )
}

fn place_of(row: &'static Route) -> Option<usize> {
    ROUTES.iter().position(|other| std::ptr::eq(other, row))
}

/// An answer of the dialects, to be sent.
pub(super) fn answer_of(answer: ApiResponse) -> Response<AnswerBody> {
    let headers = answer.headers();
    response(answer.status, headers, answer.body)
}

fn response(status: StatusCode, headers: HeaderMap, body: Bytes) -> Response<AnswerBody> {
    let mut sent = Response::new(AnswerBody::Whole(body));
    *sent.status_mut() = status;
    *sent.headers_mut() = headers;
    sent
}

/// A refusal in the request's manner.
pub(super) fn refused(manner: &Manner, refusal: &Refusal) -> Response<AnswerBody> {
    let mut answer = answer_of(refuse(manner, refusal));
    if answer.status() == StatusCode::REQUEST_TIMEOUT {
        // Half a request stands before the next one.
        let close = HeaderValue::from_static("close");
        answer.headers_mut().insert(header::CONNECTION, close);
    }
    answer
}

/// An answer that is not the dialects': JSON of the server itself.
pub(super) fn plain_json(status: StatusCode, body: &serde_json::Value) -> Response<AnswerBody> {
    answer_of(ApiResponse::json(status, body))
}
