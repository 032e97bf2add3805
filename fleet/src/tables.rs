//! All rows: what the rules work on, and a copy of which everybody reads.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;

use crate::Id;
use crate::agent::Agent;
use crate::command::Command;
use crate::table::Table;
use crate::task::Task;
use crate::template::Template;
use crate::workflow::Workflow;

/// One row changed: what stands under its key from now on, or nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum RowChange {
    /// An agent.
    Agent(Id, Option<Arc<Agent>>),
    /// A task.
    Task(Id, Option<Arc<Task>>),
    /// A workflow.
    Workflow(Id, Option<Arc<Workflow>>),
    /// A command.
    Command(Id, Option<Arc<Command>>),
    /// A template.
    Template(Id, Option<Arc<Template>>),
    /// An answer, under its relative path.
    Answer(String, Option<Arc<StoredAnswer>>),
    /// An API key, as bytes of the guard's.
    Key(Id, Option<Arc<Vec<u8>>>),
    /// The next number for an agent, which is never given again.
    NumericIdNext(u32),
}

/// An answer that is kept under a relative path (ruling 43).
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct StoredAnswer {
    /// What was answered.
    pub body: Value,
    /// When.
    pub at: crate::Timestamp,
}

/// All rows.
#[derive(Clone, Debug, Default)]
pub struct Tables {
    /// Agents.
    pub agents: Table<Agent>,
    /// Tasks.
    pub tasks: Table<Task>,
    /// The ids of tasks by their UUIDs, where these differ.
    pub task_uuids: HashMap<Id, Id>,
    /// Workflows.
    pub workflows: Table<Workflow>,
    /// Commands.
    pub commands: Table<Command>,
    /// Templates.
    pub templates: Table<Template>,
    /// Answers by their path.
    pub answers: HashMap<String, Arc<StoredAnswer>>,
    /// API keys.
    pub keys: HashMap<Id, Arc<Vec<u8>>>,
    /// The next number for an agent.
    pub numeric_id_next: u32,
}

impl Tables {
    /// The task with this id or this UUID.
    pub fn task(&self, id: &str) -> Option<&Arc<Task>> {
        self.tasks
            .find(id)
            .or_else(|| self.tasks.find(self.task_uuids.get(id)?.as_str()))
    }

    /// The agent with this number. Numbers rise in the order of creation, so it is found by halving.
    pub fn agent_numbered(&self, numeric_id: u32) -> Option<Arc<Agent>> {
        let (mut low, mut high) = (0, self.agents.len() as u64);
        while low < high {
            let middle = low + (high - low) / 2;
            let agent = self.agents.page(&[], middle, 1).rows.pop()?;
            match agent.numeric_id.cmp(&numeric_id) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return Some(agent),
                Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Makes a change; returns the one that undoes it.
    pub fn apply(&mut self, change: RowChange) -> RowChange {
        match change {
            RowChange::Agent(id, row) => {
                let old = swap(&mut self.agents, &id, row);
                RowChange::Agent(id, old)
            }
            RowChange::Task(id, row) => {
                let new_uuid = row.as_ref().map(|task| task.uuid.clone());
                let old = swap(&mut self.tasks, &id, row);
                if let Some(old) = &old {
                    self.task_uuids.remove(&old.uuid);
                }
                if let Some(uuid) = new_uuid.filter(|uuid| *uuid != id) {
                    self.task_uuids.insert(uuid, id.clone());
                }
                RowChange::Task(id, old)
            }
            RowChange::Workflow(id, row) => {
                let old = swap(&mut self.workflows, &id, row);
                RowChange::Workflow(id, old)
            }
            RowChange::Command(id, row) => {
                let old = swap(&mut self.commands, &id, row);
                RowChange::Command(id, old)
            }
            RowChange::Template(id, row) => {
                let old = swap(&mut self.templates, &id, row);
                RowChange::Template(id, old)
            }
            RowChange::Answer(path, row) => {
                let old = match row {
                    Some(row) => self.answers.insert(path.clone(), row),
                    None => self.answers.remove(&path),
                };
                RowChange::Answer(path, old)
            }
            RowChange::Key(id, row) => {
                let old = match row {
                    Some(row) => self.keys.insert(id.clone(), row),
                    None => self.keys.remove(&id),
                };
                RowChange::Key(id, old)
            }
            RowChange::NumericIdNext(next) => {
                RowChange::NumericIdNext(std::mem::replace(&mut self.numeric_id_next, next))
            }
        }
    }
}

fn swap<R: crate::row::Row>(table: &mut Table<R>, id: &Id, row: Option<Arc<R>>) -> Option<Arc<R>> {
    match row {
        Some(row) => table.put(row),
        None => table.remove(id.as_str()),
    }
}
