//! A session's desk: what ties it to the agent API. It knows as whom the session acts, what that one
//! may do, and how the fleet is asked.

use std::cell::Cell;
use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_fleet::agent::Agent;
use agnt_fleet::{Attachment, Id, RefusalKind, Timestamp};

use super::admission::denied;
use super::order;
use crate::control::Refusal;
use crate::dialect::agents::Office;
use crate::domain::{ErrorCode, time};
use crate::engine::Mandate;
use crate::engine::mailbox::Mailbox;
use crate::guard::{Badge, Denied, Identity, Message, NotRenewed, Reach, Scope, Validity};
use crate::relay::{AgentLine, ListenerId};

/// The book of who is there is written in so often at most, however much a session says.
const NOTED_EVERY: Duration = Duration::from_secs(1);

/// The desk; see the module.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) office: Arc<Office>,
    pub(super) badge: Arc<Badge>,
    pub(super) number: ListenerId,
    /// The agent that it acts as, registered or not.
    agent: Option<Id>,
    /// What its client calls itself.
    name: Option<String>,
    /// Its presence as an agent, if it takes orders.
    attachment: Option<Attachment>,
    noted_at: Option<Instant>,
    /// Whether it ever awaited the end of a command.
    pub(super) has_asked: Cell<bool>,
}

/// What somebody may be under a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Standing {
    /// The agent of that name.
    is_own: bool,
    /// One who answers its orders.
    takes_orders: bool,
}

impl Desk {
    /// The desk of a session that acts as nobody yet.
    pub(super) fn new(office: Arc<Office>, badge: Arc<Badge>) -> Self {
        Self {
            number: office.relay.switchboard().number(),
            office,
            badge,
            agent: None,
            name: None,
            attachment: None,
            noted_at: None,
            has_asked: Cell::new(false),
        }
    }

    /// Whether a session may be called so: a registered agent's name is its own and its proxies'.
    pub(super) fn may_be_called(&self, name: &str) -> Result<(), Denied> {
        self.may_one_be_called(name, &self.badge.identity())
    }

    fn may_one_be_called(&self, name: &str, who: &Identity) -> Result<(), Denied> {
        let is_registered = || {
            let rows = self.office.fleet.read();
            rows.agents.find(name).is_some()
        };
        match who.speaks_for(name) || !is_registered() {
            true => Ok(()),
            false => Err(Denied::Agent(name.to_owned())),
        }
    }

    /// Goes on by that token, if the session may keep its name by it. What its orders came by is
    /// judged by it from now on; they come to `mailbox`.
    pub(super) fn renew(
        &mut self,
        token: &str,
        mailbox: Option<&Arc<Mailbox>>,
    ) -> Result<(), NotRenewed> {
        let name = self.name.clone();
        let keeps_name = |who: &Identity| {
            let name = name.as_deref();
            name.map_or(Ok(()), |name| self.may_one_be_called(name, who))
        };
        let before = name.as_deref().map(|name| self.standing_as(name));
        self.badge.renew(token, time::unix_s(), keeps_name)?;
        if let Some(name) = &name
            && before != Some(self.standing_as(name))
        {
            self.act_as(name, mailbox);
        }
        Ok(())
    }

    /// What a session is called that does not say: whom its token is from.
    pub(super) fn own_name(&self) -> Option<String> {
        self.badge.identity().subject().map(str::to_owned)
    }

    /// Whether it may say anything as an agent: by a token, which names the agent, what its scopes let it
    /// say; by anything else, which doesn't, what an agent does.
    fn may_speak(&self) -> bool {
        let needed = match self.badge.identity() {
            Identity::Token(_) => Message::ControlResult,
            _ => Message::Response,
        };
        self.badge.permits(needed).is_ok()
    }

    /// Acts as the agent of that name from now on, if its credentials let it. With a mailbox, it
    /// takes orders there: first what is open.
    pub(super) fn act_as(&mut self, name: &str, mailbox: Option<&Arc<Mailbox>>) {
        self.stop_acting();
        self.name = Some(name.to_owned());
        let Standing {
            is_own,
            takes_orders,
        } = self.standing_as(name);
        let Some(agent) = Id::new(name).ok().filter(|_| is_own) else {
            return;
        };
        self.attachment = mailbox.filter(|_| takes_orders).map(|mailbox| {
            let line = AgentLine {
                number: self.number.number(),
                since: Timestamp::from_micros(time::unix_us()),
                mailbox: Arc::clone(mailbox),
                write: order::write_work,
            };
            self.office.attach(&agent, &line)
        });
        self.agent = Some(agent);
    }

    /// What its credentials let it be under that name.
    fn standing_as(&self, name: &str) -> Standing {
        Standing {
            is_own: self.badge.speaks_for(name).is_ok() && self.may_speak(),
            // Orders are for who may answer them.
            takes_orders: self.badge.permits(Message::Response).is_ok(),
        }
    }

    /// Acts as nobody any more. What was given to it, the agent's next session gets.
    fn stop_acting(&mut self) {
        self.agent = None;
        if let Some(attachment) = self.attachment.take() {
            self.office.detach(attachment.agent(), self.number.number());
        }
    }

    /// The agent that it acts as, registered or not.
    pub(super) fn agent(&self) -> Option<&Id> {
        self.agent.as_ref()
    }

    /// The same, as it is registered.
    pub(super) fn registered(&self) -> Option<Arc<Agent>> {
        self.find(self.agent.as_ref()?)
    }

    /// A registered agent.
    pub(super) fn find(&self, agent: &Id) -> Option<Arc<Agent>> {
        let rows = self.office.fleet.read();
        rows.agents.find(agent.as_str()).cloned()
    }

    /// Who gives the commands that come from here.
    pub(super) fn source(&self) -> Option<String> {
        let own = || self.badge.identity().name().map(str::to_owned);
        self.name.clone().or_else(own)
    }

    /// For which registered agents it may publish: a credential that allows agents, and isn't one of
    /// some agents alone, is for all of them, other sessions are for the one that they act as.
    pub(super) fn mandate(&self) -> Mandate {
        let identity = self.badge.identity();
        let is_known = matches!(identity, Identity::Key(_) | Identity::Token(_));
        let is_for_all = is_known && *identity.agents() == Reach::All;
        if is_for_all && self.needs(&[Scope::Agents]).is_ok() {
            return Mandate::Everyone;
        }
        let registered = self.registered().filter(|_| self.may_speak());
        registered.map_or(Mandate::Nobody, |agent| Mandate::Agent(agent.numeric_id))
    }

    /// Whether it may do what one of these scopes lets one do.
    pub(super) fn needs(&self, scopes: &'static [Scope]) -> Result<(), Refusal> {
        let allowed = self.badge.permits_one_of(scopes);
        allowed.map_err(|it| denied(&it))
    }

    /// Whether what it came in by is good no more.
    pub(super) fn is_dismissed(&self) -> bool {
        self.badge.validity(time::unix_s()) == Validity::Ended
    }

    /// The session was heard of.
    pub(super) fn note_heard(&mut self, now: Instant) {
        let is_due = |at: Instant| now.saturating_duration_since(at) >= NOTED_EVERY;
        if let Some(agent) = &self.agent
            && self.noted_at.is_none_or(is_due)
        {
            self.noted_at = Some(now);
            self.office.fleet.presence().heard(agent);
        }
    }

    /// The session is gone.
    pub(super) fn leave(&mut self) {
        self.stop_acting();
        if self.has_asked.take() {
            self.office.relay.awaited().leave(self.number);
        }
    }
}

/// A refusal of the fleet in the words of document C.
pub(super) fn told(refusal: &agnt_fleet::Refusal) -> Refusal {
    let text = refusal.message.clone();
    match refusal.kind {
        RefusalKind::Invalid | RefusalKind::Unprocessable | RefusalKind::TooLarge => {
            Refusal::invalid(text)
        }
        RefusalKind::UnknownTemplate => Refusal::failed(text).because("template"),
        RefusalKind::Unauthenticated | RefusalKind::Forbidden => Refusal {
            code: ErrorCode::AuthFailed,
            text,
            reason: Some("scope"),
        },
        RefusalKind::NotFound => {
            let detail = |key| refusal.details.get(key).and_then(serde_json::Value::as_str);
            match (detail("resource"), detail("id")) {
                (Some("agent"), Some(id)) => Refusal::agent_not_found(id),
                _ => Refusal::failed(text),
            }
        }
        RefusalKind::TooMany => Refusal::bound(text),
        _ => Refusal::failed(text),
    }
}
