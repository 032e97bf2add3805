//! The bounds of what a request may say. Those of what the fleet keeps are the fleet's.

/// How deep a body's JSON may be nested.
pub const JSON_DEPTH_MAX: usize = 64;

/// The longest body, in bytes; whoever reads it from the socket stops there.
pub const BODY_BYTES_MAX: usize = 1 << 20;

/// The longest page of a list, in bytes.
pub const PAGE_BYTES_MAX: usize = 8 << 20;

/// The longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 8 << 10;

/// The longest label: a capability, a type of agents, a name, a version, in characters.
pub const LABEL_CHARS_MAX: usize = 128;

/// The longest text for people, in characters.
pub const TEXT_CHARS_MAX: usize = 4096;

/// The longest reason in a query, in characters: escaped, it has to fit into one.
pub const REASON_CHARS_MAX: usize = 512;

/// The longest URL, in characters.
pub const URL_CHARS_MAX: usize = 2048;

/// The longest `Idempotency-Key`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// The longest duration, in ms: a year.
pub const DURATION_MS_MAX: u64 = 31_536_000_000;

/// The shortest timeout of a command, in ms (document A, `Command.timeout_ms`).
pub const COMMAND_TIMEOUT_MS_MIN: u64 = 1000;

/// How long an answer to a request waits for a workflow if nobody says, in ms (document B,
/// `timeout: 30s`).
pub const WAIT_MS_DEFAULT: u64 = 30_000;

/// How often an agent is to be heard of, in s.
pub const HEARTBEAT_INTERVAL_S: u64 = 30;

/// The most tasks that an agent may take at once.
pub const MAX_TASKS_MAX: u64 = 100_000;

/// How many capabilities an agent may have.
pub const CAPABILITIES_MAX: usize = 256;

/// How many tasks a task may depend on.
pub const DEPENDENCIES_MAX: usize = 1000;

/// How many stages a workflow may have.
pub const STAGES_MAX: usize = 1000;

/// How many attempts a task may be given.
pub const ATTEMPTS_MAX: u64 = 100;

/// How many entries a page of a list has at most (document A, `limit`).
pub const PAGE_LIMIT_MAX: u64 = 100;

/// How many it has if nobody says.
pub const PAGE_LIMIT_DEFAULT: u64 = 20;

/// How many events a page has at most.
pub const EVENTS_LIMIT_MAX: u64 = 1000;

/// How many it has if nobody says.
pub const EVENTS_LIMIT_DEFAULT: u64 = 100;

/// What an agent may measure beside the known figures, in bytes of JSON a heartbeat.
pub const OTHER_METRICS_BYTES_MAX: usize = 4 << 10;

/// How many wrong fields one answer names.
pub const ISSUES_MAX: usize = 64;

/// How many agents the metrics list (document B, `agent_metrics`).
pub const AGENT_METRICS_MAX: usize = 1000;
