//! The viewers of a loop: who watches which stream, the walk over an audience, and what its
//! lanes may forget.

use std::sync::Arc;
use std::time::Instant;

use arrayvec::ArrayVec;

use super::audience::Audience;
use super::connection::Connection;
use super::pending::is_cut_off;
use super::turn::EventLoop;
use super::view::{CatchingUp, Pass, View};
use crate::domain::DisconnectReason;
use crate::engine::log::Log;
use crate::engine::retained::Entry;
use crate::engine::{Feed, Lane};
use crate::net::ws::head;

impl EventLoop {
    /// Shows a stream to a connection, its current state first; retained lanes from where `entries`
    /// say, otherwise from now on. Who is shown something already goes on in the lanes that stay,
    /// so that no event is lost or comes twice.
    pub(super) fn watch(&mut self, token: usize, feed: Feed, entries: &[Entry]) {
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let Some(stream) = connection.session.stream().cloned() else {
            return;
        };
        let own_number = connection.session.own_number();
        let before = connection.view.take();
        let found = self
            .audiences
            .iter()
            .find(|(_, held)| Arc::ptr_eq(&held.stream, &stream));
        let found = found.map(|(audience, _)| audience);
        let at = found.unwrap_or_else(|| self.audiences.insert(Audience::new(stream)));
        let audience = &mut self.audiences[at];
        let mut retained = ArrayVec::new();
        for lane in feed.lanes() {
            audience.readers[lane.index()] += 1;
            if !lane.is_retained() {
                audience.stream.watch(self.id, &self.wake, lane);
                continue;
            }
            let held = before.as_ref().and_then(|before| before.place_in(lane));
            let entry = entries.iter().find(|entry| entry.lane == lane);
            let offset = match (held, entry) {
                (Some(held), None) => {
                    audience.stream.watch(self.id, &self.wake, lane);
                    held
                }
                (_, entry) => {
                    let newest = Entry::newest(lane);
                    let (stream, lanes) = (&audience.stream, &mut audience.lanes);
                    stream.enter(self.id, &self.wake, entry.unwrap_or(&newest), lanes)
                }
            };
            retained.push((lane, offset));
        }
        audience.stream.pull(self.id, &mut audience.lanes);
        let end = |lane: Lane| audience.lanes[lane.index()].end();
        let carried = before
            .as_ref()
            .filter(|before| !before.is_joining() && before.feed.events() == feed.events());
        let events_at = carried.map(|before| before.events_at);
        let view = View {
            audience: at,
            seat: audience.viewers.len(),
            feed,
            positions_at: feed.positions.map_or(0, end),
            events_at: events_at.unwrap_or_else(|| feed.events().map_or(0, end)),
            retained,
            catching_up: match feed.positions {
                Some(_) => CatchingUp::Due(Pass {
                    since: events_at.map(|_| 0),
                    next_slot: 0,
                }),
                None => CatchingUp::Live,
            },
            is_waiting: false,
            has_let_go: false,
            own_number,
        };
        audience.viewers.push(token);
        if let Some(connection) = self.connections.get_mut(token) {
            connection.view = Some(Box::new(view));
            if let Some(before) = &before {
                let audience = &self.audiences[before.audience];
                take_along(connection, before, (feed, entries), audience);
            }
        }
        if let Some(before) = before {
            self.leave(&before);
        }
        self.queue_write(token);
    }

    pub(super) fn unwatch(&mut self, token: usize) {
        let view = self
            .connections
            .get_mut(token)
            .and_then(|held| held.view.take());
        if let Some(view) = view {
            self.leave(&view);
        }
    }

    /// Gives up the place of a view that no connection holds any more.
    fn leave(&mut self, view: &View) {
        let audience = &mut self.audiences[view.audience];
        for lane in view.feed.lanes() {
            audience.stream.unwatch(self.id, lane);
            audience.readers[lane.index()] -= 1;
            if audience.readers[lane.index()] == 0 {
                audience.lanes[lane.index()] = Log::starting_at(audience.lanes[lane.index()].end());
            }
        }
        audience.viewers.swap_remove(view.seat);
        if let Some(&moved) = audience.viewers.get(view.seat)
            && let Some(moved) = self.connections.get_mut(moved)
            && let Some(moved) = moved.view.as_deref_mut()
        {
            moved.seat = view.seat;
        }
        if audience.viewers.is_empty() {
            self.audiences.remove(view.audience);
        }
    }

    /// Writes to every viewer of a stream that is not blocked.
    pub(super) fn walk(&mut self, audience: usize, now: Instant) {
        // A viewer that goes moves the last one into its seat, so the walk goes backwards.
        let seats = self
            .audiences
            .get(audience)
            .map_or(0, |held| held.viewers.len());
        for seat in (0..seats).rev() {
            let Some(held) = self.audiences.get(audience) else {
                return;
            };
            let Some(&token) = held.viewers.get(seat) else {
                continue;
            };
            if self
                .connections
                .get(token)
                .is_some_and(|held| held.blocked_since.is_none())
            {
                self.write(token, now);
            }
        }
        self.trim(audience, now);
    }

    /// Forgets what every viewer of a stream has, what is too old, and what is beyond the bounds;
    /// closes viewers that need events from before that.
    pub(super) fn trim(&mut self, at: usize, now: Instant) {
        let Some(audience) = self.audiences.get_mut(at) else {
            return;
        };
        let mut needed = [u64::MAX; Lane::ALL.len()];
        for token in &audience.viewers {
            let Some(view) = self
                .connections
                .get(*token)
                .and_then(|held| held.view.as_ref())
            else {
                continue;
            };
            let mut note = |lane: Lane, at: u64| {
                needed[lane.index()] = needed[lane.index()].min(at);
            };
            if let Some(lane) = view.feed.positions {
                note(lane, view.positions_at);
            }
            if let Some(lane) = view.feed.events() {
                note(lane, view.events_at);
            }
            for (lane, at) in &view.retained {
                note(*lane, *at);
            }
        }
        let oldest = now.checked_sub(self.settings.staleness_max);
        let mut has_cut_off = false;
        for lane in Lane::ALL {
            if audience.readers[lane.index()] == 0 {
                continue;
            }
            let needed = needed[lane.index()];
            let log = &mut audience.lanes[lane.index()];
            log.forget_before(needed.min(log.end()));
            if lane.is_lossy() {
                if let Some(oldest) = oldest {
                    log.forget_older(oldest);
                }
                log.forget_beyond(self.settings.room.fitted(self.settings.log_bytes_max));
            } else {
                // Who comes back may begin with all that was retained.
                let resume_bytes_max = match lane.is_retained() {
                    true => self.settings.room.fitted(self.settings.resume_bytes_max),
                    false => 0,
                };
                log.forget_beyond(self.settings.events_bytes_max + resume_bytes_max);
                has_cut_off |= needed < log.start();
            }
        }
        if has_cut_off {
            self.close_cut_off(at, now);
        }
    }

    /// Closes the viewers that can't get the next event any more: none is dropped silently.
    fn close_cut_off(&mut self, audience: usize, now: Instant) {
        let held = &self.audiences[audience];
        let cut_off = held.viewers.iter().copied().filter(|token| {
            let view = self
                .connections
                .get(*token)
                .and_then(|held| held.view.as_ref());
            view.is_some_and(|view| is_cut_off(view, held))
        });
        for token in cut_off.collect::<Vec<_>>() {
            let text = "more events wait than events_bytes_max allows";
            self.close(token, DisconnectReason::TooSlow, text, now);
        }
    }

    /// The audiences, for the patrol.
    pub(super) fn audience_slots(&self) -> Vec<usize> {
        self.audiences.iter().map(|(at, _)| at).collect()
    }

    /// Bytes that this loop holds in its copies of the lanes of a class.
    pub(super) fn lane_bytes(&self, is_meant: fn(Lane) -> bool) -> usize {
        let held = self.audiences.iter().map(|(_, audience)| audience);
        held.map(|audience| audience.len_bytes(is_meant)).sum()
    }
}

/// What a viewer has not got yet of retained lanes that it reads no longer, up to their entries.
fn take_along(
    connection: &mut Connection,
    before: &View,
    (feed, entries): (Feed, &[Entry]),
    audience: &Audience,
) {
    for (lane, at) in &before.retained {
        if feed.lanes().any(|held| held == *lane) {
            continue;
        }
        let log = &audience.lanes[lane.index()];
        let entry = entries.iter().find(|entry| entry.lane == *lane);
        let until = entry.and_then(|entry| log.offset_of(entry.after, head::sealed_bytes));
        let until = until.unwrap_or(log.end());
        for chunk in log.since(*at).take_while(|chunk| chunk.start < until) {
            let skip = at.saturating_sub(chunk.start) as usize;
            let end = (until.min(chunk.end()) - chunk.start) as usize;
            if skip < end {
                connection
                    .outbox
                    .push_finished(chunk.bytes.slice(skip..end));
            }
        }
    }
}
