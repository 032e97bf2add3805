//! What is due when.

use std::collections::BTreeSet;

use crate::Timestamp;
use crate::task::{Task, TaskStatus};

/// Things by when they are due.
#[derive(Debug, PartialEq)]
pub(crate) struct DueSet<K: Ord>(BTreeSet<(Timestamp, K)>);

impl<K: Ord> Default for DueSet<K> {
    fn default() -> Self {
        Self(BTreeSet::new())
    }
}

impl<K: Ord + Copy> DueSet<K> {
    /// These are not due any more, and those are.
    pub(crate) fn replace(
        &mut self,
        old: impl IntoIterator<Item = (Timestamp, K)>,
        new: impl IntoIterator<Item = (Timestamp, K)>,
    ) {
        for entry in old {
            self.0.remove(&entry);
        }
        self.0.extend(new);
    }

    /// What is due longest, if it is due at all.
    pub(crate) fn first(&self, now: Timestamp) -> Option<K> {
        let (due, what) = self.0.first()?;
        (*due <= now).then_some(*what)
    }
}

/// What is due of the task with this ordinal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum TaskDue {
    /// Its deadline has come.
    Deadline(u32),
    /// Its attempt took too long.
    Timeout(u32),
    /// It may be tried again.
    Retry(u32),
}

impl TaskDue {
    /// The task's ordinal.
    pub(crate) fn ordinal(self) -> u32 {
        match self {
            Self::Deadline(ordinal) | Self::Timeout(ordinal) | Self::Retry(ordinal) => ordinal,
        }
    }

    /// What is due of a task.
    pub(super) fn of(task: &Task) -> impl IntoIterator<Item = (Timestamp, Self)> + use<> {
        let ordinal = task.ordinal;
        let deadline = task.deadline.map(|at| (at, Self::Deadline(ordinal)));
        match task.status {
            TaskStatus::Pending => {
                let retry = task.retry_at.map(|at| (at, Self::Retry(ordinal)));
                [deadline, retry].into_iter().flatten()
            }
            TaskStatus::Running => {
                let timeout = task.started_at.zip(task.timeout_ms);
                let timeout = timeout.map(|(at, ms)| (at.plus_ms(ms), Self::Timeout(ordinal)));
                [deadline, timeout].into_iter().flatten()
            }
            _ => [None, None].into_iter().flatten(),
        }
    }
}
