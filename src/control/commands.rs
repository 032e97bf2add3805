//! Commands that are on their way to an agent (`control.execute`), until it answers or their time
//! is over.
//!
//! A command is known by its id and its target, so requesters that count alike don't meet, unless
//! they command the same agent: then the second is refused while the first is open.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::agent_id::agent_id;
use super::fields::{Fields, shown};
use super::members::MemberId;
use super::refusal::Refusal;

/// The longest `command` and `status`, in bytes.
const WORD_BYTES_MAX: usize = 128;

/// The longest time that an agent may take.
const TIMEOUT_MS_MAX: u64 = 3_600_000;

/// How long an agent may take unless the command says otherwise.
const TIMEOUT_MS: u64 = 30_000;

/// The most open commands of a stream; beyond, commands are refused.
const COMMANDS_MAX: usize = 10_000;

/// The most open commands of one requester; beyond, its commands are refused.
const COMMANDS_PER_MEMBER_MAX: usize = 1_000;

/// The longest `callback.url`, in bytes.
const URL_BYTES_MAX: usize = 8192;

/// A `control.execute` of a peer.
#[derive(Debug)]
pub struct Execute<'a> {
    /// The agent that is to act.
    pub target: Cow<'a, str>,
    /// What it is to do.
    pub command: Cow<'a, str>,
    /// How long it may take.
    pub timeout: Duration,
    /// Where the answer is to go besides.
    pub callback: Option<CallbackWish<'a>>,
}

/// The `callback` of a command.
#[derive(Debug, PartialEq, Eq)]
pub struct CallbackWish<'a> {
    /// Its type.
    pub kind: Cow<'a, str>,
    /// Where it goes.
    pub url: Option<Cow<'a, str>>,
}

impl<'a> Execute<'a> {
    /// Reads the payload.
    pub fn read(payload: &Fields<'a>) -> Result<Self, Refusal> {
        let command = payload.required_text("command", WORD_BYTES_MAX)?;
        let timeout_ms = payload.whole("timeout", 1..=TIMEOUT_MS_MAX)?;
        let callback = payload.object("callback")?;
        let callback = callback.map(|callback| -> Result<_, String> {
            Ok(CallbackWish {
                kind: callback.required_text("type", WORD_BYTES_MAX)?,
                url: callback.text("url", URL_BYTES_MAX)?,
            })
        });
        Ok(Self {
            target: agent_id(payload, "targetAgent")?,
            command,
            timeout: Duration::from_millis(timeout_ms.unwrap_or(TIMEOUT_MS)),
            callback: callback.transpose()?,
        })
    }

    /// Refuses a callback: what only a session of the stream answers, nobody sends elsewhere.
    pub fn refuse_callback(&self) -> Result<(), Refusal> {
        let Some(callback) = &self.callback else {
            return Ok(());
        };
        let text = format!(
            "callback.type: '{}' is served for registered agents, and '{}' is none; leave callback \
             out and read control.result",
            shown(&callback.kind),
            self.target
        );
        Err(Refusal::failed(text).because("callback"))
    }
}

/// A `control.result` of an agent.
#[derive(Debug)]
pub struct CommandResult<'a> {
    /// Of which command.
    pub command_id: Cow<'a, str>,
    /// Whether it is the last word on the command.
    pub is_final: bool,
}

impl<'a> CommandResult<'a> {
    /// Reads the payload; where it names no command the correlation does.
    pub fn read(
        payload: &Fields<'a>,
        correlation_id: Option<&Cow<'a, str>>,
    ) -> Result<Self, String> {
        let named = payload.text("commandId", WORD_BYTES_MAX)?;
        let allowed = "the id of a command, here or as metadata.correlationId";
        let command_id = named.or_else(|| correlation_id.cloned());
        let status = payload.required_text("status", WORD_BYTES_MAX)?;
        let goes_on = ["accepted", "progress"];
        Ok(Self {
            command_id: command_id.ok_or_else(|| payload.refused("commandId", allowed))?,
            is_final: !goes_on
                .iter()
                .any(|word| word.eq_ignore_ascii_case(&status)),
        })
    }
}

/// An open command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCommand {
    /// Its id.
    pub id: Arc<str>,
    /// The agent that is to act.
    pub target: Arc<str>,
    /// Who waits for the answer.
    pub requester: MemberId,
    /// What a reply to the requester names, if that is not the command's id.
    pub correlation_id: Option<Arc<str>>,
    /// How long the agent may take.
    pub timeout: Duration,
    /// Until when.
    pub deadline: Instant,
}

/// The commands of a stream; see the module.
#[derive(Debug, Default)]
pub struct Commands {
    open: BTreeMap<u64, OpenCommand>,
    by_id: HashMap<Arc<str>, Vec<u64>>,
    by_deadline: BTreeSet<(Instant, u64)>,
    per_requester: HashMap<MemberId, usize>,
    opened: u64,
}

impl Commands {
    /// A command sets out.
    pub fn open(&mut self, command: OpenCommand) -> Result<(), Refusal> {
        let (id, target) = (&command.id, &command.target);
        if self.find(target, id).is_some() {
            return Err(Refusal::invalid(format!(
                "id: a command '{}' to agent '{target}' is open; another id is allowed",
                shown(id)
            )));
        }
        if self.open.len() >= COMMANDS_MAX {
            return Err(Refusal::bound(format!(
                "commands: {COMMANDS_MAX} of the stream are open, and no more are allowed"
            )));
        }
        let own = self.per_requester.entry(command.requester).or_default();
        if *own >= COMMANDS_PER_MEMBER_MAX {
            return Err(Refusal::bound(format!(
                "commands: {COMMANDS_PER_MEMBER_MAX} of this session are open, and no more are \
                 allowed"
            )));
        }
        *own += 1;
        self.opened += 1;
        let number = self.opened;
        let alike = self.by_id.entry(Arc::clone(&command.id)).or_default();
        alike.push(number);
        self.by_deadline.insert((command.deadline, number));
        self.open.insert(number, command);
        Ok(())
    }

    /// The command that an agent answers; only the target may.
    pub fn answered(&self, by: Option<&str>, id: &str) -> Result<&OpenCommand, Refusal> {
        let Some(alike) = self.by_id.get(id) else {
            return Err(Refusal::failed(format!(
                "command '{}' is unknown or finished",
                shown(id)
            )));
        };
        let commands = alike.iter().filter_map(|number| self.open.get(number));
        let mut commands = commands.into_iter();
        let found = commands.find(|command| Some(command.target.as_ref()) == by);
        found.ok_or_else(|| {
            let text = format!("command '{}' was given to another agent", shown(id));
            Refusal::failed(text).because("not the target")
        })
    }

    /// A command is finished.
    pub fn close(&mut self, target: &str, id: &str) -> Option<OpenCommand> {
        self.remove(self.find(target, id)?)
    }

    /// Takes the commands whose time is over.
    pub fn overdue(&mut self, now: Instant) -> Vec<OpenCommand> {
        let mut overdue = Vec::new();
        while let Some(&(_, number)) = self.by_deadline.first().filter(|(at, _)| *at <= now) {
            overdue.extend(self.remove(number));
        }
        overdue
    }

    /// Drops the commands of a requester that left.
    pub fn leave(&mut self, requester: MemberId) -> Vec<OpenCommand> {
        if !self.per_requester.contains_key(&requester) {
            return Vec::new();
        }
        let own = self.open.iter();
        let own = own.filter(|(_, command)| command.requester == requester);
        let numbers: Vec<u64> = own.map(|(number, _)| *number).collect();
        let removed = numbers.into_iter().filter_map(|number| self.remove(number));
        let removed = removed.collect();
        self.per_requester.remove(&requester);
        removed
    }

    fn find(&self, target: &str, id: &str) -> Option<u64> {
        let alike = self.by_id.get(id)?.iter();
        let mut alike = alike.copied();
        alike.find(|number| {
            let command = self.open.get(number);
            command.is_some_and(|command| command.target.as_ref() == target)
        })
    }

    fn remove(&mut self, number: u64) -> Option<OpenCommand> {
        let command = self.open.remove(&number)?;
        self.by_deadline.remove(&(command.deadline, number));
        if let Some(alike) = self.by_id.get_mut(&command.id) {
            alike.retain(|other| *other != number);
            if alike.is_empty() {
                self.by_id.remove(&command.id);
            }
        }
        if let Some(own) = self.per_requester.get_mut(&command.requester) {
            *own -= 1;
            if *own == 0 {
                self.per_requester.remove(&command.requester);
            }
        }
        Some(command)
    }
}

#[cfg(test)]
#[path = "tests/commands.rs"]
mod tests;
