//! Messages that a stream retains for a while, each with a sequence, so that a session can go on
//! where it was cut off.
//!
//! A sequence counts the messages of one lane from 1 on, within the stream's
//! [epoch](Stream::epoch).

use std::time::{Duration, Instant};

use super::label::Label;
use super::lane::Lane;
use super::log::{Chunk, Log};
use super::publishing::Call;
use super::stream::{Lanes, Stream};
use super::watchers::Wake;

/// JSON events are written for this long after anybody last read them or may have come back.
const WANTED_FOR: Duration = Duration::from_mins(1);

/// From where a session reads a retained lane.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The lane.
    pub lane: Lane,
    /// The sequence of the last message that it has.
    pub after: u64,
    /// What comes behind it, held so that it stays while the session is being opened.
    held: Vec<Chunk>,
}

impl Entry {
    /// Behind a message of which nothing is held.
    pub fn after(lane: Lane, after: u64) -> Self {
        Self {
            lane,
            after,
            held: Vec::new(),
        }
    }

    /// Behind the newest message.
    pub fn newest(lane: Lane) -> Self {
        Self::after(lane, u64::MAX)
    }
}

/// What a session that comes back can be told.
#[derive(Clone, Debug)]
pub struct Return {
    /// From where it goes on.
    pub entry: Entry,
    /// The sequence of the newest message.
    pub last: u64,
    /// What it can't be told any more.
    pub lost: Option<Lost>,
}

/// Messages of a retained lane that are not kept any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The sequence of the first.
    pub from: u64,
    /// The sequence of the last.
    pub to: u64,
}

/// An agent of the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indexed {
    /// Its number.
    pub id: u32,
    /// Its name and type.
    pub label: Label,
}

impl Stream {
    /// Appends a text message to a retained lane. `write` is given its sequence and writes the text.
    /// `from` is the publisher that does not get it back; after `expires_at` nobody gets it.
    pub fn publish_text(
        &self,
        lane: Lane,
        from: Option<u32>,
        expires_at: Option<Instant>,
        call: Call,
        write: impl FnOnce(u64, &mut Vec<u8>),
    ) -> u64 {
        let mut core = self.lock();
        let sequence = core.lane(lane).messages() + 1;
        let mut text = Vec::new();
        write(sequence, &mut text);
        let seal = self.encoders.seal_text;
        let log = core.lane_mut(lane);
        match expires_at {
            Some(at) => log.append_expiring(call.now, from, at, |out| seal(&text, out)),
            None => log.append(1, call.now, from, |out| seal(&text, out)),
        }
        log.forget_beyond(self.limits.room.fitted(self.limits.resume_bytes_max));
        self.announce(&core, &[lane], call.loop_id);
        sequence
    }

    /// Appends an AGNT frame to a retained lane. Returns its sequence.
    pub fn publish_retained_frame(&self, lane: Lane, call: Call, frame: &[u8]) -> u64 {
        let mut core = self.lock();
        let log = core.lane_mut(lane);
        log.append(1, call.now, None, |out| {
            (self.encoders.seal_frame)(frame, out);
        });
        log.forget_beyond(self.limits.room.fitted(self.limits.resume_bytes_max));
        let sequence = log.messages();
        self.announce(&core, &[lane], call.loop_id);
        sequence
    }

    /// The sequence of the last message of a retained lane; 0 if there was none.
    pub fn last_sequence(&self, lane: Lane) -> u64 {
        self.lock().lane(lane).messages()
    }

    /// Holds what a session that has a lane up to a sequence lacks, and says what is lost.
    pub fn welcome_back(&self, lane: Lane, after: u64) -> Return {
        let mut core = self.lock();
        let log = core.lane_mut(lane);
        log.seal();
        let (forgotten, last) = (log.forgotten_messages(), log.messages());
        let after = after.min(last);
        let held = log.since(log.start()).filter(|chunk| chunk.last() > after);
        Return {
            entry: Entry {
                lane,
                after: after.max(forgotten),
                held: held.cloned().collect(),
            },
            last,
            lost: (forgotten > after).then_some(Lost {
                from: after + 1,
                to: forgotten,
            }),
        }
    }

    /// A viewer of the loop begins to read a retained lane behind a message that it has, or with
    /// the oldest that is kept. Returns where in `copy`, the loop's own copy of the lanes.
    pub fn enter(&self, loop_id: usize, wake: &Wake, entry: &Entry, copy: &mut Lanes) -> u64 {
        let lane = entry.lane;
        let length = self.encoders.sealed_bytes;
        let mut core = self.lock();
        let log = core.lane_mut(lane);
        log.seal();
        let after = entry.after.clamp(log.forgotten_messages(), log.messages());
        let from_held = entry
            .held
            .first()
            .and_then(|chunk| chunk.offset_of(entry.after, length));
        let offset = from_held.or_else(|| log.offset_of(after, length));
        let offset = offset.unwrap_or_else(|| log.end());
        core.watchers.add(loop_id, wake, lane, offset);
        let own = &mut copy[lane.index()];
        if offset < own.start() || core.watchers.pulled(loop_id, lane) != Some(own.end()) {
            *own = Log::starting_at(offset);
            for chunk in &entry.held {
                own.push(chunk.clone());
            }
            let end = own.end();
            core.watchers.note_pulled(loop_id, lane, end);
        }
        drop(core);
        self.pull(loop_id, copy);
        offset
    }

    /// Notes that somebody may come back for JSON events.
    pub fn want_json_events(&self, now: Instant) {
        self.lock().json_events_wanted_at = Some(now);
    }

    /// Whether anybody reads events in JSON, did a moment ago, or may come back for them.
    pub fn wants_json_events(&self, now: Instant) -> bool {
        let mut core = self.lock();
        if [Lane::EventsJson, Lane::CriticalJson]
            .iter()
            .any(|lane| core.watchers.read(*lane))
        {
            core.json_events_wanted_at = Some(now);
        }
        let wanted = core.json_events_wanted_at;
        wanted.is_some_and(|at| now.saturating_duration_since(at) < WANTED_FOR)
    }

    /// The number of an agent, given as that number or as its name.
    pub fn numeric_id_of(&self, agent: &str) -> Option<u32> {
        self.lock().table.id_of(agent)
    }

    /// What messages call an agent that has a name.
    pub fn agent_name(&self, id: u32) -> Option<String> {
        Some(self.agent_label(id)?.agent().to_string())
    }

    /// What an agent is called.
    pub fn agent_label(&self, id: u32) -> Option<Label> {
        self.lock().table.states.get(&id)?.value.label.clone()
    }

    /// Whether an agent has a position, a state or metrics.
    pub fn knows_agent(&self, id: u32) -> bool {
        self.lock().table.knows(id)
    }

    /// Agents heard of since an instant, and all that are not gone.
    pub fn agent_counts(&self, active_since: Instant) -> (usize, usize) {
        let core = self.lock();
        (core.table.active_since(active_since), core.table.live())
    }

    /// All agents that have a name, and the sequence of the index lane up to which this is true.
    pub fn agent_index(&self) -> (Vec<Indexed>, u64) {
        let core = self.lock();
        let named = core.table.states.iter().filter_map(|(&id, held)| {
            let label = held.value.label.clone()?;
            (!core.table.is_gone(id)).then_some(Indexed { id, label })
        });
        (named.collect(), core.lane(Lane::AgentIndex).messages())
    }

    /// Agents that went since the last call.
    pub fn take_removed(&self) -> Vec<u32> {
        self.lock().table.take_removed()
    }
}
