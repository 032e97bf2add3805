//! The handshakes that are under way, and how many there may be.
//!
//! Whoever opens connections and says nothing must not keep others out: where one too many comes, it
//! takes the place of the one that has been waiting for longest. Who means it is through long before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// The handshakes; see the module.
#[derive(Debug)]
pub(super) struct Handshakes {
    max: usize,
    under_way: Mutex<UnderWay>,
}

#[derive(Debug, Default)]
struct UnderWay {
    next: u64,
    /// By age. Dropping what is here tells a handshake that it has lost its place.
    places: BTreeMap<u64, oneshot::Sender<()>>,
}

/// A handshake's place; it is given back when it is dropped.
#[derive(Debug)]
pub(in crate::net) struct Place {
    handshakes: Arc<Handshakes>,
    number: u64,
    taken: oneshot::Receiver<()>,
}

impl Handshakes {
    /// Room for `max` handshakes.
    pub(super) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            under_way: Mutex::default(),
        })
    }

    /// A place, if need be that of the oldest.
    pub(super) fn enter(self: &Arc<Self>) -> Place {
        let (held, taken) = oneshot::channel();
        let mut under_way = self.lock();
        let number = under_way.next;
        under_way.next += 1;
        if under_way.places.len() >= self.max {
            under_way.places.pop_first();
        }
        under_way.places.insert(number, held);
        Place {
            handshakes: Arc::clone(self),
            number,
            taken,
        }
    }

    fn lock(&self) -> MutexGuard<'_, UnderWay> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Returns once the place is another's.
    pub(super) async fn lost(&mut self) {
        // Nothing is ever sent: an error means that the sender is gone.
        let _ = (&mut self.taken).await;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.handshakes.lock().places.remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::pin::pin;
    use std::task::Poll;

    use super::*;

    async fn has_lost(place: &mut Place) -> bool {
        let mut losing = pin!(place.lost());
        poll_fn(|context| Poll::Ready(losing.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn one_too_many_takes_the_place_of_the_oldest_that_is_left() {
        let handshakes = Handshakes::new(3);
        let mut places: Vec<Place> = (0..3).map(|_| handshakes.enter()).collect();
        for place in &mut places {
            assert!(!has_lost(place).await);
        }
        // One that is through makes room, so nobody loses a place.
        drop(places.remove(0));
        let mut fourth = handshakes.enter();
        assert!(!has_lost(&mut places[0]).await);
        let mut fifth = handshakes.enter();
        assert!(has_lost(&mut places[0]).await);
        for place in [&mut places[1], &mut fourth, &mut fifth] {
            assert!(!has_lost(place).await);
        }
        assert_eq!(handshakes.lock().places.len(), 3);
        drop((places, fourth, fifth));
        assert!(handshakes.lock().places.is_empty());
    }
}
