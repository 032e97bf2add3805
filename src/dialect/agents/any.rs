//! A session whose dialect is decided by its path and then by its first message: the words of
//! documents A and B, or the visualisation protocol (ruling 50).

use std::sync::Arc;
use std::time::Instant;

use super::session::AgentSession;
use super::shape::{Said, Shape};
use crate::dialect::visual::VisualSession;
use crate::dialect::{About, Session, SessionRole, Turn, Wish};
use crate::domain::DisconnectReason;
use crate::engine::Stream;

/// The session; see the module.
#[derive(Debug)]
pub struct AnySession {
    agents: AgentSession,
    visual: Box<VisualSession>,
    /// What it is: until something is settled, what its path says.
    family: Family,
    is_settled: bool,
}

/// Which of the two a session is, or a message is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    /// Documents A and B.
    Agents,
    /// Document C.
    Visual,
}

impl Family {
    /// Of which family a text message is; none if both have such messages, or neither.
    fn of(text: &str) -> Option<Self> {
        match Said::read(text).ok()?.shape {
            Shape::Visual => Some(Self::Visual),
            Shape::Heartbeat | Shape::Ack | Shape::Error | Shape::Renew => None,
            _ => Some(Self::Agents),
        }
    }
}

impl AnySession {
    /// A session at a path of documents A and B.
    pub fn of_agents(agents: AgentSession, visual: Box<VisualSession>) -> Self {
        Self {
            agents,
            visual,
            family: Family::Agents,
            is_settled: false,
        }
    }

    /// A session at a path of the visualisation protocol.
    pub fn of_visual(agents: AgentSession, visual: Box<VisualSession>) -> Self {
        Self {
            family: Family::Visual,
            ..Self::of_agents(agents, visual)
        }
    }

    fn active(&self) -> &dyn Session {
        match self.family {
            Family::Agents => &self.agents,
            Family::Visual => &*self.visual,
        }
    }

    fn active_mut(&mut self) -> &mut dyn Session {
        match self.family {
            Family::Agents => &mut self.agents,
            Family::Visual => &mut *self.visual,
        }
    }

    /// It is this from now on.
    fn settle(&mut self, family: Family, turn: &mut Turn<'_>) {
        self.is_settled = true;
        if self.family != family {
            self.active_mut().end(turn);
            self.family = family;
            self.active_mut().begin(turn);
        }
    }
}

impl Session for AnySession {
    fn begin(&mut self, turn: &mut Turn<'_>) {
        self.active_mut().begin(turn);
        // One that its query opened has said what it is.
        self.is_settled = self.family == Family::Visual && self.visual.is_open();
    }

    fn on_text(&mut self, text: &str, turn: &mut Turn<'_>) {
        if !self.is_settled
            && let Some(family) = Family::of(text)
        {
            self.settle(family, turn);
        }
        self.active_mut().on_text(text, turn);
    }

    fn on_binary(&mut self, message: &[u8], turn: &mut Turn<'_>) {
        if !self.is_settled {
            self.settle(Family::Visual, turn);
        }
        self.active_mut().on_binary(message, turn);
    }

    fn on_mail(&mut self, room_bytes: usize, turn: &mut Turn<'_>) -> bool {
        self.active_mut().on_mail(room_bytes, turn)
    }

    fn on_excess(&mut self, text: &str, turn: &mut Turn<'_>) {
        self.active_mut().on_excess(text, turn);
    }

    fn apology(&self) -> Option<Wish> {
        self.active().apology()
    }

    fn held_bytes(&self) -> usize {
        self.active().held_bytes()
    }

    fn stream(&self) -> Option<&Arc<Stream>> {
        self.active().stream()
    }

    fn handshake_due(&self) -> Option<Instant> {
        self.active().handshake_due()
    }

    fn lateness(&self) -> DisconnectReason {
        self.active().lateness()
    }

    fn may_stay(&self, unix_s: u64) -> bool {
        self.active().may_stay(unix_s)
    }

    fn must_wait(&self, loop_id: usize) -> bool {
        self.active().must_wait(loop_id)
    }

    fn role(&self) -> SessionRole {
        self.active().role()
    }

    fn about(&self) -> About {
        self.active().about()
    }

    fn own_number(&self) -> Option<u32> {
        self.active().own_number()
    }

    fn end(&mut self, turn: &mut Turn<'_>) {
        self.active_mut().end(turn);
    }
}
