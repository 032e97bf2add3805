//! One viewer's proof: every record it got is the one that was published, in order.
//!
//! The verifier keeps one position per publisher: the next record that it must see. Records of a
//! frame are taken in runs that follow each other in one tick of one publisher, and a run is
//! compared with the published bytes in one go. That covers a frame passed through untouched and
//! frames of several publishers merged under one header alike.
//!
//! What counts as what: frames skipped by a state tick (flag KEYFRAME) are *conflated*; frames
//! skipped without one are *lost*; a byte that differs, a record that comes twice or goes back, a
//! tick that nobody published, a MORE flag that lies are *violations*. Frames always means the
//! frames that publishers sent, whatever the server merged.

use crate::published::Published;
use crate::swarm::{
    FLAG_KEYFRAME, FLAG_MORE, FRAME_RECORDS_MAX, HEADER_BYTES, POSITION_UPDATE, RECORD_BYTES,
    RECORDS_OFFSET, id_of, is_gone, record, tick_of,
};

/// Flags that give a frame another layout, which none of these viewers negotiates: COMPRESSED,
/// `HAS_CHANNEL`, CODEC, and the reserved `EXT_LENGTH`.
const FLAGS_UNASKED: u8 = 0xE1;

/// Ticks of one publisher that a viewer is done with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    /// Whose ticks.
    pub(crate) publisher: usize,
    /// The first of them.
    pub(crate) from_tick: u32,
    /// The last of them.
    pub(crate) to_tick: u32,
    /// Whether the last one was received whole; false when they were skipped.
    pub(crate) received: bool,
}

/// What one viewer has seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Published frames that arrived whole and right.
    pub(crate) delivered: u64,
    /// Published frames that a state tick stood in for.
    pub(crate) conflated: u64,
    /// Published frames that were skipped without a state tick.
    pub(crate) lost: u64,
    /// Position frames as they came, merged ones counted once.
    pub(crate) messages: u64,
    /// State ticks, the one at the start included.
    pub(crate) state_ticks: u64,
    /// Records that said that their agent is gone.
    pub(crate) removals: u64,
    /// Frames in which something was wrong.
    pub(crate) violations: u64,
}

#[derive(Debug, Clone, Copy)]
struct Cursor {
    tick: u32,
    record: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Newest {
    tick: u32,
    records: usize,
}

/// Checks what one viewer receives.
#[derive(Debug)]
pub(crate) struct Verifier {
    cursors: Vec<Cursor>,
    /// While a state tick comes in: per publisher its newest tick and how many records had it.
    state: Option<Vec<Newest>>,
    joined: bool,
    state_newest_tick: Option<(usize, u32)>,
    seen: Seen,
    first_violation: Option<String>,
}

impl Verifier {
    /// A viewer that has seen nothing, not even its first state tick.
    pub(crate) fn new(publishers: usize) -> Self {
        Self {
            cursors: vec![Cursor { tick: 1, record: 0 }; publishers],
            state: None,
            joined: false,
            state_newest_tick: None,
            seen: Seen::default(),
            first_violation: None,
        }
    }

    /// Whether the first state tick is complete.
    pub(crate) fn joined(&self) -> bool {
        self.joined
    }

    /// The counts so far.
    pub(crate) fn seen(&self) -> Seen {
        self.seen
    }

    /// The first thing that was wrong, if anything was.
    pub(crate) fn first_violation(&self) -> Option<&str> {
        self.first_violation.as_deref()
    }

    /// Publisher and tick of the newest record of the last complete state tick.
    pub(crate) fn state_newest_tick(&self) -> Option<(usize, u32)> {
        self.state_newest_tick
    }

    /// Counts something that is wrong and was found elsewhere.
    pub(crate) fn note(&mut self, violation: String) {
        self.seen.violations += 1;
        self.first_violation.get_or_insert(violation);
    }

    /// Checks one frame and appends the ticks that it completes or skips to `steps`.
    pub(crate) fn message(
        &mut self,
        message: &[u8],
        published: &mut Published,
        steps: &mut Vec<Step>,
    ) {
        if let Err(violation) = self.frame(message, published, steps) {
            self.note(violation);
        }
    }

    fn frame(
        &mut self,
        message: &[u8],
        published: &mut Published,
        steps: &mut Vec<Step>,
    ) -> Result<(), String> {
        if message.len() < HEADER_BYTES || message[..4] != *b"AGNT" {
            return Err(format!(
                "a binary message of {} B is no AGNT frame",
                message.len()
            ));
        }
        let length = usize::from(u16::from_le_bytes([message[6], message[7]]));
        if length != message.len() - HEADER_BYTES {
            let got = message.len() - HEADER_BYTES;
            return Err(format!("the frame announces {length} B and has {got}"));
        }
        if message[5] & FLAGS_UNASKED != 0 {
            return Err(format!("a frame has flags {:#04x}", message[5]));
        }
        if message[4] != POSITION_UPDATE {
            return Ok(());
        }
        let records = message.get(RECORDS_OFFSET..).unwrap_or_default();
        let count = message.get(HEADER_BYTES..RECORDS_OFFSET).map_or(0, id_of) as usize;
        if length < 4 || records.len() != count * RECORD_BYTES {
            return Err(format!("the frame counts {count} records in {length} B"));
        }
        self.seen.messages += 1;
        let more = message[5] & FLAG_MORE != 0;
        if message[5] & FLAG_KEYFRAME != 0 {
            self.state_frame(records, more, published, steps)
        } else if self.state.is_some() || !self.joined {
            Err("a live frame came before the state tick was complete".to_owned())
        } else {
            self.live_frame(records, more, published, steps)
        }
    }

    fn live_frame(
        &mut self,
        mut records: &[u8],
        more: bool,
        published: &mut Published,
        steps: &mut Vec<Step>,
    ) -> Result<(), String> {
        let swarm = published.swarm();
        let mut open_tick = false;
        let mut ended_publisher = None;
        while !records.is_empty() {
            if is_gone(records) {
                self.seen.removals += 1;
                records = &records[RECORD_BYTES..];
                continue;
            }
            let (id, tick) = (id_of(records), tick_of(records));
            let Some((owner, index)) = swarm.locate(id) else {
                return Err(format!("agent {id} was never published"));
            };
            if ended_publisher == Some(owner) {
                return Err(format!("two ticks of publisher {owner} under one header"));
            }
            if tick == 0 || tick > published.newest(owner) {
                return Err(format!("agent {id}: tick {tick} was never published"));
            }
            self.enter(owner, tick, index, swarm.agents, steps)?;
            let run = (swarm.agents - index).min(records.len() / RECORD_BYTES);
            let (got, rest) = records.split_at(run * RECORD_BYTES);
            let expected = &published.records(owner, tick)[index * RECORD_BYTES..][..got.len()];
            let right = got == expected;
            let frames = frames_ended(index, run, swarm.agents);
            let cursor = &mut self.cursors[owner];
            open_tick = index + run < swarm.agents;
            if open_tick {
                cursor.record = index + run;
            } else {
                *cursor = Cursor {
                    tick: tick + 1,
                    record: 0,
                };
                ended_publisher = Some(owner);
                let step = Step {
                    publisher: owner,
                    from_tick: tick,
                    to_tick: tick,
                    received: right,
                };
                steps.push(step);
            }
            if !right {
                return Err(difference(got, expected));
            }
            self.seen.delivered += frames;
            records = rest;
        }
        if open_tick == more {
            Ok(())
        } else {
            Err(format!("MORE is {more} and the tick goes on: {open_tick}"))
        }
    }

    /// Moves the position of `publisher` to the record that came; what lies between is lost.
    fn enter(
        &mut self,
        publisher: usize,
        tick: u32,
        index: usize,
        agents: usize,
        steps: &mut Vec<Step>,
    ) -> Result<(), String> {
        let cursor = self.cursors[publisher];
        if (tick, index) == (cursor.tick, cursor.record) {
            return Ok(());
        }
        if (tick, index) < (cursor.tick, cursor.record) {
            return Err(format!(
                "publisher {publisher}: tick {tick} record {index} came after tick {} record {}",
                cursor.tick, cursor.record
            ));
        }
        self.seen.lost +=
            frame_number(tick, index, agents) - frame_number(cursor.tick, cursor.record, agents);
        if tick > cursor.tick {
            let (from_tick, to_tick) = (cursor.tick, tick - 1);
            steps.push(Step {
                publisher,
                from_tick,
                to_tick,
                received: false,
            });
        }
        self.cursors[publisher] = Cursor {
            tick,
            record: index,
        };
        Ok(())
    }

    /// Takes one frame of a state tick: each record is the newest of its agent, in any order.
    fn state_frame(
        &mut self,
        records: &[u8],
        more: bool,
        published: &mut Published,
        steps: &mut Vec<Step>,
    ) -> Result<(), String> {
        let swarm = published.swarm();
        let publishers = swarm.publishers;
        let mut state = self
            .state
            .take()
            .unwrap_or_else(|| vec![Newest::default(); publishers]);
        let mut checked = Ok(());
        for got in records.chunks_exact(RECORD_BYTES) {
            if is_gone(got) {
                self.seen.removals += 1;
                continue;
            }
            let (id, tick) = (id_of(got), tick_of(got));
            let Some((owner, _)) = swarm.locate(id) else {
                checked = Err(format!("state: agent {id} was never published"));
                break;
            };
            let wrong = tick == 0 || tick > published.newest(owner) || got != record(id, tick);
            if wrong {
                checked = Err(format!("state: agent {id} was never so at tick {tick}"));
                break;
            }
            let newest = &mut state[owner];
            if tick > newest.tick {
                *newest = Newest { tick, records: 0 };
            }
            newest.records += usize::from(tick == newest.tick);
        }
        if more {
            self.state = Some(state);
        } else {
            self.seen.state_ticks += 1;
            checked = checked.and(self.land(&state, swarm.agents, steps));
            self.joined = true;
        }
        checked
    }

    /// Continues behind a complete state tick; what it skipped is conflated.
    fn land(
        &mut self,
        state: &[Newest],
        agents: usize,
        steps: &mut Vec<Step>,
    ) -> Result<(), String> {
        self.state_newest_tick = None;
        for (publisher, newest) in state.iter().enumerate() {
            if newest.tick == 0 {
                continue;
            }
            if self
                .state_newest_tick
                .is_none_or(|(_, tick)| newest.tick > tick)
            {
                self.state_newest_tick = Some((publisher, newest.tick));
            }
            let cursor = self.cursors[publisher];
            let next = if newest.records >= agents {
                Cursor {
                    tick: newest.tick + 1,
                    record: 0,
                }
            } else {
                Cursor {
                    tick: newest.tick,
                    record: newest.records,
                }
            };
            let before = frame_number(cursor.tick, cursor.record, agents);
            let after = frame_number(next.tick, next.record, agents);
            if after < before {
                return Err(format!(
                    "the state of publisher {publisher} is older than its frames"
                ));
            }
            if self.joined {
                self.seen.conflated += after - before;
            }
            if next.tick > cursor.tick {
                let (from_tick, to_tick) = (cursor.tick, next.tick - 1);
                steps.push(Step {
                    publisher,
                    from_tick,
                    to_tick,
                    received: false,
                });
            }
            self.cursors[publisher] = next;
        }
        Ok(())
    }
}

/// Frames of a publisher that end before record `index` of `tick`.
fn frame_number(tick: u32, index: usize, agents: usize) -> u64 {
    let per_tick = agents.div_ceil(FRAME_RECORDS_MAX) as u64;
    (u64::from(tick) - 1) * per_tick + (index / FRAME_RECORDS_MAX) as u64
}

/// Frames that end within `run` records from `index` on.
fn frames_ended(index: usize, run: usize, agents: usize) -> u64 {
    let end = index + run;
    let ended = |record: usize| {
        if record >= agents {
            agents.div_ceil(FRAME_RECORDS_MAX)
        } else {
            record / FRAME_RECORDS_MAX
        }
    };
    (ended(end) - ended(index)) as u64
}

/// Names the first record that is not as published.
fn difference(got: &[u8], expected: &[u8]) -> String {
    let mut pairs = got
        .chunks_exact(RECORD_BYTES)
        .zip(expected.chunks_exact(RECORD_BYTES));
    let wrong = pairs.find(|(got, expected)| got != expected);
    wrong.map_or_else(String::new, |(got, expected)| {
        let (id, tick) = (id_of(expected), tick_of(expected));
        format!("agent {id} tick {tick}: got {got:02x?}, published {expected:02x?}")
    })
}

#[cfg(test)]
#[path = "verify_tests.rs"]
mod tests;
