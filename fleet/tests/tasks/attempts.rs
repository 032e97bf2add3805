//! Attempts: how often and when a task is tried again, timeouts and deadlines.

use std::collections::BTreeSet;

use agnt_fleet::EventKind;
use agnt_fleet::mutation::{NewTask, TaskChange};
use agnt_fleet::task::TaskStatus::{Completed, Failed, Pending, Running, Timeout};
use agnt_fleet::task::{Backoff, RetryPolicy};

use crate::scene::{Scene, becomes, patient, task};

fn tried(max_attempts: u32, backoff: Backoff) -> NewTask {
    NewTask {
        retry: RetryPolicy {
            max_attempts,
            backoff,
        },
        ..task("t")
    }
}

fn failed(why: &str) -> TaskChange {
    TaskChange {
        error: Some(why.to_owned()),
        ..becomes(Failed)
    }
}

#[test]
fn a_task_is_tried_as_often_as_it_may_and_then_fails() {
    let mut scene = Scene::new();
    scene.register("a", &["build"], 1);
    scene.create(tried(3, Backoff::Exponential));
    for attempt in 1..=2 {
        assert_eq!(scene.becomes("t", Running).attempt, attempt);
        let task = scene.change("t", failed("no luck")).unwrap();
        assert_eq!((task.status, task.attempt), (Pending, attempt));
        assert_eq!(task.assigned_agent, None);
        assert_eq!(scene.agent("a").current_tasks, 0);
        scene.pass(60_000);
        assert_eq!(scene.holder("t").as_deref(), Some("a"));
    }
    assert_eq!(scene.becomes("t", Running).attempt, 3);
    let task = scene.change("t", failed("no luck")).unwrap();
    assert_eq!((task.status, task.attempt), (Failed, 3));
    assert_eq!(task.error.as_deref(), Some("no luck"));
    assert_eq!(scene.agent("a").tasks_failed, 1);
    let retried = scene
        .told()
        .into_iter()
        .filter(|told| told.contains("retried"));
    assert_eq!(retried.count(), 2);
}

/// Decision M27: exponential 1 s, 2 s, 4 s ... 60 s, linear 1 s, 2 s, 3 s ..., fixed 1 s, each
/// from nothing to all of it.
#[test]
fn waits_lie_between_nothing_and_their_bound_and_are_spread() {
    let bounds_s = [
        (Backoff::Exponential, [1, 2, 4, 8, 16, 32, 60, 60]),
        (Backoff::Linear, [1, 2, 3, 4, 5, 6, 7, 8]),
        (Backoff::Fixed, [1; 8]),
    ];
    for (backoff, bounds_s) in bounds_s {
        let mut shares: Vec<BTreeSet<u64>> = vec![BTreeSet::new(); 8];
        for seed in 0..40 {
            let mut scene = Scene::with(patient(), seed);
            scene.register("a", &["build"], 100);
            scene.create(tried(9, backoff));
            for (retry, bound_s) in bounds_s.into_iter().enumerate() {
                scene.heard();
                let before = scene.now.plus_ms(1);
                scene.change("t", failed("no luck")).unwrap();
                let events = scene.heard();
                let retry_at = events.iter().find_map(|event| match &event.kind {
                    EventKind::TaskRetried { retry_at, .. } => *retry_at,
                    _ => None,
                });
                let wait_ms = retry_at.unwrap().ms_since(before);
                assert!(
                    wait_ms <= bound_s * 1000,
                    "{backoff:?} {retry}: {wait_ms} ms"
                );
                shares[retry].insert(wait_ms * 10 / (bound_s * 1000 + 1));
                scene.pass(60_001);
            }
        }
        for (retry, tenths) in shares.iter().enumerate() {
            assert!(
                tenths.len() >= 8,
                "{backoff:?} {retry}: only tenths {tenths:?}"
            );
        }
    }
}

#[test]
fn a_task_that_waits_for_its_next_attempt_is_left_alone() {
    let mut scene = Scene::new();
    scene.create(tried(50, Backoff::Exponential));
    let agent = scene.register("a", &["build"], 1);
    let mut waited = 0;
    for _ in 0..20 {
        scene.becomes("t", Running);
        let task = scene.change("t", failed("no luck")).unwrap();
        let retry_at = task.retry_at.unwrap();
        if retry_at > scene.now.plus_ms(10) {
            waited += 1;
            let refusal = scene.change("t", becomes(Running)).unwrap_err();
            assert_eq!(refusal.kind, agnt_fleet::RefusalKind::Conflict);
            assert_eq!(refusal.details["retry_at"], retry_at.to_string());
            assert!(refusal.retry_after_s.is_some());
            scene.pass(retry_at.ms_since(scene.now) - 1);
            assert_eq!(scene.holder("t"), None);
        }
        scene.pass(retry_at.ms_since(scene.now) + 1);
        assert_eq!(scene.holder("t").as_deref(), Some(agent.id.as_str()));
    }
    assert!(waited > 10);
}

#[test]
fn an_attempt_times_out_from_its_start_and_counts_as_failed() {
    let mut scene = Scene::new();
    scene.register("a", &["build"], 1);
    scene.create(NewTask {
        timeout_ms: Some(300_000),
        ..tried(2, Backoff::Fixed)
    });
    scene.pass(400_000);
    assert_eq!(scene.task("t").status, Pending, "it was not begun");
    scene.becomes("t", Running);
    scene.pass(299_998);
    assert_eq!(scene.task("t").status, Running);
    scene.pass(2);
    let task = scene.task("t");
    assert_eq!(task.status, Pending);
    assert_eq!(task.error.as_deref(), Some("not done within 300000 ms"));
    scene.pass(1_000);
    scene.becomes("t", Running);
    scene.pass(300_000);
    let task = scene.task("t");
    assert_eq!((task.status, task.attempt), (Timeout, 2));
    assert_eq!(scene.agent("a").tasks_failed, 1);
}

#[test]
fn a_deadline_ends_a_task_whatever_its_state() {
    for is_begun in [false, true] {
        let mut scene = Scene::new();
        scene.register("a", &["build"], 1);
        let deadline = scene.now.plus_ms(5_000);
        scene.create(NewTask {
            deadline: Some(deadline),
            ..tried(5, Backoff::Fixed)
        });
        if is_begun {
            scene.becomes("t", Running);
        }
        scene.pass(4_900);
        assert!(!scene.task("t").status.is_terminal());
        scene.pass(100);
        let task = scene.task("t");
        assert_eq!(task.status, Timeout);
        assert_eq!(
            task.error,
            Some(format!("not done by its deadline, {deadline}"))
        );
        assert_eq!(scene.agent("a").current_tasks, 0);
    }
}

#[test]
fn a_task_that_is_given_back_has_not_been_tried() {
    let mut scene = Scene::new();
    scene.register("a", &["build"], 1);
    scene.create(task("t"));
    scene.becomes("t", Running);
    scene.register("b", &["build"], 1);
    let task = scene.becomes("t", Pending);
    assert_eq!((task.status, task.attempt), (Pending, 0));
    assert_eq!(
        scene.holder("t").as_deref(),
        Some("b"),
        "the other waited longer"
    );
    assert_eq!(scene.becomes("t", Running).attempt, 1);
    assert_eq!(scene.becomes("t", Completed).status, Completed);
}

#[test]
fn the_counters_of_an_agent_follow_its_tasks() {
    let mut scene = Scene::new();
    scene.register("a", &["build"], 10);
    for (name, end) in [
        ("one", Completed),
        ("two", Failed),
        ("three", Completed),
        ("four", Timeout),
    ] {
        scene.create(task(name));
        scene.becomes(name, Running);
        scene.pass(1_000);
        scene.becomes(name, end);
    }
    scene.create(task("five"));
    scene.cancel("five").unwrap();
    let agent = scene.agent("a");
    assert_eq!((agent.tasks_completed, agent.tasks_failed), (2, 2));
    assert_eq!(agent.execution_ms_sum, 2 * 1_001);
    assert_eq!(agent.current_tasks, 0);
}
