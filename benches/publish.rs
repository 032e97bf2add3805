//! The engine's publish path in process, beside what one would write without it.
//!
//! The baseline decodes each record into a struct, keeps it in a map by id and sends every viewer
//! a clone of the vector. Ours takes the frame as it came, updates the table by slots and leaves
//! one chunk that all viewers of an event loop share.

#![allow(
    missing_docs,
    reason = "criterion's macros make public items without docs"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt::domain::{PositionGrid, REGISTERED_IDS, StreamName};
use agnt::engine::stream::Lanes;
use agnt::engine::{Call, Lane, Limits, Mandate, Publisher, Stream, ViewerKind, Wake};
use agnt::net::seal::ENCODERS;
use agnt_codec::{AgentPosition, Emit, Flags, Frame, POSITIONS_PER_FRAME_MAX, PositionUpdate};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tokio::sync::broadcast;

/// The event loop that publishes and pulls.
const LOOP_ID: usize = 0;
/// Agents of the groups about state ticks.
const SWARM: u32 = 10_000;
/// Longer than a state tick is shared.
const STEP: Duration = Duration::from_millis(50);

fn records(ids: impl Iterator<Item = u32>) -> Vec<AgentPosition> {
    ids.map(|id| AgentPosition::new(id, [id as f32, 0.5, -1.0], [0.25, 0.0, 0.0]))
        .collect()
}

fn frame_of(records: &[AgentPosition], flags: Flags) -> Vec<u8> {
    let update = PositionUpdate { records };
    let mut bytes = vec![0; update.encoded_bytes()];
    update.emit(flags, &mut bytes).unwrap();
    bytes
}

/// A stream with one watching event loop, and one publisher.
struct Swarm {
    stream: Stream,
    publisher: Publisher,
    copy: Lanes,
    now: Instant,
}

impl Swarm {
    fn new() -> Self {
        let limits = Limits {
            resume_bytes_max: 1 << 20,
            position_grid: PositionGrid::default(),
            log_bytes_max: 32 << 20,
            events_bytes_max: 4 << 20,
            tick_bytes_max: 8 << 20,
            agents_per_stream_max: 1_000_000,
            streams_max: 1,
            staleness_max: Duration::from_millis(250),
            agent_ttl: None,
            publisher_linger: Duration::from_secs(5),
            room: Arc::default(),
        };
        let stream = Stream::new(StreamName::default(), Arc::new(limits), ENCODERS);
        let wake: Wake = Arc::new(|| {});
        stream.watch(LOOP_ID, &wake, Lane::Positions);
        let publisher = Publisher::new(false);
        Self {
            stream,
            publisher,
            copy: Lanes::default(),
            now: Instant::now(),
        }
    }

    fn publish(&mut self, bytes: &[u8]) {
        let call = Call {
            loop_id: Some(LOOP_ID),
            now: self.now,
        };
        let frame = Frame::exactly(bytes).unwrap();
        self.stream
            .publish_positions(&mut self.publisher, &frame, call)
            .unwrap();
    }

    /// Whether the publisher may speak for all agents of a frame.
    fn admit(&mut self, bytes: &[u8], mandate: Mandate) -> bool {
        let frame = Frame::exactly(bytes).unwrap();
        self.publisher.admit(&frame, self.now, || mandate).is_ok()
    }

    fn publish_all(&mut self, records: &[AgentPosition]) {
        let parts = records.chunks(POSITIONS_PER_FRAME_MAX);
        let last = parts.len() - 1;
        for (at, part) in parts.enumerate() {
            let flags = if at == last { Flags::NONE } else { Flags::MORE };
            self.publish(&frame_of(part, flags));
        }
    }

    /// Pulls, and forgets what every viewer would have been sent; returns the lane's end.
    fn pull(&mut self) -> u64 {
        self.stream.pull(LOOP_ID, &mut self.copy);
        let log = &mut self.copy[Lane::Positions.index()];
        log.forget_before(log.end());
        log.end()
    }
}

/// A record as one would keep it.
#[derive(Clone, Copy)]
struct Agent {
    id: u32,
    position: [f32; 3],
    velocity: [f32; 3],
}

fn decode(bytes: &[u8]) -> Vec<Agent> {
    let number = |at: usize| f32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let count = u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize;
    (0..count)
        .map(|nth| {
            let at = 12 + nth * 28;
            Agent {
                id: u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap()),
                position: [number(at + 4), number(at + 8), number(at + 12)],
                velocity: [number(at + 16), number(at + 20), number(at + 24)],
            }
        })
        .collect()
}

/// One frame from its bytes to what each viewer's writer is handed.
fn publish(criterion: &mut Criterion) {
    for agents in [1000, 10] {
        let bytes = frame_of(&records(0..agents), Flags::NONE);
        let mut group = criterion.benchmark_group(format!("publish a frame of {agents} agents"));
        group.throughput(Throughput::Elements(u64::from(agents)));
        let mut swarm = Swarm::new();
        group.bench_function(
            "engine: publish and pull, any number of viewers",
            |bencher| {
                bencher.iter(|| {
                    swarm.publish(black_box(&bytes));
                    swarm.pull()
                });
            },
        );
        group.bench_function("engine: the same, and whose ids they are", |bencher| {
            bencher.iter(|| {
                assert!(swarm.admit(black_box(&bytes), Mandate::Nobody));
                swarm.publish(black_box(&bytes));
                swarm.pull()
            });
        });
        for viewers in [1, 100] {
            let (sender, receiver) = broadcast::channel::<Vec<Agent>>(16);
            let mut receivers: Vec<_> = (0..viewers).map(|_| receiver.resubscribe()).collect();
            drop(receiver);
            let mut held: HashMap<u32, Agent> = HashMap::new();
            let id = BenchmarkId::new("baseline: structs, map, broadcast", viewers);
            group.bench_function(id, |bencher| {
                bencher.iter(|| {
                    let agents = decode(black_box(&bytes));
                    for agent in &agents {
                        held.insert(agent.id, *agent);
                    }
                    sender.send(agents).ok();
                    for receiver in &mut receivers {
                        let agents = receiver.try_recv().unwrap();
                        let sum = |agent: &Agent| agent.position[0] + agent.velocity[0];
                        black_box(agents.first().map(sum));
                    }
                });
            });
        }
        group.finish();
    }
}

/// Whose ids they are, beside reading the frame alone.
fn admit(criterion: &mut Criterion) {
    let own = *REGISTERED_IDS.start();
    for agents in [1000, 10, 1] {
        let mut group = criterion.benchmark_group(format!("ids of a frame of {agents} agents"));
        group.throughput(Throughput::Elements(u64::from(agents)));
        let anybodys = frame_of(&records(0..agents), Flags::NONE);
        let with_own = frame_of(&records((1..agents).chain([own])), Flags::NONE);
        let mut swarm = Swarm::new();
        group.bench_function("baseline: the frame is read", |bencher| {
            bencher.iter(|| Frame::exactly(black_box(&anybodys)).is_ok());
        });
        for (name, bytes) in [("anybody's", &anybodys), ("its own among them", &with_own)] {
            group.bench_function(name, |bencher| {
                bencher.iter(|| assert!(swarm.admit(black_box(bytes), Mandate::Agent(own))));
            });
        }
        group.finish();
    }
}

/// State ticks of a large swarm: for a viewer that joins, and for one that lags.
fn state_tick(criterion: &mut Criterion) {
    let mut swarm = Swarm::new();
    swarm.publish_all(&records(0..SWARM));
    let before = swarm.pull();
    swarm.publish(&frame_of(&records((0..SWARM).step_by(100)), Flags::NONE));
    swarm.pull();
    let mut group = criterion.benchmark_group(format!("state tick of {SWARM} agents"));
    for (name, since) in [("whole", None), ("1 % changed", Some(before))] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                // Each is made anew: the one before is too old to be shared.
                swarm.now += STEP;
                swarm
                    .stream
                    .state_tick(
                        ViewerKind::Binary,
                        Lane::Positions,
                        since,
                        (0, 0),
                        swarm.now,
                    )
                    .bytes
                    .len()
            });
        });
    }
    let bytes = SWARM as usize * size_of::<AgentPosition>();
    let (source, mut copy) = (vec![1_u8; bytes], vec![0_u8; bytes]);
    group.bench_function("baseline: memcpy of as many records", |bencher| {
        bencher.iter(|| black_box(&mut copy).copy_from_slice(black_box(&source)));
    });
    group.finish();
}

/// Viewers that join at once share one state tick.
fn join(criterion: &mut Criterion) {
    const VIEWERS: u64 = 1000;
    let mut swarm = Swarm::new();
    swarm.publish_all(&records(0..SWARM));
    swarm.pull();
    let mut group = criterion.benchmark_group(format!("{VIEWERS} viewers join {SWARM} agents"));
    group.throughput(Throughput::Elements(VIEWERS));
    group.sample_size(10);
    for (name, step) in [("shared", Duration::ZERO), ("baseline: one each", STEP)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                swarm.now += STEP;
                for _ in 0..VIEWERS {
                    swarm.now += step;
                    black_box(swarm.stream.state_tick(
                        ViewerKind::Binary,
                        Lane::Positions,
                        None,
                        (0, 0),
                        swarm.now,
                    ));
                }
            });
        });
    }
    group.finish();
}

criterion_group!(benches, publish, admit, state_tick, join);
criterion_main!(benches);
