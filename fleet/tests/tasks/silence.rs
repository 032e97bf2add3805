//! Silence: who is not heard of is offline, and what becomes of its tasks.

use agnt_fleet::agent::AgentStatus;
use agnt_fleet::core::CoreSettings;
use agnt_fleet::mutation::{NewTask, TaskChange};
use agnt_fleet::task::TaskStatus::{Pending, Running};

use crate::scene::{Scene, becomes, id, task};

fn scene() -> Scene {
    let mut scene = Scene::with(CoreSettings::default(), 3);
    scene.register("a", &["build"], 5);
    scene.told();
    scene
}

#[test]
fn after_90_s_without_a_sign_of_life_it_is_offline() {
    let mut scene = scene();
    scene.pass(89_999);
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.pass(1);
    assert_eq!(scene.told(), ["a offline: no heartbeat for 90 s"]);
    scene.pass(90_000);
    assert_eq!(scene.told(), Vec::<String>::new());
}

#[test]
fn each_heartbeat_begins_the_time_anew_and_a_session_stops_it() {
    let mut scene = scene();
    for _ in 0..10 {
        scene.pass(60_000);
        scene.roll.heard.insert(id("a"), scene.now);
    }
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.roll.attached.insert(id("a"));
    for _ in 0..10 {
        scene.pass(60_000);
    }
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.roll.attached.remove(&id("a"));
    scene.roll.heard.insert(id("a"), scene.now);
    for _ in 0..89 {
        scene.pass(1_000);
    }
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.pass(1_000);
    assert_eq!(scene.told(), ["a offline: no heartbeat for 90 s"]);
}

#[test]
fn every_status_but_offline_can_fall_silent_and_coming_back_begins_anew() {
    for status in AgentStatus::ALL {
        let mut scene = scene();
        scene.set_status("a", AgentStatus::Offline);
        scene.pass(600_000);
        scene.set_status("a", status);
        scene.told();
        scene.pass(89_990);
        assert_eq!(scene.told(), Vec::<String>::new(), "{status:?}");
        scene.pass(10);
        let is_told = !scene.told().is_empty();
        assert_eq!(is_told, status != AgentStatus::Offline, "{status:?}");
    }
}

#[test]
fn what_was_heard_before_it_was_offline_does_not_count_against_it() {
    let mut scene = scene();
    scene.roll.heard.insert(id("a"), scene.now);
    scene.pass(600_000);
    scene.set_status("a", AgentStatus::Idle);
    scene.told();
    scene.pass(89_000);
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.pass(1_000);
    assert_eq!(scene.told(), ["a offline: no heartbeat for 90 s"]);
}

#[test]
fn after_a_start_all_clocks_begin_anew() {
    let mut scene = scene();
    scene.pass(80_000);
    scene.restart(CoreSettings::default());
    scene.pass(80_000);
    assert_eq!(scene.told(), Vec::<String>::new());
    scene.pass(10_000);
    assert_eq!(scene.told(), ["a offline: no heartbeat for 90 s"]);
}

#[test]
fn its_tasks_go_to_others_but_for_those_that_are_meant_for_it() {
    let mut scene = scene();
    for (name, is_own) in [
        ("any", false),
        ("begun", false),
        ("own", true),
        ("own-begun", true),
    ] {
        scene.create(NewTask {
            assigned_agent: is_own.then(|| id("a")),
            ..task(name)
        });
    }
    scene.becomes("begun", Running);
    scene.becomes("own-begun", Running);
    scene.register("b", &["build"], 5);
    scene.roll.attached.insert(id("b"));
    scene.told();
    scene.pass(90_000);
    let told = scene.told();
    assert_eq!(
        told,
        [
            "a offline: no heartbeat for 90 s",
            "any retried: agent a is offline",
            "begun retried: agent a is offline",
            "any assigned to b",
            "begun assigned to b",
        ]
    );
    assert_eq!(scene.task("begun").attempt, 0);
    assert_eq!(scene.task("own").status, Pending);
    assert_eq!(scene.task("own-begun").status, Running);
    assert_eq!(scene.holder("own").as_deref(), Some("a"));
    assert_eq!(scene.agent("a").current_tasks, 2);
    assert_eq!(scene.agent("b").current_tasks, 2);

    // While it is away, nothing comes to it.
    scene.create(NewTask {
        assigned_agent: Some(id("a")),
        ..task("later")
    });
    assert_eq!(scene.holder("later"), None);
    scene.set_status("a", AgentStatus::Idle);
    assert_eq!(scene.holder("later").as_deref(), Some("a"));
}

#[test]
fn a_large_swarm_that_falls_silent_is_dealt_with_in_bites() {
    let mut scene = Scene::with(CoreSettings::default(), 3);
    for number in 0..25_000 {
        scene.register(&format!("a-{number}"), &["x"], 1);
    }
    scene.told();
    let mut counts = Vec::new();
    scene.now = scene.now.plus_ms(200_000);
    for _ in 0..4 {
        scene.pass(1_000);
        counts.push(scene.told().len());
    }
    assert_eq!(counts, [10_000, 10_000, 5_000, 0]);
}

#[test]
fn an_agent_that_works_is_not_silent_and_one_that_works_again_is_back() {
    let mut scene = scene();
    scene.create(NewTask {
        task_type: id("other"),
        ..task("t")
    });
    let says = |progress| TaskChange {
        agent: Some(id("a")),
        progress: Some(progress),
        ..becomes(Running)
    };
    scene.told();
    for progress in 0..10 {
        scene.change("t", says(progress)).unwrap();
        scene.pass(60_000);
    }
    assert_eq!(scene.agent("a").status, AgentStatus::Busy);
    scene.pass(90_000);
    assert_eq!(scene.agent("a").status, AgentStatus::Offline);
    assert_eq!(scene.task("t").status, Pending);
    scene.told();
    scene.change("t", says(50)).unwrap();
    let told = scene.told();
    assert_eq!(told[0], "a idle: it works");
    assert_eq!(scene.agent("a").status, AgentStatus::Busy);
    scene.pass(89_000);
    assert_eq!(scene.agent("a").status, AgentStatus::Busy);
}
