//! Every state of a task, and every state that it may be told to go to from there.

use agnt_fleet::RefusalKind;
use agnt_fleet::mutation::TaskChange;
use agnt_fleet::task::TaskStatus::{self, Cancelled, Completed, Failed, Pending, Running, Timeout};

use crate::scene::{Scene, becomes, fields, task};

/// A task in this state, begun by an agent if its state asks for that.
fn in_state(status: TaskStatus) -> Scene {
    let mut scene = Scene::new();
    scene.register("a", &["build"], 5);
    scene.create(task("t"));
    match status {
        Pending => {}
        Running => {
            scene.becomes("t", Running);
        }
        end => {
            scene.becomes("t", Running);
            scene.becomes("t", end);
        }
    }
    assert_eq!(scene.task("t").status, status);
    scene.told();
    scene
}

#[test]
fn each_transition_is_allowed_or_a_conflict_that_names_both_states() {
    let allowed = [
        (
            Pending,
            Running,
            vec!["t started by a", "a busy: task started"],
        ),
        (
            Pending,
            Completed,
            vec![
                "a busy: task started",
                "t started by a",
                "t completed",
                "a idle: no task left",
            ],
        ),
        (
            Pending,
            Failed,
            vec![
                "a busy: task started",
                "t started by a",
                "t failed",
                "a idle: no task left",
            ],
        ),
        (Pending, Cancelled, vec!["t cancelled"]),
        (Pending, Timeout, vec!["t timeout"]),
        (
            Running,
            Pending,
            vec![
                "t retried: given back",
                "a idle: no task left",
                "t assigned to a",
            ],
        ),
        (Running, Running, vec![]),
        (
            Running,
            Completed,
            vec!["t completed", "a idle: no task left"],
        ),
        (Running, Failed, vec!["t failed", "a idle: no task left"]),
        (
            Running,
            Cancelled,
            vec!["t cancelled", "a idle: no task left"],
        ),
        (Running, Timeout, vec!["t timeout", "a idle: no task left"]),
    ];
    for from in TaskStatus::ALL {
        for to in TaskStatus::ALL {
            let mut scene = in_state(from);
            let answer = scene.change("t", becomes(to));
            let known = allowed.iter().find(|(a, b, _)| (*a, *b) == (from, to));
            let Some((_, _, told)) = known else {
                let refusal = answer.unwrap_err();
                assert_eq!(refusal.kind, RefusalKind::Conflict, "{from:?} to {to:?}");
                assert_eq!(refusal.details["from"], from.as_str());
                assert_eq!(refusal.details["to"], to.as_str());
                assert_eq!(scene.task("t").status, from);
                continue;
            };
            assert_eq!(answer.unwrap().status, to, "{from:?} to {to:?}");
            let (mut heard, mut told) = (scene.told(), told.clone());
            heard.sort_unstable();
            told.sort_unstable();
            assert_eq!(heard, told, "{from:?} to {to:?}");
        }
    }
}

#[test]
fn cancelling_is_for_tasks_that_have_not_ended() {
    for from in TaskStatus::ALL {
        let mut scene = in_state(from);
        match scene.cancel("t") {
            Ok(_) => {
                assert!(matches!(from, Pending | Running));
                let task = scene.task("t");
                assert_eq!(task.status, Cancelled);
                assert_eq!(task.error.as_deref(), Some("not needed"));
                assert_eq!(scene.agent("a").current_tasks, 0);
            }
            Err(refusal) => {
                assert!(from.is_terminal());
                assert_eq!(refusal.kind, RefusalKind::Conflict);
                assert!(
                    refusal.message.contains(from.as_str()),
                    "{}",
                    refusal.message
                );
            }
        }
    }
    let refusal = Scene::new().cancel("nobody").unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotFound);
}

#[test]
fn an_ended_task_does_not_change_at_all() {
    for end in [Completed, Failed, Cancelled, Timeout] {
        let mut scene = in_state(end);
        let before = scene.task("t");
        let change = TaskChange {
            metadata: fields(serde_json::json!({"a": 1})),
            ..TaskChange::default()
        };
        assert_eq!(
            scene.change("t", change).unwrap_err().kind,
            RefusalKind::Conflict
        );
        assert_eq!(scene.task("t"), before);
    }
}

#[test]
fn outputs_are_merged_while_it_runs_and_replaced_at_the_end() {
    let mut scene = in_state(Pending);
    // Document B, "Update Task Status".
    let change = TaskChange {
        status: Some(Running),
        progress: Some(45),
        output: Some(fields(serde_json::json!({
            "files_generated": 12,
            "current_operation": "generating_api_routes",
        }))),
        estimated_completion: agnt_fleet::Timestamp::parse("2025-01-15T14:30:00Z"),
        ..TaskChange::default()
    };
    let task = scene.change("t", change).unwrap();
    assert_eq!((task.progress, task.attempt), (45, 1));
    let told = scene.told();
    assert_eq!(told, ["a busy: task started", "t started by a", "t at 45"]);

    let more = TaskChange {
        output: Some(fields(serde_json::json!({"files_generated": 13}))),
        ..TaskChange::default()
    };
    let task = scene.change("t", more).unwrap();
    let expected = serde_json::json!({
        "files_generated": 13,
        "current_operation": "generating_api_routes",
    });
    assert_eq!(task.output, Some(fields(expected)));
    assert_eq!(task.progress, 45);

    let end = TaskChange {
        output: Some(fields(serde_json::json!({"files": ["a.rs"]}))),
        ..becomes(Completed)
    };
    let task = scene.change("t", end).unwrap();
    let expected = fields(serde_json::json!({"files": ["a.rs"]}));
    assert_eq!(task.output, Some(expected));
    assert_eq!(task.progress, 100);
    assert!(task.finished_at.unwrap() > task.started_at.unwrap());
}

#[test]
fn what_does_not_fit_is_refused() {
    let mut scene = in_state(Running);
    let too_far = TaskChange {
        progress: Some(101),
        ..TaskChange::default()
    };
    let refusal = scene.change("t", too_far).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Invalid);
    assert_eq!(refusal.issues[0].field, "progress");
    let blamed = TaskChange {
        error: Some("oh".into()),
        ..becomes(Completed)
    };
    let refusal = scene.change("t", blamed).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);

    let long = "x".repeat(5 << 20);
    let large = TaskChange {
        output: Some(fields(serde_json::json!({ "long": long }))),
        ..TaskChange::default()
    };
    assert_eq!(
        scene.change("t", large).unwrap_err().issues[0].field,
        "output"
    );

    let mut scene = in_state(Pending);
    let early = TaskChange {
        progress: Some(1),
        ..TaskChange::default()
    };
    let refusal = scene.change("t", early).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(refusal.details["status"], "pending");
}

#[test]
fn what_is_merged_stays_within_the_bound_of_an_output() {
    let mut scene = in_state(Running);
    let half = "x".repeat(3 << 20);
    for (key, is_taken) in [("one", true), ("two", false)] {
        let mut output = agnt_fleet::Fields::new();
        output.insert(key.to_owned(), half.as_str().into());
        let change = TaskChange {
            output: Some(output),
            ..TaskChange::default()
        };
        assert_eq!(scene.change("t", change).is_ok(), is_taken, "{key}");
    }
}
