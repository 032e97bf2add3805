//! What passes between the thread that orders frames and the one that writes them: a count, a
//! wake, and what the writing cost. The same for every layout.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

type Wake = Box<dyn Fn() + Send + Sync>;

/// The feed; see the module.
#[derive(Default)]
pub(crate) struct Feed {
    due: AtomicU64,
    writes: AtomicU64,
    is_over: AtomicBool,
    server: OnceLock<Server>,
}

struct Server {
    schedstat: String,
    wake: Wake,
}

impl Feed {
    /// The writing thread is there; `wake` makes it look at what is due.
    pub(crate) fn served_by_this_thread(&self, wake: Wake) {
        let schedstat = schedstat_of_this_thread().unwrap();
        assert!(
            self.server.set(Server { schedstat, wake }).is_ok(),
            "one feed, one server"
        );
    }

    pub(crate) fn wait_until_served(&self) {
        while self.server.get().is_none() {
            thread::yield_now();
        }
    }

    /// From now on so many messages are due in all.
    pub(crate) fn order(&self, due: u64) {
        self.due.store(due, Ordering::Release);
        self.wake();
    }

    pub(crate) fn due(&self) -> u64 {
        self.due.load(Ordering::Acquire)
    }

    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Release);
        self.wake();
    }

    pub(crate) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Acquire)
    }

    fn wake(&self) {
        if let Some(server) = self.server.get() {
            (server.wake)();
        }
    }

    /// So many system calls more have written something.
    pub(crate) fn count_writes(&self, writes: u64) {
        self.writes.fetch_add(writes, Ordering::Relaxed);
    }

    pub(crate) fn writes(&self) -> u64 {
        self.writes.load(Ordering::Relaxed)
    }

    /// Nanoseconds that the writing thread has spent on a core.
    pub(crate) fn cpu_ns(&self) -> u64 {
        self.server
            .get()
            .and_then(|server| cpu_ns(&server.schedstat))
            .unwrap()
    }
}

/// Nanoseconds that this thread has spent on a core, where the system tells.
pub(crate) fn cpu_ns_of_this_thread() -> Option<u64> {
    cpu_ns(&schedstat_of_this_thread()?)
}

fn schedstat_of_this_thread() -> Option<String> {
    let link = std::fs::read_link("/proc/thread-self").ok()?;
    Some(format!("/proc/{}/schedstat", link.display()))
}

fn cpu_ns(schedstat: &str) -> Option<u64> {
    std::fs::read_to_string(schedstat)
        .ok()?
        .split(' ')
        .next()?
        .parse()
        .ok()
}
