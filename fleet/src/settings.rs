//! Bounds of a fleet and of what runs it.

use agnt_store::Options;

use crate::core::CoreSettings;

/// What a fleet is opened with.
#[derive(Clone, Debug)]
pub struct FleetSettings {
    /// Bounds of agents, tasks and the rest, for the rules.
    pub core: CoreSettings,
    /// When commits reach the disk, and how much memory the file's pages take.
    pub store: Options,
    /// Which events are kept.
    pub events_kept: EventsKept,
    /// How much of the newest events is held in memory, in bytes; older ones are read from the file.
    pub events_ring_bytes_max: usize,
    /// How many topics of events are listed apart (see [`EventIndex`](crate::topics::EventIndex)).
    pub topics_max: usize,
    /// How many mutations may wait.
    pub queue_len_max: usize,
    /// How much they may take together, in bytes.
    pub queue_bytes_max: usize,
    /// How many mutations one commit may carry.
    pub batch_len_max: usize,
    /// How much these may take together, in bytes.
    pub batch_bytes_max: usize,
    /// How long the outcome for an idempotency key is kept, in ms (ruling 45).
    pub idempotency_ms: u64,
    /// How many such keys are kept; the oldest go first.
    pub idempotency_keys_max: usize,
    /// How often the clock's own work is done, in ms: timeouts, silence, retention.
    pub tick_ms: u64,
}

impl Default for FleetSettings {
    fn default() -> Self {
        Self {
            core: CoreSettings::default(),
            store: Options::default(),
            events_kept: EventsKept::default(),
            events_ring_bytes_max: 64 << 20,
            topics_max: 4096,
            queue_len_max: 65_536,
            queue_bytes_max: 64 << 20,
            batch_len_max: 4096,
            batch_bytes_max: 16 << 20,
            idempotency_ms: 24 * 60 * 60 * 1000,
            idempotency_keys_max: 1_000_000,
            tick_ms: 1000,
        }
    }
}

/// Which events are kept: those within all of these bounds, and always the newest. They go a
/// sixty-fourth of `count_max` at a time, at most 1,024, so that somewhat more than that may be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventsKept {
    /// How many.
    pub count_max: u64,
    /// How much of them, in bytes as stored.
    pub bytes_max: u64,
    /// How old they may be, in ms; `None` is any age.
    pub age_ms_max: Option<u64>,
}

impl Default for EventsKept {
    fn default() -> Self {
        Self {
            count_max: 1_000_000,
            bytes_max: 1 << 30,
            age_ms_max: None,
        }
    }
}
