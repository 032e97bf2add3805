//! A stream, its publishers and event loops, and the model beside it: what operations do to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use super::model::{self, Author, Model};
use super::script::{LOOPS, Operation, PUBLISHERS};
use super::ticks::Ticks;
use super::viewer::Viewer;
use super::wire::ENCODERS;
use crate::domain::StreamName;
use crate::engine::stream::Lanes;
use crate::engine::{Call, Lane, Mandate, Publisher, Stream, ViewerKind, Wake};

/// For whom publishers speak; the one id is of those that scripts name.
const MANDATES: [Mandate; PUBLISHERS] = [
    Mandate::Everyone,
    Mandate::Nobody,
    Mandate::Agent(0x1C42_1086),
    Mandate::Everyone,
];

/// A publisher, and the frames of its tick that have not ended it.
pub(super) struct Source {
    pub(super) publisher: Publisher,
    also_views: bool,
    /// For whom it may speak.
    pub(super) mandate: Mandate,
    pub(super) tick: Vec<Vec<u8>>,
    /// Whether a tick was refused that has not ended.
    pub(super) is_refused: bool,
}

impl Source {
    fn new(index: usize) -> Self {
        let also_views = index % 2 == 1;
        Self {
            publisher: Publisher::new(also_views),
            also_views,
            mandate: MANDATES[index],
            tick: Vec::new(),
            is_refused: false,
        }
    }

    pub(super) fn author(&self) -> Author {
        Author {
            number: self.publisher.number(),
            also_views: self.also_views,
        }
    }
}

/// An event loop, and its viewers.
pub(super) struct EventLoop {
    wakes: Arc<AtomicUsize>,
    pub(super) wake: Wake,
    pub(super) copy: Lanes,
    pub(super) viewers: Vec<Viewer>,
}

impl EventLoop {
    fn new() -> Self {
        let wakes = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&wakes);
        let wake: Wake = Arc::new(move || {
            counter.fetch_add(1, Ordering::Relaxed);
        });
        Self {
            wakes,
            wake,
            copy: Lanes::default(),
            viewers: Vec::new(),
        }
    }
}

/// All of it; see the module.
pub(super) struct Rig {
    pub(super) stream: Stream,
    pub(super) sources: [Source; PUBLISHERS],
    pub(super) loops: [EventLoop; LOOPS],
    pub(super) model: Model,
    pub(super) ticks: Ticks,
    pub(super) now: Instant,
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
            Operation::Positions {
                publisher,
                caller,
                flags,
                records,
            } => {
                awake = caller;
                self.publish_positions(publisher, caller, flags, &records);
            }
            Operation::States {
                publisher,
                caller,
                records,
            } => {
                awake = caller;
                self.publish_states(publisher, caller, &records);
            }
            Operation::Metrics {
                publisher,
                caller,
                counted,
                records,
            } => {
                awake = caller;
                self.publish_metrics(publisher, caller, counted, &records);
            }
            Operation::Event {
                publisher,
                caller,
                payload,
            } => {
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
            self.run(Operation::Join {
                at,
                kind: ViewerKind::BinaryWithMetadata,
                pulls: true,
            });
            self.run(Operation::Turn { at, blocked: 0 });
        }
        self.run(Operation::Sweep);
    }

    fn ends(&self) -> [u64; Lane::ALL.len()] {
        self.model.lanes.each_ref().map(|lane| lane.end)
    }

    fn wakes(&self) -> [usize; LOOPS] {
        self.loops
            .each_ref()
            .map(|it| it.wakes.load(Ordering::Relaxed))
    }

    /// The ends of the lanes, and who was woken by their growth.
    fn compare(&self, ends: [u64; Lane::ALL.len()], wakes: [usize; LOOPS], awake: Option<usize>) {
        let woken = self.wakes();
        for lane in Lane::ALL {
            assert_eq!(
                self.stream.head(lane),
                self.model.lanes[lane.index()].end,
                "{lane:?}"
            );
        }
        for at in 0..LOOPS {
            let reads_more = self.model.lanes.iter().zip(ends).any(|(lane, end)| {
                lane.end > end && lane.watches[at].viewers > 0 && awake != Some(at)
            });
            assert!(
                !reads_more || woken[at] > wakes[at],
                "loop {at} sleeps through a message"
            );
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

    pub(super) fn call(&self, loop_id: Option<usize>) -> Call {
        Call {
            loop_id,
            now: self.now,
        }
    }

    fn sweep(&mut self) {
        let usage = self.stream.sweep(self.now);
        self.model.sweep(self.now);
        assert_eq!(usage.agents, self.model.live().len());
        let held_bytes_max: u64 = self
            .model
            .lanes
            .iter()
            .map(|lane| lane.held_bytes_max)
            .sum();
        assert!(
            usage.log_bytes as u64 <= held_bytes_max,
            "{usage:?} beyond {held_bytes_max}"
        );
    }
}
