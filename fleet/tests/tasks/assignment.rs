//! Assignment against a plain scheduler that looks at everybody, and by example.

use std::sync::Arc;

use agnt_fleet::agent::{Agent, AgentStatus};
use agnt_fleet::mutation::{AgentChange, NewTask, PriorityWish};
use agnt_fleet::task::TaskStatus::{Completed, Pending, Running};
use agnt_fleet::task::{Task, TaskStatus};
use agnt_fleet::{Fields, Mutation, Outcome, Priority};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::scene::{Scene, fields, id, registration, task};

#[test]
fn a_task_goes_to_an_agent_of_its_type_or_with_it_as_a_capability() {
    let mut scene = Scene::new();
    scene.register("other", &["Build"], 5);
    scene.create(task("t"));
    assert_eq!(scene.holder("t"), None);
    let typed = agnt_fleet::mutation::Registration {
        agent_type: Some("build".into()),
        ..registration("typed", &["x"], 1)
    };
    scene.ask(Mutation::RegisterAgent(typed)).unwrap();
    assert_eq!(scene.holder("t").as_deref(), Some("typed"));
    scene.create(task("u"));
    assert_eq!(scene.holder("u"), None);
    let change = AgentChange {
        capabilities: Some(vec!["build".into()]),
        ..AgentChange::default()
    };
    scene.change_agent("other", change).unwrap();
    assert_eq!(scene.holder("u").as_deref(), Some("other"));
}

#[test]
fn metadata_may_ask_for_a_capability_beside_the_type() {
    for key in ["required_capability", "capability"] {
        let mut scene = Scene::new();
        scene.register("plain", &["build"], 5);
        let needy = NewTask {
            metadata: fields(json!({key: "text analysis"})),
            ..task("t")
        };
        scene.create(needy);
        assert_eq!(scene.holder("t"), None);
        scene.register("able", &["build", "text analysis"], 5);
        assert_eq!(scene.holder("t").as_deref(), Some("able"));
    }
}

#[test]
fn the_answer_shows_whom_the_task_was_given_to() {
    let mut scene = Scene::new();
    scene.register("a", &["build"], 1);
    let task = scene.create(task("t"));
    assert_eq!(task.assigned_agent, Some(id("a")));
    assert_eq!(task.status, Pending);
    assert_eq!(task, scene.task("t"));
}

#[test]
fn a_task_that_is_meant_for_one_goes_to_that_one_alone_whatever_it_can_do() {
    let mut scene = Scene::new();
    scene.register("a", &["build"], 5);
    scene.register("b", &["nothing"], 1);
    let meant = |name: &str, level: u8| NewTask {
        assigned_agent: Some(id("b")),
        priority: Some(PriorityWish::Level(Priority::new(level).unwrap())),
        ..task(name)
    };
    for (name, level) in [("first", 1), ("low", 2), ("high", 9), ("middle", 5)] {
        scene.create(meant(name, level));
    }
    for name in ["first", "high", "middle", "low"] {
        assert_eq!(scene.holder(name).as_deref(), Some("b"));
        scene.becomes(name, Completed);
    }
    assert_eq!(scene.agent("a").last_assigned_at, None);
}

#[test]
fn who_is_away_stopping_or_full_is_given_nothing_until_that_is_over() {
    for status in AgentStatus::ALL
        .into_iter()
        .filter(|status| !status.is_active())
    {
        let mut scene = Scene::new();
        scene.register("a", &["build"], 1);
        scene.set_status("a", status);
        scene.create(task("t"));
        assert_eq!(scene.holder("t"), None, "{status:?}");
        scene.set_status("a", AgentStatus::Busy);
        assert_eq!(scene.holder("t").as_deref(), Some("a"));
        scene.create(task("u"));
        assert_eq!(scene.holder("u"), None);
        let change = AgentChange {
            max_tasks: Some(2),
            ..AgentChange::default()
        };
        scene.change_agent("a", change).unwrap();
        assert_eq!(scene.holder("u").as_deref(), Some("a"));
    }
}

#[test]
fn those_that_are_loaded_alike_take_turns() {
    let mut scene = Scene::new();
    for name in ["a", "b", "c"] {
        scene.register(name, &["build"], 1);
    }
    let mut turns = Vec::new();
    for number in 0..9 {
        let name = format!("t-{number}");
        scene.create(task(&name));
        turns.push(scene.holder(&name).unwrap());
        scene.becomes(&name, Completed);
    }
    assert_eq!(turns.join(""), "abcabcabc");
}

#[test]
fn agents_that_are_free_at_once_all_get_work() {
    let mut scene = Scene::new();
    for name in ["a", "b"] {
        scene.register(name, &["build"], 1);
    }
    // The second waited longer, so that it comes first.
    for name in ["b", "a"] {
        scene.create(NewTask {
            assigned_agent: Some(id(name)),
            timeout_ms: Some(1_000),
            ..task(&format!("of-{name}"))
        });
        scene.becomes(&format!("of-{name}"), Running);
    }
    for name in ["one", "two"] {
        scene.create(task(name));
    }
    scene.pass(2_000);
    assert_eq!(scene.holder("one").as_deref(), Some("b"));
    assert_eq!(scene.holder("two").as_deref(), Some("a"));
}

#[derive(Clone, Debug)]
enum Step {
    Create {
        kind: u8,
        capability: Option<u8>,
        agent: Option<u8>,
        level: u8,
    },
    End {
        place: prop::sample::Index,
    },
    Raise {
        place: prop::sample::Index,
        level: u8,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let create = (
        0..3u8,
        prop::option::weighted(0.3, 0..4u8),
        prop::option::weighted(0.2, 0..5u8),
        1..=10u8,
    );
    prop_oneof![
        3 => create.prop_map(|(kind, capability, agent, level)| {
            Step::Create { kind, capability, agent, level }
        }),
        2 => any::<prop::sample::Index>().prop_map(|place| Step::End { place }),
        1 => (any::<prop::sample::Index>(), 1..=10u8)
            .prop_map(|(place, level)| Step::Raise { place, level }),
    ]
}

/// By the words of the rules, without any index.
fn may_have(agent: &Agent, task: &Task) -> bool {
    if let Some(requested) = &task.requested_agent {
        return *requested == agent.id;
    }
    let offers = |what: &str| {
        agent.agent_type.as_deref() == Some(what)
            || agent
                .capabilities
                .iter()
                .any(|capability| capability == what)
    };
    let capability = task.metadata.get("capability").and_then(Value::as_str);
    offers(task.task_type.as_str()) && capability.is_none_or(offers)
}

/// Cross-multiplied, so that no rounding is shared with the scheduler's.
fn is_less_loaded(one: &Agent, other: &Agent) -> bool {
    let left = u64::from(one.current_tasks) * u64::from(other.max_tasks);
    let right = u64::from(other.current_tasks) * u64::from(one.max_tasks);
    (left, one.last_assigned_at, one.ordinal) < (right, other.last_assigned_at, other.ordinal)
}

fn expected_agent(agents: &[Arc<Agent>], task: &Task) -> Option<Arc<Agent>> {
    let able = agents
        .iter()
        .filter(|agent| agent.current_tasks < agent.max_tasks && may_have(agent, task));
    able.cloned().reduce(|best, agent| {
        if is_less_loaded(&agent, &best) {
            agent
        } else {
            best
        }
    })
}

fn expected_task(scene: &Scene, agent: &Agent) -> Option<Arc<Task>> {
    let waiting = |task: &&Arc<Task>| {
        task.status == Pending && task.assigned_agent.is_none() && may_have(agent, task)
    };
    let tasks = scene.core.tables().tasks.iter().filter(waiting).cloned();
    tasks.max_by_key(|task| (task.priority, std::cmp::Reverse(task.created_at)))
}

fn assigned(told: &[String]) -> Vec<&String> {
    told.iter()
        .filter(|told| told.contains("assigned"))
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn each_decision_is_that_of_a_plain_scheduler(
        agents in prop::collection::vec(
            (prop::option::of(0..3u8), prop::collection::btree_set(0..4u8, 1..4), 1..4u32),
            1..6,
        ),
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let mut scene = Scene::new();
        for (number, (kind, capabilities, max_tasks)) in agents.into_iter().enumerate() {
            let names: Vec<String> = capabilities.iter().map(|one| format!("k-{one}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            let agent = agnt_fleet::mutation::Registration {
                agent_type: kind.map(|kind| format!("k-{kind}")),
                ..registration(&format!("a-{number}"), &names, max_tasks)
            };
            scene.ask(Mutation::RegisterAgent(agent)).unwrap();
        }
        for (number, step) in steps.into_iter().enumerate() {
            scene.told();
            let before: Vec<Arc<Agent>> = scene.core.tables().agents.iter().cloned().collect();
            match step {
                Step::Create { kind, capability, agent, level } => {
                    let metadata: Fields = capability
                        .map(|one| fields(json!({"capability": format!("k-{one}")})))
                        .unwrap_or_default();
                    let new = NewTask {
                        task_type: id(&format!("k-{kind}")),
                        metadata,
                        assigned_agent: agent.map(|one| id(&format!("a-{one}"))),
                        priority: Some(PriorityWish::Level(Priority::new(level).unwrap())),
                        ..task(&format!("t-{number}"))
                    };
                    let created = scene.create(new);
                    let expected = expected_agent(&before, &created);
                    prop_assert_eq!(&created.assigned_agent, &expected.map(|agent| agent.id.clone()));
                }
                Step::End { place } => {
                    let open = open_tasks(&scene, true);
                    if open.is_empty() {
                        continue;
                    }
                    let task = place.get(&open);
                    let agent = scene.agent(task.assigned_agent.as_ref().unwrap().as_str());
                    let expected = expected_task(&scene, &agent);
                    let status = [Completed, TaskStatus::Cancelled][number % 2];
                    scene.becomes(task.id.as_str(), status);
                    let told = scene.told();
                    let expected: Vec<String> = expected
                        .iter()
                        .map(|task| format!("{} assigned to {}", task.id, agent.id))
                        .collect();
                    prop_assert!(assigned(&told).into_iter().eq(&expected), "{:?}", told);
                }
                Step::Raise { place, level } => {
                    let open = open_tasks(&scene, false);
                    if open.is_empty() {
                        continue;
                    }
                    let change = agnt_fleet::mutation::TaskChange {
                        priority: Some(PriorityWish::Level(Priority::new(level).unwrap())),
                        ..agnt_fleet::mutation::TaskChange::default()
                    };
                    let raised = scene.change(place.get(&open).id.as_str(), change).unwrap();
                    prop_assert_eq!(raised.priority.level(), level);
                    prop_assert!(scene.told().is_empty());
                }
            }
        }
    }
}

fn open_tasks(scene: &Scene, is_assigned: bool) -> Vec<Arc<Task>> {
    let open = |task: &&Arc<Task>| {
        !task.status.is_terminal() && task.assigned_agent.is_some() == is_assigned
    };
    scene
        .core
        .tables()
        .tasks
        .iter()
        .filter(open)
        .cloned()
        .collect()
}

#[test]
fn two_needs_are_met_however_many_meet_but_one() {
    let mut scene = Scene::new();
    for number in 0..300 {
        let other = ["left", "right"][number % 2];
        scene.register(&format!("a-{number}"), &["build", other], 1);
    }
    for number in 0..200 {
        scene.register(&format!("b-{number}"), &["gpu"], 1);
    }
    scene.register("both", &["gpu", "build"], 5);
    scene.create(NewTask {
        assigned_agent: Some(id("both")),
        ..task("load")
    });
    let outcome = scene.ask(Mutation::CreateTask(NewTask {
        metadata: fields(json!({"capability": "gpu"})),
        ..task("t")
    }));
    let Ok(Outcome::Task { task: given, .. }) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(given.assigned_agent, Some(id("both")));
    scene.becomes("t", Running);
}
