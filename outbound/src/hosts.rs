//! What is remembered of each host and port that is called: its slots, its share of the queue, its
//! breaker.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Semaphore;

use crate::breaker::Breaker;
use crate::limits::Limits;

/// All hosts that are called, by host and port. Bounded: whoever is idle is forgotten first, then
/// whoever is idle and has failed.
#[derive(Debug)]
pub(crate) struct Hosts {
    called: Mutex<HashMap<String, Arc<CalledHost>>>,
    hosts_max: usize,
    attempts_max: usize,
    deliveries_max: usize,
}

/// One host and port.
#[derive(Debug)]
pub(crate) struct CalledHost {
    /// A permit for each connection.
    pub(crate) attempts: Semaphore,
    /// A permit for each delivery that it may have waiting.
    pub(crate) deliveries: Arc<Semaphore>,
    breaker: Mutex<Breaker>,
}

impl CalledHost {
    pub(crate) fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hosts {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            called: Mutex::default(),
            hosts_max: limits.hosts_max,
            attempts_max: limits.attempts_per_host_max,
            deliveries_max: limits.deliveries_per_host_max,
        }
    }

    /// The host of this name and port; none if there are too many that are in use.
    pub(crate) fn called(&self, authority: &str) -> Option<Arc<CalledHost>> {
        let mut called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(host) = called.get(authority) {
            return Some(Arc::clone(host));
        }
        if called.len() >= self.hosts_max {
            called.retain(|_, host| is_in_use(host) || !host.breaker().is_clear());
        }
        if called.len() >= self.hosts_max {
            called.retain(|_, host| is_in_use(host));
        }
        if called.len() >= self.hosts_max {
            return None;
        }
        let host = Arc::new(CalledHost {
            attempts: Semaphore::new(self.attempts_max.min(Semaphore::MAX_PERMITS)),
            deliveries: Arc::new(Semaphore::new(
                self.deliveries_max.min(Semaphore::MAX_PERMITS),
            )),
            breaker: Mutex::default(),
        });
        called.insert(authority.to_owned(), Arc::clone(&host));
        Some(host)
    }

    pub(crate) fn len(&self) -> usize {
        let called = self.called.lock().unwrap_or_else(PoisonError::into_inner);
        called.len()
    }
}

/// Whether a delivery holds it; new holders come only through the map, which is locked here.
fn is_in_use(host: &Arc<CalledHost>) -> bool {
    Arc::strong_count(host) > 1
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    #[test]
    fn idle_hosts_make_room_first_those_without_failures() {
        let hosts = Hosts::new(&Limits {
            hosts_max: 3,
            ..Limits::default()
        });
        let used = hosts.called("used:80").unwrap();
        let failing = hosts.called("failing:80").unwrap();
        failing
            .breaker()
            .failed(Instant::now(), 1, Duration::from_secs(1));
        drop(failing);
        drop(hosts.called("idle:80"));
        assert!(Arc::ptr_eq(&used, &hosts.called("used:80").unwrap()));

        let second = hosts.called("second:80").unwrap();
        assert_eq!(hosts.len(), 3, "idle:80 went");
        assert!(!hosts.called("failing:80").unwrap().breaker().is_clear());

        let third = hosts.called("third:80").unwrap();
        assert_eq!(hosts.len(), 3, "failing:80 went");
        assert!(hosts.called("fourth:80").is_none(), "all are in use");
        drop((second, third));
        assert!(hosts.called("fourth:80").is_some());
        assert!(Arc::ptr_eq(&used, &hosts.called("used:80").unwrap()));
    }
}
