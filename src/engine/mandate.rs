//! A publisher's mandate: for which registered agents it may speak.
//!
//! Some ids are for registered agents alone. What a frame says of one of them is taken from that
//! agent, or from somebody who may act as it, and from nobody else. Agents come and go and
//! credentials end, so a mandate is believed for a second, and asked for anew before a frame is
//! refused.

use std::fmt;
use std::time::{Duration, Instant};

use agnt_codec::{Flags, Frame, Payload};

use super::publisher::Publisher;
use super::publishing::PublishError;
use crate::domain::REGISTERED_IDS;

/// How long a mandate is believed.
pub(super) const BELIEVED_FOR: Duration = Duration::from_secs(1);

/// For which registered agents somebody may speak.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mandate {
    /// For none.
    #[default]
    Nobody,
    /// For the one of that id.
    Agent(u32),
    /// For whichever it likes.
    Everyone,
}

impl Mandate {
    /// The id of the one agent, if it is for one; what is no registered id stands for none.
    fn own_id(self) -> u32 {
        match self {
            Self::Agent(id) => id,
            Self::Nobody | Self::Everyone => 0,
        }
    }

    /// The first id in a frame's payload that is beyond the mandate. What is told of a coordination
    /// is told by its initiator; its participants are told of.
    fn first_beyond(self, payload: &Payload<'_>) -> Option<u32> {
        if self == Self::Everyone {
            return None;
        }
        let own_id = self.own_id();
        match payload {
            Payload::Positions(records) => {
                first_foreign(records.iter().map(|record| record.id.get()), own_id)
            }
            Payload::States(states) => {
                first_foreign(states.records().map(|record| record.id), own_id)
            }
            Payload::Metrics(records) => {
                first_foreign(records.iter().map(|record| record.id.get()), own_id)
            }
            Payload::Coordination(event) => first_foreign(std::iter::once(event.initiator), own_id),
            _ => None,
        }
    }
}

/// The ids that it leaves to a publisher.
impl fmt::Display for Mandate {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (first, last) = (REGISTERED_IDS.start(), REGISTERED_IDS.end());
        write!(out, "0 to {}, {} to {}", first - 1, last + 1, u32::MAX)?;
        match self {
            Self::Nobody => Ok(()),
            Self::Agent(id) => write!(out, " and its own, {id}"),
            Self::Everyone => write!(out, " and those between"),
        }
    }
}

/// A mandate as it was at a moment.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KnownMandate {
    mandate: Mandate,
    asked_at: Option<Instant>,
}

impl KnownMandate {
    /// The mandate as far as it can be believed still.
    fn believed(self, now: Instant) -> Mandate {
        let is_believed = |at: Instant| now.saturating_duration_since(at) < BELIEVED_FOR;
        match self.asked_at.is_some_and(is_believed) {
            true => self.mandate,
            false => Mandate::Nobody,
        }
    }
}

impl Publisher {
    /// Refuses a frame that says something of a registered agent for which the publisher may not
    /// speak, and the tick that it belongs to. `ask` tells its mandate of now; it is asked only
    /// about registered agents' ids.
    pub fn admit(
        &mut self,
        frame: &Frame<'_>,
        now: Instant,
        ask: impl FnOnce() -> Mandate,
    ) -> Result<(), PublishError> {
        let payload = frame.payload();
        let is_position = matches!(payload, Payload::Positions(_));
        let believed = self.mandate.believed(now);
        // The rest of a tick that was refused is passed over, whatever it says.
        if is_position && self.is_skipping || believed.first_beyond(&payload).is_none() {
            return Ok(());
        }
        let mandate = ask();
        self.mandate = KnownMandate {
            mandate,
            asked_at: Some(now),
        };
        let Some(id) = mandate.first_beyond(&payload) else {
            return Ok(());
        };
        if is_position {
            self.drop_tick();
            self.is_skipping = frame.flags().contains(Flags::MORE);
        }
        Err(PublishError::ForeignAgent { id, mandate })
    }
}

/// The first of these ids that is a registered agent's other than `own_id`. Nearly always there is
/// none, so all are looked at without a branch for each.
fn first_foreign(mut ids: impl Iterator<Item = u32> + Clone, own_id: u32) -> Option<u32> {
    let is_foreign = |id: u32| is_registered(id) && id != own_id;
    let has_foreign = ids.clone().fold(false, |found, id| found | is_foreign(id));
    match has_foreign {
        true => ids.find(|id| is_foreign(*id)),
        false => None,
    }
}

const fn is_registered(id: u32) -> bool {
    let (first, last) = (*REGISTERED_IDS.start(), *REGISTERED_IDS.end());
    id.wrapping_sub(first) <= last - first
}

#[cfg(test)]
#[path = "tests/mandate.rs"]
mod tests;
