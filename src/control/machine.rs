//! The machine's own load, as Linux tells it; elsewhere it is 0.
//!
//! No graphics processor is measured: no interface to one is part of every machine.

use std::sync::atomic::{AtomicU64, Ordering};

/// Processor and memory in use; written by one thread, read by all.
#[derive(Debug, Default)]
pub struct Machine {
    cpu_bits: AtomicU64,
    memory_bits: AtomicU64,
    busy_jiffies: AtomicU64,
    all_jiffies: AtomicU64,
}

/// Shares of 1.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MachineLoad {
    /// The processors' time that was not idle, since the last measurement.
    pub cpu: f64,
    /// Memory that is not available.
    pub memory: f64,
}

impl Machine {
    /// Measures anew. To be called by one thread only.
    pub fn measure(&self) {
        let read = |path| std::fs::read_to_string(path).unwrap_or_default();
        self.take_in(&read("/proc/stat"), &read("/proc/meminfo"));
    }

    fn take_in(&self, stat: &str, meminfo: &str) {
        if let Some((busy, all)) = jiffies(stat) {
            let busy_before = self.busy_jiffies.swap(busy, Ordering::Relaxed);
            let all_before = self.all_jiffies.swap(all, Ordering::Relaxed);
            let passed = all.saturating_sub(all_before);
            if passed > 0 {
                let cpu = busy.saturating_sub(busy_before) as f64 / passed as f64;
                self.cpu_bits
                    .store(cpu.min(1.0).to_bits(), Ordering::Relaxed);
            }
        }
        if let Some(memory) = memory_share(meminfo) {
            self.memory_bits.store(memory.to_bits(), Ordering::Relaxed);
        }
    }

    /// The last measurement.
    pub fn load(&self) -> MachineLoad {
        let share = |bits: &AtomicU64| f64::from_bits(bits.load(Ordering::Relaxed));
        MachineLoad {
            cpu: share(&self.cpu_bits),
            memory: share(&self.memory_bits),
        }
    }
}

/// Busy and all jiffies of the first line of `/proc/stat`: user, nice, system, idle, iowait, irq,
/// softirq, steal. Guests' time is part of user's.
fn jiffies(stat: &str) -> Option<(u64, u64)> {
    let line = stat.lines().next()?.strip_prefix("cpu ")?;
    let numbers: Vec<u64> = line
        .split_whitespace()
        .take(8)
        .map(str::parse)
        .collect::<Result<_, _>>()
        .ok()?;
    let all: u64 = numbers.iter().sum();
    let idle = numbers.get(3)? + numbers.get(4).unwrap_or(&0);
    Some((all - idle, all))
}

/// The share of memory that is in use, from `/proc/meminfo`.
fn memory_share(meminfo: &str) -> Option<f64> {
    let kilobytes = |name: &str| -> Option<f64> {
        let line = meminfo.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    let total = kilobytes("MemTotal:")?;
    let available = kilobytes("MemAvailable:")?;
    (total > 0.0).then(|| (1.0 - available / total).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMORY: &str =
        "MemTotal:        8000000 kB\nMemFree:          100000 kB\nMemAvailable:    2000000 kB\n";

    #[test]
    fn load_is_what_passed_between_two_measurements() {
        let machine = Machine::default();
        assert_eq!(machine.load(), MachineLoad::default());
        machine.take_in("cpu  100 0 100 700 100 0 0 0 50 0\ncpu0 1 1\n", MEMORY);
        assert_eq!(
            machine.load(),
            MachineLoad {
                cpu: 0.2,
                memory: 0.75
            }
        );
        // 100 jiffies more, 75 of them busy: 50 user, 10 softirq, 15 steal; 25 idle.
        machine.take_in("cpu  150 0 100 720 105 0 10 15 50 0\n", MEMORY);
        let load = MachineLoad {
            cpu: 0.75,
            memory: 0.75,
        };
        assert_eq!(machine.load(), load);
        machine.take_in("cpu  150 0 100 720 105 0 10 15 50 0\n", MEMORY);
        assert_eq!(machine.load(), load, "no time passed");
    }

    #[test]
    fn what_is_not_there_changes_nothing() {
        let machine = Machine::default();
        for (stat, memory) in [
            ("", ""),
            ("cpu  x", "MemTotal: 0 kB\nMemAvailable: 0 kB"),
            ("intr 1", "MemTotal: 5 kB"),
        ] {
            machine.take_in(stat, memory);
            assert_eq!(machine.load(), MachineLoad::default());
        }
    }

    #[test]
    fn a_linux_machine_has_some_load() {
        let machine = Machine::default();
        machine.measure();
        let load = machine.load();
        assert_eq!(cfg!(target_os = "linux"), load.memory > 0.0);
        assert!((0.0..=1.0).contains(&load.cpu) && (0.0..=1.0).contains(&load.memory));
    }
}
