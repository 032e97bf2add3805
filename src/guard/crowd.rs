//! How many connections each client has, and how many it may have.
//!
//! A client is in the map only while it has a connection, so that the map is as long as there are
//! connections at most. A place is given back when it is dropped.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::client::Client;

/// The count; see the module. Shared by all threads.
#[derive(Debug, Default)]
pub struct Crowd {
    counts: Mutex<HashMap<Client, usize>>,
}

/// A client's place in the crowd.
#[derive(Debug)]
pub struct Place {
    crowd: Arc<Crowd>,
    client: Client,
}

impl Crowd {
    /// A place for one more connection of that client, unless it has `max` already.
    pub fn enter(self: &Arc<Self>, client: &Client, max: usize) -> Option<Place> {
        let mut counts = self.lock();
        let count = counts.get(client).copied().unwrap_or(0);
        if count >= max {
            return None;
        }
        counts.insert(client.clone(), count + 1);
        Some(Place {
            crowd: Arc::clone(self),
            client: client.clone(),
        })
    }

    /// How many clients have a connection.
    pub fn clients(&self) -> usize {
        self.lock().len()
    }

    /// A count is right after each step, so that what a panic left is right too.
    fn lock(&self) -> MutexGuard<'_, HashMap<Client, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.crowd.lock();
        if let Entry::Occupied(mut count) = counts.entry(self.client.clone()) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_bound_and_places_come_back() {
        let crowd = Arc::new(Crowd::default());
        let one = Client::at("192.0.2.1".parse().expect("an address"));
        let other = Client::Key("k".into());
        let held: Vec<_> = (0..3)
            .map(|_| crowd.enter(&one, 3).expect("room"))
            .collect();
        assert!(crowd.enter(&one, 3).is_none());
        let elsewhere = crowd.enter(&other, 3).expect("room");
        assert_eq!(crowd.clients(), 2);
        drop(held);
        assert!(crowd.enter(&one, 1).is_some());
        assert_eq!(crowd.clients(), 1);
        drop(elsewhere);
        assert_eq!(crowd.clients(), 0);
    }

    #[test]
    fn many_threads_never_get_more_than_the_bound() {
        let crowd = Arc::new(Crowd::default());
        let client = Client::Key("k".into());
        let most = std::sync::atomic::AtomicUsize::new(0);
        let now = std::sync::atomic::AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..2000 {
                        if let Some(place) = crowd.enter(&client, 5) {
                            let held = 1 + now.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                            most.fetch_max(held, std::sync::atomic::Ordering::SeqCst);
                            now.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                            drop(place);
                        }
                    }
                });
            }
        });
        assert!(most.into_inner() <= 5);
        assert_eq!(crowd.clients(), 0);
    }
}
