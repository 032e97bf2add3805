//! A core with a clock and a roll of who is there, and events in a short form.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use agnt_fleet::agent::{Agent, AgentStatus};
use agnt_fleet::core::{Core, CoreSettings, Presence};
use agnt_fleet::mutation::{AgentChange, NewTask, Registration, TaskChange};
use agnt_fleet::tables::Tables;
use agnt_fleet::task::{RetryPolicy, Task, TaskStatus};
use agnt_fleet::{Event, EventKind, Fields, Id, Mutation, Outcome, Refusal, Timestamp};

/// When all scenes begin.
pub(crate) const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

/// A core with what it needs from outside.
pub(crate) struct Scene {
    pub(crate) core: Core,
    pub(crate) now: Timestamp,
    pub(crate) roll: Roll,
    told: Vec<Arc<Event>>,
    sequence: u64,
}

/// Who is there.
#[derive(Default)]
pub(crate) struct Roll {
    pub(crate) attached: HashSet<Id>,
    pub(crate) heard: HashMap<Id, Timestamp>,
}

impl Presence for Roll {
    fn is_attached(&self, agent: &Id) -> bool {
        self.attached.contains(agent)
    }

    fn last_heard(&self, agent: &Id) -> Option<Timestamp> {
        self.heard.get(agent).copied()
    }
}

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

pub(crate) fn fields(json: serde_json::Value) -> Fields {
    serde_json::from_value(json).unwrap()
}

/// An agent with these capabilities.
pub(crate) fn registration(name: &str, capabilities: &[&str], max_tasks: u32) -> Registration {
    Registration {
        id: id(name),
        agent_type: None,
        name: None,
        version: None,
        capabilities: capabilities.iter().map(|&one| one.to_owned()).collect(),
        max_tasks,
        health_check_url: None,
        configuration: Fields::new(),
        metadata: Fields::new(),
        stream: None,
        may_refresh: false,
    }
}

/// A task of type `build`.
pub(crate) fn task(name: &str) -> NewTask {
    NewTask {
        id: Some(id(name)),
        task_type: id("build"),
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
    }
}

pub(crate) fn becomes(status: TaskStatus) -> TaskChange {
    TaskChange {
        status: Some(status),
        ..TaskChange::default()
    }
}

/// The default bounds; nobody is silent for too long.
pub(crate) fn patient() -> CoreSettings {
    CoreSettings {
        agent_silence_ms: u64::MAX,
        ..CoreSettings::default()
    }
}

impl Scene {
    /// Nobody falls silent in it.
    pub(crate) fn new() -> Self {
        Self::with(patient(), 7)
    }

    pub(crate) fn with(settings: CoreSettings, seed: u64) -> Self {
        let mut core = Core::new(settings, Tables::default(), 1, seed);
        let roll = Roll::default();
        core.resume(START);
        core.confirm();
        Self {
            core,
            now: START,
            roll,
            told: Vec::new(),
            sequence: 0,
        }
    }

    /// Carries a mutation out a millisecond later.
    pub(crate) fn ask(&mut self, mutation: Mutation) -> Result<Outcome, Refusal> {
        self.now = self.now.plus_ms(1);
        let outcome = self.core.execute(mutation, &self.roll, self.now);
        let (rows, events) = self.core.confirm();
        if outcome.is_err() {
            assert!(
                rows.is_empty() && events.is_empty(),
                "a refusal left something"
            );
        }
        self.hear(events);
        outcome
    }

    /// Lets time pass, and the clock tick at the end of it.
    pub(crate) fn pass(&mut self, ms: u64) {
        self.now = self.now.plus_ms(ms);
        self.core.tick(&self.roll, self.now);
        let (_, events) = self.core.confirm();
        self.hear(events);
    }

    /// The same rows under a new core, as after a restart.
    pub(crate) fn restart(&mut self, settings: CoreSettings) {
        let tables = self.core.tables().clone();
        self.core = Core::new(settings, tables, self.sequence + 1, 11);
        self.core.resume(self.now);
        let (_, events) = self.core.confirm();
        self.hear(events);
    }

    pub(crate) fn register(
        &mut self,
        name: &str,
        capabilities: &[&str],
        max_tasks: u32,
    ) -> Arc<Agent> {
        let registration = registration(name, capabilities, max_tasks);
        match self.ask(Mutation::RegisterAgent(registration)) {
            Ok(Outcome::Agent {
                agent,
                is_new: true,
            }) => agent,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn create(&mut self, task: NewTask) -> Arc<Task> {
        match self.ask(Mutation::CreateTask(task)) {
            Ok(Outcome::Task { task, is_new: true }) => task,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn change(&mut self, name: &str, change: TaskChange) -> Result<Arc<Task>, Refusal> {
        let task = id(name);
        match self.ask(Mutation::UpdateTask { task, change })? {
            Outcome::Task {
                task,
                is_new: false,
            } => Ok(task),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn becomes(&mut self, name: &str, status: TaskStatus) -> Arc<Task> {
        self.change(name, becomes(status)).unwrap()
    }

    pub(crate) fn cancel(&mut self, name: &str) -> Result<Outcome, Refusal> {
        let (task, reason) = (id(name), Some("not needed".to_owned()));
        self.ask(Mutation::CancelTask { task, reason })
    }

    pub(crate) fn set_status(&mut self, name: &str, status: AgentStatus) {
        let (agent, reason) = (id(name), "said so".to_owned());
        let mutation = Mutation::SetAgentStatus {
            agent,
            status,
            reason,
        };
        self.ask(mutation).unwrap();
    }

    pub(crate) fn change_agent(
        &mut self,
        name: &str,
        change: AgentChange,
    ) -> Result<Outcome, Refusal> {
        let agent = id(name);
        self.ask(Mutation::UpdateAgent { agent, change })
    }

    pub(crate) fn task(&self, name: &str) -> Arc<Task> {
        Arc::clone(self.core.tables().task(name).unwrap())
    }

    pub(crate) fn agent(&self, name: &str) -> Arc<Agent> {
        Arc::clone(self.core.tables().agents.find(name).unwrap())
    }

    /// Who has a task.
    pub(crate) fn holder(&self, name: &str) -> Option<String> {
        let task = self.task(name);
        task.assigned_agent.as_ref().map(Id::to_string)
    }

    /// What was told since it was last asked, in short.
    pub(crate) fn told(&mut self) -> Vec<String> {
        let told = std::mem::take(&mut self.told);
        told.iter().map(|event| short(event)).collect()
    }

    /// The same, whole.
    pub(crate) fn heard(&mut self) -> Vec<Arc<Event>> {
        std::mem::take(&mut self.told)
    }

    fn hear(&mut self, events: Vec<Arc<Event>>) {
        for event in &events {
            self.sequence += 1;
            assert_eq!(event.sequence, self.sequence, "events are numbered densely");
        }
        self.told.extend(events);
    }
}

fn short(event: &Event) -> String {
    let error = |error: &Option<String>| {
        let text = error.as_ref();
        text.map_or_else(String::new, |text| format!(": {text}"))
    };
    let of = |agent: &Option<Id>| {
        let name = agent.as_ref();
        name.map_or_else(|| "nobody".to_owned(), Id::to_string)
    };
    match &event.kind {
        EventKind::AgentRegistered {
            agent_id,
            is_refreshed,
            ..
        } => format!(
            "{agent_id} registered{}",
            if *is_refreshed { " again" } else { "" }
        ),
        EventKind::AgentUpdated { agent_id, .. } => format!("{agent_id} updated"),
        EventKind::AgentStatusChanged {
            agent_id,
            new_status,
            reason,
            ..
        } => format!("{agent_id} {}: {reason}", new_status.as_str()),
        EventKind::AgentRemoved { agent_id, .. } => format!("{agent_id} removed"),
        EventKind::TaskCreated(task) => format!("{} created", task.task_id),
        EventKind::TaskAssigned(task) => {
            format!("{} assigned to {}", task.task_id, of(&task.agent_id))
        }
        EventKind::TaskStarted(task) => {
            format!("{} started by {}", task.task_id, of(&task.agent_id))
        }
        EventKind::TaskProgress { task, progress, .. } => {
            format!("{} at {progress}", task.task_id)
        }
        EventKind::TaskRetried {
            task,
            error: reason,
            ..
        } => format!("{} retried{}", task.task_id, error(reason)),
        EventKind::TaskFinished {
            task,
            error: reason,
            ..
        } => {
            let status = task.status.as_str();
            format!("{} {status}{}", task.task_id, error(reason))
        }
        other => format!("{other:?}"),
    }
}
