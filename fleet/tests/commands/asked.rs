//! Commands to be given and answers to them, spelled shortly.

use std::sync::Arc;

use agnt_fleet::command::{Command, CommandKind};
use agnt_fleet::mutation::{Answer, NewCommand};
use agnt_fleet::{Fields, Mutation, Outcome, Refusal};
use serde_json::Value;

use crate::swarm::{Swarm, id};

/// The command `c` for the agent `worker`.
pub(crate) fn command(verb: &str) -> NewCommand {
    NewCommand {
        id: Some(id("c")),
        agent: id("worker"),
        kind: CommandKind::Command,
        verb: verb.to_owned(),
        payload: Fields::new(),
        priority: None,
        source: None,
        correlation_id: None,
        timeout_ms: 30_000,
        callback: None,
        needs_presence: false,
    }
}

/// The same as another kind.
pub(crate) fn of_kind(kind: CommandKind) -> NewCommand {
    NewCommand {
        kind,
        ..command("generate_code")
    }
}

/// A swarm with the agent `worker`, which does `work`.
pub(crate) fn staffed() -> Swarm {
    let mut swarm = Swarm::new();
    swarm.register("worker", "work", 5);
    swarm.events.clear();
    swarm
}

pub(crate) fn issue(swarm: &mut Swarm, command: NewCommand) -> Result<Outcome, Refusal> {
    swarm.execute(Mutation::IssueCommand(command))
}

/// An answer without errors.
pub(crate) fn done(data: Value) -> Answer {
    Answer {
        agent: Some(id("worker")),
        is_success: true,
        data: Some(data),
        errors: Vec::new(),
    }
}

/// An answer with this error.
pub(crate) fn failed(error: Value) -> Answer {
    Answer {
        agent: Some(id("worker")),
        is_success: false,
        data: None,
        errors: vec![error],
    }
}

pub(crate) fn answer(swarm: &mut Swarm, name: &str, answer: Answer) -> Result<Outcome, Refusal> {
    let command = id(name);
    swarm.execute(Mutation::Answer { command, answer })
}

pub(crate) fn row(swarm: &Swarm, name: &str) -> Arc<Command> {
    Arc::clone(swarm.core.tables().commands.find(name).unwrap())
}
