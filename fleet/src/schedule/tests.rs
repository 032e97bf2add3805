//! Random lives of a swarm. After each step: nobody has too much, nobody waits who need not, the
//! urgent go first, the rows add up, and the schedule is the one that follows from the rows. What
//! is rolled back leaves all as it was.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::Schedule;
use crate::agent::{Agent, AgentStatus};
use crate::core::{Core, CoreSettings, Presence};
use crate::mutation::{AgentChange, NewTask, PriorityWish, Registration, TaskChange};
use crate::tables::Tables;
use crate::task::{Backoff, RetryPolicy, Task, TaskStatus};
use crate::{Event, EventKind, Fields, Id, Mutation, Priority, Timestamp};

const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);
const AGENTS: u8 = 5;
const TASKS: u8 = 24;
const KINDS: u8 = 3;

/// Nobody is attached; an agent was last heard of when it says so.
#[derive(Default)]
struct Heard(HashMap<Id, Timestamp>);

impl Presence for Heard {
    fn is_attached(&self, _agent: &Id) -> bool {
        false
    }

    fn last_heard(&self, agent: &Id) -> Option<Timestamp> {
        self.0.get(agent).copied()
    }
}

#[derive(Clone, Debug)]
enum Step {
    Ask(Box<Mutation>),
    /// Time passes; those agents are heard of before its end.
    Pass {
        ms: u64,
        heard: Vec<u8>,
    },
    Store,
    Fail,
    Restart,
}

fn agent_name(number: u8) -> Id {
    Id::new(&format!("a-{number}")).unwrap()
}

fn task_name(number: u8) -> Id {
    Id::new(&format!("t-{number}")).unwrap()
}

fn kind(number: u8) -> String {
    format!("k-{number}")
}

fn capabilities() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec((0..KINDS).prop_map(kind), 1..3)
}

fn registration() -> impl Strategy<Value = Mutation> {
    (0..AGENTS, capabilities(), 1..4u32, any::<bool>()).prop_map(
        |(number, capabilities, max_tasks, may_refresh)| {
            Mutation::RegisterAgent(Registration {
                id: agent_name(number),
                agent_type: None,
                name: None,
                version: None,
                capabilities,
                max_tasks,
                health_check_url: None,
                configuration: Fields::new(),
                metadata: Fields::new(),
                stream: None,
                may_refresh,
            })
        },
    )
}

fn change_of_agent() -> impl Strategy<Value = Mutation> {
    let status = prop::option::of(prop::sample::select(AgentStatus::ALL.to_vec()));
    let change = (
        status,
        prop::option::of(capabilities()),
        prop::option::of(1..4u32),
    );
    (0..AGENTS, change).prop_map(|(number, (status, capabilities, max_tasks))| {
        let change = AgentChange {
            capabilities,
            max_tasks,
            status,
            ..AgentChange::default()
        };
        Mutation::UpdateAgent {
            agent: agent_name(number),
            change,
        }
    })
}

fn creation() -> impl Strategy<Value = Mutation> {
    let place = (
        0..TASKS,
        0..KINDS,
        prop::option::weighted(0.2, (0..KINDS).prop_map(kind)),
        prop::option::weighted(0.2, 0..AGENTS),
        prop::collection::vec((0..TASKS).prop_map(task_name), 0..3),
    );
    let time = (
        prop::option::weighted(0.3, 1..200_000u64),
        prop::option::weighted(0.3, 1..100_000u64),
        1..4u32,
        1..=10u8,
    );
    (place, time).prop_map(
        |(
            (number, task_type, capability, agent, dependencies),
            (deadline, timeout_ms, max_attempts, level),
        )| {
            let metadata = capability.map(|name| json!({ "capability": name }));
            Mutation::CreateTask(NewTask {
                id: Some(task_name(number)),
                task_type: Id::new(&kind(task_type)).unwrap(),
                priority: Some(PriorityWish::Level(Priority::new(level).unwrap())),
                assigned_agent: agent.map(agent_name),
                workflow_id: None,
                stage: None,
                dependencies,
                input: Fields::new(),
                metadata: metadata
                    .map(|json| serde_json::from_value(json).unwrap())
                    .unwrap_or_default(),
                deadline: deadline.map(|ms| START.plus_ms(ms)),
                timeout_ms,
                retry: RetryPolicy {
                    max_attempts,
                    backoff: Backoff::Exponential,
                },
                source: None,
            })
        },
    )
}

fn change_of_task() -> impl Strategy<Value = Mutation> {
    let status = prop::option::weighted(0.9, prop::sample::select(TaskStatus::ALL.to_vec()));
    let rest = (
        prop::option::weighted(0.3, 0..AGENTS),
        prop::option::weighted(0.2, 1..=10u8),
    );
    (0..TASKS, status, rest).prop_map(|(number, status, (agent, level))| {
        let change = TaskChange {
            status,
            agent: agent.map(agent_name),
            priority: level.map(|level| PriorityWish::Level(Priority::new(level).unwrap())),
            ..TaskChange::default()
        };
        Mutation::UpdateTask {
            task: task_name(number),
            change,
        }
    })
}

fn step() -> impl Strategy<Value = Step> {
    let removal = (0..AGENTS).prop_map(|number| Mutation::RemoveAgent {
        agent: agent_name(number),
    });
    let mutation = prop_oneof![
        4 => registration(),
        2 => change_of_agent(),
        1 => removal,
        12 => creation(),
        16 => change_of_task(),
    ];
    let heard = prop::collection::vec(0..AGENTS, 0..4);
    prop_oneof![
        20 => mutation.prop_map(|mutation| Step::Ask(Box::new(mutation))),
        4 => (1..60_000u64, heard).prop_map(|(ms, heard)| Step::Pass { ms, heard }),
        6 => Just(Step::Store),
        1 => Just(Step::Fail),
        1 => Just(Step::Restart),
    ]
}

/// What is stored, as rows.
#[derive(Debug, PartialEq)]
struct Rows(Vec<Arc<Agent>>, Vec<Arc<Task>>, u32);

fn rows(tables: &Tables) -> Rows {
    Rows(
        tables.agents.iter().cloned().collect(),
        tables.tasks.iter().cloned().collect(),
        tables.numeric_id_next,
    )
}

/// By the words of the rules, without any index.
fn may_have(agent: &Agent, task: &Task) -> bool {
    if let Some(requested) = &task.requested_agent {
        return *requested == agent.id;
    }
    let offers = |what: &str| agent.capabilities.iter().any(|one| one == what);
    let capability = task.metadata.get("capability").and_then(Value::as_str);
    offers(task.task_type.as_str()) && capability.is_none_or(offers)
}

fn status_of(tables: &Tables, id: &Id) -> Option<TaskStatus> {
    tables.tasks.find(id.as_str()).map(|task| task.status)
}

fn is_completed(tables: &Tables, id: &Id) -> bool {
    status_of(tables, id) == Some(TaskStatus::Completed)
}

fn waits(tables: &Tables, task: &Task) -> bool {
    task.status == TaskStatus::Pending
        && task.assigned_agent.is_none()
        && task.retry_at.is_none()
        && task.dependencies.iter().all(|id| is_completed(tables, id))
}

fn check_rows(tables: &Tables) {
    let waiting: Vec<_> = tables
        .tasks
        .iter()
        .filter(|task| waits(tables, task))
        .collect();
    for agent in tables.agents.iter() {
        let has = |task: &&Arc<Task>| {
            task.assigned_agent.as_ref() == Some(&agent.id) && !task.status.is_terminal()
        };
        let count = tables.tasks.iter().filter(has).count();
        assert_eq!(agent.current_tasks as usize, count, "{agent:?}");
        if agent.has_room() {
            let left = waiting.iter().find(|task| may_have(agent, task));
            assert_eq!(left, None, "{} has room", agent.id);
        }
    }
    for task in tables.tasks.iter() {
        if task.status == TaskStatus::Pending {
            for id in &task.dependencies {
                let status = status_of(tables, id);
                let is_lost = status.is_some_and(TaskStatus::is_terminal);
                assert!(!is_lost || is_completed(tables, id), "{} and {id}", task.id);
            }
        }
        if task.status == TaskStatus::Running {
            assert!(task.dependencies.iter().all(|id| is_completed(tables, id)));
            assert!(
                (1..=task.retry.max_attempts).contains(&task.attempt),
                "{task:?}"
            );
        }
        assert_eq!(task.finished_at.is_some(), task.status.is_terminal());
    }
}

/// Nobody was given a task while a more urgent one waited for it and still does.
fn check_order(tables: &Tables, events: &[Arc<Event>]) {
    for event in events {
        let EventKind::TaskAssigned(brief) = &event.kind else {
            continue;
        };
        let (Some(agent), Some(given)) = (
            brief
                .agent_id
                .as_ref()
                .and_then(|id| tables.agents.find(id.as_str())),
            tables.tasks.find(brief.task_id.as_str()),
        ) else {
            continue;
        };
        let more_urgent = |task: &&Arc<Task>| {
            waits(tables, task)
                && may_have(agent, task)
                && (task.priority, Reverse(task.ordinal)) > (given.priority, Reverse(given.ordinal))
        };
        let left = tables.tasks.iter().find(more_urgent);
        assert_eq!(left, None, "{} was given {}", agent.id, given.id);
    }
}

fn check_schedule(schedule: &Schedule, tables: &Tables, settings: &CoreSettings) {
    let expected = Schedule::new(tables, settings.terminal_kept_ms);
    assert_eq!(schedule.waiting, expected.waiting);
    assert_eq!(schedule.room, expected.room);
    assert_eq!(schedule.dependents, expected.dependents);
    assert_eq!(schedule.doomed, expected.doomed);
    assert_eq!(schedule.assigned, expected.assigned);
    assert_eq!(schedule.due_tasks, expected.due_tasks);
    assert_eq!(schedule.old_tasks, expected.old_tasks);
    assert_eq!(schedule.flows, expected.flows);
    assert_eq!(schedule.patrol.watched(), expected.patrol.watched());
}

struct Life {
    settings: CoreSettings,
    core: Core,
    heard: Heard,
    now: Timestamp,
    /// What was stored, built from the changes that were handed over.
    stored: Tables,
    sequence_stored: u64,
}

impl Life {
    fn new(settings: CoreSettings) -> Self {
        let mut core = Core::new(settings.clone(), Tables::default(), 1, 5);
        let heard = Heard::default();
        core.resume(START);
        let stored = core.tables().clone();
        Self {
            settings,
            core,
            heard,
            now: START,
            stored,
            sequence_stored: 0,
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Ask(mutation) => {
                let (before, rows_before) = (self.events(), rows(self.core.tables()));
                self.now = self.now.plus_ms(1);
                let is_order_kept = !matches!(*mutation, Mutation::UpdateTask { .. });
                let answer = self.core.execute(*mutation, &self.heard, self.now);
                if answer.is_err() {
                    assert_eq!(rows(self.core.tables()), rows_before);
                    assert_eq!(self.events(), before);
                }
                if is_order_kept {
                    let (_, events) = self.core.changes();
                    check_order(self.core.tables(), &events[before..]);
                }
            }
            Step::Pass { ms, heard } => {
                self.now = self.now.plus_ms(ms);
                for number in heard {
                    self.heard.0.insert(agent_name(number), self.now);
                }
                let before = self.events();
                self.core.tick(&self.heard, self.now);
                let (_, events) = self.core.changes();
                check_order(self.core.tables(), &events[before..]);
            }
            Step::Store => self.store(),
            Step::Fail => {
                self.core.roll_back();
                assert_eq!(rows(self.core.tables()), rows(&self.stored));
                assert_eq!(self.core.sequence_next(), self.sequence_stored + 1);
            }
            Step::Restart => {
                self.store();
                let tables = self.stored.clone();
                let next = self.sequence_stored + 1;
                self.core = Core::new(self.settings.clone(), tables, next, 5);
                self.core.resume(self.now);
            }
        }
        check_rows(self.core.tables());
        check_schedule(&self.core.schedule, self.core.tables(), &self.settings);
    }

    fn store(&mut self) {
        let (changes, events) = self.core.confirm();
        for change in changes {
            self.stored.apply(change);
        }
        for event in events {
            self.sequence_stored += 1;
            assert_eq!(event.sequence, self.sequence_stored);
        }
        assert_eq!(rows(self.core.tables()), rows(&self.stored));
    }

    fn events(&self) -> usize {
        self.core.changes().1.len()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_rules_hold_in_any_life(
        steps in prop::collection::vec(step(), 1..150),
        terminal_kept_ms in prop::option::of(1..100_000u64),
    ) {
        let settings = CoreSettings { terminal_kept_ms, ..CoreSettings::default() };
        let mut life = Life::new(settings);
        for step in steps {
            life.take(step);
        }
    }
}
