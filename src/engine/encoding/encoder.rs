//! The thread that makes the encodings of all streams.

use std::sync::{Arc, Weak};
use std::thread::{self, JoinHandle};
use std::time::Instant;
use std::{fmt, io};

use super::Bell;
use crate::engine::Stream;

/// What encoding came to, between two looks at it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EncoderTally {
    /// Ticks encoded, each once however many encodings are in use.
    pub ticks: u64,
    /// Compressed messages made.
    pub batches: u64,
    /// State ticks made for viewers that joined or lagged.
    pub states: u64,
    /// Times that ticks were left out because the thread couldn't keep up.
    pub conflations: u64,
    /// Bytes of frames before encoding, for each encoding.
    pub bytes_in: u64,
    /// Bytes of finished messages.
    pub bytes_out: u64,
    /// Time of the processor that the thread has used, in nanoseconds.
    pub cpu_ns: u64,
}

/// The encoder: a running thread.
pub struct Encoder {
    bell: Arc<Bell>,
    thread: JoinHandle<()>,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Encoder").finish_non_exhaustive()
    }
}

impl Encoder {
    /// Starts the thread; `tell` is given what it did, again and again.
    pub fn start(
        bell: Arc<Bell>,
        tell: impl Fn(EncoderTally) + Send + 'static,
    ) -> io::Result<Self> {
        let listening = Arc::clone(&bell);
        let thread = thread::Builder::new()
            .name("agnt-encoder".to_owned())
            .spawn(move || run(&listening, &tell))?;
        Ok(Self { bell, thread })
    }

    /// Whether the thread still runs.
    pub fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Tells the thread to end.
    pub fn end(&self) {
        self.bell.end();
    }
}

fn run(bell: &Bell, tell: &impl Fn(EncoderTally)) {
    let mut due: Vec<(Instant, Weak<Stream>)> = Vec::new();
    let mut cpu_before = thread_cpu_ns();
    while let Some(mut rung) = bell.listen(due.iter().map(|(at, _)| *at).min()) {
        let now = Instant::now();
        due.retain(|(at, stream)| {
            let is_due = now >= *at;
            if is_due && !rung.iter().any(|held| held.ptr_eq(stream)) {
                rung.push(Weak::clone(stream));
            }
            !is_due
        });
        let mut tally = EncoderTally::default();
        for stream in rung {
            let Some(held) = stream.upgrade() else {
                continue;
            };
            let next = held.encode(Instant::now(), &mut tally);
            due.retain(|(_, waiting)| !waiting.ptr_eq(&stream));
            due.extend(next.map(|at| (at, stream)));
        }
        let cpu = thread_cpu_ns();
        tally.cpu_ns = cpu.saturating_sub(cpu_before);
        cpu_before = cpu;
        tell(tally);
    }
}

/// Nanoseconds of the processor that this thread has used.
fn thread_cpu_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}
