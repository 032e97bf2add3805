//! Verbs: what document A's six commands make of an agent's record and its tasks. Any other verb,
//! `execute` too, is delivered and nothing else; so is a request or a message of such a name.

use serde_json::Value;

use super::agents;
use super::assignment::{self, Release};
use super::checks::check_size;
use crate::agent::AgentStatus;
use crate::command::{Command, CommandKind};
use crate::core::Core;
use crate::mutation::{AgentChange, NewCommand};
use crate::{Fields, Refusal};

/// The largest configuration as JSON, merged into what the agent has.
const CONFIGURATION_BYTES_MAX: usize = 64 << 10;

/// The names under which a configuration may say how many tasks the agent takes at once.
const MAX_TASKS_NAMES: [&str; 2] = ["max_tasks", "max_concurrent_tasks"];

/// The most tasks that an agent may take at once.
const MAX_TASKS_MAX: u64 = 100_000;

/// A verb with a defined effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verb {
    Stop,
    Pause,
    Resume,
    Configure,
    Shutdown,
}

impl Verb {
    fn of(kind: CommandKind, name: &str) -> Option<Self> {
        match (kind, name) {
            (CommandKind::Command, "stop") => Some(Self::Stop),
            (CommandKind::Command, "pause") => Some(Self::Pause),
            (CommandKind::Command, "resume") => Some(Self::Resume),
            (CommandKind::Command, "configure") => Some(Self::Configure),
            (CommandKind::Command, "shutdown") => Some(Self::Shutdown),
            _ => None,
        }
    }
}

/// Checks what the verb will take from the payload once the agent has answered.
pub(super) fn check(new: &NewCommand) -> Result<(), Refusal> {
    if Verb::of(new.kind, &new.verb) != Some(Verb::Configure) {
        return Ok(());
    }
    check_size("payload", &new.payload, CONFIGURATION_BYTES_MAX)?;
    for name in MAX_TASKS_NAMES {
        let Some(value) = new.payload.get(name) else {
            continue;
        };
        if !matches!(value.as_u64(), Some(1..=MAX_TASKS_MAX)) {
            let shown: String = value.to_string().chars().take(64).collect();
            let issue = format!("is {shown}; 1 to {MAX_TASKS_MAX} are allowed");
            return Err(Refusal::invalid(&format!("payload.{name}"), issue));
        }
    }
    Ok(())
}

/// What follows from the command alone, before the agent has heard of it.
pub(super) fn accepted(core: &mut Core, command: &Command) -> Result<(), Refusal> {
    let agent = &command.agent_id;
    let Some(verb) = Verb::of(command.kind, &command.verb) else {
        return Ok(());
    };
    match verb {
        Verb::Pause => agents::set_paused(core, agent, true).map(drop),
        Verb::Resume => agents::set_paused(core, agent, false).map(drop),
        Verb::Stop => {
            // Paused first, so that what it gives back does not come back to it.
            agents::set_paused(core, agent, true)?;
            let why = format!("agent {agent} was told to stop");
            assignment::release(core, agent, Release::Unstarted, &why);
            assignment::cancel_running(core, agent, &why);
            Ok(())
        }
        Verb::Shutdown => {
            // An agent that is away is not going; it is told when it comes.
            let is_away = |status| status == AgentStatus::Offline;
            let found = core.tables.agents.find(agent.as_str());
            if !found.is_some_and(|agent| is_away(agent.status)) {
                agents::set_status(core, agent, AgentStatus::Stopping, "told to shut down")?;
            }
            let why = format!("agent {agent} was told to shut down");
            assignment::release(core, agent, Release::Unstarted, &why);
            Ok(())
        }
        Verb::Configure => Ok(()),
    }
}

/// What follows from the agent's word that it was done.
pub(super) fn completed(core: &mut Core, command: &Command) -> Result<(), Refusal> {
    let agent = &command.agent_id;
    match Verb::of(command.kind, &command.verb) {
        Some(Verb::Configure) => {
            let change = change_of(&command.payload);
            agents::update(core, agent, change).map(drop)
        }
        Some(Verb::Shutdown) => {
            agents::set_status(core, agent, AgentStatus::Offline, "shut down").map(drop)
        }
        _ => Ok(()),
    }
}

fn change_of(payload: &Fields) -> AgentChange {
    let mut configuration = payload.clone();
    let taken = MAX_TASKS_NAMES.map(|name| configuration.remove(name));
    let max_tasks = taken.iter().flatten().find_map(Value::as_u64);
    AgentChange {
        max_tasks: max_tasks.and_then(|max_tasks| u32::try_from(max_tasks).ok()),
        configuration,
        ..AgentChange::default()
    }
}
