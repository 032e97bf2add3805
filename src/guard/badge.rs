//! What a session came in by, and what it may say by that: asked anew for each message, and renewable
//! while the session goes on.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Instant;

use super::allowance::Allowance;
use super::client::Client;
use super::doorkeeper::Doorkeeper;
use super::extent::Reach;
use super::identity::{CredentialRefusal, Identity};
use super::message::Message;
use super::scope::Scope;
use super::seat::{NoSeat, Seat};

/// The badge; see the module. The parts of a session share one.
#[derive(Debug)]
pub struct Badge {
    doorkeeper: Arc<Doorkeeper>,
    stream: Box<str>,
    identity: RwLock<Identity>,
    seat: Option<Arc<Seat>>,
}

/// How a badge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Its holder may be here.
    Good,
    /// Nothing was shown yet, and something must be.
    Missing,
    /// What was shown is good no more.
    Ended,
}

/// Why a message isn't taken, or a session not let in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    /// It takes one of these scopes.
    #[error("scope: these credentials do not allow that; needed is {}", names(.0))]
    Scope(&'static [Scope]),
    /// It is for other streams.
    #[error("stream: these credentials are not for '{0}'")]
    Stream(Box<str>),
    /// It is for some streams, and the message concerns all of them.
    #[error("stream: these credentials are for some streams alone, and that concerns all")]
    AllStreams,
    /// It is for other agents.
    #[error("agent: these credentials do not speak for '{0}'")]
    Agent(String),
    /// There is nothing to judge by, or no more.
    #[error("credentials: missing or good no more")]
    Credentials,
}

/// Why a credential that was shown lets nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotShown {
    /// It is no good.
    #[error(transparent)]
    Refused(CredentialRefusal),
    /// It has as many sessions as it may have.
    #[error(transparent)]
    Crowded(#[from] NoSeat),
}

/// Why a badge was not renewed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRenewed {
    /// The new credential is no good.
    #[error("token: {0}")]
    Refused(CredentialRefusal),
    /// It is somebody else's.
    #[error("token: it is of another subject than the session")]
    OtherSubject,
    /// The credentials of the session can't be renewed: it has none, or a key, which doesn't end.
    #[error("token: this session did not come in by one")]
    NoToken,
    /// It doesn't let the session be what it is.
    #[error(transparent)]
    Denied(#[from] Denied),
}

impl Badge {
    /// The badge of a session of that stream, who came in as that.
    pub fn new(doorkeeper: Arc<Doorkeeper>, stream: &str, identity: Identity) -> Self {
        Self {
            doorkeeper,
            stream: stream.into(),
            identity: RwLock::new(identity),
            seat: None,
        }
    }

    /// The same, of a session that is counted for its holder in that seat.
    #[must_use]
    pub fn with_seat(self, seat: Arc<Seat>) -> Self {
        Self {
            seat: Some(seat),
            ..self
        }
    }

    /// As whom its holder came in.
    pub fn identity(&self) -> Identity {
        self.identity
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// How it stands at that time, in Unix seconds.
    pub fn validity(&self, now_s: u64) -> Validity {
        let identity = self.identity.read();
        let identity = identity.unwrap_or_else(PoisonError::into_inner);
        match &*identity {
            Identity::Refused(CredentialRefusal::Missing) => Validity::Missing,
            held if self.doorkeeper.admits(held, now_s) => Validity::Good,
            _ => Validity::Ended,
        }
    }

    /// Whether its holder may send that message now.
    pub fn permits(&self, message: Message) -> Result<(), Denied> {
        if message.concerns_all_streams() && *self.identity().streams() != Reach::All {
            return Err(Denied::AllStreams);
        }
        self.permits_one_of(message.needs())
    }

    /// Whether its holder may do now what one of these scopes lets one do, in this stream; without
    /// any it is enough to be here.
    pub fn permits_one_of(&self, scopes: &'static [Scope]) -> Result<(), Denied> {
        let identity = self.identity.read();
        let identity = identity.unwrap_or_else(PoisonError::into_inner);
        match &*identity {
            Identity::Anonymous if self.doorkeeper.is_open() => return Ok(()),
            Identity::Anonymous | Identity::Refused(_) => return Err(Denied::Credentials),
            Identity::Key(_) | Identity::Token(_) => {}
        }
        if !identity.is_for_stream(&self.stream) {
            return Err(Denied::Stream(self.stream.clone()));
        }
        match scopes.is_empty() || scopes.iter().any(|scope| identity.allows(*scope)) {
            true => Ok(()),
            false => Err(Denied::Scope(scopes)),
        }
    }

    /// Whether its holder may have to do with that stream.
    pub fn is_for_stream(&self, stream: &str) -> Result<(), Denied> {
        match self.identity().is_for_stream(stream) {
            true => Ok(()),
            false => Err(Denied::Stream(stream.into())),
        }
    }

    /// Whether its holder may act as that agent.
    pub fn speaks_for(&self, agent: &str) -> Result<(), Denied> {
        match self.identity().speaks_for(agent) {
            true => Ok(()),
            false => Err(Denied::Agent(agent.to_owned())),
        }
    }

    /// Shows a credential where there was none. The session is counted for that from then on. Both
    /// times are of the same moment.
    pub fn show(&self, credential: &str, (now, now_s): (Instant, u64)) -> Result<(), NotShown> {
        let shown = self.doorkeeper.identify_by(credential, now_s);
        if let Identity::Refused(refusal) = shown {
            return Err(NotShown::Refused(refusal));
        }
        if let (Some(seat), Some(owner)) = (&self.seat, shown.owner()) {
            seat.move_to(Client::Key(owner), now)?;
        }
        self.replace(shown);
        Ok(())
    }

    /// What may come over the session, if that is bounded.
    pub fn allowance(&self) -> Option<Arc<Allowance>> {
        self.seat.as_ref().and_then(|seat| seat.allowance())
    }

    /// Puts a new token in the place of the one that the session came in by, for the same subject, if
    /// the session can be what it is by that one too.
    pub fn renew(
        &self,
        token: &str,
        now_s: u64,
        fits: impl FnOnce(&Identity) -> Result<(), Denied>,
    ) -> Result<(), NotRenewed> {
        let held = self.identity();
        let Identity::Token(_) = &held else {
            return Err(NotRenewed::NoToken);
        };
        match self.doorkeeper.identify_by(token, now_s) {
            Identity::Refused(refusal) => Err(NotRenewed::Refused(refusal)),
            renewed if renewed.subject() != held.subject() => Err(NotRenewed::OtherSubject),
            renewed => {
                fits(&renewed)?;
                self.replace(renewed);
                Ok(())
            }
        }
    }

    /// When what it stands on ends, in Unix seconds, if it does by itself.
    pub fn ends_at_s(&self) -> Option<u64> {
        match &*self.identity.read().unwrap_or_else(PoisonError::into_inner) {
            Identity::Token(holder) => Some(holder.ends_at_s()),
            _ => None,
        }
    }

    fn replace(&self, identity: Identity) {
        let held = self.identity.write();
        *held.unwrap_or_else(PoisonError::into_inner) = identity;
    }
}

fn names(scopes: &[Scope]) -> String {
    scopes
        .iter()
        .map(|scope| scope.name())
        .collect::<Vec<_>>()
        .join(" or ")
}
