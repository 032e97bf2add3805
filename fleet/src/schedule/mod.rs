//! The schedule: which tasks wait for whom, which agents have room, and what is due when.
//!
//! It follows from the rows: it is told of each change of them, holds nothing that is not in them
//! but what is fresh (see [`Schedule::propose`]), and is never stored. Undoing a row undoes it.

mod dependents;
pub(crate) mod due;
mod groups;
mod need;
mod patrol;
mod room;
#[cfg(test)]
mod tests;
mod urgency;
mod waiting;

use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use self::dependents::{Dependents, Holds, Standing};
use self::due::{DueSet, TaskDue};
use self::groups::Groups;
use self::need::Need;
use self::patrol::Patrol;
use self::room::Room;
use self::urgency::Urgency;
use self::waiting::Waiting;
use crate::agent::Agent;
use crate::command::Command;
use crate::flow_clock::FlowClock;
use crate::tables::Tables;
use crate::task::{Task, TaskStatus};
use crate::workflow::Workflow;
use crate::{Id, Timestamp};

/// The schedule; see the module.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    /// How long ended rows are kept, in ms; `None` is for ever.
    terminal_kept_ms: Option<u64>,
    waiting: Waiting,
    room: Room,
    dependents: Dependents,
    /// Pending tasks with a dependency that will never be completed.
    doomed: BTreeSet<u32>,
    /// Open tasks by the agent that has them.
    assigned: Groups<Id, u32>,
    fresh: Fresh,
    /// Agents that may have fallen silent.
    pub(crate) patrol: Patrol,
    /// What is due of tasks.
    pub(crate) due_tasks: DueSet<TaskDue>,
    /// Ended tasks that no open one depends on, by when they may be forgotten.
    pub(crate) old_tasks: DueSet<u32>,
    /// What is due of workflows and commands.
    pub(crate) flows: FlowClock,
}

/// What may be assigned since it was last looked: between two changes no task waits that an agent
/// has room for, so that only these have to be looked at.
#[derive(Debug, Default)]
struct Fresh {
    /// Agents that have room now, or room for more.
    agents: Vec<u32>,
    /// Tasks that wait now, and the most urgent ones of fresh agents, which these are named with.
    tasks: BinaryHeap<(Urgency, Option<u32>)>,
}

impl Schedule {
    /// The schedule of these rows; all of it is fresh.
    pub(crate) fn new(tables: &Tables, terminal_kept_ms: Option<u64>) -> Self {
        let mut schedule = Self {
            terminal_kept_ms,
            ..Self::default()
        };
        for agent in tables.agents.iter() {
            schedule.replace_agent(None, Some(agent));
        }
        for task in tables.tasks.iter().filter(|task| is_open(task)) {
            schedule.dependents.insert(task, tables);
        }
        for task in tables.tasks.iter() {
            schedule.insert(task);
        }
        for workflow in tables.workflows.iter() {
            schedule.replace_workflow(None, Some(workflow));
        }
        for command in tables.commands.iter() {
            schedule.replace_command(None, Some(command));
        }
        schedule
    }

    /// An agent changed.
    pub(crate) fn replace_agent(&mut self, old: Option<&Agent>, new: Option<&Agent>) {
        self.patrol.replace(old, new);
        if let Some(old) = old.filter(|old| old.has_room()) {
            self.room.remove(old);
        }
        if let Some(new) = new.filter(|new| new.has_room()) {
            self.room.insert(new);
            let offered_less = |old: &Agent| {
                !old.has_room()
                    || old.agent_type != new.agent_type
                    || old.capabilities != new.capabilities
            };
            if old.is_none_or(offered_less) {
                self.fresh.agents.push(new.ordinal);
            }
        }
    }

    /// A task changed; the tables show it already.
    pub(crate) fn replace_task(
        &mut self,
        old: Option<&Arc<Task>>,
        new: Option<&Arc<Task>>,
        tables: &Tables,
    ) {
        if let Some(old) = old {
            self.remove(old);
        }
        self.replace_dependencies(old, new, tables);
        if let Some(new) = new {
            self.insert(new);
        }
        let (before, after) = (Standing::of(old), Standing::of(new));
        let Some(id) = old.or(new).map(|task| &task.id) else {
            return;
        };
        if before != after {
            for ordinal in self.dependents.standing_changed(id, before, after) {
                if let Some(dependent) = tables.tasks.at(ordinal) {
                    self.remove(dependent);
                    self.insert(dependent);
                }
            }
        }
    }

    /// A workflow changed.
    pub(crate) fn replace_workflow(&mut self, old: Option<&Workflow>, new: Option<&Workflow>) {
        self.flows.replace_workflow(old, new);
    }

    /// A command changed.
    pub(crate) fn replace_command(&mut self, old: Option<&Command>, new: Option<&Command>) {
        self.flows.replace_command(old, new);
    }

    /// The next task to assign, and to whom: the most urgent that an agent has room for, to the
    /// least loaded of these. Each proposal has to be carried out before the next is asked for.
    pub(crate) fn propose(&mut self, tables: &Tables) -> Option<(Arc<Task>, Arc<Agent>)> {
        loop {
            while let Some(ordinal) = self.fresh.agents.pop() {
                let agent = tables.agents.at(ordinal).filter(|agent| agent.has_room());
                if let Some(urgency) = agent.and_then(|agent| self.waiting.most_urgent_for(agent)) {
                    self.fresh.tasks.push((urgency, Some(ordinal)));
                }
            }
            let (urgency, fresh_agent) = self.fresh.tasks.pop()?;
            let Some(task) = tables.tasks.at(urgency.ordinal()) else {
                continue;
            };
            if !self.waiting.contains(task) {
                // Somebody else has it; the agent may have room for another.
                self.fresh.agents.extend(fresh_agent);
                continue;
            }
            if let Some(agent) = self.room.best_for(&Need::of(task), tables) {
                self.fresh.agents.extend(fresh_agent);
                return Some((Arc::clone(task), agent));
            }
        }
    }

    /// Forgets what is fresh, after what made it so was taken back.
    pub(crate) fn forget_fresh(&mut self) {
        self.fresh = Fresh::default();
    }

    /// A pending task with a dependency that will never be completed.
    pub(crate) fn doomed(&self) -> Option<u32> {
        self.doomed.first().copied()
    }

    /// What a task depends on and is not completed.
    pub(crate) fn unmet(&self, task: &Task, tables: &Tables) -> Vec<Id> {
        if self.dependents.holds(task.ordinal) == Holds::default() {
            return Vec::new();
        }
        let is_unmet =
            |id: &&Id| Standing::of(tables.tasks.find(id.as_str())) != Standing::Completed;
        task.dependencies.iter().filter(is_unmet).cloned().collect()
    }

    /// The open tasks that an agent has, in their order of creation.
    pub(crate) fn assigned_to(&self, agent: &Id) -> Vec<u32> {
        let ordinals = self.assigned.find(agent).into_iter().flatten();
        ordinals.copied().collect()
    }

    /// Whether open tasks depend on this one.
    pub(crate) fn has_dependents(&self, task: &Id) -> bool {
        self.dependents.is_awaited(task)
    }

    fn remove(&mut self, task: &Arc<Task>) {
        self.waiting.remove(task);
        self.doomed.remove(&task.ordinal);
        if let Some(agent) = task.assigned_agent.as_ref().filter(|_| is_open(task)) {
            self.assigned.remove(agent, &task.ordinal);
        }
        self.due_tasks.replace(TaskDue::of(task), None);
        self.old_tasks.replace(self.forgotten_at(task), None);
    }

    fn insert(&mut self, task: &Arc<Task>) {
        if let Some(agent) = task.assigned_agent.as_ref().filter(|_| is_open(task)) {
            self.assigned.insert(agent, task.ordinal);
        }
        self.due_tasks.replace(None, TaskDue::of(task));
        if !self.dependents.is_awaited(&task.id) {
            self.old_tasks.replace(None, self.forgotten_at(task));
        }
        if task.status != TaskStatus::Pending {
            return;
        }
        let holds = self.dependents.holds(task.ordinal);
        if holds.hopeless > 0 {
            self.doomed.insert(task.ordinal);
        } else if holds.unmet == 0 && task.assigned_agent.is_none() && task.retry_at.is_none() {
            self.waiting.insert(task);
            self.fresh.tasks.push((Urgency::of(task), None));
        }
    }

    /// A task that open ones depend on is kept, however old, or they would wait for ever.
    fn replace_dependencies(
        &mut self,
        old: Option<&Arc<Task>>,
        new: Option<&Arc<Task>>,
        tables: &Tables,
    ) {
        let old = old.filter(|task| is_open(task) && !task.dependencies.is_empty());
        let new = new.filter(|task| is_open(task) && !task.dependencies.is_empty());
        if let (Some(old), Some(new)) = (old, new)
            && old.dependencies == new.dependencies
        {
            return;
        }
        if let Some(old) = old {
            self.dependents.remove(old);
        }
        if let Some(new) = new {
            self.dependents.insert(new, tables);
        }
        if self.terminal_kept_ms.is_none() {
            return;
        }
        let named = [old, new].into_iter().flatten();
        for id in named.flat_map(|task| &task.dependencies) {
            let dependency = tables.tasks.find(id.as_str());
            let old = dependency.and_then(|task| self.forgotten_at(task));
            match self.dependents.is_awaited(id) {
                true => self.old_tasks.replace(old, None),
                false => self.old_tasks.replace(None, old),
            }
        }
    }

    /// When an ended task may be forgotten, as its ordinal. A stage's task goes with its workflow,
    /// whose later stages read what came of it.
    fn forgotten_at(&self, task: &Task) -> Option<(Timestamp, u32)> {
        if task.stage.is_some() {
            return None;
        }
        let (at, ms) = task.finished_at.zip(self.terminal_kept_ms)?;
        Some((at.plus_ms(ms), task.ordinal))
    }
}

fn is_open(task: &Task) -> bool {
    !task.status.is_terminal()
}
