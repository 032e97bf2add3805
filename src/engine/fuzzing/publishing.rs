//! What publishers do, to the stream and to the model.

use std::time::Instant;

use agnt_codec::{Frame, Payload};

use super::rig::{Rig, Source};
use super::wire::{self, Record, State};
use crate::engine::{Mandate, PublishError};

impl Rig {
    pub(super) fn publish_positions(
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
        let has_more = flags & wire::MORE != 0;
        let is_refused = source.is_refused;
        // The rest of a tick that was refused is passed over without a look.
        let named = records
            .iter()
            .filter(|_| !is_refused)
            .map(|record| wire::id_of(record));
        if !source.admits(&bytes, named, call.now) {
            source.tick.clear();
            source.is_refused = has_more;
            return;
        }
        let outcome = self
            .stream
            .publish_positions(&mut source.publisher, &checked(&bytes), call);
        if source.is_refused {
            // The rest of a tick that was refused goes with it.
            assert!(outcome.is_ok());
            source.is_refused = has_more;
            return;
        }
        source.tick.push(bytes);
        let tick_bytes: usize = source.tick.iter().map(Vec::len).sum();
        if (had_tick || has_more) && tick_bytes > self.model.limits.tick_bytes_max {
            let bytes_max = self.model.limits.tick_bytes_max;
            let refusal = PublishError::TickTooLarge {
                bytes: tick_bytes,
                bytes_max,
            };
            assert_eq!(outcome.err(), Some(refusal));
            source.tick.clear();
            source.is_refused = has_more;
            return;
        }
        if has_more {
            assert!(outcome.is_ok());
            return;
        }
        let tick = std::mem::take(&mut source.tick);
        let who = source.author();
        let named = tick
            .iter()
            .flat_map(|frame| wire::counted(wire::open(frame).2));
        let named: Vec<u32> = named.map(|record| wire::id_of(&record)).collect();
        self.model.make_room(&named, self.now);
        let held: Vec<u32> = self.model.agents.keys().copied().collect();
        if self.may(outcome, &named, &held) {
            self.model.commit(tick, who, self.now);
        }
    }

    /// Whether records were taken over: those that fit, and no others. An agent that is named
    /// twice before it is known is counted twice.
    fn may(&self, outcome: Result<(), PublishError>, named: &[u32], held: &[u32]) -> bool {
        let agents_max = self.model.limits.agents_per_stream_max;
        let over = named.iter().filter(|id| !held.contains(id)).count();
        let fits = over == 0 || held.len() + over <= agents_max;
        let refusal = PublishError::TooManyAgents { agents_max, over };
        assert_eq!(outcome.err(), (!fits).then_some(refusal));
        fits
    }

    pub(super) fn publish_states(
        &mut self,
        publisher: usize,
        caller: Option<usize>,
        records: &[State],
    ) {
        let bytes = wire::states(0, records);
        let frame = checked(&bytes);
        let Payload::States(states) = frame.payload() else {
            panic!("no states")
        };
        let call = self.call(caller);
        let source = &mut self.sources[publisher];
        let named: Vec<u32> = records.iter().map(|record| record.id).collect();
        if !source.admits(&bytes, named.iter().copied(), call.now) {
            return;
        }
        let outcome = self
            .stream
            .publish_states(&source.publisher, &frame, &states, call);
        let source = &self.sources[publisher];
        let held: Vec<u32> = self.model.states.keys().copied().collect();
        if let Ok(changes) = &outcome {
            let told = changes.iter().map(|change| (change.id, change.after.0));
            assert!(told.eq(self.model.changes(records)));
        }
        if self.may(outcome.map(drop), &named, &held) {
            self.model.take_states(records, source.author(), self.now);
        }
    }

    pub(super) fn publish_metrics(
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
        let Payload::Metrics(metrics) = frame.payload() else {
            panic!("no metrics")
        };
        let call = self.call(caller);
        let source = &mut self.sources[publisher];
        let named: Vec<u32> = records.iter().map(|record| wire::id_of(record)).collect();
        if !source.admits(&bytes, named.iter().copied(), call.now) {
            return;
        }
        let outcome = self
            .stream
            .publish_metrics(&source.publisher, &frame, metrics, call);
        let source = &self.sources[publisher];
        let held: Vec<u32> = self.model.metrics.keys().copied().collect();
        if self.may(outcome, &named, &held) {
            let bare = wire::frame(wire::METRICS, 0, records.as_flattened());
            self.model
                .take_metrics(records, &bare, source.author(), self.now);
        }
    }

    pub(super) fn publish_event(
        &mut self,
        publisher: usize,
        caller: Option<usize>,
        payload: &[u8],
    ) {
        let bytes = wire::frame(wire::COORDINATION, 0, payload);
        let source = &self.sources[publisher];
        self.stream
            .publish_event(&source.publisher, &checked(&bytes), self.call(caller));
        self.model.take_event(&bytes, source.author(), self.now);
    }
}

impl Source {
    /// Whether it may say that of these agents: it may of all that are not registered.
    fn admits(&mut self, bytes: &[u8], mut named: impl Iterator<Item = u32>, now: Instant) -> bool {
        let mandate = self.mandate;
        let admitted = self.publisher.admit(&checked(bytes), now, || mandate);
        let foreign = named.find(|id| {
            let is_registered = (0x1000_0000..0x4000_0000).contains(id);
            is_registered && ![Mandate::Everyone, Mandate::Agent(*id)].contains(&mandate)
        });
        let refusal = foreign.map(|id| PublishError::ForeignAgent { id, mandate });
        assert_eq!(admitted.err(), refusal);
        foreign.is_none()
    }
}

fn checked(bytes: &[u8]) -> Frame<'_> {
    Frame::exactly(bytes).unwrap_or_else(|error| panic!("the script made a bad frame: {error}"))
}
