//! Making tasks: what is kept, and what is refused.

use agnt_fleet::core::CoreSettings;
use agnt_fleet::mutation::{NewTask, PriorityWish};
use agnt_fleet::row::Facet;
use agnt_fleet::task::TaskStatus::Pending;
use agnt_fleet::task::{Backoff, RetryPolicy};
use agnt_fleet::{Fields, Id, Mutation, PriorityWord, Refusal, RefusalKind};
use serde_json::json;

use crate::scene::{START, Scene, fields, id, patient, task};

fn refused(scene: &mut Scene, task: NewTask) -> Refusal {
    scene.ask(Mutation::CreateTask(task)).unwrap_err()
}

/// Document B, "Create Task".
fn of_document_b() -> NewTask {
    NewTask {
        task_type: id("code_generation"),
        priority: Some(PriorityWish::Word(PriorityWord::High)),
        assigned_agent: Some(id("agent-001")),
        workflow_id: Some(id("workflow-123")),
        dependencies: vec![id("task-002")],
        input: fields(json!({
            "template_id": "react-crud-template",
            "customizations": {
                "entities": ["User", "Product", "Order"],
                "authentication": "jwt",
                "database": "postgresql",
            },
        })),
        timeout_ms: Some(300_000),
        retry: RetryPolicy {
            max_attempts: 3,
            backoff: Backoff::Exponential,
        },
        source: Some("orchestrator-001".into()),
        ..task("task-001")
    }
}

#[test]
fn the_example_of_document_b_is_kept_though_nothing_it_names_is_there() {
    let mut scene = Scene::new();
    let task = scene.create(of_document_b());
    assert_eq!(task.status, Pending);
    assert_eq!(task.id.as_str(), "task-001");
    assert!(task.uuid.is_uuid());
    assert_eq!(task.priority.level(), 8);
    assert_eq!(task.dependencies, [id("task-002")]);
    assert_eq!(task.input, of_document_b().input);
    let heard = scene.heard();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0].topic(), "task.code_generation.created");
    assert_eq!(heard[0].source.as_deref(), Some("orchestrator-001"));
    assert_eq!(heard[0].correlation_id.as_deref(), Some("workflow-123"));

    // It goes on when all of that has come.
    scene.create(NewTask {
        task_type: id("x"),
        ..crate::scene::task("task-002")
    });
    scene.becomes("task-002", agnt_fleet::task::TaskStatus::Completed);
    assert_eq!(scene.holder("task-001"), None);
    scene.register("agent-001", &["javascript"], 5);
    assert_eq!(scene.holder("task-001").as_deref(), Some("agent-001"));
}

#[test]
fn a_task_is_found_by_both_its_names_and_has_one_if_that_is_a_uuid() {
    let mut scene = Scene::new();
    let named = scene.create(task("task-001"));
    assert_ne!(named.id, named.uuid);
    assert_eq!(scene.task(named.uuid.as_str()), named);
    for taken in [&named.id, &named.uuid] {
        let again = NewTask {
            id: Some(taken.clone()),
            ..task("x")
        };
        assert_eq!(refused(&mut scene, again).kind, RefusalKind::Conflict);
    }
    let uuid = "0198c5b2-7d60-7c3f-9d1e-3f2b1a0c4d5e";
    let own = scene.create(task(uuid));
    assert_eq!(own.uuid.as_str(), uuid);
    let made = scene.create(NewTask {
        id: None,
        ..task("x")
    });
    assert!(made.id.is_uuid());
    assert_eq!(made.id, made.uuid);
}

#[test]
fn what_does_not_fit_is_refused_by_its_name() {
    let mut scene = Scene::new();
    let attempts = |max_attempts| RetryPolicy {
        max_attempts,
        ..RetryPolicy::default()
    };
    let many: Vec<Id> = (0..=1000)
        .map(|number| id(&format!("t-{number}")))
        .collect();
    let huge = |bytes: usize| fields(json!({"x": "x".repeat(bytes)}));
    let bad = [
        (
            NewTask {
                retry: attempts(0),
                ..task("t")
            },
            "retry_policy.max_attempts",
        ),
        (
            NewTask {
                retry: attempts(1001),
                ..task("t")
            },
            "retry_policy.max_attempts",
        ),
        (
            NewTask {
                timeout_ms: Some(0),
                ..task("t")
            },
            "timeout",
        ),
        (
            NewTask {
                dependencies: many,
                ..task("t")
            },
            "dependencies",
        ),
        (
            NewTask {
                metadata: huge(64 << 10),
                ..task("t")
            },
            "metadata",
        ),
        (
            NewTask {
                input: huge(16 << 20),
                ..task("t")
            },
            "input",
        ),
    ];
    for (task, field) in bad {
        let refusal = refused(&mut scene, task);
        assert_eq!(refusal.kind, RefusalKind::Invalid, "{field}");
        assert_eq!(refusal.issues[0].field, field);
    }
    let past = NewTask {
        deadline: Some(START),
        ..task("t")
    };
    let refusal = refused(&mut scene, past);
    assert_eq!(refusal.kind, RefusalKind::Unprocessable);
    assert_eq!(refusal.issues[0].field, "deadline");
    assert!(scene.core.tables().tasks.is_empty());
}

#[test]
fn a_template_has_to_be_known_once_there_is_any() {
    let mut scene = Scene::new();
    scene.create(NewTask {
        dependencies: Vec::new(),
        ..of_document_b()
    });
    let put = |name: &str| Mutation::PutTemplate {
        id: id(name),
        name: None,
        content: Fields::new(),
    };
    scene.ask(put("express-api")).unwrap();
    let another = NewTask {
        id: None,
        ..of_document_b()
    };
    let refusal = refused(&mut scene, another.clone());
    assert_eq!(refusal.kind, RefusalKind::UnknownTemplate);
    assert_eq!(refusal.details["template_id"], "react-crud-template");
    scene.ask(put("react-crud-template")).unwrap();
    scene.create(another);
}

#[test]
fn there_are_no_more_tasks_than_the_cap() {
    let settings = CoreSettings {
        tasks_max: 1,
        ..patient()
    };
    let mut scene = Scene::with(settings, 1);
    scene.create(task("t"));
    let refusal = refused(&mut scene, task("u"));
    assert_eq!(refusal.kind, RefusalKind::TooMany);
    assert_eq!(refusal.details["cap"], "tasks_max");
}

#[test]
fn types_that_document_a_does_not_know_are_told_apart() {
    let mut scene = Scene::new();
    let types = [
        "analysis",
        "synthesis",
        "execution",
        "validation",
        "monitoring",
    ];
    for task_type in types.into_iter().chain(["code_generation", "Execution"]) {
        scene.create(NewTask {
            task_type: id(task_type),
            ..task(&format!("t-{task_type}"))
        });
    }
    let foreign = scene.core.tables().tasks.with(&Facet::ForeignType);
    let names: Vec<&str> = foreign.map(|task| task.id.as_str()).collect();
    assert_eq!(names, ["t-code_generation", "t-Execution"]);
}
