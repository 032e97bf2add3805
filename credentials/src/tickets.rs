//! Tickets: what lets a browser open one socket, since it can't send a header along.
//!
//! A ticket is asked for with a credential and stands for it: it is 256 random bits, is good for some
//! seconds and once, and may stand in a URL for that reason. Only the SHA-256 of one is kept. There
//! is a bound, beyond which no more are given out until others end.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::secret::{NoRandomness, Secret, SecretDigest};

/// How every ticket begins.
pub const TICKET_PREFIX: &str = "agntticket_";

/// For how long a ticket is good.
pub const TICKET_TTL_S: u64 = 30;

/// The most tickets at a time.
pub const TICKETS_MAX: usize = 16 * 1024;

/// The tickets, each standing for a `T`; see the module. Shared by all threads.
#[derive(Debug)]
pub struct Tickets<T> {
    given: Mutex<Given<T>>,
    max: usize,
}

/// Why no ticket is given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketRefused {
    /// There are as many as allowed.
    #[error("tickets: {0} are given out and unused; no more are allowed until one ends")]
    Full(usize),
    /// There is nothing to make one of.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// Why a ticket lets nobody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TicketRefusal {
    /// It has not the form of one.
    #[error("ticket: not {TICKET_PREFIX} and 43 digits of base64url")]
    Form,
    /// It was never given out, was used, or ended long ago.
    #[error("ticket: unknown or used")]
    Unknown,
    /// It came too late.
    #[error("ticket: expired")]
    Expired,
}

#[derive(Debug)]
struct Given<T> {
    tickets: HashMap<SecretDigest, Ticket<T>>,
    /// The same and used ones, in the order in which they end.
    ends: VecDeque<(u64, SecretDigest)>,
}

#[derive(Debug)]
struct Ticket<T> {
    ends_at_s: u64,
    stands_for: T,
}

impl<T> Default for Tickets<T> {
    fn default() -> Self {
        Self::bounded(TICKETS_MAX)
    }
}

impl<T> Tickets<T> {
    /// None yet, and at most that many at a time.
    pub fn bounded(max: usize) -> Self {
        let given = Given {
            tickets: HashMap::new(),
            ends: VecDeque::new(),
        };
        Self {
            given: Mutex::new(given),
            max,
        }
    }

    /// A new ticket. Used ones count too until they would have ended, or whoever uses theirs at once
    /// could have any number.
    pub fn give(&self, stands_for: T, now_s: u64) -> Result<String, TicketRefused> {
        let secret = Secret::generate()?;
        let mut given = self.lock();
        given.prune(now_s);
        if given.ends.len() >= self.max {
            return Err(TicketRefused::Full(self.max));
        }
        let (digest, ends_at_s) = (secret.digest(), now_s.saturating_add(TICKET_TTL_S));
        let ticket = Ticket {
            ends_at_s,
            stands_for,
        };
        given.tickets.insert(digest, ticket);
        given.ends.push_back((ends_at_s, digest));
        Ok(secret.reveal(TICKET_PREFIX))
    }

    /// What a ticket stands for. It is used up by that.
    pub fn redeem(&self, text: &[u8], now_s: u64) -> Result<T, TicketRefusal> {
        let secret = Secret::parse(TICKET_PREFIX, text).ok_or(TicketRefusal::Form)?;
        let ticket = self.lock().tickets.remove(&secret.digest());
        let ticket = ticket.ok_or(TicketRefusal::Unknown)?;
        match now_s < ticket.ends_at_s {
            true => Ok(ticket.stands_for),
            false => Err(TicketRefusal::Expired),
        }
    }

    /// How many are given out and unused, ended ones among them that nobody has looked at since.
    pub fn len(&self) -> usize {
        self.lock().tickets.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    // A panic between two changes is not possible, short of no memory.
    fn lock(&self) -> MutexGuard<'_, Given<T>> {
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Given<T> {
    fn prune(&mut self, now_s: u64) {
        // A clock that was put back leaves ends in the far future at the front; they count as over.
        let latest_s = now_s.saturating_add(TICKET_TTL_S);
        let is_over = |ends_at_s: u64| ends_at_s <= now_s || ends_at_s > latest_s;
        while let Some((_, digest)) = self.ends.pop_front_if(|(ends_at_s, _)| is_over(*ends_at_s)) {
            self.tickets.remove(&digest);
        }
    }
}
