//! What the system says about this process, under the names that Prometheus' own libraries use.
//!
//! It is read when it is asked for; what the system does not tell is left out.

use std::fs;

use rustix::time::{ClockId, clock_gettime};

use super::exposition::Exposition;

/// Writes the families.
pub(super) fn show(exposition: &mut Exposition) {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    exposition.time_counter(
        "process_cpu_seconds_total",
        "Processor time that the process has used.",
        used.tv_sec as u64 * 1_000_000_000 + used.tv_nsec as u64,
    );
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let limit = rlimit::Resource::NOFILE.get_soft().ok();
    let gauges = [
        (
            "process_resident_memory_bytes",
            "Memory that the process holds.",
            field(&status, "VmRSS").map(|kib| kib * 1024),
        ),
        (
            "process_resident_memory_max_bytes",
            "The most memory that the process has held.",
            field(&status, "VmHWM").map(|kib| kib * 1024),
        ),
        (
            "process_virtual_memory_bytes",
            "Addresses that the process has mapped.",
            field(&status, "VmSize").map(|kib| kib * 1024),
        ),
        (
            "process_threads",
            "Threads of the process.",
            field(&status, "Threads"),
        ),
        ("process_open_fds", "Files that are open.", open_files()),
        (
            "process_max_fds",
            "Files that may be open.",
            limit.map(|limit| limit.min(i64::MAX as u64)),
        ),
    ];
    for (name, help, value) in gauges {
        if let Some(value) = value {
            exposition.gauge(name, help, value as i64);
        }
    }
}

/// The number of a line `NAME: NUMBER ...`.
fn field(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find(|line| {
        let rest = line.strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(':'))
    })?;
    line.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn open_files() -> Option<u64> {
    // The folder that is read is one of them.
    let files = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(files.saturating_sub(1) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_apart() {
        let status = "Name:\tagnt\nVmSize:\t  100 kB\nVmRSS:\t   64 kB\nThreads:\t5\n";
        assert_eq!(field(status, "VmRSS"), Some(64));
        assert_eq!(field(status, "Threads"), Some(5));
        assert_eq!(field(status, "VmHWM"), None);
        assert_eq!(field(status, "Vm"), None);
    }
}
