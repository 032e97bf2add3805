//! Server-Sent Events: the fleet's events to one client, from where it left off, as they come.
//!
//! The stream pulls: it reads a page from the log when the client has taken the one before, and waits
//! for the log's head to move at its end. So a slow client holds one page at most and disturbs
//! nobody; one that falls behind what is kept is told of the gap.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use agnt_api::{Dialect, EventQuery, EventView, event_type};
use agnt_fleet::event_store::PAGE_BYTES_MAX;
use agnt_fleet::{Event, EventsPage, Refusal};
use bytes::Bytes;
use serde::Serialize;
use tokio::time::MissedTickBehavior;

use super::api::{Api, Reserved};
use super::body::{AnswerBody, Parts};
use crate::domain::time;
use crate::guard::{Client, Identity};

/// How long nothing is sent before a comment keeps the connection and its proxies awake.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How many events one part of the answer has at most.
const PAGE_LEN: usize = 256;

/// Begins a stream; it ends when the client goes, its credentials do, or the API stops.
pub(super) fn begin(
    api: &Arc<Api>,
    query: EventQuery,
    dialect: Dialect,
    (identity, client): (Identity, Client),
) -> AnswerBody {
    let (body, parts) = AnswerBody::parts();
    let stream = Stream {
        after: query.after.unwrap_or_else(|| api.fleet.head()),
        api: Arc::clone(api),
        query,
        dialect,
        identity,
        client,
    };
    tokio::spawn(stream.run(parts));
    body
}

struct Stream {
    api: Arc<Api>,
    query: EventQuery,
    dialect: Dialect,
    identity: Identity,
    /// For whom its pages are counted.
    client: Client,
    after: u64,
}

impl Stream {
    async fn run(mut self, parts: Parts) {
        let mut stopping = self.api.stopping();
        let mut head = self.api.relay.head();
        let mut quiet = tokio::time::interval(KEEP_ALIVE);
        quiet.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            // What comes from here on is noticed below, also if this page misses it.
            head.borrow_and_update();
            let page = tokio::select! {
                biased;
                () = stopping.over() => return,
                () = parts.gone() => return,
                () = self.api.until_lapse(&self.identity) => return,
                page = self.page() => page,
            };
            let (page, room) = match page {
                Ok(page) => page,
                Err(refusal) => {
                    tracing::warn!(error = refusal.message, "a stream of events ends");
                    return parts.fail().await;
                }
            };
            if !self.api.doorkeeper.admits(&self.identity, time::unix_s()) {
                return;
            }
            self.after = page.next_after;
            let text = self.written(&page);
            if !text.is_empty() {
                tokio::select! {
                    biased;
                    () = stopping.over() => return,
                    () = self.api.until_lapse(&self.identity) => return,
                    is_taken = parts.put(room.hold(text)) => if !is_taken { return },
                }
                quiet.reset();
            }
            if page.next_after < page.head {
                continue;
            }
            tokio::select! {
                biased;
                () = stopping.over() => return,
                () = parts.gone() => return,
                () = self.api.until_lapse(&self.identity) => return,
                moved = head.changed() => if moved.is_err() { return },
                // The first comes at once, so that the client sees that it is connected.
                _ = quiet.tick() => {
                    if !parts.put(Bytes::from_static(b": listening\n\n")).await {
                        return;
                    }
                }
            }
        }
    }

    /// The next page, and room for its text. A client that doesn't take its pages waits for room
    /// as others do.
    async fn page(&self) -> Result<(EventsPage, Reserved), Refusal> {
        let (fleet, pattern, after) = (&self.api.fleet, self.query.pattern.as_ref(), self.after);
        let bytes_max = PAGE_BYTES_MAX.min(self.api.answer_room.share_bytes() / 2);
        if fleet.has_in_memory(after) {
            let page = fleet.events_within(pattern, after, PAGE_LEN, bytes_max)?;
            let room = self.room(page.bytes + page.bytes / 4).await;
            return Ok((page, room));
        }
        let room = self.room(2 * bytes_max).await;
        let (fleet, pattern) = (fleet.clone(), pattern.cloned());
        let read = move || fleet.events_within(pattern.as_ref(), after, PAGE_LEN, bytes_max);
        let read = tokio::task::spawn_blocking(read).await;
        let page = read.unwrap_or_else(|_| {
            let kind = agnt_fleet::RefusalKind::Internal;
            Err(Refusal::new(kind, "events can't be read"))
        });
        Ok((page?, room))
    }

    /// Waits for room, for as long as it takes.
    async fn room(&self, bytes: usize) -> Reserved {
        loop {
            if let Ok(room) = self.api.answer_room.reserve(&self.client, bytes).await {
                return room;
            }
        }
    }

    fn written(&self, page: &EventsPage) -> Bytes {
        let mut text = Vec::new();
        if let Some(gap) = &page.gap {
            let gap = agnt_api::Gap {
                from: gap.from,
                to: gap.to,
                reason: gap.reason.as_str().to_owned(),
            };
            write(&mut text, None, "gap", &gap);
        }
        for event in &page.events {
            self.write_event(&mut text, event);
        }
        Bytes::from(text)
    }

    fn write_event(&self, text: &mut Vec<u8>, event: &Event) {
        let name = event_type(self.dialect, &event.kind);
        let view = EventView::placed(self.dialect, event);
        write(text, Some(event.sequence), &name, &view);
    }
}

/// Writes one message. JSON has no line end in it, so that it is one line of `data`.
fn write(text: &mut Vec<u8>, id: Option<u64>, name: &str, data: &impl Serialize) {
    // Neither can fail: a vector takes everything, and what is written has texts for keys.
    if let Some(id) = id {
        let _ = writeln!(text, "id: {id}");
    }
    let _ = write!(text, "event: {name}\ndata: ");
    let _ = serde_json::to_writer(&mut *text, data);
    text.extend_from_slice(b"\n\n");
}
