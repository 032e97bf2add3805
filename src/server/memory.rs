//! Looking how much memory the process has, and keeping it below its bound.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::allocator;
use crate::domain::{MemoryRoom, Room};

/// How often it is looked. What can come over fast sockets meanwhile is far less than what lies
/// between the share at which room becomes tight and the bound.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// How often what was freed goes back to the kernel: while more than half of the bound is in use, and else.
/// In between the allocator keeps it for whoever needs some next.
const GIVEN_BACK_EVERY: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(10)];
const MUCH_PERCENT: u64 = 50;

/// Of what the control group may use, how much the process may: the rest is the kernel's, for files
/// and sockets.
const GROUP_SHARE_PERCENT: u64 = 80;

/// The thread that looks.
#[derive(Debug)]
pub(super) struct MemoryWatch {
    thread: JoinHandle<()>,
    is_over: Arc<AtomicBool>,
}

impl MemoryWatch {
    /// Looks from now on.
    pub(super) fn start(room: Arc<MemoryRoom>) -> io::Result<Self> {
        let statm = File::open("/proc/self/statm")?;
        let page_bytes = page_bytes();
        let is_over = Arc::new(AtomicBool::new(false));
        let is_ending = Arc::clone(&is_over);
        let thread = thread::Builder::new()
            .name("agnt-memory".to_owned())
            .spawn(move || {
                let mut given_back_at = Instant::now();
                while !is_ending.load(Ordering::Relaxed) {
                    match resident_pages(&statm) {
                        Ok(pages) => {
                            tell(&room, pages * page_bytes);
                            let [soon, later] = GIVEN_BACK_EVERY;
                            let is_much = room.is_beyond(MUCH_PERCENT);
                            if given_back_at.elapsed() >= if is_much { soon } else { later } {
                                allocator::give_back();
                                given_back_at = Instant::now();
                            }
                        }
                        Err(error) => {
                            tracing::error!(%error, "how much memory is used can't be read");
                            return;
                        }
                    }
                    thread::park_timeout(LOOK_EVERY);
                }
            })?;
        Ok(Self { thread, is_over })
    }

    /// Whether it still looks.
    pub(super) fn is_alive(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Looks no more.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }
}

impl Drop for MemoryWatch {
    fn drop(&mut self) {
        self.end();
    }
}

fn tell(room: &MemoryRoom, used_bytes: u64) {
    let before = room.now();
    let after = room.note(used_bytes);
    if after == before {
        return;
    }
    let (used_mib, max_mib) = (used_bytes >> 20, room.bytes_max() >> 20);
    match after {
        Room::Ample => tracing::info!(used_mib, max_mib, "there is room in memory again"),
        Room::Tight => tracing::warn!(used_mib, max_mib, "memory is tight: new work is refused"),
        Room::None => {
            tracing::warn!(
                used_mib,
                max_mib,
                "memory is scarce: who holds much is sent away"
            );
        }
    }
}

fn resident_pages(statm: &File) -> io::Result<u64> {
    let mut text = [0; 128];
    let bytes = statm.read_at(&mut text, 0)?;
    let resident = std::str::from_utf8(&text[..bytes])
        .ok()
        .and_then(|text| text.split(' ').nth(1)?.parse().ok());
    resident.ok_or_else(|| io::Error::other("/proc/self/statm: no second number"))
}

fn page_bytes() -> u64 {
    rustix::param::page_size() as u64
}

/// What the process may have where nobody says: a share of what its control group may have, if that
/// is bounded.
pub(super) fn group_bytes_max() -> Option<u64> {
    let group = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = group.lines().find_map(|line| line.strip_prefix("0::"))?;
    let mut folder = std::path::PathBuf::from("/sys/fs/cgroup");
    folder.push(path.trim_start_matches('/'));
    // A group is bounded by those above it too.
    let bounds = folder.ancestors().filter_map(|folder| {
        let text = fs::read_to_string(folder.join("memory.max")).ok()?;
        text.trim().parse::<u64>().ok()
    });
    bounds.min().map(|bytes| bytes / 100 * GROUP_SHARE_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_used_is_what_the_kernel_says() {
        let statm = File::open("/proc/self/statm").expect("Linux");
        let status = fs::read_to_string("/proc/self/status").expect("Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kib: u64 = line
            .and_then(|line| line.trim().trim_end_matches(" kB").trim().parse().ok())
            .expect("a number");
        let bytes = resident_pages(&statm).expect("a number") * page_bytes();
        // Other tests run meanwhile.
        assert!(
            bytes > kib * 1024 / 4 && bytes < kib * 1024 * 4,
            "{bytes} {kib} KiB"
        );
    }

    #[test]
    fn it_looks_until_it_is_dropped() {
        let room = Arc::new(MemoryRoom::new(1));
        let watch = MemoryWatch::start(Arc::clone(&room)).expect("a thread");
        while room.now() == Room::Ample {
            thread::yield_now();
        }
        assert!(watch.is_alive() && room.used_bytes() > 0);
        drop(watch);
    }
}
