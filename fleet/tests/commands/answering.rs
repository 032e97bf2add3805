//! Answers: one each, by the agent that was asked, to commands and to tasks.

use agnt_fleet::command::{CommandKind, CommandStatus};
use agnt_fleet::mutation::{Answer, NewCommand, NewTask};
use agnt_fleet::task::{RetryPolicy, TaskStatus};
use agnt_fleet::{EventKind, Fields, Mutation, RefusalKind};
use serde_json::json;

use crate::asked::{answer, command, done, failed, issue, of_kind, row, staffed};
use crate::swarm::id;

#[test]
fn a_request_is_answered_once_and_its_asker_is_told() {
    let mut swarm = staffed();
    swarm.register("orchestrator-001", "orchestration", 1);
    let request = NewCommand {
        id: Some(id("req-001")),
        source: Some("orchestrator-001".to_owned()),
        correlation_id: Some("workflow-123".to_owned()),
        ..of_kind(CommandKind::Request)
    };
    issue(&mut swarm, request).unwrap();
    swarm.events.clear();
    let data = json!({ "generated_files": ["a.js"], "execution_time": 45.2 });
    answer(&mut swarm, "req-001", done(data.clone())).unwrap();
    let event = &swarm.events[0];
    assert_eq!(event.target, Some(id("orchestrator-001")));
    assert_eq!(event.source.as_deref(), Some("worker"));
    assert_eq!(event.correlation_id.as_deref(), Some("workflow-123"));
    assert!(
        matches!(&event.kind, EventKind::CommandFinished { status, result, .. }
        if *status == CommandStatus::Completed && *result == Some(data.clone()))
    );
    let response = json!({ "response": {
        "id": "resp-req-001",
        "request_id": "req-001",
        "status": "success",
        "data": data,
        "errors": [],
    } });
    assert_eq!(row(&swarm, "req-001").response(), response);

    let refusal = answer(&mut swarm, "req-001", failed(json!("no"))).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(refusal.details["status"], "completed");
    assert_eq!(row(&swarm, "req-001").response(), response);
}

#[test]
fn a_bad_answer_fails_the_command_with_its_errors() {
    let mut swarm = staffed();
    issue(&mut swarm, command("execute")).unwrap();
    let error = json!({ "code": "NO_TOOL", "message": "no such tool" });
    answer(&mut swarm, "c", failed(error.clone())).unwrap();
    let command = row(&swarm, "c");
    assert_eq!(command.status, CommandStatus::Failed);
    assert_eq!(command.errors, [error]);
    assert_eq!(command.response()["response"]["status"], "failed");
}

#[test]
fn another_agents_answer_is_a_conflict_and_nobodys_is_not_found() {
    let mut swarm = staffed();
    swarm.register("other", "work", 5);
    issue(&mut swarm, command("execute")).unwrap();
    let foreign = Answer {
        agent: Some(id("other")),
        ..done(json!(1))
    };
    let refusal = answer(&mut swarm, "c", foreign).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(refusal.details["agent_id"], "worker");
    assert_eq!(row(&swarm, "c").status, CommandStatus::Accepted);
    let refusal = answer(&mut swarm, "d", done(json!(1))).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotFound);
    // Who polls without saying who it is may answer.
    let anonymous = Answer {
        agent: None,
        ..done(json!(1))
    };
    answer(&mut swarm, "c", anonymous).unwrap();
}

#[test]
fn a_message_ends_in_silence() {
    let mut swarm = staffed();
    issue(&mut swarm, of_kind(CommandKind::Message)).unwrap();
    answer(&mut swarm, "c", done(json!(null))).unwrap();
    assert_eq!(row(&swarm, "c").status, CommandStatus::Completed);
    assert_eq!(swarm.told(), ["command.issued"]);
}

#[test]
fn an_answer_to_a_task_completes_it_with_the_data_as_output() {
    let mut swarm = staffed();
    swarm.create_task("t", "work");
    swarm.create_task("u", "work");
    let data = json!({ "files_generated": 12 });
    answer(&mut swarm, "t", done(data.clone())).unwrap();
    let task = swarm.task("t");
    assert_eq!(task.status, TaskStatus::Completed);
    assert_eq!(task.output.as_ref().unwrap()["files_generated"], 12);
    let uuid = swarm.task("u").uuid.clone();
    assert_ne!(uuid.as_str(), "u");
    answer(&mut swarm, uuid.as_str(), done(json!("plain"))).unwrap();
    assert_eq!(swarm.task("u").output.as_ref().unwrap()["result"], "plain");
    let refusal = answer(&mut swarm, "t", done(data)).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
}

#[test]
fn a_bad_answer_to_a_task_uses_up_an_attempt() {
    let mut swarm = staffed();
    let task = NewTask {
        id: Some(id("t")),
        task_type: id("work"),
        priority: None,
        assigned_agent: None,
        workflow_id: None,
        stage: None,
        dependencies: Vec::new(),
        input: Fields::new(),
        metadata: Fields::new(),
        deadline: None,
        timeout_ms: None,
        retry: RetryPolicy {
            max_attempts: 2,
            ..RetryPolicy::default()
        },
        source: None,
    };
    swarm.execute(Mutation::CreateTask(task)).unwrap();
    let errors = json!({ "message": "no such tool" });
    answer(&mut swarm, "t", failed(errors)).unwrap();
    assert_eq!(swarm.task("t").status, TaskStatus::Pending);
    assert_eq!(swarm.task("t").error.as_deref(), Some("no such tool"));
    swarm.pass_s(3);
    answer(&mut swarm, "t", failed(json!("still none"))).unwrap();
    let task = swarm.task("t");
    assert_eq!(task.status, TaskStatus::Failed);
    assert_eq!(task.error.as_deref(), Some("still none"));
}

#[test]
fn an_answer_to_another_agents_task_is_a_conflict() {
    let mut swarm = staffed();
    swarm.create_task("t", "work");
    swarm.register("other", "work", 5);
    let foreign = Answer {
        agent: Some(id("other")),
        ..done(json!({}))
    };
    let refusal = answer(&mut swarm, "t", foreign).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert!(!swarm.task("t").status.is_terminal());
}
