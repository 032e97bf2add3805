//! How many connections a client may have, and what may come over them.
//!
//! Bounds that are left to the server are off for whoever asks from the server's own machine while
//! there are no credentials (ruling 18), and generous for all others.

use super::allowance::InboundRates;
use super::client::Client;
use crate::domain::Bound;

/// Connections of one address, where that is left to the server.
const PER_ADDRESS: u64 = 1000;

/// Sessions of one credential, likewise.
const PER_CREDENTIAL: u64 = 2000;

/// Bytes a second, likewise.
const BYTES_PER_S: u64 = 64 << 20;

/// Text messages a second, likewise.
const TEXTS_PER_S: u64 = 2000;

/// The bounds; see the module.
#[derive(Clone, Copy, Debug, Default)]
pub struct ClientBounds {
    /// Connections of one address.
    pub connections_per_address: Bound,
    /// Sessions of one credential.
    pub connections_per_credential: Bound,
    /// Bytes a second of a credential's sessions, or of one without.
    pub ws_inbound_bytes_per_s: Bound,
    /// Text messages a second, likewise.
    pub ws_text_messages_per_s: Bound,
}

impl ClientBounds {
    /// How many connections this client may have. One that `is_unguarded` is at the server's own
    /// machine, and needs no credential.
    pub fn connections(&self, client: &Client, is_unguarded: bool) -> usize {
        let (bound, automatic) = match client {
            Client::Key(_) => (self.connections_per_credential, PER_CREDENTIAL),
            Client::Address(_) => (self.connections_per_address, PER_ADDRESS),
        };
        let most = bound.resolved((!is_unguarded).then_some(automatic));
        most.map_or(usize::MAX, |most| {
            usize::try_from(most).unwrap_or(usize::MAX)
        })
    }

    /// What may come over its sessions.
    pub fn inbound(&self, is_unguarded: bool) -> InboundRates {
        let left_to_us = |most: u64| (!is_unguarded).then_some(most);
        InboundRates {
            bytes_per_s: self
                .ws_inbound_bytes_per_s
                .resolved(left_to_us(BYTES_PER_S)),
            texts_per_s: self
                .ws_text_messages_per_s
                .resolved(left_to_us(TEXTS_PER_S)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_to_the_server_is_off_only_at_its_own_machine_without_credentials() {
        let bounds = ClientBounds::default();
        let key = Client::Key("k".into());
        let address = Client::at("192.0.2.1".parse().expect("an address"));
        assert_eq!(bounds.connections(&address, true), usize::MAX);
        assert_eq!(bounds.connections(&address, false), 1000);
        assert_eq!(bounds.connections(&key, false), 2000);
        assert_eq!(bounds.inbound(true), InboundRates::default());
        let rates = bounds.inbound(false);
        assert_eq!(rates.bytes_per_s, Some(64 << 20));
        assert_eq!(rates.texts_per_s, Some(2000));
    }

    #[test]
    fn what_is_set_holds_for_all() {
        let bounds = ClientBounds {
            connections_per_address: Bound::At(3),
            ws_text_messages_per_s: Bound::Off,
            ..ClientBounds::default()
        };
        let address = Client::at("127.0.0.1".parse().expect("an address"));
        assert_eq!(bounds.connections(&address, true), 3);
        assert_eq!(bounds.inbound(false).texts_per_s, None);
    }
}
