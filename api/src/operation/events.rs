//! Events: read, followed, published.

use agnt_fleet::Refusal;
use agnt_fleet::topics::Pattern;
use http::StatusCode;
use serde::Serialize;

use super::{Call, Doing};
use crate::body::read_published;
use crate::content::read_object;
use crate::event_view::EventView;
use crate::limits::{EVENTS_LIMIT_DEFAULT, EVENTS_LIMIT_MAX};
use crate::manner::Manner;
use crate::query::{Query, refused};
use crate::response::ApiResponse;
use crate::step::{AfterEvents, EventQuery, EventsPage, Gap, Show, Step};

/// The largest number of an event that may be named; JSON's readers lose larger ones.
const SEQUENCE_MAX: u64 = i64::MAX as u64;

/// A page of events.
#[derive(Serialize)]
struct EventsView<'a> {
    events: Vec<EventView<'a>>,
    next_after: u64,
    head: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    gap: Option<&'a Gap>,
}

pub(super) fn read(call: &Call<'_>) -> Doing {
    let mut query = Query::read(call.request.query)?;
    let pattern = query.take("topic", |text| {
        Pattern::parse(text).map_err(|_| refused(text, Pattern::ALLOWED))
    });
    let after = query.integer("after", 0, SEQUENCE_MAX);
    let limit = query.integer("limit", 1, EVENTS_LIMIT_MAX);
    query.end()?;
    let last = last_event_id(call)?;
    let mut query = EventQuery {
        pattern,
        after,
        limit: limit.unwrap_or(EVENTS_LIMIT_DEFAULT) as usize,
    };
    if !call.request.accepts("text/event-stream") {
        let manner = call.request.manner();
        let then = AfterEvents { manner };
        return Ok(Step::ListEvents { query, then });
    }
    query.after = last.or(after);
    if call.request.is_head() {
        let answer = ApiResponse::empty(StatusCode::OK);
        return Ok(Step::Answer(answer.of_type("text/event-stream")));
    }
    let dialect = call.dialect;
    Ok(Step::StreamEvents { query, dialect })
}

/// The event that the client had last: it reconnects, so that this goes before the query.
fn last_event_id(call: &Call<'_>) -> Result<Option<u64>, Refusal> {
    let Some(given) = call.request.last_event_id else {
        return Ok(None);
    };
    let is_number = given.bytes().all(|byte| byte.is_ascii_digit());
    match given.parse() {
        Ok(sequence) if is_number && sequence <= SEQUENCE_MAX => Ok(Some(sequence)),
        _ => {
            let issue = refused(given, "the number of an event");
            Err(Refusal::invalid("Last-Event-ID", issue))
        }
    }
}

/// Shows a page.
pub(crate) fn show(manner: &Manner, page: &EventsPage) -> ApiResponse {
    let events = page.events.iter();
    let view = EventsView {
        events: events
            .map(|event| EventView::placed(manner.dialect, event))
            .collect(),
        next_after: page.next_after,
        head: page.head,
        gap: page.gap.as_ref(),
    };
    manner.json(StatusCode::OK, &view)
}

pub(super) fn publish(call: &Call<'_>) -> Doing {
    let published = read_published(read_object(call.request)?, call.source())?;
    call.mutate(published, Show::Publication)
}
