//! What is accepted for whom, and for how long it is waited for.

use agnt_fleet::command::{CommandKind, CommandStatus};
use agnt_fleet::core::CoreSettings;
use agnt_fleet::mutation::NewCommand;
use agnt_fleet::{EventKind, Mutation, RefusalKind, Timestamp};
use serde_json::json;

use crate::asked::{answer, command, done, issue, of_kind, row, staffed};
use crate::swarm::{Swarm, fields, id};

#[test]
fn a_command_is_accepted_and_told_to_its_agent() {
    let mut swarm = staffed();
    swarm.away.agents.insert(id("worker"));
    let given = NewCommand {
        source: Some("orchestrator-001".to_owned()),
        correlation_id: Some("workflow-123".to_owned()),
        payload: fields(json!({ "tool": "web_search" })),
        ..command("execute_tool")
    };
    issue(&mut swarm, given).unwrap();
    let command = row(&swarm, "c");
    assert_eq!(command.status, CommandStatus::Accepted);
    assert_eq!(command.due(), command.accepted_at.plus_ms(30_000));
    let event = &swarm.events[0];
    assert_eq!(swarm.events.len(), 1);
    assert!(
        matches!(&event.kind, EventKind::CommandIssued { command_id, verb, .. }
        if command_id.as_str() == "c" && verb == "execute_tool")
    );
    assert_eq!(event.target, Some(id("worker")));
    assert_eq!(event.source.as_deref(), Some("orchestrator-001"));
    assert_eq!(event.correlation_id.as_deref(), Some("workflow-123"));
}

#[test]
fn a_request_to_an_agent_that_is_away_says_since_when() {
    let mut swarm = staffed();
    swarm.away.agents.insert(id("worker"));
    let request = || NewCommand {
        needs_presence: true,
        ..of_kind(CommandKind::Request)
    };
    let registered_at = swarm.agent("worker").registered_at;
    let refusal = issue(&mut swarm, request()).unwrap_err();
    assert_eq!(refusal.details["last_seen"], registered_at.to_string());

    swarm.away.last_heard = Timestamp::parse("2025-01-15T11:45:00Z");
    let refusal = issue(&mut swarm, request()).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::AgentUnavailable);
    assert_eq!(refusal.retry_after_s, Some(60));
    // Document B, "Standard Error Response".
    assert_eq!(
        refusal.message,
        "The requested agent is currently unavailable"
    );
    let details = json!({
        "agent_id": "worker",
        "last_seen": "2025-01-15T11:45:00.000000Z",
        "retry_after": 60,
    });
    assert_eq!(serde_json::Value::Object(refusal.details), details);

    swarm.away.agents.clear();
    issue(&mut swarm, request()).unwrap();
}

#[test]
fn unknown_agents_taken_ids_and_wrong_fields_are_refused() {
    let mut swarm = staffed();
    swarm.create_task("t", "nobody_does_this");
    issue(&mut swarm, command("execute")).unwrap();
    let other = |name: &str| NewCommand {
        id: Some(id(name)),
        ..command("execute")
    };
    for (given, kind) in [
        (other("c"), RefusalKind::Conflict),
        // Answers name commands and tasks by the same field.
        (other("t"), RefusalKind::Conflict),
        (
            NewCommand {
                agent: id("nobody"),
                ..other("d")
            },
            RefusalKind::NotFound,
        ),
        (
            NewCommand {
                verb: String::new(),
                ..other("d")
            },
            RefusalKind::Invalid,
        ),
        (
            NewCommand {
                timeout_ms: 0,
                ..other("d")
            },
            RefusalKind::Invalid,
        ),
        (
            NewCommand {
                correlation_id: Some("a\nb".to_owned()),
                ..other("d")
            },
            RefusalKind::Invalid,
        ),
    ] {
        let refusal = issue(&mut swarm, given).unwrap_err();
        assert_eq!(refusal.kind, kind, "{}", refusal.message);
    }
    assert_eq!(swarm.core.tables().commands.len(), 1);
    let without_id = NewCommand {
        id: None,
        ..command("execute")
    };
    issue(&mut swarm, without_id).unwrap();
    let newest = swarm.core.tables().commands.iter().last().unwrap();
    assert!(newest.id.is_uuid());
}

#[test]
fn a_template_that_nobody_configured_is_refused_once_there_are_some() {
    let mut swarm = staffed();
    let put = Mutation::PutTemplate {
        id: id("express-api"),
        name: Some("Express".to_owned()),
        content: fields(json!({})),
    };
    swarm.execute(put).unwrap();
    let naming = |template: &str| NewCommand {
        id: None,
        payload: fields(json!({ "template_id": template, "parameters": {} })),
        ..of_kind(CommandKind::Request)
    };
    issue(&mut swarm, naming("express-api")).unwrap();
    let refusal = issue(&mut swarm, naming("flask-api")).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::UnknownTemplate);
    let remove = Mutation::RemoveTemplate {
        id: id("express-api"),
    };
    swarm.execute(remove).unwrap();
    issue(&mut swarm, naming("flask-api")).unwrap();
}

#[test]
fn what_is_not_answered_in_time_times_out_also_across_a_restart() {
    let mut swarm = staffed();
    issue(&mut swarm, command("execute")).unwrap();
    let message = NewCommand {
        id: Some(id("m")),
        timeout_ms: 5000,
        ..of_kind(CommandKind::Message)
    };
    issue(&mut swarm, message).unwrap();
    swarm.pass_s(29);
    assert_eq!(row(&swarm, "c").status, CommandStatus::Accepted);
    // The message that nobody took is over, and nobody is told.
    assert_eq!(row(&swarm, "m").status, CommandStatus::Timeout);
    assert_eq!(swarm.told(), ["command.issued", "command.issued"]);
    swarm.restart();
    swarm.pass_s(2);
    let command = row(&swarm, "c");
    assert_eq!(command.status, CommandStatus::Timeout);
    assert!(command.finished_at.is_some());
    let event = swarm.events.iter().find_map(|event| match &event.kind {
        EventKind::CommandFinished { status, errors, .. } => Some((*status, errors)),
        _ => None,
    });
    let (status, errors) = event.unwrap();
    assert_eq!(status, CommandStatus::Timeout);
    assert_eq!(errors[0]["message"], "not answered within 30000 ms");
    let refusal = answer(&mut swarm, "c", done(json!(1))).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(refusal.details["status"], "timeout");
}

#[test]
fn only_so_many_wait_and_only_so_many_ended_ones_are_kept() {
    let mut swarm = Swarm::with(CoreSettings {
        commands_max: 3,
        commands_kept_max: 2,
        ..CoreSettings::default()
    });
    swarm.register("worker", "work", 5);
    let named = |name: &str| NewCommand {
        id: Some(id(name)),
        ..command("execute")
    };
    for name in ["c0", "c1", "c2"] {
        issue(&mut swarm, named(name)).unwrap();
    }
    let refusal = issue(&mut swarm, named("c3")).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::TooMany);
    assert_eq!(refusal.details["cap"], "commands_max");
    // They are answered in another order than they were given: the first answered goes first.
    for name in ["c2", "c0", "c1"] {
        answer(&mut swarm, name, done(json!(1))).unwrap();
    }
    let kept = swarm.core.tables().commands.iter();
    let kept: Vec<&str> = kept.map(|command| command.id.as_str()).collect();
    assert_eq!(kept, ["c0", "c1"]);
    issue(&mut swarm, named("c3")).unwrap();
}

#[test]
fn what_nobody_will_answer_is_cancelled_with_its_agent() {
    let mut swarm = staffed();
    issue(&mut swarm, command("execute")).unwrap();
    let answered = NewCommand {
        id: Some(id("d")),
        ..command("execute")
    };
    issue(&mut swarm, answered).unwrap();
    answer(&mut swarm, "d", done(json!(1))).unwrap();
    let remove = Mutation::RemoveAgent {
        agent: id("worker"),
    };
    swarm.told();
    swarm.execute(remove).unwrap();
    assert_eq!(row(&swarm, "c").status, CommandStatus::Cancelled);
    assert_eq!(row(&swarm, "d").status, CommandStatus::Completed);
    assert_eq!(swarm.told(), ["command.finished"]);
}
