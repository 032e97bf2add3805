//! Commands, requests and messages: given, answered, or waited for in vain. What the verbs make of
//! an agent is in [`verbs`], what is kept of answers in [`answers`].

use std::sync::Arc;

use serde_json::{Value, json};

use super::checks::{check_duration, check_label, check_label_if_any, clipped};
use super::sundry::{capped, check_template};
use super::workflows::wished;
use super::{Ruling, agents, answers, task_change, verbs};
use crate::command::{CallbackStatus, Command, CommandKind, CommandStatus};
use crate::core::{Context, Core, Counted, Presence};
use crate::mutation::{Answer, NewCommand, TaskChange};
use crate::row::Facet;
use crate::tables::RowChange;
use crate::task::TaskStatus;
use crate::{EventKind, Fields, Id, Outcome, Refusal, RefusalKind};

/// How many commands time out in one tick.
const BITE: usize = 10_000;

/// How many answered commands beyond the bound go when another is answered, so that a bound that
/// was lowered is reached in the end.
const FORGOTTEN_AT_ONCE: usize = 2;

/// When an agent that is away should be asked again, in s (document B).
const RETRY_AFTER_S: u64 = 60;

/// The longest URL of a callback, in characters.
const URL_CHARACTERS_MAX: usize = 2048;

/// The longest error of a task that an answer's errors are made into.
const ERROR_BYTES_MAX: usize = 4096;

/// Accepts a command, a request or a message for an agent; it is delivered by the agent's sessions.
pub(super) fn issue(core: &mut Core, new: NewCommand, presence: &dyn Presence) -> Ruling {
    check(core, &new)?;
    let known = core.tables.agents.find(new.agent.as_str());
    let agent = known.ok_or_else(|| Refusal::not_found("agent", new.agent.as_str()))?;
    if new.needs_presence && !presence.is_attached(&agent.id) {
        let last_seen = presence.last_heard(&agent.id);
        let last_seen = last_seen.unwrap_or(agent.registered_at);
        let refusal = Refusal::agent_unavailable(agent.id.as_str(), Some(last_seen), RETRY_AFTER_S);
        return Err(refusal);
    }
    let command = Arc::new(row(core, new)?);
    let id = command.id.clone();
    core.put(RowChange::Command(id.clone(), Some(Arc::clone(&command))));
    let kind = EventKind::CommandIssued {
        command_id: id,
        agent_id: command.agent_id.clone(),
        kind: command.kind,
        verb: command.verb.clone(),
        priority: command.priority,
    };
    let context = Context {
        source: command.source.clone(),
        target: Some(command.agent_id.clone()),
        correlation_id: Some(correlation(&command)),
    };
    core.emit(kind, context);
    verbs::accepted(core, &command)?;
    Ok(Outcome::Command { command })
}

/// Takes an agent's answer to a command, or to a task that was delivered to it.
pub(super) fn answer(core: &mut Core, id: &Id, answer: Answer) -> Ruling {
    let Some(command) = core.tables.commands.find(id.as_str()).cloned() else {
        return answer_task(core, id, answer);
    };
    if command.status.is_terminal() {
        let status = command.status.as_str();
        let message = format!("{} {id} is {status} already", noun(command.kind));
        return Err(Refusal::new(RefusalKind::Conflict, message).with("status", status));
    }
    if let Some(agent) = answer
        .agent
        .as_ref()
        .filter(|agent| **agent != command.agent_id)
    {
        let asked = &command.agent_id;
        let message = format!(
            "{} {id} is for agent {asked}, and {agent} answers",
            noun(command.kind)
        );
        return Err(Refusal::new(RefusalKind::Conflict, message).with("agent_id", asked.as_str()));
    }
    if let Some(agent) = &answer.agent {
        agents::acted(core, agent);
    }
    let mut errors = answer.errors;
    let status = match answer.is_success {
        true => CommandStatus::Completed,
        false => CommandStatus::Failed,
    };
    if answer.is_success
        && let Err(refusal) = verbs::completed(core, &command)
    {
        // The agent did it all the same; the asker is told what the record of it does not show.
        errors.push(json!({ "message": refusal.message }));
    }
    let command = finish(core, &command, status, answer.data, errors);
    Ok(Outcome::Command { command })
}

/// What became of a callback that was on its way.
pub(super) fn settle_callback(core: &mut Core, id: &Id, status: CallbackStatus) -> Ruling {
    let found = core.tables.commands.find(id.as_str());
    let mut command = (**found.ok_or_else(|| Refusal::not_found("command", id.as_str()))?).clone();
    let is_end = matches!(status, CallbackStatus::Delivered | CallbackStatus::Failed);
    match &mut command.callback {
        Some(callback) if callback.status == CallbackStatus::Sending && is_end => {
            callback.status = status;
        }
        _ => {
            let message = format!(
                "command {id} has no callback on its way that could be settled as {status:?}; \
                 Delivered and Failed are allowed"
            );
            return Err(Refusal::new(RefusalKind::Conflict, message));
        }
    }
    let command = Arc::new(command);
    core.put(RowChange::Command(id.clone(), Some(Arc::clone(&command))));
    Ok(Outcome::Command { command })
}

/// An agent was removed: nobody will answer what it was told and asked.
pub(super) fn agent_removed(core: &mut Core, agent: &Id) {
    let open = [
        vec![Facet::Agent(agent.clone())],
        vec![Facet::CommandStatus(CommandStatus::Accepted)],
    ];
    let error = json!({ "message": format!("agent {agent} was removed") });
    for command in core.tables.commands.select(&open) {
        let errors = vec![error.clone()];
        finish(core, &command, CommandStatus::Cancelled, None, errors);
    }
}

/// Ends the waiting for answers that did not come in time.
pub(super) fn tick(core: &mut Core) {
    let now = core.now();
    for id in core.schedule.flows.commands_due.until(now, BITE) {
        let Some(command) = core.tables.commands.find(id.as_str()).cloned() else {
            continue;
        };
        let message = format!("not answered within {} ms", command.timeout_ms);
        let errors = vec![json!({ "message": message })];
        finish(core, &command, CommandStatus::Timeout, None, errors);
    }
}

fn check(core: &Core, new: &NewCommand) -> Result<(), Refusal> {
    check_label("command_type", &new.verb)?;
    check_label_if_any("source", new.source.as_ref())?;
    check_label_if_any("correlation_id", new.correlation_id.as_ref())?;
    check_duration("timeout_ms", new.timeout_ms)?;
    if let Some(callback) = &new.callback {
        let count = callback.url.chars().count();
        if count == 0 || count > URL_CHARACTERS_MAX {
            let issue = format!("has {count} characters; 1 to {URL_CHARACTERS_MAX} are allowed");
            return Err(Refusal::invalid("callback_url", issue));
        }
    }
    check_template(core, &new.payload)?;
    verbs::check(new)?;
    if let Some(id) = &new.id {
        // An answer names either by the same field.
        let other = match core.tables.commands.find(id.as_str()) {
            Some(command) => Some(noun(command.kind)),
            None => core.tables.task(id.as_str()).map(|_| "task"),
        };
        if let Some(other) = other {
            let message = format!("{other} {id} is there already; each has its own id");
            return Err(Refusal::new(RefusalKind::Conflict, message).with("id", id.as_str()));
        }
    }
    let open = Facet::CommandStatus(CommandStatus::Accepted);
    match core.settings.commands_max {
        max if core.tables.commands.count(&open) >= u64::from(max) => {
            Err(capped("commands_max", max as usize))
        }
        _ => Ok(()),
    }
}

fn row(core: &mut Core, new: NewCommand) -> Result<Command, Refusal> {
    Ok(Command {
        id: new.id.unwrap_or_else(Id::unique),
        ordinal: core.ordinal(Counted::Commands)?,
        agent_id: new.agent,
        kind: new.kind,
        verb: new.verb,
        payload: new.payload,
        priority: wished(new.priority),
        source: new.source,
        correlation_id: new.correlation_id,
        timeout_ms: new.timeout_ms,
        callback: new.callback.map(answers::judged),
        status: CommandStatus::Accepted,
        result: None,
        errors: Vec::new(),
        accepted_at: core.now(),
        finished_at: None,
    })
}

/// Ends a command. Its callback hears of every end, its asker too; only a message, which asks for
/// no answer, ends in silence.
fn finish(
    core: &mut Core,
    command: &Command,
    status: CommandStatus,
    result: Option<Value>,
    errors: Vec<Value>,
) -> Arc<Command> {
    let mut command = Command {
        status,
        result,
        errors,
        finished_at: Some(core.now()),
        ..command.clone()
    };
    answers::call_back(core, &mut command);
    let command = Arc::new(command);
    let id = command.id.clone();
    core.put(RowChange::Command(id.clone(), Some(Arc::clone(&command))));
    if command.kind != CommandKind::Message {
        let kind = EventKind::CommandFinished {
            command_id: id,
            agent_id: command.agent_id.clone(),
            kind: command.kind,
            verb: command.verb.clone(),
            status,
            result: command.result.clone(),
            errors: command.errors.clone(),
        };
        let asker = command.source.as_ref();
        let asker = asker.and_then(|source| core.tables.agents.find(source));
        let context = Context {
            source: Some(command.agent_id.as_str().to_owned()),
            target: asker.map(|agent| agent.id.clone()),
            correlation_id: Some(correlation(&command)),
        };
        core.emit(kind, context);
    }
    forget_oldest(core);
    command
}

fn forget_oldest(core: &mut Core) {
    let ended = &core.schedule.flows.commands_ended;
    let surplus = ended
        .len()
        .saturating_sub(core.settings.commands_kept_max as usize);
    for id in ended.earliest(surplus.min(FORGOTTEN_AT_ONCE)) {
        core.put(RowChange::Command(id, None));
    }
}

fn answer_task(core: &mut Core, id: &Id, answer: Answer) -> Ruling {
    let found = core.tables.task(id.as_str());
    let task = found.ok_or_else(|| Refusal::not_found("command", id.as_str()))?;
    let task = task.id.clone();
    let change = TaskChange {
        status: Some(match answer.is_success {
            true => TaskStatus::Completed,
            false => TaskStatus::Failed,
        }),
        output: answer.data.map(output_of),
        error: match answer.is_success {
            true => None,
            false => Some(error_of(&answer.errors)),
        },
        agent: answer.agent,
        ..TaskChange::default()
    };
    task_change::update(core, &task, change)
}

/// A task's output is an object; anything else becomes its `result`.
fn output_of(data: Value) -> Fields {
    match data {
        Value::Object(fields) => fields,
        other => Fields::from_iter([("result".to_owned(), other)]),
    }
}

fn error_of(errors: &[Value]) -> String {
    let texts = errors.iter().map(|error| match error {
        Value::String(text) => text.clone(),
        Value::Object(fields) => match fields.get("message") {
            Some(Value::String(message)) => message.clone(),
            _ => error.to_string(),
        },
        _ => error.to_string(),
    });
    match texts.collect::<Vec<_>>().join("; ") {
        text if text.is_empty() => "the agent says that it failed".to_owned(),
        text => clipped(&text, ERROR_BYTES_MAX).to_owned(),
    }
}

fn correlation(command: &Command) -> String {
    let given = command.correlation_id.as_deref();
    given.unwrap_or(command.id.as_str()).to_owned()
}

fn noun(kind: CommandKind) -> &'static str {
    match kind {
        CommandKind::Command => "command",
        CommandKind::Request => "request",
        CommandKind::Message => "message",
    }
}
