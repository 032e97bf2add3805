//! Carrying out what the dialects ask for, one step after another, until there is an answer.

use std::sync::Arc;
use std::time::Duration;

use agnt_api::{Awaited, EventQuery, EventsPage, Gap, Idempotency, Manner, Step, refuse};
use agnt_fleet::event_store::PAGE_BYTES_MAX;
use agnt_fleet::tables::Tables;
use agnt_fleet::{IdempotencyKey, KeyUse, Mutation, Outcome, Refusal, RefusalKind, TraceSpan};
use hyper::Response;
use hyper::header::{self, HeaderValue};

use super::answering::{Call, answer_of, held};
use super::gate::Passage;
use super::service::Api;
use crate::net::body::AnswerBody;
use crate::net::sse;

/// Carries out a step and all that follow it; `manner` tells how they are answered if the server stops
/// meanwhile.
pub(super) async fn carry_out(
    api: &Arc<Api>,
    mut step: Step,
    call: &Call,
    manner: Manner,
) -> Response<AnswerBody> {
    let passage = &call.passage;
    let mut has_changed = false;
    loop {
        step = match step {
            // What was done is told, however little room there is: a refusal would have it done again.
            Step::Answer(answer) if has_changed => return answer_of(answer),
            Step::Answer(answer) => return answer_of(held(api, call, answer, || manner)),
            Step::Mutate {
                mutation,
                idempotency,
                then,
            } => {
                let key = idempotency.map(|given| idempotency_key(given, passage.owner()));
                let done = execute(api, call.trace(), *mutation, key).await;
                has_changed = done.is_ok();
                then.proceed(done, &**api)
            }
            Step::Heartbeat {
                agent,
                vitals,
                change,
                then,
            } => {
                let heard = api.fleet.presence().heartbeat(&agent, *vitals);
                if heard.is_ok() {
                    api.relay.viewers().heartbeat(&agent);
                }
                let outcome = match (heard, change) {
                    (Err(refusal), _) => Err(refusal),
                    (Ok(_), None) => Ok(Outcome::Done),
                    (Ok(_), Some(change)) => execute(api, call.trace(), *change, None).await,
                };
                then.proceed(outcome, &**api)
            }
            Step::Wait {
                awaited,
                timeout_ms,
                then,
            } => {
                let patience = Duration::from_millis(timeout_ms);
                match wait(api, passage, &awaited, patience).await {
                    Ok(()) => Step::Answer(then.answer(&**api)),
                    Err(refusal) => Step::Answer(refuse(&manner, &refusal)),
                }
            }
            Step::ListEvents { query, then } => {
                // A page takes its events, and their text.
                let page_bytes_max = PAGE_BYTES_MAX.min(api.answer_room.share_bytes() / 2);
                let client = passage.client();
                let reserved = api.answer_room.reserve(&client, 2 * page_bytes_max);
                let (page, room) = match reserved.await {
                    Ok(room) => (list_events(api, query, page_bytes_max).await, Some(room)),
                    Err(refusal) => (Err(refusal), None),
                };
                let mut answer = then.answer(page.as_ref().map_err(Clone::clone));
                if let Some(room) = room {
                    answer.body = room.hold(answer.body);
                }
                return answer_of(answer);
            }
            Step::StreamEvents { query, dialect } => {
                let asker = (passage.identity.clone(), passage.client());
                let mut answer = Response::new(sse::begin(api, query, dialect, asker));
                let headers = answer.headers_mut();
                let kind = HeaderValue::from_static("text/event-stream");
                headers.insert(header::CONTENT_TYPE, kind);
                let fresh = HeaderValue::from_static("no-store");
                headers.insert(header::CACHE_CONTROL, fresh);
                return answer;
            }
        };
    }
}

async fn execute(
    api: &Api,
    span: Option<TraceSpan>,
    mutation: Mutation,
    key: Option<IdempotencyKey>,
) -> Result<Outcome, Refusal> {
    let done = api.fleet.execute_in(span, mutation, key).await;
    done.map(|done| done.outcome)
}

fn idempotency_key(given: Idempotency, owner: String) -> IdempotencyKey {
    IdempotencyKey {
        given_with: KeyUse::Request,
        principal: owner,
        key: given.key,
        fingerprint: given.fingerprint,
    }
}

/// Waits until it happened or the time is over: whether it happened or not, what has become of it
/// is the answer. Refused if the server stops before, or who asks may stay no longer.
async fn wait(
    api: &Arc<Api>,
    passage: &Passage,
    awaited: &Awaited,
    patience: Duration,
) -> Result<(), Refusal> {
    let (Awaited::Workflow(id) | Awaited::Command(id)) = awaited;
    let wait = api.relay.waits().on(id);
    let is_over = || is_over(&api.fleet.read(), awaited).then_some(());
    let mut stopping = api.stopping();
    tokio::select! {
        biased;
        _ = tokio::time::timeout(patience, wait.until(is_over)) => {}
        () = stopping.over() => {
            let message = "the server is stopping; ask again for what has become of it";
            return Err(Refusal::new(RefusalKind::Unavailable, message).retry_after(1));
        }
        () = api.until_lapse(&passage.identity) => {}
    }
    passage.lapse(api).map_or(Ok(()), Err)
}

fn is_over(tables: &Tables, awaited: &Awaited) -> bool {
    match awaited {
        Awaited::Workflow(id) => {
            let workflow = tables.workflows.find(id.as_str());
            workflow.is_none_or(|workflow| workflow.status.is_terminal())
        }
        Awaited::Command(id) => {
            let command = tables.commands.find(id.as_str());
            command.is_none_or(|command| command.status.is_terminal())
        }
    }
}

/// A page of events, which may lie in the file: on a thread that may wait for that.
async fn list_events(
    api: &Api,
    query: EventQuery,
    bytes_max: usize,
) -> Result<EventsPage, Refusal> {
    let fleet = api.fleet.clone();
    let EventQuery {
        pattern,
        after,
        limit,
    } = query;
    let after = after.unwrap_or(0);
    let read = move || fleet.events_within(pattern.as_ref(), after, limit, bytes_max);
    let read = tokio::task::spawn_blocking(read).await;
    let page = read.unwrap_or_else(|_| {
        let message = "the events can't be read";
        Err(Refusal::new(RefusalKind::Internal, message))
    })?;
    Ok(EventsPage {
        events: page.events,
        next_after: page.next_after,
        head: page.head,
        gap: page.gap.map(|gap| Gap {
            from: gap.from,
            to: gap.to,
            reason: gap.reason.as_str().to_owned(),
        }),
    })
}
