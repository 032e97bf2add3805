//! Dependencies: what is held, what goes on, what fails with them.

use agnt_fleet::RefusalKind;
use agnt_fleet::mutation::NewTask;
use agnt_fleet::task::TaskStatus::{Cancelled, Completed, Failed, Pending, Running, Timeout};

use crate::scene::{Scene, becomes, id, task};

fn after(name: &str, dependencies: &[&str]) -> NewTask {
    NewTask {
        dependencies: dependencies.iter().map(|&one| id(one)).collect(),
        ..task(name)
    }
}

fn scene() -> Scene {
    let mut scene = Scene::new();
    scene.register("a", &["build"], 100);
    scene
}

#[test]
fn a_task_is_held_until_all_that_it_depends_on_is_completed() {
    let mut scene = scene();
    scene.create(after("last", &["one", "two", "two"]));
    assert_eq!(scene.task("last").dependencies.len(), 2);
    scene.create(task("one"));
    scene.becomes("one", Completed);
    assert_eq!(scene.holder("last"), None);
    let refusal = scene.change("last", becomes(Running)).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::DependencyNotMet);
    assert_eq!(refusal.details["unmet"], serde_json::json!(["two"]));
    scene.create(task("two"));
    assert_eq!(scene.holder("last"), None);
    scene.becomes("two", Running);
    assert_eq!(scene.holder("last"), None);
    scene.becomes("two", Completed);
    assert_eq!(scene.holder("last").as_deref(), Some("a"));
}

#[test]
fn a_dependency_that_ends_otherwise_takes_with_it_what_depends_on_it() {
    for end in [Failed, Cancelled, Timeout] {
        let mut scene = scene();
        scene.create(task("first"));
        scene.create(after("second", &["never", "first"]));
        scene.create(after("third", &["second"]));
        scene.told();
        scene.becomes("first", Running);
        scene.becomes("first", end);
        let why = format!("dependency first {}", end.as_str());
        let second = scene.task("second");
        assert_eq!((second.status, second.error.as_ref()), (Failed, Some(&why)));
        let third = scene.task("third");
        assert_eq!(third.error.as_deref(), Some("dependency second failed"));
        // It is as well if it comes later.
        let fourth = scene.create(after("fourth", &["first"]));
        assert_eq!(fourth.status, Failed);
        let told = scene.told();
        assert_eq!(told[told.len() - 2], "fourth created");
    }
}

#[test]
fn a_dependency_may_be_named_by_its_uuid() {
    let mut scene = scene();
    let first = scene.create(task("first"));
    let second = scene.create(after("second", &[first.uuid.as_str(), "first"]));
    assert_eq!(second.dependencies, [id("first")]);
    scene.becomes("first", Completed);
    assert_eq!(scene.holder("second").as_deref(), Some("a"));
}

#[test]
fn a_cycle_is_refused_by_the_task_that_would_close_it() {
    let mut scene = scene();
    let refusal = scene
        .ask(agnt_fleet::Mutation::CreateTask(after("x", &["x"])))
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unprocessable);
    scene.create(after("a", &["b"]));
    scene.create(after("b", &["other", "c"]));
    let refusal = scene
        .ask(agnt_fleet::Mutation::CreateTask(after("c", &["else", "a"])))
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Unprocessable);
    let cycle = serde_json::json!(["c", "a", "b", "c"]);
    assert_eq!(refusal.details["cycle"], cycle);
    assert!(
        refusal.message.contains("c -> a -> b -> c"),
        "{}",
        refusal.message
    );
    scene.create(after("c", &["else"]));
}

#[test]
fn a_chain_of_ten_thousand_goes_step_by_step() {
    const LENGTH: usize = 10_000;
    let name = |place: usize| format!("t-{place}");
    let mut scene = scene();
    for place in (1..LENGTH).rev() {
        scene.create(after(&name(place), &[&name(place - 1)]));
    }
    scene.create(task(&name(0)));
    for place in 0..LENGTH {
        assert_eq!(scene.holder(&name(place)).as_deref(), Some("a"));
        assert_eq!(scene.agent("a").current_tasks, 1);
        scene.becomes(&name(place), Completed);
    }
}

#[test]
fn a_chain_of_ten_thousand_falls_at_once() {
    const LENGTH: usize = 10_000;
    let name = |place: usize| format!("t-{place}");
    let mut scene = scene();
    scene.create(task(&name(0)));
    for place in 1..LENGTH {
        scene.create(after(&name(place), &[&name(place - 1)]));
    }
    scene.cancel(&name(0)).unwrap();
    for place in 1..LENGTH {
        assert_eq!(scene.task(&name(place)).status, Failed);
    }
    assert_eq!(scene.agent("a").current_tasks, 0);
}

#[test]
fn many_that_wait_for_one_begin_in_the_order_of_their_urgency() {
    let mut scene = Scene::new();
    scene.create(task("root"));
    for number in 0..100 {
        let level = agnt_fleet::Priority::new(number % 10 + 1).unwrap();
        scene.create(NewTask {
            priority: Some(agnt_fleet::mutation::PriorityWish::Level(level)),
            ..after(&format!("t-{number}"), &["root"])
        });
    }
    scene.becomes("root", Completed);
    scene.told();
    scene.register("a", &["build"], 100);
    let told = scene.told();
    let mut expected: Vec<u8> = (0..100).collect();
    expected.sort_by_key(|number| (10 - number % 10, *number));
    let expected = expected
        .iter()
        .map(|number| format!("t-{number} assigned to a"));
    assert!(told[1..].iter().cloned().eq(expected), "{told:?}");
    assert_eq!(scene.task("t-0").status, Pending);
}
