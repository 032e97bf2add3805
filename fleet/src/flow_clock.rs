//! The clock of workflows and commands: which are due when, and which ended first. It follows from
//! the rows, and is told of each change of them.

use std::collections::BTreeSet;

use crate::command::Command;
use crate::workflow::Workflow;
use crate::{Id, Timestamp};

/// The clock of workflows and commands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct FlowClock {
    /// Running workflows by their deadlines.
    pub(crate) workflows_due: Moments,
    /// Ended workflows by their ends.
    pub(crate) workflows_ended: Moments,
    /// Commands that wait for an answer, by when that ends.
    pub(crate) commands_due: Moments,
    /// Commands that wait no more, by their ends.
    pub(crate) commands_ended: Moments,
}

impl FlowClock {
    /// A workflow changed.
    pub(crate) fn replace_workflow(&mut self, old: Option<&Workflow>, new: Option<&Workflow>) {
        if let Some(old) = old {
            self.workflows_due.remove(&old.id, workflow_due(old));
            self.workflows_ended.remove(&old.id, old.finished_at);
        }
        if let Some(new) = new {
            self.workflows_due.insert(&new.id, workflow_due(new));
            self.workflows_ended.insert(&new.id, new.finished_at);
        }
    }

    /// A command changed.
    pub(crate) fn replace_command(&mut self, old: Option<&Command>, new: Option<&Command>) {
        if let Some(old) = old {
            self.commands_due.remove(&old.id, command_due(old));
            self.commands_ended.remove(&old.id, old.finished_at);
        }
        if let Some(new) = new {
            self.commands_due.insert(&new.id, command_due(new));
            self.commands_ended.insert(&new.id, new.finished_at);
        }
    }
}

fn workflow_due(workflow: &Workflow) -> Option<Timestamp> {
    workflow.deadline.filter(|_| !workflow.status.is_terminal())
}

fn command_due(command: &Command) -> Option<Timestamp> {
    (!command.status.is_terminal()).then(|| command.due())
}

/// Ids in the order of a moment of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Moments(BTreeSet<(Timestamp, Id)>);

impl Moments {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// The earliest `count_max` of those not after `now`.
    pub(crate) fn until(&self, now: Timestamp, count_max: usize) -> Vec<Id> {
        let past = self.0.iter().take_while(|(moment, _)| *moment <= now);
        past.take(count_max).map(|(_, id)| id.clone()).collect()
    }

    /// The earliest `count_max`.
    pub(crate) fn earliest(&self, count_max: usize) -> Vec<Id> {
        self.until(Timestamp::MAX, count_max)
    }

    fn insert(&mut self, id: &Id, moment: Option<Timestamp>) {
        if let Some(moment) = moment {
            self.0.insert((moment, id.clone()));
        }
    }

    fn remove(&mut self, id: &Id, moment: Option<Timestamp>) {
        if let Some(moment) = moment {
            self.0.remove(&(moment, id.clone()));
        }
    }
}
