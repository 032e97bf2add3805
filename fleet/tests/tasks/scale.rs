//! A hundred thousand agents and a million tasks: nothing is looked at that need not be.

use agnt_fleet::mutation::{NewTask, PriorityWish};
use agnt_fleet::task::TaskStatus::Completed;
use agnt_fleet::{Mutation, Priority};

use crate::scene::{Scene, id, task};

/// Makes so many agents with room for half the tasks, then the tasks, then ends each that is
/// assigned until none is left.
fn run(agents: u32, tasks: u32) {
    let mut scene = Scene::new();
    let room = (tasks / agents / 2).max(1);
    for number in 0..agents {
        let kind = format!("kind-{}", number % 100);
        scene.register(&format!("a-{number}"), &[&kind, "other", "more"], room);
    }
    for number in 0..tasks {
        let level = Priority::new((number % 10 + 1) as u8).unwrap();
        scene.create(NewTask {
            task_type: id(&format!("kind-{}", number % 100)),
            priority: Some(PriorityWish::Level(level)),
            ..task(&format!("t-{number}"))
        });
        scene.heard();
    }
    let assigned = scene.core.tables().tasks.iter();
    let assigned = assigned.filter(|task| task.assigned_agent.is_some());
    assert_eq!(assigned.count() as u32, agents * room);
    let mut ended = 0;
    let mut at_hand: Vec<_> = scene.core.tables().tasks.iter().cloned().collect();
    at_hand.retain(|task| task.assigned_agent.is_some());
    while let Some(task) = at_hand.pop() {
        scene.becomes(task.id.as_str(), Completed);
        ended += 1;
        for event in scene.heard() {
            if let agnt_fleet::EventKind::TaskAssigned(given) = &event.kind {
                let next = scene.task(given.task_id.as_str());
                at_hand.push(next);
            }
        }
    }
    assert_eq!(ended, tasks);
    for agent in scene.core.tables().agents.iter() {
        assert_eq!(agent.current_tasks, 0);
    }
}

#[test]
fn every_task_of_a_large_swarm_is_done_once() {
    run(1_000, 20_000);
}

#[test]
#[ignore = "some gigabytes, and a minute in a release build"]
fn every_task_of_a_hundred_thousand_agents_is_done_once() {
    run(100_000, 1_000_000);
}

#[test]
fn many_tasks_that_nobody_can_do_hold_nobody_up() {
    let mut scene = Scene::new();
    for number in 0..20_000 {
        scene.create(NewTask {
            task_type: id("nobody-does-this"),
            metadata: crate::scene::fields(serde_json::json!({
                "capability": format!("capability-{number}"),
            })),
            ..task(&format!("t-{number}"))
        });
    }
    scene.heard();
    scene.register("a", &["nobody-does-this"], 100);
    for number in 0..1_000 {
        scene.create(task(&format!("u-{number}")));
    }
    scene.register("b", &["build"], 100_000);
    assert_eq!(scene.agent("b").current_tasks, 1_000);
    scene.ask(Mutation::RemoveAgent { agent: id("b") }).unwrap();
}
