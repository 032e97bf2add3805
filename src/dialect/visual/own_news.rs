//! What a session that acts as a registered agent tells of that one, brought to the registry: its
//! state is its status there, its capabilities are its own, its figures are a heartbeat.
//!
//! What is told of other agents is shown and changes nothing there.

use agnt_fleet::Mutation;
use agnt_fleet::agent::{Agent, Vitals};
use agnt_fleet::mutation::AgentChange;
use serde_json::Value;

use super::desk::{Desk, told};
use super::order::Cause;
use super::session::VisualSession;
use crate::control::agent_state::StateChanged;
use crate::control::capabilities::{Action, CapabilityUpdate};
use crate::control::envelope::Envelope;
use crate::control::fields::Fields;
use crate::control::performance::PerformanceUpdate;
use crate::control::{Refusal, replies};
use crate::dialect::Turn;
use crate::dialect::agents::Office;
use crate::domain::StreamName;
use crate::engine::mailbox::QueueId;
use crate::guard::Scope;
use crate::relay::{letter, status_of_state};

/// The reason of a change that gives none.
const NO_REASON: &str = "the agent says so";

/// The longest reason that the registry keeps, in characters.
const REASON_CHARACTERS_MAX: usize = 512;

/// Figures that have a place of their own among an agent's vitals.
const NAMED_FIGURES: [&str; 3] = ["resourceUtilization", "memoryUsage", "messageQueueSize"];

impl VisualSession {
    /// Brings what the hub has told the stream to the registry, if it is about the session's own
    /// agent.
    pub(super) fn note_own_news(&self, envelope: &Envelope<'_>, turn: &Turn<'_>) {
        let is_news = matches!(
            envelope.kind.as_ref(),
            "agent.state.changed" | "agent.capability.update" | "agent.performance.update"
        );
        let Some(desk) = self.desk.as_deref().filter(|_| is_news) else {
            return;
        };
        let (Some(agent), Ok(payload)) = (desk.registered(), envelope.payload()) else {
            return;
        };
        let Some(outcome) = desk.note(&agent, envelope.kind.as_ref(), &payload, self.stream.name())
        else {
            return;
        };
        let mailbox = std::sync::Arc::clone(turn.mailbox);
        let cause = Cause {
            id: envelope.id.as_deref().map(str::to_owned),
            correlation: envelope.correlation().map(str::to_owned),
        };
        let refuse = move |refusal: &Refusal| {
            let text = replies::error(refusal, "registry", cause.request());
            mailbox.post(QueueId::OWN, letter(text.into()));
        };
        let mutation = match outcome {
            Ok(None) => return,
            Ok(Some(mutation)) => mutation,
            Err(refusal) => return refuse(&refusal),
        };
        let told_later = refuse.clone();
        let submitted = desk.office.fleet.submit(mutation, None, move |result| {
            if let Err(refusal) = result {
                told_later(&told(&refusal));
            }
        });
        if let Err(refusal) = submitted {
            refuse(&told(&refusal));
        }
    }
}

/// What is to change in the registry, if anything is.
type Noted = Result<Option<Mutation>, Refusal>;

impl Desk {
    /// `None` if it is about somebody else.
    fn note(
        &self,
        agent: &Agent,
        kind: &str,
        payload: &Fields<'_>,
        told_on: &StreamName,
    ) -> Option<Noted> {
        let is_own = |named: &str| named == agent.id.as_str();
        let change = match kind {
            "agent.state.changed" => {
                let news = StateChanged::read(payload).ok()?;
                is_own(&news.agent).then(|| status_change(agent, &news, payload))?
            }
            "agent.capability.update" => {
                let news = CapabilityUpdate::read(payload).ok()?;
                is_own(&news.agent).then(|| Some(capability_change(agent, &news)))?
            }
            _ => {
                let news = PerformanceUpdate::read(payload).ok()?;
                if !is_own(&news.agent) {
                    return None;
                }
                let vitals = vitals(&news, payload);
                let beat = || {
                    self.needs(&[Scope::Agents])?;
                    let Office { fleet, relay, .. } = &*self.office;
                    let beat = fleet.presence().heartbeat(&agent.id, vitals);
                    beat.map_err(|refusal| told(&refusal))?;
                    // The stream of the session has heard of it; its own stream may be another.
                    if agent.stream != told_on.as_str() {
                        relay.viewers().heartbeat(&agent.id);
                    }
                    Ok(None)
                };
                return Some(beat());
            }
        };
        let allowed = self.needs(&[Scope::Agents]);
        Some(allowed.map(|()| change))
    }
}

fn status_change(agent: &Agent, news: &StateChanged<'_>, payload: &Fields<'_>) -> Option<Mutation> {
    let status = status_of_state(news.state)?;
    let reason = payload.raw("reason");
    let reason = reason.and_then(crate::control::fields::text_of);
    let reason = reason.as_deref().unwrap_or(NO_REASON);
    Some(Mutation::SetAgentStatus {
        agent: agent.id.clone(),
        status,
        reason: reason.chars().take(REASON_CHARACTERS_MAX).collect(),
    })
}

fn capability_change(agent: &Agent, news: &CapabilityUpdate<'_>) -> Mutation {
    let name = news.capability.name.to_string();
    let mut change = AgentChange::default();
    match news.action {
        Action::Set => change.capabilities_added.push(name),
        Action::Remove => change.capabilities_removed.push(name),
    }
    Mutation::UpdateAgent {
        agent: agent.id.clone(),
        change,
    }
}

fn vitals(news: &PerformanceUpdate<'_>, payload: &Fields<'_>) -> Vitals {
    let mut vitals = Vitals {
        cpu_percent: news.figures.load.map(|load| (load * 100.0).min(100.0)),
        memory_bytes: news.figures.memory_bytes.map(|bytes| bytes as u64),
        ..Vitals::default()
    };
    let metrics = payload.object("metrics").ok().flatten();
    let metrics = metrics.iter().flat_map(|metrics| metrics.members().iter());
    for (name, raw) in metrics {
        let value: Value = serde_json::from_str(raw.get()).unwrap_or_default();
        match name.as_ref() {
            "messageQueueSize" => {
                vitals.task_queue_size = value.as_f64().map(|waiting| waiting as u64);
            }
            name if NAMED_FIGURES.contains(&name) => {}
            name => drop(vitals.other.insert(name.to_owned(), value)),
        }
    }
    vitals
}
