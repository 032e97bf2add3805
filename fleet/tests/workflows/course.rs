//! The course of workflows in which nothing fails, and of those that are called off.

use agnt_fleet::EventKind;
use agnt_fleet::Mutation;
use agnt_fleet::RefusalKind;
use agnt_fleet::mutation::{NewStage, NewWorkflow};
use agnt_fleet::task::TaskStatus;
use agnt_fleet::workflow::{FailureStrategy, WorkflowStatus};
use serde_json::{Value, json};

use crate::plan::{begun, create, diamond, plan, stage, state};
use crate::swarm::{Swarm, fields, id};

/// Document B, "Create Workflow", as it stands there.
const DOCUMENT_B: &str = r#"{
  "id": "workflow-123",
  "project_id": "proj-456",
  "name": "Full Stack App Generation",
  "stages": [
    {
      "name": "requirement_analysis",
      "agent_type": "requirement_analysis",
      "dependencies": [],
      "timeout": 120
    },
    {
      "name": "architecture_planning",
      "agent_type": "architecture_planning",
      "dependencies": ["requirement_analysis"],
      "timeout": 180
    },
    {
      "name": "code_generation",
      "agent_type": "code_generation",
      "dependencies": ["architecture_planning"],
      "timeout": 600
    }
  ],
  "configuration": {
    "parallel_execution": false,
    "failure_strategy": "stop_on_error"
  }
}"#;

fn of_document_b() -> NewWorkflow {
    let document: Value = serde_json::from_str(DOCUMENT_B).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let stages = document["stages"].as_array().unwrap().iter();
    let stages = stages.map(|stage| NewStage {
        name: text(&stage["name"]),
        agent_type: id(stage["agent_type"].as_str().unwrap()),
        dependencies: stage["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(text)
            .collect(),
        timeout_ms: Some(stage["timeout"].as_u64().unwrap() * 1000),
        input: fields(json!({})),
    });
    NewWorkflow {
        id: Some(id(document["id"].as_str().unwrap())),
        project_id: Some(text(&document["project_id"])),
        name: Some(text(&document["name"])),
        is_parallel: false,
        ..plan(stages.collect(), FailureStrategy::StopOnError)
    }
}

#[test]
fn document_b_example_runs_to_its_end() {
    let mut swarm = Swarm::new();
    let names = [
        "requirement_analysis",
        "architecture_planning",
        "code_generation",
    ];
    for name in names {
        swarm.register(&format!("agent-{name}"), name, 5);
    }
    swarm.told();
    create(&mut swarm, of_document_b()).unwrap();
    assert_eq!(
        swarm.told(),
        ["workflow.started", "task.created", "task.assigned"]
    );
    for (place, name) in names.into_iter().enumerate() {
        assert_eq!(
            u64::from(swarm.workflow("workflow-123").progress()),
            place as u64 * 100 / 3
        );
        let task = swarm.stage_task("workflow-123", name);
        assert_eq!(task.assigned_agent, Some(id(&format!("agent-{name}"))));
        assert_eq!(task.task_type.as_str(), name);
        assert_eq!(task.timeout_ms, Some([120_000, 180_000, 600_000][place]));
        let inputs = match place {
            0 => json!({}),
            _ => json!({ names[place - 1]: { "made_by": names[place - 1] } }),
        };
        let input = json!({ "workflow_id": "workflow-123", "stage": name, "inputs": inputs });
        assert_eq!(Value::Object(task.input.clone()), input);

        swarm.begin(&task.id);
        swarm.told();
        swarm.complete(&task.id, json!({ "made_by": name }));
        let told = swarm.told();
        let expected: &[&str] = match place {
            2 => &[
                "task.completed",
                "workflow.stage_completed",
                "workflow.completed",
            ],
            _ => &[
                "task.completed",
                "workflow.stage_completed",
                "task.created",
                "task.assigned",
            ],
        };
        assert_eq!(told, expected);
    }
    let workflow = swarm.workflow("workflow-123");
    assert_eq!(workflow.status, WorkflowStatus::Completed);
    assert_eq!(workflow.progress(), 100);
    assert!(workflow.finished_at.is_some());
    assert_eq!(swarm.core.tables().tasks.len(), 3);
}

#[test]
fn what_is_told_names_project_workflow_and_stage() {
    let mut swarm = Swarm::new();
    create(&mut swarm, of_document_b()).unwrap();
    let task = swarm.stage_task("workflow-123", "requirement_analysis");
    swarm.complete(&task.id, json!({}));
    for event in &swarm.events {
        if let Some(task) = event.kind.task() {
            assert_eq!(task.project_id.as_deref(), Some("proj-456"));
            assert!(task.stage.is_some());
        }
        if let Some(workflow) = event.kind.workflow() {
            assert_eq!(event.correlation_id.as_deref(), Some("workflow-123"));
            assert_eq!(workflow.project_id.as_deref(), Some("proj-456"));
        }
    }
    let ended = swarm.events.iter().find_map(|event| match &event.kind {
        EventKind::WorkflowStageCompleted { stage, task_id, .. } => Some((stage, task_id)),
        _ => None,
    });
    let (stage, task_id) = ended.unwrap();
    assert_eq!(stage, "requirement_analysis");
    assert_eq!(task_id.as_ref(), Some(&task.id));
}

#[test]
fn a_parallel_diamond_begins_both_arms_at_once() {
    let mut swarm = begun(diamond(FailureStrategy::StopOnError));
    assert_eq!(state(&swarm), "a:running b:pending c:pending d:pending");
    swarm.complete(&swarm.stage_task("w", "a").id, json!({ "n": 1 }));
    assert_eq!(state(&swarm), "a:completed b:running c:running d:pending");
    swarm.complete(&swarm.stage_task("w", "c").id, json!({ "n": 3 }));
    assert_eq!(state(&swarm), "a:completed b:running c:completed d:pending");
    swarm.complete(&swarm.stage_task("w", "b").id, json!({ "n": 2 }));
    assert_eq!(
        swarm.stage_task("w", "d").input["inputs"],
        json!({ "b": { "n": 2 }, "c": { "n": 3 } })
    );
    swarm.complete(&swarm.stage_task("w", "d").id, json!({}));
    assert_eq!(swarm.workflow("w").status, WorkflowStatus::Completed);
}

#[test]
fn a_serial_workflow_goes_by_the_graph_and_then_by_the_list() {
    let stages = vec![
        stage("d", "b c"),
        stage("c", "a"),
        stage("b", "a"),
        stage("a", ""),
    ];
    let serial = NewWorkflow {
        is_parallel: false,
        ..plan(stages, FailureStrategy::StopOnError)
    };
    let mut swarm = begun(serial);
    for running in ["a", "c", "b", "d"] {
        assert_eq!(state(&swarm).matches("running").count(), 1);
        assert!(state(&swarm).contains(&format!("{running}:running")));
        swarm.complete(&swarm.stage_task("w", running).id, json!({}));
    }
    assert_eq!(swarm.workflow("w").status, WorkflowStatus::Completed);
}

#[test]
fn input_is_the_stages_own_over_the_workflows() {
    let stages = vec![NewStage {
        input: fields(json!({ "own": 1, "both": "stage", "stage": "forged" })),
        ..stage("a", "")
    }];
    let swarm = begun(NewWorkflow {
        input: fields(json!({ "all": 2, "both": "workflow" })),
        ..plan(stages, FailureStrategy::StopOnError)
    });
    assert_eq!(
        Value::Object(swarm.stage_task("w", "a").input.clone()),
        json!({ "own": 1, "all": 2, "both": "stage", "stage": "a", "workflow_id": "w", "inputs": {} })
    );
}

#[test]
fn a_cancelled_workflow_takes_its_tasks_along() {
    let mut swarm = begun(diamond(FailureStrategy::StopOnError));
    swarm.complete(&swarm.stage_task("w", "a").id, json!({}));
    swarm.begin(&swarm.stage_task("w", "b").id);
    swarm.told();
    let cancel = |reason: &str| Mutation::CancelWorkflow {
        workflow: id("w"),
        reason: Some(reason.to_owned()),
    };
    swarm.execute(cancel("no longer wanted")).unwrap();
    assert_eq!(
        state(&swarm),
        "a:completed b:cancelled c:cancelled d:cancelled"
    );
    let workflow = swarm.workflow("w");
    assert_eq!(workflow.status, WorkflowStatus::Cancelled);
    assert_eq!(workflow.error.as_deref(), Some("no longer wanted"));
    for stage in ["b", "c"] {
        assert_eq!(swarm.stage_task("w", stage).status, TaskStatus::Cancelled);
    }
    assert_eq!(workflow.stage("d").unwrap().task_id, None);
    assert_eq!(
        swarm.told(),
        [
            "task.failed",
            "workflow.stage_completed",
            "task.failed",
            "workflow.stage_completed",
            "workflow.stage_completed",
            "workflow.failed"
        ]
    );
    assert_eq!(swarm.agent("worker").current_tasks, 0);

    let refusal = swarm.execute(cancel("again")).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(refusal.details["status"], "cancelled");
    let unknown = Mutation::CancelWorkflow {
        workflow: id("v"),
        reason: None,
    };
    let refusal = swarm.execute(unknown).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotFound);
}

#[test]
fn a_foreign_task_of_the_same_workflow_is_just_a_task() {
    let mut swarm = begun(diamond(FailureStrategy::StopOnError));
    let mut foreign = agnt_fleet::mutation::NewTask {
        id: Some(id("foreign")),
        task_type: id("work"),
        priority: None,
        assigned_agent: None,
        workflow_id: Some(id("w")),
        stage: None,
        dependencies: Vec::new(),
        input: fields(json!({})),
        metadata: fields(json!({})),
        deadline: None,
        timeout_ms: None,
        retry: agnt_fleet::task::RetryPolicy::default(),
        source: None,
    };
    swarm
        .execute(Mutation::CreateTask(foreign.clone()))
        .unwrap();
    swarm.fail(&id("foreign"), "broken");
    assert_eq!(state(&swarm), "a:running b:pending c:pending d:pending");

    foreign.id = Some(id("forged"));
    foreign.stage = Some("a".to_owned());
    swarm.execute(Mutation::CreateTask(foreign)).unwrap();
    swarm.fail(&id("forged"), "broken");
    assert_eq!(state(&swarm), "a:running b:pending c:pending d:pending");
}
