//! What answers that wait for their clients may have of memory, all together and each client's.
//!
//! A client that asks and does not read leaves its answer here. Small ones are free: there are as many
//! as connections. What is larger holds its room until it was sent. One client has a share of the room
//! at most, so that a few who don't read take it from nobody else; its first answer always finds a place in it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use agnt_fleet::{Refusal, RefusalKind};
use bytes::Bytes;
use tokio::sync::Notify;

use crate::domain::MemoryRoom;
use crate::guard::Client;

/// What there is where memory has no bound.
const BYTES_MAX: usize = 256 << 20;

/// The part of the room that one client may have.
const SHARES: usize = 4;

/// What goes on however little room there is: pieces of streams of events are mostly smaller.
const SMALL_BYTES: usize = 16 << 10;

/// How long is waited for room.
const WITHIN: Duration = Duration::from_secs(5);

/// The room; see the module.
#[derive(Clone, Debug)]
pub(in crate::net) struct AnswerRoom(Arc<Room>);

#[derive(Debug)]
struct Room {
    bytes_max: usize,
    memory: Arc<MemoryRoom>,
    held: Mutex<Holdings>,
    /// Told whenever some of it is free again.
    freed: Notify,
}

/// What is held.
#[derive(Debug, Default)]
struct Holdings {
    bytes: usize,
    by_client: HashMap<Client, usize>,
}

/// Room that a client has, until this is dropped: for an answer that is still to be made, or waits.
#[derive(Debug)]
pub(in crate::net) struct Reserved {
    room: AnswerRoom,
    client: Client,
    bytes: usize,
}

/// Bytes and their room.
struct Held {
    bytes: Bytes,
    _room: Reserved,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AnswerRoom {
    /// An eighth of what the process may have, and an eighth of that while memory is tight.
    pub(super) fn within(memory: Arc<MemoryRoom>) -> Self {
        let bytes_max = match usize::try_from(memory.bytes_max() / 8) {
            Ok(0) | Err(_) => BYTES_MAX,
            Ok(share) => share.min(BYTES_MAX),
        };
        Self(Arc::new(Room {
            bytes_max,
            memory,
            held: Mutex::default(),
            freed: Notify::new(),
        }))
    }

    /// What one client may have.
    pub(in crate::net) fn share_bytes(&self) -> usize {
        self.0.bytes_max / SHARES
    }

    /// Waits for room for an answer that will have about so many bytes, which is a share at most; a small
    /// one has it at once.
    pub(in crate::net) async fn reserve(
        &self,
        client: &Client,
        bytes: usize,
    ) -> Result<Reserved, Refusal> {
        if bytes <= SMALL_BYTES {
            return Ok(self.reserved(client, 0));
        }
        let bytes = bytes.min(self.share_bytes());
        let room = async {
            loop {
                let freed = self.0.freed.notified();
                tokio::pin!(freed);
                // Before it is looked, so that nothing that comes free in between is missed.
                freed.as_mut().enable();
                match self.take(client, bytes) {
                    Some(room) => return room,
                    None => freed.await,
                }
            }
        };
        tokio::time::timeout(WITHIN, room)
            .await
            .map_err(|_| no_room())
    }

    /// The bytes of an answer, which hold their room from now on.
    pub(super) fn hold(&self, client: &Client, bytes: Bytes) -> Result<Bytes, Refusal> {
        match self.take(client, bytes.len()) {
            Some(room) => Ok(room.around(bytes)),
            None => Err(no_room()),
        }
    }

    fn take(&self, client: &Client, bytes: usize) -> Option<Reserved> {
        let Room {
            bytes_max, memory, ..
        } = &*self.0;
        let bytes_max = memory.fitted(*bytes_max);
        let mut held = self.0.lock();
        let own = held.by_client.get(client).copied().unwrap_or(0);
        let has_share = own == 0 || own + bytes <= bytes_max / SHARES;
        let has_room = held.bytes == 0 || held.bytes + bytes <= bytes_max;
        if !has_share || !has_room {
            return None;
        }
        held.bytes += bytes;
        *held.by_client.entry(client.clone()).or_default() += bytes;
        drop(held);
        Some(self.reserved(client, bytes))
    }

    fn reserved(&self, client: &Client, bytes: usize) -> Reserved {
        Reserved {
            room: self.clone(),
            client: client.clone(),
            bytes,
        }
    }
}

impl Room {
    // Nothing between the changes of what it guards could fail.
    fn lock(&self) -> MutexGuard<'_, Holdings> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Reserved {
    /// The bytes that the room was for. They hold as much of it as they need.
    pub(in crate::net) fn hold(mut self, bytes: Bytes) -> Bytes {
        self.resize(bytes.len());
        self.around(bytes)
    }

    fn around(self, bytes: Bytes) -> Bytes {
        Bytes::from_owner(Held { bytes, _room: self })
    }

    /// What was made may be larger than what was thought of: then it counts as what it is.
    fn resize(&mut self, bytes: usize) {
        let mut held = self.room.0.lock();
        held.bytes = held.bytes - self.bytes + bytes;
        let own = held.by_client.get(&self.client).copied().unwrap_or(0) - self.bytes + bytes;
        if own == 0 {
            held.by_client.remove(&self.client);
        } else {
            held.by_client.insert(self.client.clone(), own);
        }
        drop(held);
        if bytes < self.bytes {
            self.room.0.freed.notify_waiters();
        }
        self.bytes = bytes;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        self.resize(0);
    }
}

fn no_room() -> Refusal {
    let message = "too many large answers wait for their clients";
    Refusal::new(RefusalKind::Unavailable, message).retry_after(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: usize) -> Bytes {
        Bytes::from(vec![7; bytes])
    }

    fn client(number: u8) -> Client {
        Client::at([192, 0, 2, number].into())
    }

    /// A room of 1 MiB.
    fn room() -> AnswerRoom {
        AnswerRoom::within(Arc::new(MemoryRoom::new(8 << 20)))
    }

    #[tokio::test]
    async fn what_is_held_is_free_again_once_its_last_piece_was_sent() {
        let (room, one) = (room(), client(1));
        let mut first = room.hold(&one, text(200 << 10)).unwrap();
        assert!(room.hold(&one, text(200 << 10)).is_err());
        let piece = first.split_to(10);
        drop(first);
        assert!(
            room.hold(&one, text(200 << 10)).is_err(),
            "a piece keeps all of it"
        );
        drop(piece);
        assert_eq!(room.hold(&one, text(200 << 10)).unwrap(), text(200 << 10));
    }

    #[tokio::test]
    async fn one_client_has_a_share_and_the_others_the_rest() {
        let room = room();
        let whole = |number| room.hold(&client(number), text(256 << 10));
        let held: Vec<_> = (1..=4).map(|number| whole(number).unwrap()).collect();
        assert!(whole(5).is_err(), "the room is full");
        drop(held);
        // The first answer may be larger than a share; nothing comes beside it.
        let large = room.hold(&client(1), text(700 << 10)).unwrap();
        assert!(room.hold(&client(1), text(1)).is_err());
        assert!(whole(2).is_ok());
        drop(large);
        assert!(room.0.lock().by_client.is_empty() && room.0.lock().bytes == 0);
    }

    #[tokio::test]
    async fn what_was_reserved_becomes_what_it_was_for() {
        let (room, one) = (room(), client(1));
        let reserved = room.reserve(&one, 5 << 20).await.unwrap();
        assert_eq!(reserved.bytes, room.share_bytes());
        assert!(room.hold(&one, text(20 << 10)).is_err());
        let waiting = tokio::spawn({
            let room = room.clone();
            async move { room.reserve(&client(1), 100 << 10).await.map(|it| it.bytes) }
        });
        tokio::task::yield_now().await;
        let small = room.reserve(&one, SMALL_BYTES).await.unwrap();
        drop(small.hold(text(SMALL_BYTES)));
        let held = reserved.hold(text(50 << 10));
        assert_eq!(waiting.await.unwrap().unwrap(), 100 << 10);
        assert_eq!(room.0.lock().bytes, 50 << 10);
        drop(held);
        assert_eq!(room.0.lock().bytes, 0);
    }

    #[tokio::test]
    async fn while_memory_is_tight_there_is_an_eighth() {
        let memory = Arc::new(MemoryRoom::new(80 << 20));
        let room = AnswerRoom::within(Arc::clone(&memory));
        memory.note(79 << 20);
        let first = room.hold(&client(1), text(1 << 20)).unwrap();
        assert!(room.hold(&client(2), text(1 << 20)).is_err());
        memory.note(1 << 20);
        assert!(room.hold(&client(2), text(1 << 20)).is_ok());
        drop(first);
    }
}
