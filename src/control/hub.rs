//! The hub of a stream: where its sessions talk to each other.
//!
//! One lock guards all that is remembered. It is held while an event is written to its lane, so that
//! the order in which things happened is the order in which they are told, in every lane and mailbox
//! alike. The locks of the stream and of mailboxes are taken under it and never the other way round.
//! What frames bring costs a question to the stream while nobody reads JSON.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use agnt_codec::{AgentMetrics, CoordinationEvent};

use super::deduplication::Deduplication;
use super::envelope::Envelope;
use super::hub_state::HubState;
use super::machine::Machine;
use super::members::{Joining, MemberId};
use super::moment::Moment;
use super::receiving::Sender;
use super::refusal::Refusal;
use super::replies;
use super::round::Round;
use super::settings::{AlertSettings, HubSettings};
use crate::domain::Current;
use crate::engine::{Call, Publisher, StateChange, Stream};

/// What was counted since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HubTally {
    /// Messages that their sender had sent before.
    pub duplicates: u64,
    /// Letters sent again for want of an ack.
    pub redelivered: u64,
    /// Letters dropped for want of room in a mailbox.
    pub mail_dropped: u64,
    /// Letters that expired in a mailbox.
    pub mail_expired: u64,
}

impl HubTally {
    /// Adds another's counts.
    pub fn add(&mut self, other: Self) {
        self.duplicates += other.duplicates;
        self.redelivered += other.redelivered;
        self.mail_dropped += other.mail_dropped;
        self.mail_expired += other.mail_expired;
    }
}

/// The hub; see the module.
pub struct Hub {
    stream: Arc<Stream>,
    settings: Arc<HubSettings>,
    alerts: Arc<Current<AlertSettings>>,
    machine: Arc<Machine>,
    /// Which ids came lately, on all streams.
    ids: Arc<Mutex<Deduplication>>,
    /// Whether anybody gets events by mail.
    is_mailing: AtomicBool,
    state: Mutex<HubState>,
}

impl fmt::Debug for Hub {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Hub")
            .field("stream", self.stream.name())
            .finish_non_exhaustive()
    }
}

impl Hub {
    pub(super) fn new(
        stream: Arc<Stream>,
        settings: Arc<HubSettings>,
        alerts: Arc<Current<AlertSettings>>,
        machine: Arc<Machine>,
        ids: Arc<Mutex<Deduplication>>,
    ) -> Self {
        Self {
            state: Mutex::new(HubState::new(&settings)),
            stream,
            settings,
            alerts,
            machine,
            ids,
            is_mailing: AtomicBool::new(false),
        }
    }

    /// Its stream.
    pub fn stream(&self) -> &Arc<Stream> {
        &self.stream
    }

    /// What is set.
    pub fn settings(&self) -> &HubSettings {
        &self.settings
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, HubState> {
        // A panic while the lock was held ended one connection; what is remembered stays usable.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something under the lock.
    pub(super) fn round<T>(&self, call: Call, act: impl FnOnce(&mut Round<'_>) -> T) -> T {
        let mut state = self.lock();
        let outcome = act(&mut Round {
            stream: &self.stream,
            alerts: &self.alerts,
            state: &mut state,
            call,
            now: Moment::of(call.now),
        });
        let is_mailing = !state.mailed.is_empty();
        self.is_mailing.store(is_mailing, Ordering::Release);
        outcome
    }

    /// A session joins. What waits for its client is posted at once.
    pub fn join(&self, joining: Joining, call: Call) -> MemberId {
        self.round(call, |round| {
            let speaks_json = joining.speaks_json;
            let client = joining.client_id.clone();
            let member = round.state.members.join(joining);
            round.state.empty_since = None;
            if let Some(client) = client {
                round.state.clients.touch(&client, || ());
                round.state.silence.note_arrival(&client);
                if speaks_json {
                    round.deliver_waiting(&client, member);
                }
            }
            member
        })
    }

    /// A session leaves, and with it its channels and the commands whose answers it awaits.
    pub fn leave(&self, member: MemberId, call: Call) {
        self.round(call, |round| {
            round.drop_commands_of(member);
            let state = &mut *round.state;
            state.redelivery.leave(member);
            state.leave_channels(member);
            let Some(mut left) = state.members.leave(member) else {
                return;
            };
            let lost = left.take_losses();
            state.tally.mail_dropped += lost.dropped;
            state.tally.mail_expired += lost.expired;
            if let Some(client) = &left.client_id
                && !state.members.has_client(client)
            {
                state.clients.touch(client, || ());
                state.silence.note_departure(client, left.heard.at());
            }
            if state.members.is_empty() {
                state.empty_since = Some(call.now);
            }
        });
    }

    /// Takes a message of a session. Returns the finished texts that it is answered with, in order;
    /// everything else was delivered. Who may send at all is the caller's business.
    pub fn receive(
        &self,
        member: MemberId,
        envelope: &Envelope<'_>,
        publisher: &Publisher,
        call: Call,
    ) -> Result<Vec<String>, Refusal> {
        self.round(call, |round| {
            let Some(known) = round.state.members.find(member) else {
                return Ok(Vec::new());
            };
            let name = known.sender().to_owned();
            let sender = Sender {
                member,
                client: known.client_id.clone(),
                publisher,
                expires_at: envelope.expires_at(call.now),
            };
            let ack = |is_duplicate| {
                let asked = envelope.wants_ack.then(|| envelope.request());
                asked.map(|request| replies::ack(request, is_duplicate))
            };
            // The id of an ack is that of another message.
            let id = envelope.id.as_deref().filter(|_| envelope.kind != "ack");
            if id.is_some_and(|id| self.knows(&name, id, call.now)) {
                round.state.tally.duplicates += 1;
                return Ok(Vec::from_iter(ack(true)));
            }
            let replies = round.receive(&sender, envelope);
            let replies = replies.inspect_err(|_| round.state.monitor.note_refusal())?;
            if let Some(id) = id {
                self.remember(&name, id, call.now);
            }
            Ok(ack(false).into_iter().chain(replies).collect())
        })
    }

    fn knows(&self, sender: &str, id: &str, now: Instant) -> bool {
        let ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.knows(self.stream.name().as_str(), sender, id, now)
    }

    fn remember(&self, sender: &str, id: &str, now: Instant) {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.remember(self.stream.name().as_str(), sender, id, now);
    }

    /// Whether events have a reader, in a lane or by mail.
    pub(super) fn is_read(&self, now: Instant) -> bool {
        self.is_mailing.load(Ordering::Acquire) || self.stream.wants_json_events(now)
    }

    /// States or names that a publisher's frame changed.
    pub fn note_states(&self, changes: &[StateChange], publisher_number: u32, call: Call) {
        let is_named = changes.iter().any(|change| change.is_named);
        if changes.is_empty() || !(is_named || self.is_read(call.now)) {
            return;
        }
        self.round(call, |round| {
            round.state.monitor.note_messages(1);
            round.tell_states(changes, publisher_number);
        });
    }

    /// Metrics of a publisher's frame.
    pub fn note_metrics(&self, metrics: &[AgentMetrics], publisher_number: u32, call: Call) {
        if self.is_read(call.now) {
            self.round(call, |round| {
                round.state.monitor.note_messages(1);
                round.hear_metrics(metrics, publisher_number);
            });
        }
    }

    /// A coordination of a publisher's frame.
    pub fn note_coordination(
        &self,
        event: &CoordinationEvent<'_>,
        publisher_number: u32,
        call: Call,
    ) {
        if self.is_read(call.now) {
            self.round(call, |round| {
                round.state.monitor.note_messages(1);
                round.tell_coordination(event, publisher_number);
            });
        }
    }

    /// What the clock brings, ten times a second. Returns what was counted since the last time.
    pub fn tick(&self, call: Call) -> HubTally {
        let is_read = self.is_read(call.now);
        let load = self.machine.load();
        self.round(call, |round| {
            round.tick(load, is_read);
            std::mem::take(&mut round.state.tally)
        })
    }

    /// Who is who, as `agent.index` messages, and the sequence of the index lane up to which they
    /// are true.
    pub fn agent_index(&self, call: Call) -> (Vec<String>, u64) {
        self.round(call, |round| {
            if !std::mem::replace(&mut round.state.is_index_read, true) {
                // From now on it is noted who goes; nobody is to be told of those before.
                round.stream.take_removed();
            }
            round.index()
        })
    }

    /// Since when nobody is here.
    pub(super) fn empty_since(&self, now: Instant) -> Option<Instant> {
        let mut state = self.lock();
        if !state.members.is_empty() {
            return None;
        }
        Some(*state.empty_since.get_or_insert(now))
    }
}

#[cfg(test)]
#[path = "tests/hub.rs"]
mod tests;

#[cfg(test)]
#[path = "tests/hub_receiving.rs"]
mod receiving_tests;

#[cfg(test)]
#[path = "tests/hub_mail.rs"]
mod mail_tests;

#[cfg(test)]
#[path = "tests/hub_clock.rs"]
mod clock_tests;

#[cfg(test)]
#[path = "tests/hub_random.rs"]
mod random_tests;
