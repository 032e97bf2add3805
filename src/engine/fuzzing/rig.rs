//! A stream, its publishers and event loops, and the model beside it: what operations do to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use agnt_codec::{Frame, Payload};

use super::model::{self, Model};
use super::pulled::assert_pulled;
use super::script::{LOOPS, Operation, PUBLISHERS};
use super::ticks::{Asked, Ticks};
use super::viewer::{Need, Viewer};
use super::wire::{self, ENCODERS, Record, State};
use crate::domain::StreamName;
use crate::engine::log::Log;
use crate::engine::stream::Lanes;
use crate::engine::{Call, Lane, PublishError, Publisher, Stream, ViewerKind, Wake};

/// Most viewers of one loop.
const VIEWERS_MAX: usize = 4;

/// A publisher, and the frames of its tick that have not ended it.
struct Source {
    publisher: Publisher,
    also_views: bool,
    tick: Vec<Vec<u8>>,
}

impl Source {
    fn new(index: usize) -> Self {
        let also_views = index % 2 == 1;
        Self { publisher: Publisher::new(also_views), also_views, tick: Vec::new() }
    }

    /// Its number, if its frames are marked.
    fn own(&self) -> Option<u32> {
        self.also_views.then_some(self.publisher.number())
    }
}

struct EventLoop {
    wakes: Arc<AtomicUsize>,
    wake: Wake,
    copy: Lanes,
    viewers: Vec<Viewer>,
}

impl EventLoop {
    fn new() -> Self {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&wakes);
        let wake: Wake = Arc::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        Self { wakes, wake, copy: Lanes::default(), viewers: Vec::new() }
    }
}

/// All of it; see the module.
pub(super) struct Rig {
    stream: Stream,
    sources: [Source; PUBLISHERS],
    loops: [EventLoop; LOOPS],
    model: Model,
    ticks: Ticks,
    now: Instant,
}

fn lanes_of(kind: ViewerKind) -> impl Iterator<Item = Lane> {
    [Some(kind.positions()), kind.events()].into_iter().flatten()
}

impl Rig {
    pub(super) fn new(start: Instant) -> Self {
        let limits = model::limits();
        Self {
            stream: Stream::new(StreamName::default(), Arc::new(limits.clone()), ENCODERS),
            sources: std::array::from_fn(Source::new),
            loops: std::array::from_fn(|_| EventLoop::new()),
            model: Model::new(limits),
            ticks: Ticks::default(),
            now: start,
        }
    }

    /// Does an operation to the stream and to the model, and compares what both show.
    pub(super) fn run(&mut self, operation: Operation) {
        let ends = self.ends();
        let wakes = self.wakes();
        let mut awake = None;
        match operation {
            Operation::Positions { publisher, caller, flags, records } => {
                awake = caller;
                self.publish_positions(publisher, caller, flags, &records);
            }
            Operation::States { publisher, caller, records } => {
                awake = caller;
                self.publish_states(publisher, caller, &records);
            }
            Operation::Metrics { publisher, caller, counted, records } => {
                awake = caller;
                self.publish_metrics(publisher, caller, counted, &records);
            }
            Operation::Event { publisher, caller, payload } => {
                awake = caller;
                self.publish_event(publisher, caller, &payload);
            }
            Operation::Depart { publisher } => {
                let source = &mut self.sources[publisher];
                self.stream.depart(&source.publisher, self.now);
                self.model.depart(source.publisher.number(), self.now);
                *source = Source::new(publisher);
            }
            Operation::Join { at, kind, pulls } => self.join(at, kind, pulls),
            Operation::Leave { at, seat } => self.leave(at, seat),
            Operation::Turn { at, blocked } => self.turn(at, blocked),
            Operation::FallBehind { at, seat } => {
                if let Some(viewer) = self.loops[at].viewers.get_mut(seat) {
                    viewer.fall_behind();
                }
            }
            Operation::Sweep => self.sweep(),
            Operation::Json => {
                self.stream.tick_json(self.now);
                self.model.tick_json(self.now);
            }
            Operation::Advance(step) => self.now += step,
        }
        self.compare(ends, wakes, awake);
    }

    /// Every loop catches up and the last viewer sees what there is.
    pub(super) fn finish(&mut self) {
        self.run(Operation::Json);
        for at in 0..LOOPS {
            self.run(Operation::Join { at, kind: ViewerKind::BinaryWithMetadata, pulls: true });
            self.run(Operation::Turn { at, blocked: 0 });
        }
        self.run(Operation::Sweep);
    }

    fn ends(&self) -> [u64; Lane::ALL.len()] {
        self.model.lanes.each_ref().map(|lane| lane.end)
    }

    fn wakes(&self) -> [usize; LOOPS] {
        self.loops.each_ref().map(|it| it.wakes.load(Ordering::Relaxed))
    }

    /// The ends of the lanes, and who was woken by their growth.
    fn compare(&self, ends: [u64; Lane::ALL.len()], wakes: [usize; LOOPS], awake: Option<usize>) {
        let woken = self.wakes();
        for lane in Lane::ALL {
            assert_eq!(self.stream.head(lane), self.model.lanes[lane.index()].end, "{lane:?}");
        }
        for at in 0..LOOPS {
            let reads_more = self.model.lanes.iter().zip(ends).any(|(lane, end)| {
                lane.end > end && lane.watches[at].viewers > 0 && awake != Some(at)
            });
            assert!(!reads_more || woken[at] > wakes[at], "loop {at} sleeps through a message");
            assert_eq!(self.stream.loop_lag_bytes(at), self.lag_bytes(at));
        }
    }

    fn lag_bytes(&self, at: usize) -> u64 {
        let lags = self.model.lanes.iter().flat_map(|lane| {
            let watches = lane.watches.iter().enumerate();
            watches
                .filter(move |(other, watch)| *other != at && watch.viewers > 0)
                .map(|(_, watch)| lane.end - watch.pulled)
        });
        lags.max().unwrap_or(0)
    }

    fn call(&self, loop_id: Option<usize>) -> Call {
        Call { loop_id, now: self.now }
    }

    fn publish_positions(
        &mut self,
        publisher: usize,
        caller: Option<usize>,
        flags: u8,
        records: &[Record],
    ) {
        let bytes = wire::positions(flags, records);
        let call = self.call(caller);
        let source = &mut self.sources[publisher];
        let had_tick = source.publisher.has_open_tick();
        assert_eq!(had_tick, !source.tick.is_empty());
        let outcome =
            self.stream.publish_positions(&mut source.publisher, &checked(&bytes), call);
        let has_more = flags & wire::MORE != 0;
        source.tick.push(bytes);
        let tick_bytes: usize = source.tick.iter().map(Vec::len).sum();
        if (had_tick || has_more) && tick_bytes > self.model.limits.tick_bytes_max {
            let bytes_max = self.model.limits.tick_bytes_max;
            let refusal = PublishError::TickTooLarge { bytes: tick_bytes, bytes_max };
            assert_eq!(outcome.err(), Some(refusal));
            source.tick.clear();
            return;
        }
        if has_more {
            assert!(outcome.is_ok());
            return;
        }
        let tick = std::mem::take(&mut source.tick);
        let who = (source.publisher.number(), source.own());
        let named = tick.iter().flat_map(|frame| wire::counted(wire::open(frame).2));
        let named: Vec<u32> = named.map(|record| wire::id_of(&record)).collect();
        let held: Vec<u32> = self.model.agents.keys().copied().collect();
        if self.may(outcome, &named, &held) {
            self.model.commit(tick, who, self.now);
        }
    }

    /// Whether records were taken over; they must be if they fit, and must not be if they don't.
    fn may(&self, outcome: Result<(), PublishError>, named: &[u32], held: &[u32]) -> bool {
        let mut new: Vec<u32> = named.iter().copied().filter(|id| !held.contains(id)).collect();
        let named_new = new.len();
        new.sort_unstable();
        new.dedup();
        let limit = self.model.limits.agents_per_stream_max;
        match outcome {
            Ok(()) => assert!(held.len() + new.len() <= limit, "{} too many", new.len()),
            Err(PublishError::TooManyAgents { agents_max, over }) => {
                // An agent that is named twice is counted twice before it is known.
                assert!(!new.is_empty() && held.len() + named_new > limit);
                assert!((new.len()..=named_new).contains(&over));
                assert_eq!(agents_max, limit);
            }
            Err(other) => panic!("{other}"),
        }
        outcome.is_ok()
    }

    fn publish_states(&mut self, publisher: usize, caller: Option<usize>, records: &[State]) {
        let bytes = wire::states(0, records);
        let frame = checked(&bytes);
        let Payload::States(states) = frame.payload() else { panic!("no states") };
        let source = &self.sources[publisher];
        let call = self.call(caller);
        let outcome = self.stream.publish_states(&source.publisher, &frame, &states, call);
        let named: Vec<u32> = records.iter().map(|record| record.id).collect();
        let held: Vec<u32> = self.model.states.keys().copied().collect();
        if self.may(outcome, &named, &held) {
            self.model.take_states(records, source.own(), self.now);
        }
    }

    fn publish_metrics(
        &mut self,
        publisher: usize,
        caller: Option<usize>,
        is_counted: bool,
        records: &[Record],
    ) {
        let mut payload = Vec::new();
        if is_counted {
            payload.extend((records.len() as u32).to_le_bytes());
        }
        payload.extend(records.as_flattened());
        let bytes = wire::frame(wire::METRICS, 0, &payload);
        let frame = checked(&bytes);
        let Payload::Metrics(metrics) = frame.payload() else { panic!("no metrics") };
        let source = &self.sources[publisher];
        let call = self.call(caller);
        let outcome = self.stream.publish_metrics(&source.publisher, &frame, metrics, call);
        let named: Vec<u32> = records.iter().map(|record| wire::id_of(record)).collect();
        let held: Vec<u32> = self.model.metrics.keys().copied().collect();
        if self.may(outcome, &named, &held) {
            self.model.take_metrics(records, &bytes, source.own(), self.now);
        }
    }

    fn publish_event(&mut self, publisher: usize, caller: Option<usize>, payload: &[u8]) {
        let bytes = wire::frame(wire::COORDINATION, 0, payload);
        let source = &self.sources[publisher];
        self.stream.publish_event(&source.publisher, &checked(&bytes), self.call(caller));
        self.model.take_event(&bytes, source.own(), self.now);
    }

    fn sweep(&mut self) {
        let usage = self.stream.sweep(self.now);
        self.model.sweep(self.now);
        assert_eq!(usage.agents, self.model.live().len());
        let held_bytes_max: u64 = self.model.lanes.iter().map(|lane| lane.held_bytes_max).sum();
        assert!(usage.log_bytes as u64 <= held_bytes_max, "{usage:?} beyond {held_bytes_max}");
    }

    fn join(&mut self, at: usize, kind: ViewerKind, pulls: bool) {
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
        self.loops[at].viewers.push(Viewer::new(kind));
    }

    fn leave(&mut self, at: usize, seat: usize) {
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

    fn pull(&mut self, at: usize) {
        let lacks = self.model.lanes.each_ref().map(|lane| lane.watches[at].may_lack);
        let bytes_max = self.model.limits.log_bytes_max as u64;
        let from = self.model.lanes.each_mut().map(|lane| lane.pull(at, bytes_max));
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
    fn turn(&mut self, at: usize, blocked: u8) {
        self.pull(at);
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
        let oldest = positions.since(viewer.positions_at).next();
        if viewer.positions_at < positions.start()
            || oldest.is_some_and(|chunk| self.now - chunk.published_at > staleness_max)
        {
            viewer.fall_behind();
        }
        if let Need::StateTick(since) = viewer.need {
            let events_from = events.filter(|_| since.is_none()).map_or(0, Log::start);
            let from = (positions.start(), events_from);
            let asked = Asked { kind: viewer.kind, since, from, now: self.now };
            let tick = self.stream.state_tick(viewer.kind, since, from, self.now);
            self.ticks.check(&tick, asked, &self.model);
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
        if viewer.kind == ViewerKind::Json {
            if model.json_since == model.positions_end() {
                assert_eq!(viewer.agents, model.live());
            }
            return;
        }
        assert_eq!(viewer.agents, model.live());
        let is_sure = |id: &&u32| !model.ever_gone.contains(id);
        for id in model.metrics.keys().filter(is_sure) {
            assert_eq!(viewer.metrics.get(id), model.metrics.get(id));
        }
        for id in model.states.keys().filter(is_sure) {
            let seen = viewer.states.get(id).map(|state| state.state);
            assert_eq!(seen, model.states.get(id).map(|state| state.state));
        }
    }

    /// Forgets what every viewer has, what is too old and what is beyond the bounds. A viewer that
    /// needs events from before that is closed.
    fn trim(&mut self, at: usize) {
        let EventLoop { copy, viewers, .. } = &mut self.loops[at];
        for lane in Lane::ALL {
            let log = &mut copy[lane.index()];
            let readers = viewers.iter().filter(|viewer| lanes_of(viewer.kind).any(|it| it == lane));
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
        for seat in (0..self.loops[at].viewers.len()).rev() {
            let EventLoop { copy, viewers, .. } = &self.loops[at];
            let viewer = &viewers[seat];
            let is_cut_off = viewer.need != Need::StateTick(None)
                && viewer.kind.events().is_some_and(|lane| {
                    viewer.events_at < copy[lane.index()].start()
                });
            if is_cut_off {
                self.leave(at, seat);
            }
        }
    }
}

fn checked(bytes: &[u8]) -> Frame<'_> {
    Frame::exactly(bytes).unwrap_or_else(|error| panic!("the script made a bad frame: {error}"))
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
