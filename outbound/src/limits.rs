//! Each bound of what goes out.

/// Each bound of what goes out. The default is fit for a server that calls a few dozen hosts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Deliveries that are waiting, under way or between two attempts.
    pub deliveries_max: usize,
    /// How many of them may be for one host and port, so that one that stalls leaves room.
    pub deliveries_per_host_max: usize,
    /// The bytes of their bodies, URLs and ids together.
    pub delivery_bytes_max: usize,
    /// Attempts that hold a connection at the same time.
    pub attempts_max: usize,
    /// How many of them may be to one host and port.
    pub attempts_per_host_max: usize,
    /// Health polls that hold a connection at the same time.
    pub polls_max: usize,
    /// Names that are looked up at the same time; each lookup holds a thread.
    pub lookups_max: usize,
    /// Hosts and ports of which slots and breaker are remembered.
    pub hosts_max: usize,
    /// One attempt, from the name's lookup to the reply, in ms.
    pub attempt_ms: u64,
    /// One delivery with all its waits, in ms.
    pub delivery_ms: u64,
    /// Attempts after the first.
    pub retries_max: u32,
    /// The longest wait before the first retry, in ms; it doubles with each further one.
    pub backoff_ms: u64,
    /// The longest wait before any retry, in ms.
    pub backoff_ms_max: u64,
    /// Bytes of a reply's body that are read and thrown away.
    pub reply_bytes_max: usize,
    /// Bytes of a reply's head.
    pub reply_head_bytes_max: usize,
    /// Failures in a row after which a host is left alone.
    pub breaker_failures: u32,
    /// For how long, in ms.
    pub breaker_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            deliveries_max: 10_000,
            deliveries_per_host_max: 1_000,
            delivery_bytes_max: 64 << 20,
            attempts_max: 64,
            attempts_per_host_max: 4,
            polls_max: 64,
            lookups_max: 16,
            hosts_max: 4_096,
            attempt_ms: 3_000,
            delivery_ms: 60_000,
            retries_max: 3,
            backoff_ms: 500,
            backoff_ms_max: 10_000,
            reply_bytes_max: 64 << 10,
            reply_head_bytes_max: 64 << 10,
            breaker_failures: 5,
            breaker_ms: 30_000,
        }
    }
}

impl Limits {
    /// The first bound with which nothing could go out, by its name.
    pub(crate) fn first_zero(&self) -> Option<&'static str> {
        [
            (self.deliveries_max == 0, "deliveries_max"),
            (self.deliveries_per_host_max == 0, "deliveries_per_host_max"),
            (self.delivery_bytes_max == 0, "delivery_bytes_max"),
            (self.attempts_max == 0, "attempts_max"),
            (self.attempts_per_host_max == 0, "attempts_per_host_max"),
            (self.polls_max == 0, "polls_max"),
            (self.lookups_max == 0, "lookups_max"),
            (self.hosts_max == 0, "hosts_max"),
            (self.attempt_ms == 0, "attempt_ms"),
            (self.delivery_ms == 0, "delivery_ms"),
            (self.breaker_failures == 0, "breaker_failures"),
        ]
        .into_iter()
        .find_map(|(is_zero, name)| is_zero.then_some(name))
    }
}
