//! What event loops do for their viewers: pull, serve, forget.

use super::pulled::assert_pulled;
use super::rig::{EventLoop, Rig};
use super::ticks::Asked;
use super::viewer::{Need, Viewer};
use crate::engine::limits::TOMBSTONE_KEPT_FOR;
use crate::engine::log::Log;
use crate::engine::{Lane, ViewerKind};

/// Most viewers of one loop.
const VIEWERS_MAX: usize = 4;

fn lanes_of(kind: ViewerKind) -> impl Iterator<Item = Lane> {
    [Some(kind.positions()), kind.events()]
        .into_iter()
        .flatten()
}

impl Rig {
    pub(super) fn join(&mut self, at: usize, kind: ViewerKind, pulls: bool) {
        if self.loops[at].viewers.len() == VIEWERS_MAX {
            return;
        }
        for lane in lanes_of(kind) {
            self.stream.watch(at, &self.loops[at].wake, lane);
            self.model.lane(lane).watch(at);
        }
        if pulls {
            self.pull(at);
        }
        self.loops[at].viewers.push(Viewer::new(kind, self.now));
    }

    pub(super) fn leave(&mut self, at: usize, seat: usize) {
        if seat >= self.loops[at].viewers.len() {
            return;
        }
        let viewer = self.loops[at].viewers.swap_remove(seat);
        for lane in lanes_of(viewer.kind) {
            self.stream.unwatch(at, lane);
            self.model.lane(lane).unwatch(at);
            if self.model.lane(lane).watches[at].viewers == 0 {
                let copy = &mut self.loops[at].copy[lane.index()];
                *copy = Log::starting_at(copy.end());
            }
        }
    }

    pub(super) fn pull(&mut self, at: usize) {
        let lacks = self
            .model
            .lanes
            .each_ref()
            .map(|lane| lane.watches[at].may_lack);
        let from = Lane::ALL.map(|lane| {
            let bytes_max = match lane.is_lossy() {
                true => self.model.limits.log_bytes_max,
                false => self.model.limits.events_bytes_max,
            };
            self.model.lane(lane).pull(at, bytes_max as u64)
        });
        let copy = &mut self.loops[at].copy;
        self.stream.pull(at, copy);
        for lane in Lane::ALL {
            let index = lane.index();
            if let Some(from) = from[index] {
                let model = &self.model.lanes[index];
                assert_pulled(lane, from, lacks[index], &copy[index], model);
            }
        }
    }

    /// A turn of a loop: it pulls, serves who is not blocked, and forgets what nobody needs.
    pub(super) fn turn(&mut self, at: usize, blocked: u8) {
        self.pull(at);
        self.close_cut_off(at);
        for seat in 0..self.loops[at].viewers.len() {
            if blocked >> seat & 1 == 0 {
                self.serve(at, seat);
            }
        }
        self.trim(at);
    }

    fn serve(&mut self, at: usize, seat: usize) {
        let EventLoop { copy, viewers, .. } = &mut self.loops[at];
        let viewer = &mut viewers[seat];
        let positions = &copy[viewer.kind.positions().index()];
        let events = viewer.kind.events().map(|lane| &copy[lane.index()]);
        let staleness_max = self.model.limits.staleness_max;
        viewer.served_at = self.now;
        let oldest = positions.since(viewer.positions_at).next();
        if viewer.positions_at < positions.start()
            || oldest.is_some_and(|chunk| self.now - chunk.published_at > staleness_max)
        {
            viewer.fall_behind();
        }
        if let Need::StateTick(since) = viewer.need {
            let events_from = events.filter(|_| since.is_none()).map_or(0, Log::start);
            let from = (positions.start(), events_from);
            let asked = Asked {
                kind: viewer.kind,
                since,
                from,
                now: self.now,
            };
            let lane = viewer.kind.positions();
            let tick = self
                .stream
                .state_tick(viewer.kind, lane, since, from, self.now);
            self.ticks.check(&tick, asked, &self.model, &self.stream);
            viewer.take_state_tick(&tick);
        }
        if let Some(events) = events {
            viewer.take(&bytes_since(events, viewer.events_at));
            viewer.events_at = events.end();
        }
        viewer.take(&bytes_since(positions, viewer.positions_at));
        viewer.positions_at = positions.end();
        self.compare_viewer(&self.loops[at].viewers[seat]);
    }

    /// A viewer that has everything sees what the model holds.
    fn compare_viewer(&self, viewer: &Viewer) {
        let model = &self.model;
        if viewer.kind != ViewerKind::Json || model.json_since == model.positions_end() {
            let mut agents = viewer.agents.clone();
            let live = model.live();
            agents.retain(|id, _| live.contains_key(id) || !model.buried_early.contains(id));
            assert_eq!(agents, live);
        }
        if viewer.kind == ViewerKind::Json {
            return;
        }
        let is_sure = |id: &u32| !model.ever_gone.contains(id);
        for (id, metrics) in model
            .shown(&model.metrics)
            .iter()
            .filter(|(id, _)| is_sure(id))
        {
            assert_eq!(viewer.metrics.get(id), Some(metrics));
        }
        for (id, state) in model
            .shown(&model.states)
            .iter()
            .filter(|(id, _)| is_sure(id))
        {
            assert_eq!(
                viewer.states.get(id).map(|seen| seen.state),
                Some(state.state)
            );
        }
    }

    /// Forgets what every viewer has, what is too old and what is beyond the bounds. A viewer that
    /// needs events from before that is closed.
    fn trim(&mut self, at: usize) {
        let EventLoop { copy, viewers, .. } = &mut self.loops[at];
        for lane in Lane::ALL {
            let log = &mut copy[lane.index()];
            let readers = viewers
                .iter()
                .filter(|viewer| lanes_of(viewer.kind).any(|it| it == lane));
            let places = readers.map(|viewer| match viewer.need {
                Need::StateTick(None) => log.start(),
                _ if lane.is_lossy() => viewer.positions_at,
                _ => viewer.events_at,
            });
            let needed = places.min().unwrap_or(u64::MAX).min(log.end());
            log.forget_before(needed);
            if lane.is_lossy() {
                if let Some(oldest) = self.now.checked_sub(self.model.limits.staleness_max) {
                    log.forget_older(oldest);
                }
                log.forget_beyond(self.model.limits.log_bytes_max);
            } else {
                log.forget_beyond(self.model.limits.events_bytes_max);
            }
        }
        self.close_cut_off(at);
    }

    /// Viewers that can't get the next event any more leave: none is dropped silently. So do those
    /// that were silent for longer than agents that are gone are remembered.
    fn close_cut_off(&mut self, at: usize) {
        for seat in (0..self.loops[at].viewers.len()).rev() {
            let EventLoop { copy, viewers, .. } = &self.loops[at];
            let viewer = &viewers[seat];
            let lane = viewer.kind.events();
            let lacks_events =
                lane.is_some_and(|lane| viewer.events_at < copy[lane.index()].start());
            let is_dead = self.now - viewer.served_at > TOMBSTONE_KEPT_FOR;
            if viewer.need != Need::StateTick(None) && (lacks_events || is_dead) {
                self.leave(at, seat);
            }
        }
    }
}

/// What a log holds from an offset on.
fn bytes_since(log: &Log, offset: u64) -> Vec<u8> {
    assert!(offset >= log.start(), "a viewer stands before the log");
    let mut bytes = Vec::new();
    for chunk in log.since(offset) {
        bytes.extend_from_slice(&chunk.bytes[offset.saturating_sub(chunk.start) as usize..]);
    }
    bytes
}
