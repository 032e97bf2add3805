//! A swarm as a viewer knows it: the newest record of each agent, by the rules of
//! `docs/protocol.md`, section 4.

use std::collections::BTreeMap;

use super::wire::{Frame, KEYFRAME, MORE, POSITION_UPDATE, Record};
use super::ws::{Client, Message};

/// One tick as a viewer got it.
#[derive(Clone, Debug)]
pub(crate) struct Tick {
    /// Whether it is a state tick.
    pub(crate) is_state: bool,
    pub(crate) frames: usize,
    pub(crate) records: Vec<Record>,
}

/// What a viewer knows.
#[derive(Debug, Default)]
pub(crate) struct Swarm {
    pub(crate) agents: BTreeMap<u32, Record>,
}

impl Swarm {
    pub(crate) fn apply(&mut self, records: &[Record]) {
        for record in records {
            if record.is_gone() {
                self.agents.remove(&record.id);
            } else {
                self.agents.insert(record.id, *record);
            }
        }
    }
}

/// The next tick: frames up to the first without MORE. Anything else on the way is a failure.
pub(crate) fn next_tick(client: &mut Client) -> Tick {
    let first = Frame::read(&client.binary());
    let mut tick = Tick {
        is_state: first.has(KEYFRAME),
        frames: 1,
        records: first.records(),
    };
    let mut is_last = !first.has(MORE);
    while !is_last {
        let frame = Frame::read(&client.binary());
        assert_eq!(frame.has(KEYFRAME), tick.is_state, "a tick is of one kind");
        tick.frames += 1;
        tick.records.extend(frame.records());
        is_last = !frame.has(MORE);
    }
    tick
}

/// The next tick, which must be a state tick.
pub(crate) fn state_tick(client: &mut Client) -> Vec<Record> {
    let tick = next_tick(client);
    assert!(tick.is_state, "the first tick is the state");
    tick.records
}

/// The position frames among messages.
pub(crate) fn position_frames(messages: &[Message]) -> Vec<Frame> {
    let frames = messages.iter().filter_map(|message| match message {
        Message::Binary(bytes) => Some(Frame::read(bytes)),
        _ => None,
    });
    frames
        .filter(|frame| frame.kind == POSITION_UPDATE)
        .collect()
}
