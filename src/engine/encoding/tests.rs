//! A viewer of an encoding, written plainly, sees what publishers sent: within the bound, in order,
//! whenever it enters, however the encoder lags. What is made is made once.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_codec::{AgentPosition, Emit, Flags, Frame, Frames, Payload, PositionUpdate};
use agnt_encoding::compression::Inflator;
use agnt_encoding::{PositionDecoder, Precision};
use bytes::{BufMut, BytesMut};

use super::registry::Lease;
use super::*;
use crate::domain::{PositionGrid, StreamName};
use crate::engine::stream::Lanes;
use crate::engine::{Call, Encoders, Lane, Limits, Publisher, Stream, ViewerKind};

const LOOP: usize = 0;

/// A message is its length as four bytes, then its body.
const ENCODERS: Encoders = Encoders {
    seal_frame: seal,
    seal_text: seal,
    seal_positions_json: |records, out| seal(&vec![b'j'; records.len()], out),
    read_label: |_| None,
    sealed_bytes: |sealed| Some(4 + u32::from_le_bytes(*sealed.first_chunk()?) as usize),
};

fn seal(body: &[u8], out: &mut BytesMut) {
    out.put_u32_le(body.len() as u32);
    out.put_slice(body);
}

fn bodies(mut sealed: &[u8]) -> Vec<&[u8]> {
    let mut bodies = Vec::new();
    while let Some((head, rest)) = sealed.split_first_chunk::<4>() {
        let (body, rest) = rest.split_at(u32::from_le_bytes(*head) as usize);
        bodies.push(body);
        sealed = rest;
    }
    bodies
}

fn stream() -> Arc<Stream> {
    let limits = Limits {
        log_bytes_max: 1 << 20,
        events_bytes_max: 1 << 20,
        resume_bytes_max: 1 << 20,
        position_grid: PositionGrid::default(),
        tick_bytes_max: 1 << 20,
        agents_per_stream_max: 100_000,
        streams_max: 1,
        staleness_max: Duration::from_millis(250),
        agent_ttl: None,
        publisher_linger: Duration::from_secs(5),
        room: Arc::default(),
    };
    Arc::new(Stream::new(
        StreamName::default(),
        Arc::new(limits),
        ENCODERS,
    ))
}

fn publish(stream: &Stream, publisher: &mut Publisher, records: &[AgentPosition], now: Instant) {
    let parts = records.chunks(1000);
    let last = parts.len() - 1;
    for (at, records) in parts.enumerate() {
        let update = PositionUpdate { records };
        let mut bytes = vec![0; update.encoded_bytes()];
        let flags = if at == last { Flags::NONE } else { Flags::MORE };
        update.emit(flags, &mut bytes).expect("room");
        let frame = Frame::exactly(&bytes).expect("a frame");
        let call = Call { loop_id: None, now };
        stream
            .publish_positions(publisher, &frame, call)
            .expect("taken");
    }
}

/// What a viewer has seen: ids and the six numbers.
#[derive(Default)]
struct Viewer {
    decoder: PositionDecoder,
    inflator: Inflator,
    algorithm: Option<Algorithm>,
    seen: BTreeMap<u32, [f32; 6]>,
    at: u64,
    /// Ticks by their numbers, where they are told.
    ticks: Vec<u32>,
    messages: usize,
}

impl Viewer {
    fn take(&mut self, sealed: &[u8]) {
        for body in bodies(sealed) {
            self.messages += 1;
            self.take_frames(body);
        }
    }

    fn take_frames(&mut self, frames: &[u8]) {
        for frame in Frames::new(frames) {
            let frame = frame.expect("whole frames");
            let mut records = Vec::new();
            match frame.payload() {
                Payload::Positions(plain) => records.extend_from_slice(plain),
                Payload::Encoded(payload) => {
                    self.decoder.decode(payload, &mut records).expect("decodes");
                }
                Payload::TickInfo(info) => self.ticks.push(info.tick.get()),
                Payload::Compressed(batch) => {
                    let algorithm = self.algorithm.expect("an algorithm");
                    let mut inner = Vec::new();
                    let inflated = self
                        .inflator
                        .inflate(algorithm, &batch, 1 << 20, &mut inner);
                    inflated.expect("inflates");
                    self.take_frames(&inner);
                }
                other => panic!("not expected here: {other:?}"),
            }
            for record in records {
                let values = [record.position, record.velocity].concat();
                let values: Vec<f32> = values
                    .into_iter()
                    .map(agnt_codec::order::F32::get)
                    .collect();
                match record.is_gone() {
                    true => self.seen.remove(&record.id.get()),
                    false => self
                        .seen
                        .insert(record.id.get(), values.try_into().expect("six")),
                };
            }
        }
    }

    /// Enters at a state tick, which the encoder makes when it is asked.
    fn enter(&mut self, stream: &Arc<Stream>, lease: &Lease, is_joining: bool, now: Instant) {
        let Lane::Encoded(slot) = lease.lane() else {
            panic!("no slot");
        };
        let ask = || stream.encoded_state(slot, ViewerKind::Binary, is_joining, (0, 0), now);
        let tick = ask().or_else(|| {
            stream.encode(now, &mut EncoderTally::default());
            ask()
        });
        let tick = tick.expect("a state tick");
        self.at = tick.positions_at;
        self.take(&tick.bytes);
    }

    fn read(&mut self, lanes: &Lanes, lane: Lane) {
        let log = &lanes[lane.index()];
        assert!(self.at >= log.start(), "lapped");
        let mut sealed = Vec::new();
        for chunk in log.since(self.at) {
            let skip = self.at.saturating_sub(chunk.start) as usize;
            sealed.extend_from_slice(&chunk.bytes[skip..]);
        }
        self.at = log.end();
        self.take(&sealed);
    }
}

/// A swarm that moves, with agents that come, go and jump.
struct Swarm {
    agents: BTreeMap<u32, [f32; 6]>,
    random: fastrand::Rng,
}

impl Swarm {
    fn new(agents: u32, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut record = || [0; 6].map(|_: i32| random.f32() * 200.0 - 100.0);
        let agents = (0..agents).map(|id| (id * 7 + 1, record())).collect();
        Self { agents, random }
    }

    fn step(&mut self) -> Vec<AgentPosition> {
        let random = &mut self.random;
        let mut records = Vec::new();
        if random.bool() {
            let id = random.u32(..5000);
            self.agents
                .entry(id)
                .or_insert([1.0, 2.0, 3.0, 0.0, 0.0, 0.0]);
        }
        let ids: Vec<u32> = self.agents.keys().copied().collect();
        for id in ids {
            if random.u32(..200) == 0 {
                self.agents.remove(&id);
                records.push(AgentPosition::gone(id));
                continue;
            }
            let held = self.agents.get_mut(&id).expect("held");
            for axis in 0..3 {
                held[axis] += held[axis + 3] / 60.0;
                held[axis + 3] += random.f32() - 0.5;
            }
            if random.u32(..100) == 0 {
                held[0] = random.f32() * 1e9;
            }
            let (position, velocity) = ([held[0], held[1], held[2]], [held[3], held[4], held[5]]);
            records.push(AgentPosition::new(id, position, velocity));
        }
        records
    }
}

fn assert_within(seen: &BTreeMap<u32, [f32; 6]>, sent: &BTreeMap<u32, [f32; 6]>, bound: f32) {
    assert!(
        seen.keys().eq(sent.keys()),
        "{} seen, {} sent",
        seen.len(),
        sent.len()
    );
    for (id, values) in sent {
        for (seen, sent) in seen[id].iter().zip(values) {
            // A value that is beyond the codec's range travels plain, so it is exact.
            assert!(
                (seen - sent).abs() <= bound,
                "agent {id}: {seen} for {sent}"
            );
        }
    }
}

fn encodings() -> Vec<(Encoding, f32)> {
    let fixed = Precision::new(1.0 / 64.0, 1.0 / 64.0).expect("a precision");
    let zlib = Some((Algorithm::Zlib, LevelClass::Fast));
    let of = |spec, compression| Encoding {
        form: Form::Binary(spec),
        compression,
        ..Encoding::PLAIN
    };
    vec![
        (of(CodecSpec::Plain, zlib), 0.0),
        (of(CodecSpec::Shuffle, zlib), 0.0),
        (of(CodecSpec::Predict, None), 0.0),
        (of(CodecSpec::Predict, zlib), 0.0),
        (of(CodecSpec::Fixed(fixed), None), 1.0 / 64.0),
        (
            Encoding {
                has_tick_info: true,
                is_concatenated: true,
                ..of(CodecSpec::Fixed(fixed), None)
            },
            1.0 / 64.0,
        ),
    ]
}

#[test]
fn viewers_of_every_encoding_see_the_swarm_whenever_they_enter() {
    for (encoding, bound) in encodings() {
        let stream = stream();
        let start = Instant::now();
        let mut publisher = Publisher::new(false);
        let mut swarm = Swarm::new(2500, 11);
        publish(&stream, &mut publisher, &swarm.step(), start);
        let lease = stream.lease_encoding(encoding).expect("room");
        stream.watch(LOOP, &(Arc::new(|| {}) as _), lease.lane());
        let mut lanes = Lanes::default();
        let mut viewers: Vec<Viewer> = Vec::new();
        for tick in 1..60u64 {
            let now = start + Duration::from_millis(tick * 16);
            publish(&stream, &mut publisher, &swarm.step(), now);
            if tick % 3 != 0 {
                stream.encode(now, &mut EncoderTally::default());
            }
            if tick % 10 == 0 {
                let algorithm = encoding.compression.map(|(algorithm, _)| algorithm);
                let mut viewer = Viewer {
                    algorithm,
                    ..Viewer::default()
                };
                viewer.enter(&stream, &lease, true, now);
                viewers.push(viewer);
            }
            if tick == 45 {
                // One falls behind and enters again, as what it was.
                viewers[0].enter(&stream, &lease, false, now);
            }
            stream.pull(LOOP, &mut lanes);
            for viewer in &mut viewers {
                viewer.read(&lanes, lease.lane());
            }
        }
        let end = start + Duration::from_secs(1);
        stream.encode(end, &mut EncoderTally::default());
        stream.pull(LOOP, &mut lanes);
        for viewer in &mut viewers {
            viewer.read(&lanes, lease.lane());
            assert_within(&viewer.seen, &swarm.agents, bound);
        }
        if encoding.has_tick_info {
            let ticks = &viewers[1].ticks;
            let is_next = |pair: &[u32]| pair[1] == pair[0] + 1;
            assert!(ticks.windows(2).all(is_next), "{ticks:?}");
            assert_eq!(viewers[1].messages, ticks.len(), "a tick is one message");
        }
    }
}

#[test]
fn a_tick_is_made_once_for_all_who_ask_alike() {
    let stream = stream();
    let now = Instant::now();
    let (encoding, _) = encodings()[0];
    let leases: Vec<Lease> = (0..50)
        .map(|_| stream.lease_encoding(encoding).expect("room"))
        .collect();
    assert!(leases.iter().all(|lease| lease.lane() == leases[0].lane()));
    stream.watch(LOOP, &(Arc::new(|| {}) as _), leases[0].lane());
    stream.encode(now, &mut EncoderTally::default());
    let mut publisher = Publisher::new(false);
    let mut swarm = Swarm::new(1000, 3);
    let mut tally = EncoderTally::default();
    for _ in 0..10 {
        publish(&stream, &mut publisher, &swarm.step(), now);
        stream.encode(now, &mut tally);
    }
    assert_eq!((tally.ticks, tally.batches, tally.conflations), (10, 10, 0));
    drop(leases);
    publish(&stream, &mut publisher, &swarm.step(), now);
    stream.encode(now, &mut tally);
    assert_eq!(tally.ticks, 10, "nobody asks any more");
}

#[test]
fn an_encoder_that_lags_goes_on_with_the_newest() {
    let stream = stream();
    let start = Instant::now();
    let (encoding, bound) = encodings()[4];
    let lease = stream.lease_encoding(encoding).expect("room");
    stream.watch(LOOP, &(Arc::new(|| {}) as _), lease.lane());
    let mut publisher = Publisher::new(false);
    let mut swarm = Swarm::new(500, 5);
    publish(&stream, &mut publisher, &swarm.step(), start);
    let mut viewer = Viewer::default();
    viewer.enter(&stream, &lease, true, start);
    for tick in 0..30 {
        let now = start + Duration::from_millis(tick * 16);
        publish(&stream, &mut publisher, &swarm.step(), now);
    }
    let mut tally = EncoderTally::default();
    stream.encode(start + Duration::from_millis(480), &mut tally);
    assert_eq!(
        (tally.conflations, tally.ticks),
        (1, 1),
        "30 ticks wait, the oldest 480 ms"
    );
    let mut lanes = Lanes::default();
    stream.pull(LOOP, &mut lanes);
    viewer.read(&lanes, lease.lane());
    assert_within(&viewer.seen, &swarm.agents, bound);
}

#[test]
fn the_ninth_encoding_is_the_nearest_that_the_client_can_read() {
    let stream = stream();
    let at = |algorithm, level| Encoding {
        compression: Some((algorithm, level)),
        ..Encoding::PLAIN
    };
    let all = Algorithm::ALL.into_iter().flat_map(|algorithm| {
        let fast = at(algorithm, LevelClass::Fast);
        [fast, at(algorithm, LevelClass::Best)]
    });
    let held: Vec<Lease> = all
        .take(8)
        .map(|it| stream.lease_encoding(it).expect("room"))
        .collect();
    let near = stream
        .lease_encoding(at(Algorithm::Zlib, LevelClass::Default))
        .expect("the nearest");
    let (algorithm, _) = near.encoding().compression.expect("compressed");
    assert_eq!(algorithm, Algorithm::Zlib);
    assert!(
        stream
            .lease_encoding(at(Algorithm::Zstd, LevelClass::Fast))
            .is_none(),
        "none would do"
    );
    drop(held);
    assert!(
        stream
            .lease_encoding(at(Algorithm::Zstd, LevelClass::Fast))
            .is_some()
    );
}

#[test]
fn json_comes_as_often_as_it_was_asked_for() {
    let stream = stream();
    let start = Instant::now();
    let encoding = Encoding {
        form: Form::Json { hz: 20 },
        ..Encoding::PLAIN
    };
    let lease = stream.lease_encoding(encoding).expect("room");
    stream.watch(LOOP, &(Arc::new(|| {}) as _), lease.lane());
    let mut publisher = Publisher::new(false);
    let mut swarm = Swarm::new(10, 9);
    let mut due = Some(start);
    for tick in 0..200 {
        let now = start + Duration::from_millis(tick * 5);
        publish(&stream, &mut publisher, &swarm.step(), now);
        if due.is_some_and(|at| now >= at) {
            due = stream.encode(now, &mut EncoderTally::default());
        }
    }
    let mut lanes = Lanes::default();
    stream.pull(LOOP, &mut lanes);
    let told: u32 = lanes[lease.lane().index()]
        .since(0)
        .map(|chunk| chunk.messages)
        .sum();
    assert!((19..=21).contains(&told), "{told} in a second");
}
