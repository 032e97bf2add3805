//! A swarm to try the rules on: a core, a clock that stands until it is moved, and agents all of
//! which are attached unless told otherwise.

// Each test program that shares this file needs some of it.
#![allow(dead_code)]

use std::collections::HashSet;
use std::sync::Arc;

use agnt_fleet::agent::Agent;
use agnt_fleet::core::{CoreSettings, Presence};
use agnt_fleet::mutation::{NewTask, Registration, TaskChange};
use agnt_fleet::tables::{RowChange, Tables};
use agnt_fleet::task::{RetryPolicy, Task, TaskStatus};
use agnt_fleet::workflow::Workflow;
use agnt_fleet::{Core, Event, Fields, Id, Mutation, Outcome, Refusal, Timestamp};
use serde_json::Value;

pub(crate) struct Swarm {
    pub(crate) core: Core,
    pub(crate) events: Vec<Arc<Event>>,
    pub(crate) away: Away,
    settings: CoreSettings,
    now: Timestamp,
}

/// Agents that no session is open for, and when all of them were last heard of.
#[derive(Default)]
pub(crate) struct Away {
    pub(crate) agents: HashSet<Id>,
    pub(crate) last_heard: Option<Timestamp>,
}

impl Presence for Away {
    fn is_attached(&self, agent: &Id) -> bool {
        !self.agents.contains(agent)
    }

    fn last_heard(&self, _agent: &Id) -> Option<Timestamp> {
        self.last_heard
    }
}

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

/// The fields of a JSON object.
pub(crate) fn fields(value: Value) -> Fields {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other} is no object"),
    }
}

impl Swarm {
    pub(crate) fn new() -> Self {
        Self::with(CoreSettings::default())
    }

    pub(crate) fn with(settings: CoreSettings) -> Self {
        Self {
            core: Core::new(settings.clone(), Tables::default(), 1, 7),
            events: Vec::new(),
            away: Away::default(),
            settings,
            now: Timestamp::parse("2025-01-15T12:00:00Z").unwrap(),
        }
    }

    /// Carries a mutation out; what it tells is noted.
    pub(crate) fn execute(&mut self, mutation: Mutation) -> Result<Outcome, Refusal> {
        let outcome = self.core.execute(mutation, &self.away, self.now);
        self.confirm();
        outcome
    }

    /// Lets time go by in seconds, with a tick at each.
    pub(crate) fn pass_s(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.now = self.now.plus_ms(1000);
            self.core.tick(&self.away, self.now);
            self.confirm();
        }
    }

    /// Stops, and starts with nothing but what the rows say when they were written and read.
    pub(crate) fn restart(&mut self) {
        self.restart_with(|_| {});
    }

    /// The same with other rows.
    pub(crate) fn restart_with(&mut self, change: impl FnOnce(&mut Tables)) {
        let mut tables = Tables::default();
        let old = self.core.tables();
        for row in old.agents.iter() {
            tables.apply(RowChange::Agent(row.id.clone(), Some(reread(row))));
        }
        for row in old.tasks.iter() {
            tables.apply(RowChange::Task(row.id.clone(), Some(reread(row))));
        }
        for row in old.workflows.iter() {
            tables.apply(RowChange::Workflow(row.id.clone(), Some(reread(row))));
        }
        for row in old.commands.iter() {
            tables.apply(RowChange::Command(row.id.clone(), Some(reread(row))));
        }
        for (path, answer) in &old.answers {
            tables.apply(RowChange::Answer(path.clone(), Some(reread(answer))));
        }
        tables.apply(RowChange::NumericIdNext(old.numeric_id_next));
        change(&mut tables);
        let sequence_next = self.core.sequence_next();
        self.core = Core::new(self.settings.clone(), tables, sequence_next, 11);
        self.core.resume(self.now);
        self.confirm();
    }

    pub(crate) fn register(&mut self, name: &str, capability: &str, max_tasks: u32) -> Arc<Agent> {
        let registration = Registration {
            id: id(name),
            agent_type: None,
            name: None,
            version: None,
            capabilities: vec![capability.to_owned()],
            max_tasks,
            health_check_url: None,
            configuration: Fields::new(),
            metadata: Fields::new(),
            stream: None,
            may_refresh: false,
        };
        match self.execute(Mutation::RegisterAgent(registration)) {
            Ok(Outcome::Agent { agent, .. }) => agent,
            other => panic!("{other:?}"),
        }
    }

    /// Makes a task of this type.
    pub(crate) fn create_task(&mut self, name: &str, task_type: &str) {
        let task = NewTask {
            id: Some(id(name)),
            task_type: id(task_type),
            priority: None,
            assigned_agent: None,
            workflow_id: None,
            stage: None,
            dependencies: Vec::new(),
            input: Fields::new(),
            metadata: Fields::new(),
            deadline: None,
            timeout_ms: None,
            retry: RetryPolicy::default(),
            source: None,
        };
        self.execute(Mutation::CreateTask(task)).unwrap();
    }

    pub(crate) fn agent(&self, name: &str) -> Arc<Agent> {
        Arc::clone(self.core.tables().agents.find(name).unwrap())
    }

    pub(crate) fn task(&self, name: &str) -> Arc<Task> {
        Arc::clone(self.core.tables().task(name).unwrap())
    }

    pub(crate) fn workflow(&self, name: &str) -> Arc<Workflow> {
        Arc::clone(self.core.tables().workflows.find(name).unwrap())
    }

    /// The task that does this stage now, or did.
    pub(crate) fn stage_task(&self, workflow: &str, stage: &str) -> Arc<Task> {
        let workflow = self.workflow(workflow);
        let task = workflow.stage(stage).unwrap().task_id.clone();
        self.task(task.expect("the stage has begun").as_str())
    }

    pub(crate) fn begin(&mut self, task: &Id) {
        let change = TaskChange {
            status: Some(TaskStatus::Running),
            ..TaskChange::default()
        };
        self.change(task, change);
    }

    pub(crate) fn complete(&mut self, task: &Id, output: Value) {
        let change = TaskChange {
            status: Some(TaskStatus::Completed),
            output: Some(fields(output)),
            ..TaskChange::default()
        };
        self.change(task, change);
    }

    pub(crate) fn fail(&mut self, task: &Id, error: &str) {
        let change = TaskChange {
            status: Some(TaskStatus::Failed),
            error: Some(error.to_owned()),
            ..TaskChange::default()
        };
        self.change(task, change);
    }

    /// The names of the events since the last look, those of agents left out.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let events = std::mem::take(&mut self.events);
        let kinds = events.iter().map(|event| event.kind.event_type());
        kinds
            .filter(|kind| !kind.starts_with("agent."))
            .map(str::to_owned)
            .collect()
    }

    fn change(&mut self, task: &Id, change: TaskChange) {
        let task = task.clone();
        self.execute(Mutation::UpdateTask { task, change }).unwrap();
    }

    fn confirm(&mut self) {
        let (_, events) = self.core.confirm();
        self.events.extend(events);
    }
}

fn reread<R: serde::Serialize + serde::de::DeserializeOwned>(row: &R) -> R {
    serde_json::from_str(&serde_json::to_string(row).unwrap()).unwrap()
}
