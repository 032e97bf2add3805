//! What was done for which idempotency key, so that asking again does not do it again (ruling 45).
//!
//! In memory is only which keys there are and since when; fingerprints and outcomes are in the store,
//! written in the commit of what they are about. A refusal is not kept: it changed nothing, and the
//! same request may succeed later.
//!
//! The ids of sessions' messages are keys as well, of a life and a number of their own, so that many
//! messages push no request's key out.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use agnt_store::{Batch, Reader, RowKind};

use crate::{Done, Outcome, Refusal, RefusalKind, Timestamp};

/// The longest principal and the longest key, in bytes.
pub const KEY_BYTES_MAX: usize = 255;

/// How many keys go in one commit beside as many as came.
const BITE: usize = 256;

/// How long the id of a message is kept, in ms.
const MESSAGE_KEPT_MS: u64 = 2 * 60 * 1000;

const FORMAT: u8 = 1;

const CUT_OFF: &str = "it is cut off";

/// What a key was given with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyUse {
    /// A request with an Idempotency-Key: another request under it is refused.
    Request,
    /// A message of a session, whose id it is. Many clients count theirs anew whenever they start, so
    /// that another message of the same id is another message.
    Message,
}

/// What tells a request from others: who asks, under which key, and what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyKey {
    /// What it was given with; keys of different uses have nothing to do with each other.
    pub given_with: KeyUse,
    /// Who asks; keys of different principals have nothing to do with each other.
    pub principal: String,
    /// The key, as the client gave it.
    pub key: String,
    /// A hash of method, path and body, or of the message.
    pub fingerprint: [u8; 32],
}

/// What is kept under a key.
#[derive(Clone, Debug, PartialEq)]
struct Record {
    fingerprint: [u8; 32],
    sequence: u64,
    outcome: Outcome,
}

/// The keys that are kept.
#[derive(Debug)]
pub(crate) struct IdempotencyBook {
    kept: HashMap<Arc<[u8]>, Timestamp>,
    requests: Queue,
    messages: Queue,
    /// Those of the batch under way.
    pending: HashMap<Arc<[u8]>, Record>,
    /// Of each use.
    keys_max: usize,
}

/// The keys of one use, oldest first, with some that were renewed since.
#[derive(Debug)]
struct Queue {
    order: VecDeque<(Timestamp, Arc<[u8]>)>,
    /// How many at the front go with the batch under way.
    leaving: usize,
    kept_ms: u64,
}

impl IdempotencyKey {
    /// Refuses what is no key.
    pub(crate) fn check(&self) -> Result<(), Refusal> {
        let sizes = [
            ("Idempotency-Key", self.key.len(), 1),
            ("principal", self.principal.len(), 0),
        ];
        for (field, bytes, bytes_min) in sizes {
            if !(bytes_min..=KEY_BYTES_MAX).contains(&bytes) {
                let issue =
                    format!("has {bytes} bytes; {bytes_min} to {KEY_BYTES_MAX} are allowed");
                return Err(Refusal::invalid(field, issue));
            }
        }
        Ok(())
    }

    /// `length of the principal 1 | use 1 | principal | key`: no two of them are the same bytes.
    fn bytes(&self) -> Arc<[u8]> {
        let head = [self.principal.len() as u8, self.given_with.code()];
        let parts = [&head[..], self.principal.as_bytes(), self.key.as_bytes()];
        parts.concat().into()
    }
}

impl KeyUse {
    fn code(self) -> u8 {
        match self {
            Self::Request => 0,
            Self::Message => 1,
        }
    }

    fn of_bytes(key: &[u8]) -> Self {
        match key.get(1) {
            Some(1) => Self::Message,
            _ => Self::Request,
        }
    }
}

impl Queue {
    fn new(kept_ms: u64) -> Self {
        Self {
            order: VecDeque::new(),
            leaving: 0,
            kept_ms,
        }
    }

    fn is_young(&self, at: Timestamp, now: Timestamp) -> bool {
        at.plus_ms(self.kept_ms) > now
    }

    /// Finds those that go: some that are old, or more than `keys_max` beside `coming` new ones.
    fn find_leaving(&mut self, coming: usize, keys_max: usize, now: Timestamp) {
        let surplus = (self.order.len() + coming).saturating_sub(keys_max);
        let bite = self.order.iter().enumerate().take(BITE + coming);
        let leaving =
            bite.take_while(|(place, (at, _))| *place < surplus || !self.is_young(*at, now));
        self.leaving = leaving.count();
    }
}

impl IdempotencyBook {
    /// An empty book.
    pub(crate) fn new(kept_ms: u64, keys_max: usize) -> Self {
        Self {
            kept: HashMap::new(),
            requests: Queue::new(kept_ms),
            messages: Queue::new(MESSAGE_KEPT_MS),
            pending: HashMap::new(),
            keys_max,
        }
    }

    /// Takes in a row of the store; [`IdempotencyBook::sort`] follows the last.
    pub(crate) fn load(&mut self, key: &[u8], value: &[u8]) -> Result<(), String> {
        let (at, _) = Record::split(value)?;
        let key: Arc<[u8]> = key.into();
        let queue = self.queue_mut(KeyUse::of_bytes(&key));
        queue.order.push_back((at, Arc::clone(&key)));
        self.kept.insert(key, at);
        Ok(())
    }

    /// Puts what was loaded into the order in which it goes.
    pub(crate) fn sort(&mut self) {
        for queue in [&mut self.requests, &mut self.messages] {
            queue.order.make_contiguous().sort_unstable();
        }
    }

    /// How many keys are kept.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// What was done under this key before, if anything; a refusal if that was something else.
    pub(crate) fn earlier(
        &self,
        key: &IdempotencyKey,
        reader: &Reader,
        now: Timestamp,
    ) -> Result<Option<Done>, Refusal> {
        let bytes = key.bytes();
        let stored;
        let record = if let Some(record) = self.pending.get(&bytes) {
            record
        } else if self.is_fresh(key.given_with, &bytes, now) {
            let row = reader.row(RowKind::Idempotency, &bytes);
            let row = row.map_err(|error| unread(&error))?;
            let record = row.as_deref().map(Record::read).transpose();
            let Some(record) = record.map_err(|error| unread(&error))? else {
                return Ok(None);
            };
            stored = record;
            &stored
        } else {
            return Ok(None);
        };
        if record.fingerprint != key.fingerprint {
            if key.given_with == KeyUse::Message {
                return Ok(None);
            }
            let message = "this Idempotency-Key was used for another request; \
                 use a new key for each request, the same one only to repeat it";
            let refusal = Refusal::new(RefusalKind::Conflict, message);
            return Err(refusal.with("idempotency_key", key.key.as_str()));
        }
        Ok(Some(Done {
            outcome: record.outcome.clone(),
            is_replay: true,
            sequence: record.sequence,
        }))
    }

    /// Something was done under this key, in the batch under way.
    pub(crate) fn note(&mut self, key: &IdempotencyKey, done: &Done) {
        let record = Record {
            fingerprint: key.fingerprint,
            sequence: done.sequence,
            outcome: done.outcome.clone(),
        };
        self.pending.insert(key.bytes(), record);
    }

    /// Whether the batch under way has keys.
    pub(crate) fn is_changed(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Adds the keys of the batch under way to what is committed, and takes some out that are old
    /// or too many.
    pub(crate) fn save(&mut self, batch: &mut Batch, now: Timestamp) -> serde_json::Result<()> {
        let messages = self.pending.keys().map(|key| KeyUse::of_bytes(key));
        let messages = messages.filter(|given| *given == KeyUse::Message).count();
        let requests = self.pending.len() - messages;
        self.requests.find_leaving(requests, self.keys_max, now);
        self.messages.find_leaving(messages, self.keys_max, now);
        // A key that goes may be one that comes again: it goes first.
        for queue in [&self.requests, &self.messages] {
            for (at, key) in queue.order.iter().take(queue.leaving) {
                if self.kept.get(key) == Some(at) {
                    batch.delete(RowKind::Idempotency, key);
                }
            }
        }
        for (key, record) in &self.pending {
            batch.put(RowKind::Idempotency, key, record.bytes(now)?);
        }
        Ok(())
    }

    /// The batch under way is on disk, at the time that it was saved with.
    pub(crate) fn confirm(&mut self, now: Timestamp) {
        for queue in [&mut self.requests, &mut self.messages] {
            for (at, key) in queue.order.drain(..queue.leaving) {
                if self.kept.get(&key) == Some(&at) {
                    self.kept.remove(&key);
                }
            }
            queue.leaving = 0;
        }
        for (key, _) in std::mem::take(&mut self.pending) {
            let queue = self.queue_mut(KeyUse::of_bytes(&key));
            queue.order.push_back((now, Arc::clone(&key)));
            self.kept.insert(key, now);
        }
    }

    /// The batch under way came to nothing.
    pub(crate) fn roll_back(&mut self) {
        self.pending.clear();
        self.requests.leaving = 0;
        self.messages.leaving = 0;
    }

    fn is_fresh(&self, given_with: KeyUse, key: &[u8], now: Timestamp) -> bool {
        let queue = match given_with {
            KeyUse::Request => &self.requests,
            KeyUse::Message => &self.messages,
        };
        let at = self.kept.get(key);
        at.is_some_and(|at| queue.is_young(*at, now))
    }

    fn queue_mut(&mut self, given_with: KeyUse) -> &mut Queue {
        match given_with {
            KeyUse::Request => &mut self.requests,
            KeyUse::Message => &mut self.messages,
        }
    }
}

impl Record {
    /// `format 1 | time 8 | sequence 8 | fingerprint 32 | outcome as JSON`, little endian.
    fn bytes(&self, at: Timestamp) -> serde_json::Result<Vec<u8>> {
        let mut bytes = vec![FORMAT];
        bytes.extend(at.as_micros().to_le_bytes());
        bytes.extend(self.sequence.to_le_bytes());
        bytes.extend(self.fingerprint);
        serde_json::to_writer(&mut bytes, &self.outcome)?;
        Ok(bytes)
    }

    fn read(bytes: &[u8]) -> Result<Self, String> {
        let (_, rest) = Self::split(bytes)?;
        let parts = rest.split_first_chunk::<8>().and_then(|(sequence, rest)| {
            let (fingerprint, outcome) = rest.split_first_chunk::<32>()?;
            Some((sequence, fingerprint, outcome))
        });
        let (sequence, fingerprint, outcome) = parts.ok_or(CUT_OFF)?;
        Ok(Self {
            sequence: u64::from_le_bytes(*sequence),
            fingerprint: *fingerprint,
            outcome: serde_json::from_slice(outcome).map_err(|error| error.to_string())?,
        })
    }

    /// The time, and what follows it.
    fn split(bytes: &[u8]) -> Result<(Timestamp, &[u8]), String> {
        let (format, rest) = bytes.split_first().ok_or(CUT_OFF)?;
        if *format != FORMAT {
            return Err(format!("format {format}; {FORMAT} is allowed"));
        }
        let (micros, rest) = rest.split_first_chunk::<8>().ok_or(CUT_OFF)?;
        Ok((Timestamp::from_micros(u64::from_le_bytes(*micros)), rest))
    }
}

fn unread(error: &dyn std::fmt::Display) -> Refusal {
    let message = format!("what was done under this Idempotency-Key can't be read now: {error}");
    Refusal::new(RefusalKind::Unavailable, message).retry_after(1)
}
