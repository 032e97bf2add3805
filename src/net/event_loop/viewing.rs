//! The viewers of a loop: who watches which stream, the walk over an audience, and what its
//! lanes may forget.

use std::sync::Arc;
use std::time::Instant;

use super::audience::Audience;
use super::pending::is_cut_off;
use super::turn::EventLoop;
use super::view::{CatchingUp, Pass, View};
use crate::domain::DisconnectReason;
use crate::engine::log::Log;
use crate::engine::{Lane, ViewerKind};

impl EventLoop {
    /// Shows a stream to a connection, its current state first.
    pub(super) fn watch(&mut self, token: usize, kind: ViewerKind) {
        self.unwatch(token);
        let Some(connection) = self.connections.get_mut(token) else {
            return;
        };
        let Some(stream) = connection.session.stream().cloned() else {
            return;
        };
        let found = self
            .audiences
            .iter()
            .find(|(_, held)| Arc::ptr_eq(&held.stream, &stream));
        let found = found.map(|(audience, _)| audience);
        let at = found.unwrap_or_else(|| self.audiences.insert(Audience::new(stream)));
        let audience = &mut self.audiences[at];
        for lane in [Some(kind.positions()), kind.events()]
            .into_iter()
            .flatten()
        {
            audience.stream.watch(self.id, &self.wake, lane);
            audience.readers[lane.index()] += 1;
        }
        audience.stream.pull(self.id, &mut audience.lanes);
        let end = |lane: Lane| audience.lanes[lane.index()].end();
        connection.view = Some(Box::new(View {
            audience: at,
            seat: audience.viewers.len(),
            kind,
            positions_at: end(kind.positions()),
            events_at: kind.events().map_or(0, end),
            catching_up: CatchingUp::Due(Pass {
                since: None,
                next_slot: 0,
            }),
            has_let_go: false,
            own_number: connection.session.own_number(),
        }));
        audience.viewers.push(token);
        self.queue_write(token);
    }

    pub(super) fn unwatch(&mut self, token: usize) {
        let Some(view) = self
            .connections
            .get_mut(token)
            .and_then(|held| held.view.take())
        else {
            return;
        };
        let audience = &mut self.audiences[view.audience];
        for lane in [Some(view.kind.positions()), view.kind.events()]
            .into_iter()
            .flatten()
        {
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
            let positions = view.kind.positions().index();
            needed[positions] = needed[positions].min(view.positions_at);
            if let Some(events) = view.kind.events().map(Lane::index) {
                needed[events] = needed[events].min(view.events_at);
            }
        }
        let oldest = now.checked_sub(self.settings.staleness_max);
        let mut has_cut_off = false;
        for lane in Lane::ALL {
            let needed = needed[lane.index()];
            let log = &mut audience.lanes[lane.index()];
            log.forget_before(needed.min(log.end()));
            if lane.is_lossy() {
                if let Some(oldest) = oldest {
                    log.forget_older(oldest);
                }
                log.forget_beyond(self.settings.log_bytes_max);
            } else {
                log.forget_beyond(self.settings.events_bytes_max);
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
