//! What a session wants to hear: subscriptions, and what it missed.

use std::sync::Arc;

use agnt_fleet::topics::{Filter, Pattern, Topic};
use agnt_fleet::{Event, Id, Refusal};
use bytes::Bytes;
use serde_json::{Value, json};

use super::introduction::{Protocols, text_of};
use super::office::Office;
use super::replies;
use super::session::{AgentSession, IMPLIED, letter};
use super::shape::Said;
use crate::dialect::{Turn, Wish};
use crate::engine::mailbox::QueueId;
use crate::guard::Message;
use crate::relay::{EventSubject, Listening, Standing};

/// How many events are looked at in one step of a replay.
const REPLAY_STEP: usize = 256;

/// The longest name of a subscription.
const NAME_BYTES_MAX: usize = 128;

/// Events that a subscription asked for and that happened before it stood.
#[derive(Debug)]
pub(super) struct Replay {
    listening: Listening,
    after: u64,
    /// The last of them; what follows comes by itself.
    until: u64,
    /// How many are looked at in the next step: twice what the last one had room for.
    step: usize,
    name: String,
}

impl AgentSession {
    /// Listens to what document A's channels stand for.
    pub(super) fn listen_to(&mut self, protocols: Protocols) -> Result<(), Refusal> {
        self.permits(Message::Subscribe)?;
        let topics = protocols.topics();
        let patterns = topics
            .iter()
            .filter_map(|topic| Pattern::parse(topic).ok())
            .collect();
        let listening = Listening {
            patterns,
            filter: Filter::default(),
            has_commands: protocols.commands,
        };
        let Some(listener) = self.listener else {
            return Ok(());
        };
        let switchboard = self.office.relay.switchboard();
        switchboard
            .subscribe(listener, IMPLIED, listening)
            .map(|_| ())
    }

    /// `{"agent_id","topics","filters","after","id"}`.
    pub(super) fn subscribe(&mut self, said: &Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let fields = &said.fields;
        let patterns = patterns(fields.get("topics").or_else(|| fields.get("topic")))?;
        let filter = match fields.get("filters").or_else(|| fields.get("filter")) {
            None | Some(Value::Null) => Filter::default(),
            Some(json) => Filter::read(json)
                .map_err(|error| Refusal::invalid("filters", error.to_string()))?,
        };
        let after = match fields.get("after").or_else(|| fields.get("after_sequence")) {
            None | Some(Value::Null) => None,
            Some(after) => Some(after.as_u64().ok_or_else(|| {
                Refusal::invalid(
                    "after",
                    format!("{after} is not allowed; the number of an event is"),
                )
            })?),
        };
        let name = name_of(said)?;
        if let Some(agent) = text_of(fields, "agent_id") {
            let agent = Id::new(agent)
                .map_err(|error| Refusal::invalid("agent_id", format!("it {error}")))?;
            if self.introduction.agent.as_ref() != Some(&agent) {
                self.act_as(&agent, turn.mailbox)?;
            }
        }
        let Some(listener) = self.listener else {
            return Ok(());
        };
        let listening = Listening {
            patterns,
            filter,
            has_commands: true,
        };
        let topics: Vec<_> = listening.patterns.iter().map(Pattern::as_str).collect();
        let mut told = json!({ "subscription_id": name, "topics": topics });
        let switchboard = self.office.relay.switchboard();
        let standing = switchboard.subscribe(listener, &name, listening.clone())?;
        told["from"] = after.unwrap_or(standing.heard).into();
        let text = replies::reply(self.speech(), Some(&name), "subscribed", told);
        turn.wishes.push(Wish::Text(text));
        // What the subscription of this name asked for before is not wanted any more.
        self.replays.retain(|replay| replay.name != name);
        if let Some(after) = after {
            if standing.subscriptions == 1 {
                // What waits for one of before that it replaces is told by the replay.
                self.ended_until = standing.heard;
            }
            self.replays.push_back(Replay {
                listening,
                after,
                until: standing.heard,
                step: REPLAY_STEP,
                name,
            });
            turn.mailbox.post(QueueId::OWN, letter(Bytes::new()));
        }
        Ok(())
    }

    /// `{"id"}` or `{"subscription_id"}`.
    pub(super) fn unsubscribe(&mut self, said: &Said, turn: &mut Turn<'_>) -> Result<(), Refusal> {
        let named = ["subscription_id", "id"]
            .iter()
            .find_map(|key| text_of(&said.fields, key));
        let name = named.map_or_else(|| name_of(said), |name| Ok(name.to_owned()))?;
        self.replays.retain(|replay| replay.name != name);
        let switchboard = self.office.relay.switchboard();
        let ended = self
            .listener
            .and_then(|listener| switchboard.unsubscribe(listener, &name));
        let Some(standing) = ended else {
            return Err(Refusal::not_found("subscription", &name));
        };
        self.forget_ended(standing);
        let told = json!({ "subscription_id": name });
        let text = replies::reply(self.speech(), Some(&name), "unsubscribed", told);
        turn.wishes.push(Wish::Text(text));
        Ok(())
    }

    /// With its last subscription end the events that wait for the session.
    pub(super) fn forget_ended(&mut self, standing: Standing) {
        if standing.subscriptions == 0 {
            self.ended_until = standing.heard;
        }
    }

    /// One step of what is to be replayed: about `room_bytes`, at least one event. Whether there was
    /// something to do: live events wait until all of it was told.
    pub(super) fn replay(&mut self, room_bytes: usize, turn: &mut Turn<'_>) -> bool {
        let Some(replay) = self.replays.front_mut() else {
            return false;
        };
        let single = match &*replay.listening.patterns {
            [pattern] => Some(pattern),
            _ => None,
        };
        let before = replay.after;
        let page = match self.office.fleet.events(single, replay.after, replay.step) {
            Ok(page) => page,
            Err(refusal) => {
                let text = replies::error(self.introduction.speech, Some(&replay.name), &refusal);
                turn.wishes.push(Wish::Text(text));
                self.replays.pop_front();
                return true;
            }
        };
        let speech = self.introduction.speech;
        if let Some(gap) = page.gap {
            let told = json!({
                "subscription_id": replay.name,
                "from": gap.from,
                "to": gap.to,
                "reason": gap.reason.as_str(),
            });
            turn.wishes.push(Wish::Text(replies::reply(
                speech,
                Some(&replay.name),
                "gap",
                told,
            )));
        }
        let Office { fleet, relay, .. } = &*self.office;
        let (mut bytes, mut told) = (0, 0);
        for event in page
            .events
            .iter()
            .filter(|event| event.sequence <= replay.until)
        {
            let subject = EventSubject::of(event, &fleet.read());
            if is_wanted(&replay.listening, event, &subject) {
                let text = relay.switchboard().text_of(speech, event, &subject);
                bytes += text.len();
                if bytes > text.len() && bytes > room_bytes {
                    // It comes in the next step, once the peer has taken these.
                    replay.step = 2 * told;
                    return true;
                }
                turn.wishes.push(Wish::Text(text));
            }
            replay.after = event.sequence;
            told += 1;
        }
        replay.step = REPLAY_STEP.min(4 * replay.step);
        let is_over = page.next_after >= replay.until || page.next_after <= before;
        replay.after = page.next_after;
        if is_over {
            self.replays.pop_front();
        }
        true
    }
}

fn is_wanted(listening: &Listening, event: &Arc<Event>, subject: &EventSubject) -> bool {
    let Ok(topic) = Topic::parse(&event.topic()) else {
        return false;
    };
    let mut patterns = listening.patterns.iter();
    patterns.any(|pattern| pattern.matches_either_name(&topic)) && listening.filter.passes(subject)
}

/// The name of a subscription: given, or `default`.
fn name_of(said: &Said) -> Result<String, Refusal> {
    let given = said
        .id
        .as_deref()
        .or_else(|| text_of(&said.fields, "subscription_id"));
    let name = given.unwrap_or("default");
    if name.len() > NAME_BYTES_MAX {
        let bytes = name.len();
        let issue = format!("has {bytes} bytes; at most {NAME_BYTES_MAX} are allowed");
        return Err(Refusal::invalid("id", issue));
    }
    Ok(name.to_owned())
}

fn patterns(topics: Option<&Value>) -> Result<Vec<Pattern>, Refusal> {
    let one = |topic: &Value| match topic.as_str() {
        Some(text) => {
            Pattern::parse(text).map_err(|error| Refusal::invalid("topics", error.to_string()))
        }
        None => Err(Refusal::invalid(
            "topics",
            format!("{topic} is not allowed; a text is"),
        )),
    };
    match topics {
        Some(Value::Array(topics)) => topics.iter().map(one).collect(),
        Some(topic @ Value::String(_)) => Ok(vec![one(topic)?]),
        _ => Err(Refusal::invalid(
            "topics",
            "is missing; a list of topics is needed",
        )),
    }
}
