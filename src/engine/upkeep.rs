//! What the clock brings to a stream: agents that are due for removal, and JSON for the viewers
//! that do not speak binary.

use std::time::{Duration, Instant};

use bytes::BytesMut;

use agnt_codec::{AgentPosition, Emit, Flags, POSITIONS_PER_FRAME_MAX, PositionUpdate};

use super::agents::Origin;
use super::encoding::push_positions;
use super::lane::{Lane, ViewerKind};
use super::limits::{JSON_RECORDS_MAX, TOMBSTONE_KEPT_FOR};
use super::mandate::BELIEVED_FOR;
use super::publisher::SERVER;
use super::stream::{Core, Stream};

/// So long an agent that was dismissed is looked for: twice as long as somebody may go on to publish
/// it.
const DISMISSED_KEPT_FOR: Duration = BELIEVED_FOR.saturating_mul(2);

/// What a stream holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StreamUsage {
    /// Agents that are not gone.
    pub agents: usize,
    /// Bytes in its lanes that not every loop has pulled.
    pub log_bytes: usize,
}

impl Stream {
    /// Removes agents that are silent or whose publisher left.
    pub fn sweep(&self, now: Instant) -> StreamUsage {
        let mut guard = self.lock();
        let core = &mut *guard;
        let linger = self.limits.publisher_linger;
        let is_over = |left: &Instant| now.saturating_duration_since(*left) >= linger;
        let silent_before = self.limits.agent_ttl.and_then(|ttl| now.checked_sub(ttl));
        let Core {
            table, departed, ..
        } = &mut *core;
        let has_left = |publisher: u32| departed.get(&publisher).is_some_and(is_over);
        let mut overdue = table.overdue(silent_before, has_left);
        overdue.extend(table.lingering(now.checked_sub(DISMISSED_KEPT_FOR)));
        table.forget_overdue(silent_before, has_left);
        core.departed.retain(|_, left| !is_over(left));
        if !overdue.is_empty() {
            self.publish_own_positions(core, &overdue, now);
        }
        // Who gets all lanes from now on needs no word of who went before.
        let kept_for = match core.watchers.is_empty() {
            true => Duration::ZERO,
            false => TOMBSTONE_KEPT_FOR,
        };
        core.table.bury(now, kept_for);
        core.forget_old_state_ticks(now);
        StreamUsage {
            agents: core.table.live(),
            log_bytes: core.log_bytes(),
        }
    }

    /// Publishes positions that the server itself says, as one tick: where agents are, or that they
    /// are gone.
    pub(super) fn publish_own_positions(
        &self,
        core: &mut Core,
        records: &[AgentPosition],
        now: Instant,
    ) {
        let mut frame = Vec::new();
        let parts = records.chunks(POSITIONS_PER_FRAME_MAX);
        let last = parts.len().saturating_sub(1);
        for (at, records) in parts.enumerate() {
            let update = PositionUpdate { records };
            frame.resize(update.encoded_bytes(), 0);
            let flags = if at == last { Flags::NONE } else { Flags::MORE };
            let Ok(bytes) = update.emit(flags, &mut frame) else {
                continue;
            };
            if let Some(log) = core.lane_if_read(Lane::Positions, bytes) {
                log.append(1, now, None, |out| {
                    (self.encoders.seal_frame)(&frame[..bytes], out);
                });
            }
        }
        self.append_frames(core, None, now, 1, |out| {
            push_positions(records, Flags::NONE, out);
        });
        let changed = core.lane(Lane::Positions).end();
        core.table.apply(
            records,
            Origin {
                publisher: SERVER,
                now,
                changed,
            },
            &mut Vec::new(),
            0,
        );
        self.announce(core, &[Lane::Positions, Lane::Frames], None);
    }

    /// Appends what changed since the last time to the JSON lane, if anybody reads it.
    pub fn tick_json(&self, now: Instant) {
        let mut guard = self.lock();
        let core = &mut *guard;
        let end = core.lane(Lane::Positions).end();
        if end == core.json_since {
            return;
        }
        let since = std::mem::replace(&mut core.json_since, end);
        if !core.watchers.read(Lane::PositionsJson) {
            // The lane stands still, so a state tick of before would pass for a new one.
            core.state_ticks
                .retain(|tick| tick.kind != ViewerKind::Json);
            return;
        }
        let changed: Vec<_> = core.table.changed_since(since).copied().collect();
        // Writing JSON takes its time; nobody waits for it.
        drop(guard);
        let mut text = BytesMut::new();
        let parts = changed.chunks(JSON_RECORDS_MAX);
        let messages = parts.len() as u32;
        for records in parts {
            (self.encoders.seal_positions_json)(records, &mut text);
        }
        let mut guard = self.lock();
        let core = &mut *guard;
        if let Some(log) = core.lane_if_read(Lane::PositionsJson, text.len()) {
            log.append(messages, now, None, |out| out.extend_from_slice(&text));
        }
        self.announce(core, &[Lane::PositionsJson], None);
    }
}
