//! What a process has used: time on a core, memory, the share of the kernel.
//!
//! Time comes from `/proc/PID/task/*/schedstat`, which counts nanoseconds on a core; the 10 ms
//! ticks of `/proc/PID/stat` only give the split between user and kernel. A thread that ends
//! keeps what it had at its last sample, so sample now and then.

use std::collections::HashMap;
use std::fs::{self, DirEntry, ReadDir};

use rustix::param::clock_ticks_per_second;
use rustix::process::{Pid, Signal, kill_process};

use crate::failure::{Context, Failure, Result};

/// Totals of one process since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_field_names)] // names end in their unit
pub(crate) struct CpuTime {
    /// Nanoseconds on a core, all threads together.
    pub(crate) on_cpu_ns: u64,
    /// Nanoseconds in its own code, in steps of 10 ms.
    pub(crate) user_ns: u64,
    /// Nanoseconds in the kernel, in steps of 10 ms.
    pub(crate) system_ns: u64,
}

impl CpuTime {
    /// What was used since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            on_cpu_ns: self.on_cpu_ns.saturating_sub(earlier.on_cpu_ns),
            user_ns: self.user_ns.saturating_sub(earlier.user_ns),
            system_ns: self.system_ns.saturating_sub(earlier.system_ns),
        }
    }

    /// The share of its own code, 0 to 1, in the time that the ticks saw.
    pub(crate) fn user_share(self) -> f64 {
        let ticked_ns = self.user_ns + self.system_ns;
        if ticked_ns == 0 {
            0.0
        } else {
            self.user_ns as f64 / ticked_ns as f64
        }
    }
}

/// Reads the usage of one process.
#[derive(Debug)]
pub(crate) struct ProcessUsage {
    pid: u32,
    thread_ns: HashMap<String, u64>,
}

impl ProcessUsage {
    /// A meter for `pid`.
    pub(crate) fn new(pid: u32) -> Self {
        Self {
            pid,
            thread_ns: HashMap::new(),
        }
    }

    /// Totals up to now.
    pub(crate) fn cpu_time(&mut self) -> Result<CpuTime> {
        let pid = self.pid;
        for task in tasks(pid)?.flatten() {
            // A thread may end between the listing and the reading.
            if let Some(on_cpu_ns) = on_cpu_ns(&task) {
                let thread = task.file_name().to_string_lossy().into_owned();
                self.thread_ns.insert(thread, on_cpu_ns);
            }
        }
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("stat")?;
        // The name may hold spaces; the numbered fields start behind its closing parenthesis.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let mut ticks = fields.split_whitespace().skip(11).map(str::parse::<u64>);
        let tick_ns = 1_000_000_000 / clock_ticks_per_second();
        let mut next_ns = || ticks.next().and_then(std::result::Result::ok).unwrap_or(0) * tick_ns;
        Ok(CpuTime {
            on_cpu_ns: self.thread_ns.values().sum(),
            user_ns: next_ns(),
            system_ns: next_ns(),
        })
    }

    /// Bytes of memory that are resident now.
    pub(crate) fn rss_bytes(&self) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).context("status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        let kibibytes = kibibytes.ok_or_else(|| Failure::new("no VmRSS in /proc"))?;
        Ok(kibibytes * 1024)
    }
}

/// Nanoseconds on a core of the threads of `pid` that have this name.
pub(crate) fn thread_cpu_ns(pid: u32, name: &str) -> Result<u64> {
    let named = tasks(pid)?.flatten().filter(|task| {
        let its_name = fs::read_to_string(task.path().join("comm"));
        its_name.is_ok_and(|its_name| its_name.trim_end() == name)
    });
    named
        .filter_map(|task| on_cpu_ns(&task))
        .reduce(|sum, ns| sum + ns)
        .ok_or_else(|| Failure::new(format!("process {pid} has no thread {name}")))
}

fn tasks(pid: u32) -> Result<ReadDir> {
    fs::read_dir(format!("/proc/{pid}/task")).context(format!("process {pid} can't be measured"))
}

/// Nanoseconds on a core of one thread; `None` if it has ended meanwhile.
fn on_cpu_ns(task: &DirEntry) -> Option<u64> {
    let line = fs::read_to_string(task.path().join("schedstat")).ok()?;
    line.split(' ').next()?.parse().ok()
}

/// Asks a process to end in order.
pub(crate) fn terminate(pid: u32) -> Result<()> {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| Failure::new("a process has a positive id"))?;
    kill_process(pid, Signal::TERM).context("SIGTERM")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_measured() {
        let mut usage = ProcessUsage::new(std::process::id());
        let before = usage.cpu_time().unwrap();
        let sum = (0..20_000_000_u64).fold(0, |sum: u64, n| sum.rotate_left(3) ^ n);
        assert_ne!(sum, 1);
        let used = usage.cpu_time().unwrap().since(before);
        assert!(used.on_cpu_ns > 0);
        assert!(usage.rss_bytes().unwrap() > 100_000);
    }

    #[test]
    fn a_thread_is_found_by_its_name() {
        let busy = std::thread::Builder::new().name("load-busy".to_owned());
        let measured = busy.spawn(|| {
            let sum = (0..20_000_000_u64).fold(0, |sum: u64, n| sum.rotate_left(3) ^ n);
            assert_ne!(sum, 1);
            thread_cpu_ns(std::process::id(), "load-busy").unwrap()
        });
        assert!(measured.unwrap().join().unwrap() > 0);
        assert!(thread_cpu_ns(std::process::id(), "load-nobody").is_err());
    }
}
