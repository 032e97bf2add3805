//! For whom a session is counted: its place among that client's sessions, and what may come over it.
//!
//! A session that shows its credential only once it is open is counted for its address until then,
//! and moves to the credential's places with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::allowance::{Allowance, Allowances};
use super::client::Client;
use super::client_bounds::ClientBounds;
use super::crowd::{Crowd, Place};
use crate::domain::Current;

/// All seats.
#[derive(Debug, Default)]
pub struct Seating {
    bounds: Current<ClientBounds>,
    crowd: Arc<Crowd>,
    allowances: Allowances,
}

/// The seat of one session; see the module. Its place is given back when it is dropped.
#[derive(Debug)]
pub struct Seat {
    seating: Arc<Seating>,
    held: Mutex<Held>,
}

#[derive(Debug)]
struct Held {
    client: Client,
    /// None is needed where a client may have any number.
    _place: Option<Place>,
    allowance: Option<Arc<Allowance>>,
}

/// A client has as many sessions as it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoSeat {
    /// That is a credential.
    #[error("as many sessions are open as connections_per_credential allows")]
    OfCredential,
    /// That is an address.
    #[error("as many sessions are open as connections_per_address allows")]
    OfAddress,
}

impl Seating {
    /// Seats for clients that may have so much.
    pub fn new(bounds: ClientBounds) -> Self {
        Self {
            bounds: Current::new(bounds),
            ..Self::default()
        }
    }

    /// What each client may have.
    pub fn bounds(&self) -> Arc<ClientBounds> {
        self.bounds.read()
    }

    /// From now on each client may have this; what it has stays.
    pub fn set_bounds(&self, bounds: ClientBounds) {
        self.bounds.replace(bounds);
    }

    /// A seat for a session of that client. One that `is_unguarded` is at the server's own machine,
    /// and needs no credential.
    pub fn seat(
        self: &Arc<Self>,
        client: Client,
        is_unguarded: bool,
        now: Instant,
    ) -> Result<Arc<Seat>, NoSeat> {
        let held = self.take(client, is_unguarded, now)?;
        Ok(Arc::new(Seat {
            seating: Arc::clone(self),
            held: Mutex::new(held),
        }))
    }

    fn take(&self, client: Client, is_unguarded: bool, now: Instant) -> Result<Held, NoSeat> {
        let bounds = self.bounds();
        let place = match bounds.connections(&client, is_unguarded) {
            usize::MAX => None,
            max => Some(self.crowd.enter(&client, max).ok_or(match client {
                Client::Key(_) => NoSeat::OfCredential,
                Client::Address(_) => NoSeat::OfAddress,
            })?),
        };
        let rates = bounds.inbound(is_unguarded);
        Ok(Held {
            allowance: self.allowances.of(&client, rates, now),
            _place: place,
            client,
        })
    }
}

impl Seat {
    /// What may come over the session, if that is bounded.
    pub fn allowance(&self) -> Option<Arc<Allowance>> {
        self.lock().allowance.clone()
    }

    /// Counts the session for the client of a credential from now on, if that has a seat left.
    pub fn move_to(&self, client: Client, now: Instant) -> Result<(), NoSeat> {
        if self.lock().client == client {
            return Ok(());
        }
        let taken = self.seating.take(client, false, now)?;
        let left = std::mem::replace(&mut *self.lock(), taken);
        drop(left);
        Ok(())
    }

    /// What is held is replaced as a whole, so that it is right behind a panic too.
    fn lock(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Bound;

    #[test]
    fn a_session_moves_from_its_address_to_its_credential_and_leaves_its_place() {
        let seating = Arc::new(Seating::new(ClientBounds {
            connections_per_address: Bound::At(1),
            connections_per_credential: Bound::At(2),
            ws_text_messages_per_s: Bound::At(1),
            ..ClientBounds::default()
        }));
        let now = Instant::now();
        let address = || Client::at("192.0.2.1".parse().expect("an address"));
        let key = || Client::Key("k".into());
        let open = || seating.seat(address(), false, now);
        let first = open().expect("room");
        assert_eq!(open().expect_err("full"), NoSeat::OfAddress);
        first.move_to(key(), now).expect("room");
        let second = open().expect("the place that was left");
        second.move_to(key(), now).expect("room");
        second.move_to(key(), now).expect("it is there already");
        let third = open().expect("room");
        assert_eq!(third.move_to(key(), now), Err(NoSeat::OfCredential));
        assert_eq!(
            open().expect_err("it stayed where it was"),
            NoSeat::OfAddress
        );
        let shared = |seat: &Seat| seat.allowance().expect("bounded");
        assert!(Arc::ptr_eq(&shared(&first), &shared(&second)));
        assert!(!Arc::ptr_eq(&shared(&first), &shared(&third)));
        drop(first);
        third.move_to(key(), now).expect("a place came back");
        assert!(Arc::ptr_eq(&shared(&second), &shared(&third)));
    }
}
