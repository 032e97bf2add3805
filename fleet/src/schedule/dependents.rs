//! Which open tasks depend on which, and what holds each back.

use std::collections::HashMap;
use std::sync::Arc;

use super::groups::Groups;
use crate::Id;
use crate::tables::Tables;
use crate::task::{Task, TaskStatus};

/// The dependencies of open tasks, both ways.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Dependents {
    /// Ordinals of the open tasks that depend on a task, which need not exist.
    by_dependency: Groups<Id, u32>,
    holds: HashMap<u32, Holds>,
}

/// How many dependencies hold a task back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Holds {
    /// Those that may yet be completed.
    pub(super) unmet: u32,
    /// Those that never will be.
    pub(super) hopeless: u32,
}

/// What a task is to those that depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It does not exist, or has not ended.
    Open,
    /// It is completed.
    Completed,
    /// It ended otherwise.
    Hopeless,
}

impl Standing {
    /// What this row, or its absence, is.
    pub(super) fn of(task: Option<&Arc<Task>>) -> Self {
        match task.map(|task| task.status) {
            None | Some(TaskStatus::Pending | TaskStatus::Running) => Self::Open,
            Some(TaskStatus::Completed) => Self::Completed,
            Some(TaskStatus::Failed | TaskStatus::Cancelled | TaskStatus::Timeout) => {
                Self::Hopeless
            }
        }
    }
}

impl Holds {
    fn of(&mut self, standing: Standing) -> Option<&mut u32> {
        match standing {
            Standing::Open => Some(&mut self.unmet),
            Standing::Completed => None,
            Standing::Hopeless => Some(&mut self.hopeless),
        }
    }
}

impl Dependents {
    /// An open task has come.
    pub(super) fn insert(&mut self, task: &Task, tables: &Tables) {
        if task.dependencies.is_empty() {
            return;
        }
        let mut holds = Holds::default();
        for id in &task.dependencies {
            self.by_dependency.insert(id, task.ordinal);
            if let Some(count) = holds.of(Standing::of(tables.tasks.find(id.as_str()))) {
                *count += 1;
            }
        }
        self.holds.insert(task.ordinal, holds);
    }

    /// An open task has gone, or ended.
    pub(super) fn remove(&mut self, task: &Task) {
        for id in &task.dependencies {
            self.by_dependency.remove(id, &task.ordinal);
        }
        self.holds.remove(&task.ordinal);
    }

    /// What holds a task back.
    pub(super) fn holds(&self, ordinal: u32) -> Holds {
        self.holds.get(&ordinal).copied().unwrap_or_default()
    }

    /// Whether open tasks depend on this one.
    pub(super) fn is_awaited(&self, id: &Id) -> bool {
        self.by_dependency.find(id).is_some()
    }

    /// A task is now something else to those that depend on it. Returns their ordinals.
    pub(super) fn standing_changed(
        &mut self,
        id: &Id,
        before: Standing,
        after: Standing,
    ) -> Vec<u32> {
        let Some(dependents) = self.by_dependency.find(id) else {
            return Vec::new();
        };
        for ordinal in dependents {
            let Some(holds) = self.holds.get_mut(ordinal) else {
                continue;
            };
            if let Some(count) = holds.of(before) {
                *count = count.saturating_sub(1);
            }
            if let Some(count) = holds.of(after) {
                *count += 1;
            }
        }
        dependents.iter().copied().collect()
    }
}
