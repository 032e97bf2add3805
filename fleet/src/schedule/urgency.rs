//! Which of two waiting tasks goes first.

use std::cmp::Reverse;

use crate::Priority;
use crate::task::Task;

/// The place of a task among those that wait; the most urgent is the greatest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Urgency(Priority, Reverse<u32>);

impl Urgency {
    /// By priority, then by creation.
    pub(super) fn of(task: &Task) -> Self {
        Self(task.priority, Reverse(task.ordinal))
    }

    /// The task's ordinal.
    pub(super) fn ordinal(self) -> u32 {
        self.1.0
    }
}
