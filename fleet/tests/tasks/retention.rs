//! Retention: ended tasks are forgotten after their time, in small bites.

use agnt_fleet::core::CoreSettings;
use agnt_fleet::mutation::NewTask;
use agnt_fleet::task::TaskStatus::{Cancelled, Completed};

use crate::scene::{Scene, id, patient, task};

fn keeping(terminal_kept_ms: Option<u64>) -> Scene {
    let settings = CoreSettings {
        terminal_kept_ms,
        ..patient()
    };
    Scene::with(settings, 1)
}

#[test]
fn ended_tasks_are_kept_for_ever_unless_a_time_is_set() {
    let mut scene = keeping(None);
    scene.create(task("t"));
    scene.becomes("t", Completed);
    scene.pass(u64::MAX / 4000);
    assert_eq!(scene.task("t").status, Completed);
}

#[test]
fn after_their_time_they_are_gone_and_the_others_stay() {
    let mut scene = keeping(Some(60_000));
    scene.create(task("open"));
    scene.create(task("old"));
    let old = scene.becomes("old", Completed);
    scene.pass(30_000);
    scene.create(task("young"));
    scene.becomes("young", Cancelled);
    scene.pass(30_000);
    assert!(scene.core.tables().task("old").is_none());
    assert!(scene.core.tables().task(old.uuid.as_str()).is_none());
    scene.task("open");
    scene.task("young");
    scene.create(task("old"));
}

#[test]
fn what_open_tasks_depend_on_is_kept_until_they_end() {
    let mut scene = keeping(Some(60_000));
    scene.create(task("first"));
    scene.create(NewTask {
        dependencies: vec![id("first")],
        ..task("second")
    });
    scene.becomes("first", Completed);
    scene.pass(600_000);
    scene.task("first");
    scene.register("a", &["build"], 1);
    assert_eq!(scene.holder("second").as_deref(), Some("a"));
    scene.becomes("second", Completed);
    scene.pass(1);
    assert!(scene.core.tables().task("first").is_none());
    scene.pass(60_000);
    assert!(scene.core.tables().tasks.is_empty());
}

#[test]
fn a_tick_forgets_a_thousand_at_most() {
    let mut scene = keeping(Some(1_000));
    for number in 0..2_500 {
        let name = format!("t-{number}");
        scene.create(task(&name));
        scene.cancel(&name).unwrap();
    }
    scene.now = scene.now.plus_ms(10_000);
    let mut left = Vec::new();
    for _ in 0..4 {
        scene.pass(1);
        left.push(scene.core.tables().tasks.len());
    }
    assert_eq!(left, [1_500, 500, 0, 0]);
}
