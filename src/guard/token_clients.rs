//! All clients that may ask for tokens, by their ids.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::token_client::TokenClient;

/// The clients; see the module. Shared by all threads; bounded by the store, which has at most
/// [`KEYS_MAX`](super::keyring::KEYS_MAX) rows for all credentials.
#[derive(Debug, Default)]
pub(super) struct TokenClients {
    by_id: RwLock<HashMap<String, Arc<TokenClient>>>,
    has_any: AtomicBool,
}

impl TokenClients {
    /// Takes a client, in the place of the one that had its id.
    pub(super) fn put(&self, client: TokenClient) {
        let mut by_id = self.by_id.write().unwrap_or_else(PoisonError::into_inner);
        by_id.insert(client.client_id.clone(), Arc::new(client));
        self.has_any.store(true, Ordering::Release);
    }

    /// The client with that id.
    pub(super) fn find(&self, client_id: &str) -> Option<Arc<TokenClient>> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        by_id.get(client_id).map(Arc::clone)
    }

    /// All of them, revoked ones included, by their ids.
    pub(super) fn list(&self) -> Vec<Arc<TokenClient>> {
        let by_id = self.by_id.read().unwrap_or_else(PoisonError::into_inner);
        let mut clients: Vec<_> = by_id.values().map(Arc::clone).collect();
        clients.sort_by(|one, other| one.client_id.cmp(&other.client_id));
        clients
    }

    /// Whether there never was one.
    pub(super) fn is_empty(&self) -> bool {
        !self.has_any.load(Ordering::Acquire)
    }
}
