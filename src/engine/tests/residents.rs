//! Residents among agents that publishers bring: who stays, who goes, and what each is called.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_codec::{Frame, Payload};
use bytes::BytesMut;

use super::*;
use crate::domain::{PositionGrid, StreamName};
use crate::engine::{Encoders, Limits, Publisher};

const ENCODERS: Encoders = Encoders {
    seal_frame: |frame, out: &mut BytesMut| out.extend_from_slice(frame),
    seal_text: |_, _| {},
    seal_positions_json: |_, _| {},
    read_label: |metadata| {
        let name = std::str::from_utf8(metadata).ok()?;
        Some(Label {
            agent_id: None,
            name: name.into(),
            kind: None,
        })
    },
    sealed_bytes: |_| None,
};

/// The first number that residents have.
const FIRST: u32 = 0x1000_0000;

fn stream(agents_per_stream_max: usize, grid: &str) -> Stream {
    let limits = Limits {
        log_bytes_max: 1 << 20,
        events_bytes_max: 1 << 20,
        resume_bytes_max: 1 << 20,
        position_grid: PositionGrid::parse(grid).expect("a grid"),
        tick_bytes_max: 1 << 20,
        agents_per_stream_max,
        streams_max: 1,
        staleness_max: Duration::from_millis(250),
        agent_ttl: Some(Duration::from_secs(30)),
        publisher_linger: Duration::from_secs(5),
        room: Arc::default(),
    };
    Stream::new(StreamName::default(), Arc::new(limits), ENCODERS)
}

fn resident(nth: u32, state: Option<StateCode>) -> Resident {
    let name = format!("gen-{nth}");
    Resident {
        id: FIRST + nth,
        state,
        label: Label {
            agent_id: Some(name.as_str().into()),
            name: "Generator".into(),
            kind: None,
        },
        metadata: name,
    }
}

fn call(now: Instant) -> Call {
    Call { loop_id: None, now }
}

fn live(stream: &Stream) -> Vec<u32> {
    let core = stream.lock();
    let mut live: Vec<u32> = core.table.all().map(|record| record.id.get()).collect();
    live.sort_unstable();
    live
}

/// A publisher says a state, with metadata or without.
fn say(stream: &Stream, id: u32, state: u8, metadata: Option<&str>, now: Instant) {
    let records = [StateRecord {
        id,
        state: StateCode(state),
        metadata: metadata.map(Metadata::Json),
    }];
    let batch = StateBatchOut { records: &records };
    let mut bytes = vec![0; batch.encoded_bytes()];
    batch.emit(Flags::NONE, &mut bytes).expect("room");
    let frame = Frame::exactly(&bytes).expect("a frame");
    let Payload::States(states) = frame.payload() else {
        panic!("states");
    };
    let publisher = Publisher::new(false);
    let said = stream.publish_states(&publisher, &frame, &states, call(now));
    said.expect("room");
}

#[test]
fn silence_removes_all_others_and_dismissal_removes_a_resident() {
    let (stream, start) = (stream(10, ""), Instant::now());
    let after = |seconds| start + Duration::from_secs(seconds);
    let settled = stream.settle(&[resident(0, Some(StateCode::BUSY))], call(start));
    let fresh = Settled {
        is_taken: true,
        before: None,
    };
    assert_eq!(settled, [fresh]);
    say(&stream, 7, 2, None, start);
    assert_eq!(live(&stream), [FIRST]);
    stream.sweep(after(31));
    assert_eq!(live(&stream), [FIRST]);
    assert!(stream.knows_agent(FIRST) && !stream.knows_agent(7));
    assert!(
        stream.is_empty(after(31)),
        "what could be told again is no loss"
    );
    stream.dismiss(&[FIRST, 9], call(after(31)));
    assert!(live(&stream).is_empty());
    assert_eq!(stream.agent_index().0, []);
    stream.sweep(after(32));
    assert!(
        !stream.knows_agent(FIRST),
        "nobody watched, so it is forgotten"
    );
}

/// Somebody publishes that an agent is somewhere.
fn publish(stream: &Stream, publisher: &mut Publisher, id: u32, now: Instant) {
    let records = [AgentPosition::new(id, [5.0; 3], [0.0; 3])];
    let update = PositionUpdate { records: &records };
    let mut bytes = vec![0; update.encoded_bytes()];
    update.emit(Flags::NONE, &mut bytes).expect("room");
    let frame = Frame::exactly(&bytes).expect("a frame");
    let published = stream.publish_positions(publisher, &frame, call(now));
    published.expect("room");
}

#[test]
fn who_is_dismissed_goes_although_its_publisher_is_late_to_learn_it() {
    let (stream, start) = (stream(10, ""), Instant::now());
    let after = |ms| start + Duration::from_millis(ms);
    let mut publisher = Publisher::new(false);
    stream.settle(&[resident(0, None), resident(1, None)], call(start));
    stream.dismiss(&[FIRST, FIRST + 1], call(start));
    for ms in [500, 1400] {
        publish(&stream, &mut publisher, FIRST, after(ms));
        assert_eq!(live(&stream), [FIRST]);
        stream.sweep(after(ms + 100));
        assert!(live(&stream).is_empty());
    }
    // Who comes back is not looked for, nor is anybody after a while.
    stream.settle(&[resident(1, None)], call(after(1500)));
    stream.sweep(after(1600));
    assert_eq!(live(&stream), [FIRST + 1]);
    stream.sweep(after(3000));
    publish(&stream, &mut publisher, FIRST, after(3001));
    stream.sweep(after(3002));
    assert_eq!(live(&stream), [FIRST, FIRST + 1]);
}

#[test]
fn what_a_resident_published_itself_is_kept_until_it_falls_silent() {
    let (stream, start) = (stream(10, ""), Instant::now());
    stream.settle(&[resident(0, None)], call(start));
    let mut publisher = Publisher::new(false);
    publish(&stream, &mut publisher, FIRST, start);
    stream.depart(&publisher, start);
    let after = |seconds| start + Duration::from_secs(seconds);
    stream.sweep(after(10));
    assert_eq!(live(&stream), [FIRST], "its publisher left, it stays");
    assert!(!stream.is_empty(after(10)) && stream.is_empty(after(31)));
}

#[test]
fn names_of_residents_are_theirs() {
    let (stream, now) = (stream(10, ""), Instant::now());
    say(&stream, 5, 2, Some("gen-1"), now);
    assert_eq!(stream.numeric_id_of("gen-1"), Some(5));
    stream.settle(&[resident(1, None)], call(now));
    assert_eq!(stream.numeric_id_of("gen-1"), Some(FIRST + 1));
    say(&stream, 6, 2, Some("gen-1"), now);
    assert_eq!(stream.numeric_id_of("gen-1"), Some(FIRST + 1));
    assert_eq!(stream.agent_name(6), None);
    say(&stream, FIRST + 1, 0x80, Some("else"), now);
    assert_eq!(stream.agent_name(FIRST + 1).as_deref(), Some("gen-1"));
    let again = stream.settle(&[resident(1, None)], call(now));
    let own = Some(StateCode(0x80));
    assert_eq!(again[0].before, own, "and its state is what it said");
    stream.dismiss(&[FIRST + 1], call(now));
    stream.settle(&[resident(1, None)], call(now));
    assert_eq!(live(&stream), [FIRST + 1], "who comes back is seen again");
}

#[test]
fn who_finds_no_room_is_left_out() {
    let (stream, now) = (stream(2, ""), Instant::now());
    let three = [resident(0, None), resident(1, None), resident(2, None)];
    let settled = stream.settle(&three, call(now));
    let taken: Vec<bool> = settled.iter().map(|one| one.is_taken).collect();
    assert_eq!(taken, [true, true, false]);
    assert_eq!(live(&stream), [FIRST, FIRST + 1]);
}

#[test]
fn places_are_apart_and_on_the_grid() {
    let places: Vec<[f32; 3]> = (0..500).map(|nth| place_of(FIRST + nth)).collect();
    for (at, one) in places.iter().enumerate() {
        for other in &places[..at] {
            let apart = (one[0] - other[0]).hypot(one[1] - other[1]);
            assert!(apart > 8.0, "{one:?} {other:?}");
        }
    }
    let stream = stream(10, "main=0.5");
    stream.settle(&[resident(3, None)], call(Instant::now()));
    let core = stream.lock();
    for axis in core.table.all().flat_map(|record| record.position) {
        assert!((axis.get() / 0.5).fract().abs() < f32::EPSILON);
    }
}
