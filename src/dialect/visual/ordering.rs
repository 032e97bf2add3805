//! Orders on a session: what its peer has registered agents do, and what it answers as one.
//!
//! What concerns a registered agent is the fleet's, in whichever dialect it was given; all else goes
//! from session to session through the stream's hub. So a command is delivered by one of the two.

use std::sync::Arc;

use agnt_api::{Dialect, read_command};
use agnt_fleet::mutation::{Answer, NewCommand, TaskChange};
use agnt_fleet::task::TaskStatus;
use agnt_fleet::{Done, Id, IdempotencyKey, KeyUse, Mutation, Outcome};
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::admission::denied;
use super::desk::{Desk, told};
use super::order::{self, Cause};
use super::session::VisualSession;
use crate::control::Refusal;
use crate::control::commands::{CommandResult, Execute};
use crate::control::envelope::{Envelope, ID_BYTES_MAX};
use crate::control::fields::{Fields, shown};
use crate::control::replies;
use crate::dialect::Turn;
use crate::dialect::agents::Office;
use crate::engine::mailbox::{Mailbox, QueueId};
use crate::guard::{Message, Scope};
use crate::relay::{Asker, letter};

/// The longest message of an agent's error that is kept, in bytes.
const REPORT_BYTES_MAX: usize = 65_536;

/// The longest `status`, in bytes.
const STATUS_BYTES_MAX: usize = 128;

/// Members of a command's payload that say something of the command itself; all others are for its
/// agent.
const OWN_KEYS: [&str; 6] = [
    "commandId",
    "targetAgent",
    "command",
    "parameters",
    "timeout",
    "callback",
];

/// Something that the fleet is asked for on behalf of a message.
struct Order {
    /// What; nothing if there is only something to acknowledge.
    mutation: Option<Mutation>,
    /// Scopes, each of which is enough.
    needs: &'static [Scope],
    /// The command whose end the peer awaits.
    awaits: Option<Id>,
}

/// What an agent may answer.
enum Errand {
    Command,
    Task,
}

/// The peer of a session, as it is told what became of its message.
struct Peer {
    mailbox: Arc<Mailbox>,
    cause: Cause,
    wants_ack: bool,
}

impl Peer {
    fn post(&self, text: String) {
        self.mailbox.post(QueueId::OWN, letter(text.into()));
    }

    fn acknowledge(&self, is_duplicate: bool) {
        if self.wants_ack {
            self.post(replies::ack(self.cause.request(), is_duplicate));
        }
    }

    fn refuse(&self, refusal: &Refusal) {
        self.post(replies::error(refusal, "control", self.cause.request()));
    }
}

impl VisualSession {
    /// Acts on a message that concerns a registered agent. `None` if it is the hub's.
    pub(super) fn order(
        &self,
        envelope: &Envelope<'_>,
        turn: &Turn<'_>,
    ) -> Option<Result<(), Refusal>> {
        let desk = self.desk.as_deref()?;
        let order = match envelope.kind.as_ref() {
            "control.execute" => desk.command(envelope)?,
            "control.result" => desk.answer(envelope)?,
            "error" => desk.failure(envelope)?,
            _ => return None,
        };
        let has_id = envelope.id.is_some() || !envelope.wants_ack;
        let missing = "id: missing; a message with metadata.ack has one";
        let order = match has_id {
            true => order,
            false => Err(Refusal::invalid(missing)),
        };
        Some(order.and_then(|order| self.submit(desk, order, envelope, turn)))
    }

    fn submit(
        &self,
        desk: &Desk,
        order: Order,
        envelope: &Envelope<'_>,
        turn: &Turn<'_>,
    ) -> Result<(), Refusal> {
        desk.needs(order.needs)?;
        let peer = Peer::of(envelope, turn);
        let Some(mutation) = order.mutation else {
            peer.acknowledge(false);
            return Ok(());
        };
        let key = envelope.id.as_ref().map(|id| IdempotencyKey {
            given_with: KeyUse::Message,
            principal: self.principal(),
            key: id.as_ref().to_owned(),
            fingerprint: fingerprint_of(envelope),
        });
        let (office, awaits) = (Arc::clone(&desk.office), order.awaits.clone());
        if let Some(command) = order.awaits {
            let cause = peer.cause.clone();
            let asker = Asker {
                listener: desk.number,
                mailbox: Arc::clone(turn.mailbox),
                write: Box::new(move |command| order::write_end(&cause, command)),
            };
            office.relay.awaited().expect(command, asker);
            desk.has_asked.set(true);
        }
        let awaited = awaits.clone();
        let submitted = desk
            .office
            .fleet
            .submit(mutation, key, move |result| match result {
                Ok(done) => {
                    peer.acknowledge(done.is_replay);
                    if let Some(awaited) = awaited.filter(|_| done.is_replay) {
                        await_the_first(&office, &awaited, &done);
                    }
                }
                Err(refusal) => {
                    awaited.map(|awaited| office.relay.awaited().forget(&awaited));
                    peer.refuse(&told(&refusal));
                }
            });
        submitted.map_err(|refusal| {
            awaits.map(|awaited| desk.office.relay.awaited().forget(&awaited));
            told(&refusal)
        })
    }

    /// Under which name its messages are told apart from those of others.
    fn principal(&self) -> String {
        let stream = self.stream.name();
        let agent = self.agent().map(Id::as_str);
        match agent {
            Some(agent) => format!("visual {stream} agent {agent}"),
            None => format!("visual {stream} session {}", self.session_id),
        }
    }
}

impl Peer {
    fn of(envelope: &Envelope<'_>, turn: &Turn<'_>) -> Self {
        Self {
            mailbox: Arc::clone(turn.mailbox),
            cause: Cause {
                id: envelope.id.as_deref().map(str::to_owned),
                correlation: envelope.correlation().map(str::to_owned),
            },
            wants_ack: envelope.wants_ack,
        }
    }
}

/// What a message says; one that is sent again may have been given a new timestamp.
fn fingerprint_of(envelope: &Envelope<'_>) -> [u8; 32] {
    let mut digest = Sha256::new_with_prefix(envelope.kind.as_bytes());
    digest.update(envelope.payload.map_or("", RawValue::get));
    digest.finalize().into()
}

/// The message came before, and made a command then: its end is awaited, not that of another.
fn await_the_first(office: &Office, awaited: &Id, done: &Done) {
    let Outcome::Command { command } = &done.outcome else {
        return;
    };
    let Some(asker) = office.relay.awaited().forget(awaited) else {
        return;
    };
    let first = office.fleet.read();
    let first = first.commands.find(command.id.as_str()).cloned();
    match first {
        Some(first) if first.status.is_terminal() => asker.tell(&first),
        Some(first) => office.relay.awaited().expect(first.id.clone(), asker),
        None => {}
    }
}

/// What a message makes of itself; `None` if it is the hub's, which says what is wrong with it too.
type Reading = Option<Result<Order, Refusal>>;

impl Desk {
    /// `control.execute`.
    fn command(&self, envelope: &Envelope<'_>) -> Reading {
        let payload = envelope.payload().ok()?;
        let execute = Execute::read(&payload).ok()?;
        let agent = Id::new(&execute.target).ok()?;
        let found = self.find(&agent)?;
        if let Err(refused) = self.badge.is_for_stream(&found.stream) {
            return Some(Err(denied(&refused)));
        }
        let command = self.read(&execute, &payload, agent, envelope);
        Some(command.map(|command| Order {
            awaits: command.id.clone(),
            mutation: Some(Mutation::IssueCommand(command)),
            needs: Message::ControlExecute.needs(),
        }))
    }

    fn read(
        &self,
        execute: &Execute<'_>,
        payload: &Fields<'_>,
        agent: Id,
        envelope: &Envelope<'_>,
    ) -> Result<NewCommand, Refusal> {
        let mut fields = agnt_fleet::Fields::from_iter([
            ("command_type".to_owned(), execute.command.as_ref().into()),
            ("payload".to_owned(), parameters(payload)?),
        ]);
        if let Some(priority) = envelope.priority {
            fields.insert("priority".to_owned(), priority.name().into());
        }
        if let Some(callback) = &execute.callback {
            if !callback.kind.eq_ignore_ascii_case("webhook") {
                let kind = shown(&callback.kind);
                let text = format!("callback.type: '{kind}' is not served; webhook is");
                return Err(Refusal::failed(text).because("callback"));
            }
            let url = callback.url.as_deref().ok_or_else(|| {
                let allowed = "a URL, or a path of this server such as /api/v1/callbacks/cmd-131";
                Refusal::invalid(format!("payload.callback.url: missing; {allowed}"))
            })?;
            fields.insert("callback_url".to_owned(), url.into());
        }
        let may_call = &*self.office.may_call;
        let command = read_command(fields, agent, Dialect::B, self.source(), may_call);
        Ok(NewCommand {
            id: Some(Id::unique()),
            correlation_id: envelope.correlation().map(str::to_owned),
            timeout_ms: execute.timeout.as_millis() as u64,
            ..command.map_err(|refusal| told(&refusal))?
        })
    }

    /// `control.result`.
    fn answer(&self, envelope: &Envelope<'_>) -> Reading {
        let agent = self.agent()?;
        let payload = envelope.payload().ok()?;
        let result = CommandResult::read(&payload, envelope.correlation_id.as_ref()).ok()?;
        let id = Id::new(&result.command_id).ok()?;
        let errand = self.errand(agent, &id)?;
        let mutation = match (result.is_final, errand) {
            (true, _) => final_answer(agent, &payload).map(|answer| {
                Some(Mutation::Answer {
                    command: id,
                    answer,
                })
            }),
            (false, Errand::Task) => progress(agent, &payload)
                .map(|change| Some(Mutation::UpdateTask { task: id, change })),
            (false, Errand::Command) => Ok(None),
        };
        Some(mutation.map(answered))
    }

    /// `error`: the agent can't carry it out.
    fn failure(&self, envelope: &Envelope<'_>) -> Reading {
        let agent = self.agent()?;
        let payload = envelope.payload().ok()?;
        let details = payload.object("details").ok().flatten();
        let named = details.and_then(|it| it.text("requestId", ID_BYTES_MAX).ok()?);
        let named = named.or_else(|| envelope.correlation_id.clone())?;
        let id = Id::new(&named).ok()?;
        self.errand(agent, &id)?;
        let said = payload.text("message", REPORT_BYTES_MAX).ok().flatten();
        let answer = Answer {
            agent: Some(agent.clone()),
            is_success: false,
            data: None,
            errors: said
                .map(|said| json!({ "message": said }))
                .into_iter()
                .collect(),
        };
        let mutation = Mutation::Answer {
            command: id,
            answer,
        };
        Some(Ok(answered(Some(mutation))))
    }

    /// What the agent was given under that id.
    fn errand(&self, agent: &Id, id: &Id) -> Option<Errand> {
        let rows = self.office.fleet.read();
        if let Some(command) = rows.commands.find(id.as_str()) {
            return (command.agent_id == *agent).then_some(Errand::Command);
        }
        let task = rows.task(id.as_str())?;
        (task.assigned_agent.as_ref() == Some(agent)).then_some(Errand::Task)
    }
}

fn answered(mutation: Option<Mutation>) -> Order {
    Order {
        mutation,
        needs: Message::Response.needs(),
        awaits: None,
    }
}

/// What a command is to be done with: its `parameters`, and members that nobody knows.
fn parameters(payload: &Fields<'_>) -> Result<Value, Refusal> {
    let mut parameters = agnt_fleet::Fields::new();
    for (name, raw) in payload.members() {
        if !OWN_KEYS.contains(&name.as_ref()) {
            let value = serde_json::from_str(raw.get()).unwrap_or_default();
            parameters.insert(name.as_ref().to_owned(), value);
        }
    }
    if let Some(raw) = payload.raw("parameters") {
        match serde_json::from_str(raw.get()) {
            Ok(Value::Object(given)) => parameters.extend(given),
            _ => return Err(payload.refused("parameters", "an object").into()),
        }
    }
    Ok(Value::Object(parameters))
}

fn final_answer(agent: &Id, payload: &Fields<'_>) -> Result<Answer, Refusal> {
    const WORDS: [&str; 4] = ["completed", "success", "failed", "error"];
    let word = payload.word("status", &WORDS)?;
    let value = |key: &str| -> Option<Value> { serde_json::from_str(payload.raw(key)?.get()).ok() };
    let errors = match value("errors") {
        Some(Value::Array(errors)) => errors,
        Some(error) => vec![error],
        None => Vec::new(),
    };
    Ok(Answer {
        agent: Some(agent.clone()),
        is_success: matches!(word, Some("completed" | "success")),
        data: value("result"),
        errors: errors.into_iter().chain(value("error")).collect(),
    })
}

/// A task is begun, or goes on.
fn progress(agent: &Id, payload: &Fields<'_>) -> Result<TaskChange, Refusal> {
    payload.required_text("status", STATUS_BYTES_MAX)?;
    let share = payload.number("progress", 0.0..=1.0)?;
    Ok(TaskChange {
        status: Some(TaskStatus::Running),
        progress: share.map(|share| (share * 100.0).round() as u8),
        agent: Some(agent.clone()),
        ..TaskChange::default()
    })
}
