//! The six verbs of document A, and that no other name has their effects.

use agnt_fleet::agent::AgentStatus;
use agnt_fleet::command::{CommandKind, CommandStatus};
use agnt_fleet::mutation::NewCommand;
use agnt_fleet::task::TaskStatus;
use agnt_fleet::{Mutation, RefusalKind};
use serde_json::json;

use crate::asked::{answer, command, done, failed, issue, row, staffed};
use crate::swarm::{Swarm, fields, id};

/// A command under a name of its own.
fn named(name: &str, verb: &str) -> NewCommand {
    NewCommand {
        id: Some(id(name)),
        ..command(verb)
    }
}

/// The agent works at `running` and was given `waiting` beside it.
fn at_work() -> Swarm {
    let mut swarm = staffed();
    swarm.create_task("running", "work");
    swarm.begin(&id("running"));
    swarm.create_task("waiting", "work");
    assert_eq!(swarm.agent("worker").status, AgentStatus::Busy);
    assert_eq!(swarm.agent("worker").current_tasks, 2);
    swarm
}

#[test]
fn pause_keeps_tasks_away_until_resume() {
    let mut swarm = staffed();
    issue(&mut swarm, named("p", "pause")).unwrap();
    assert!(swarm.agent("worker").is_paused);
    swarm.create_task("t", "work");
    swarm.restart();
    swarm.pass_s(2);
    assert_eq!(swarm.task("t").assigned_agent, None);
    issue(&mut swarm, named("r", "resume")).unwrap();
    assert!(!swarm.agent("worker").is_paused);
    assert_eq!(swarm.task("t").assigned_agent, Some(id("worker")));
}

#[test]
fn stop_cancels_what_runs_and_gives_the_rest_to_others() {
    let mut swarm = at_work();
    swarm.register("idle", "work", 5);
    issue(&mut swarm, command("stop")).unwrap();
    assert_eq!(swarm.task("running").status, TaskStatus::Cancelled);
    let waiting = swarm.task("waiting");
    assert_eq!(waiting.status, TaskStatus::Pending);
    assert_eq!(waiting.assigned_agent, Some(id("idle")));
    assert_eq!(swarm.agent("worker").current_tasks, 0);
}

#[test]
fn what_a_stopped_agent_gives_back_waits_for_its_resume_if_there_is_no_other() {
    let mut swarm = at_work();
    issue(&mut swarm, named("s", "stop")).unwrap();
    swarm.restart();
    swarm.pass_s(2);
    swarm.create_task("later", "work");
    for task in ["waiting", "later"] {
        assert_eq!(swarm.task(task).status, TaskStatus::Pending);
        assert_eq!(swarm.task(task).assigned_agent, None);
    }
    issue(&mut swarm, named("r", "resume")).unwrap();
    for task in ["waiting", "later"] {
        assert_eq!(swarm.task(task).assigned_agent, Some(id("worker")));
    }
}

#[test]
fn stop_ends_each_stage_of_one_workflow_once() {
    use agnt_fleet::mutation::{NewStage, NewWorkflow};
    use agnt_fleet::workflow::{FailureStrategy, WorkflowStatus};
    let mut swarm = staffed();
    let stage = |name: &str| NewStage {
        name: name.to_owned(),
        agent_type: id("work"),
        dependencies: Vec::new(),
        timeout_ms: None,
        input: fields(json!({})),
    };
    let workflow = NewWorkflow {
        id: Some(id("w")),
        project_id: None,
        name: None,
        stages: vec![stage("a"), stage("b"), stage("c")],
        is_parallel: true,
        failure_strategy: FailureStrategy::StopOnError,
        configuration: fields(json!({})),
        priority: None,
        input: fields(json!({})),
        metadata: fields(json!({})),
        timeout_ms: None,
        source: None,
    };
    swarm.execute(Mutation::CreateWorkflow(workflow)).unwrap();
    for stage in ["a", "b", "c"] {
        swarm.begin(&swarm.stage_task("w", stage).id);
    }
    swarm.told();
    issue(&mut swarm, command("stop")).unwrap();
    assert_eq!(swarm.workflow("w").status, WorkflowStatus::Failed);
    assert_eq!(swarm.agent("worker").current_tasks, 0);
    let told = swarm.told();
    let count = |kind: &str| told.iter().filter(|told| *told == kind).count();
    assert_eq!(count("task.failed"), 3);
    assert_eq!(count("workflow.stage_completed"), 3);
    assert_eq!(count("workflow.failed"), 1);
}

#[test]
fn shutdown_lets_the_agent_finish_and_go() {
    let mut swarm = at_work();
    issue(&mut swarm, command("shutdown")).unwrap();
    assert_eq!(swarm.agent("worker").status, AgentStatus::Stopping);
    assert_eq!(swarm.task("running").status, TaskStatus::Running);
    assert_eq!(swarm.task("waiting").assigned_agent, None);
    swarm.complete(&id("running"), json!({}));
    assert_eq!(swarm.agent("worker").status, AgentStatus::Stopping);
    assert_eq!(swarm.task("waiting").assigned_agent, None);
    answer(&mut swarm, "c", done(json!({}))).unwrap();
    assert_eq!(swarm.agent("worker").status, AgentStatus::Offline);
}

#[test]
fn an_agent_that_is_away_stays_offline_when_told_to_shut_down() {
    let mut swarm = staffed();
    let offline = Mutation::SetAgentStatus {
        agent: id("worker"),
        status: AgentStatus::Offline,
        reason: "gone".to_owned(),
    };
    swarm.execute(offline).unwrap();
    issue(&mut swarm, command("shutdown")).unwrap();
    assert_eq!(swarm.agent("worker").status, AgentStatus::Offline);
}

#[test]
fn configure_is_recorded_when_the_agent_has_done_it() {
    let mut swarm = staffed();
    let configure = |name: &str, payload| NewCommand {
        payload: fields(payload),
        ..named(name, "configure")
    };
    let payload = json!({ "level": "debug", "max_concurrent_tasks": 2 });
    issue(&mut swarm, configure("c1", payload)).unwrap();
    assert!(swarm.agent("worker").configuration.is_empty());
    answer(&mut swarm, "c1", done(json!({}))).unwrap();
    let agent = swarm.agent("worker");
    assert_eq!(agent.max_tasks, 2);
    assert_eq!(
        serde_json::Value::Object(agent.configuration.clone()),
        json!({ "level": "debug" })
    );

    issue(
        &mut swarm,
        configure("c2", json!({ "level": "info", "max_tasks": 9 })),
    )
    .unwrap();
    answer(&mut swarm, "c2", failed(json!("not now"))).unwrap();
    assert_eq!(swarm.agent("worker").max_tasks, 2);
    assert_eq!(swarm.agent("worker").configuration["level"], "debug");

    for wrong in [json!(0), json!(100_001), json!("five"), json!(1.5)] {
        let refusal =
            issue(&mut swarm, configure("c3", json!({ "max_tasks": wrong }))).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Invalid);
        assert_eq!(refusal.issues[0].field, "payload.max_tasks");
    }
}

#[test]
fn a_configuration_that_does_not_fit_any_more_is_said_in_the_errors() {
    let mut swarm = staffed();
    for (name, key) in [("c1", "first"), ("c2", "second")] {
        let configure = NewCommand {
            payload: fields(json!({ key: "x".repeat(40 << 10) })),
            ..named(name, "configure")
        };
        issue(&mut swarm, configure).unwrap();
        answer(&mut swarm, name, done(json!({}))).unwrap();
    }
    let agent = swarm.agent("worker");
    assert!(agent.configuration.contains_key("first"));
    assert!(!agent.configuration.contains_key("second"));
    let second = row(&swarm, "c2");
    assert_eq!(second.status, CommandStatus::Completed);
    assert_eq!(second.errors.len(), 1);
}

#[test]
fn execute_open_verbs_and_requests_only_reach_the_agent() {
    for (kind, verb) in [
        (CommandKind::Command, "execute"),
        (CommandKind::Command, "execute_tool"),
        (CommandKind::Command, "Pause"),
        (CommandKind::Request, "pause"),
        (CommandKind::Request, "shutdown"),
        (CommandKind::Message, "stop"),
    ] {
        let mut swarm = at_work();
        let before = swarm.agent("worker");
        let given = NewCommand {
            kind,
            ..command(verb)
        };
        issue(&mut swarm, given).unwrap();
        answer(&mut swarm, "c", done(json!({}))).unwrap();
        assert_eq!(swarm.agent("worker"), before, "{verb}");
        assert_eq!(swarm.task("running").status, TaskStatus::Running);
    }
}
