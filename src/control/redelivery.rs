//! Letters that are sent again until their receiver acknowledges them.
//!
//! A letter is kept until the ack, its time to live, or 30 s without one. One that is addressed to a
//! client also goes to a new session of that client. Beyond the bounds a letter is refused, so that
//! its sender knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::members::MemberId;
use super::refusal::Refusal;
use crate::engine::mailbox::{Letter, QueueId};

/// How long a letter without a time to live is kept.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// The most letters of a stream that wait for an ack.
const LETTERS_MAX: usize = 10_000;

/// The most bytes of them.
const BYTES_MAX: usize = 32 * 1024 * 1024;

/// Whose ack is awaited.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Addressee {
    /// Any session of a client.
    Client(Arc<str>),
    /// One session alone.
    Member(MemberId),
}

/// A letter that is to be sent again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// To whom.
    pub addressee: Addressee,
    /// In which queue of a session; what is addressed to a client finds its own way.
    pub queue: QueueId,
    /// The type of the message.
    pub kind: Box<str>,
    /// What.
    pub letter: Letter,
}

#[derive(Debug)]
struct Waiting {
    due: Due,
    id: Box<str>,
    next_at: Instant,
    until: Instant,
}

/// The letters of a stream; see the module.
#[derive(Debug)]
pub struct Redelivery {
    every: Duration,
    letters: BTreeMap<u64, Waiting>,
    by_name: HashMap<(Addressee, Box<str>), Vec<u64>>,
    by_time: BTreeSet<(Instant, u64)>,
    bytes: usize,
    kept: u64,
}

impl Redelivery {
    /// Nothing waits; what will is sent again this often.
    pub fn new(every: Duration) -> Self {
        Self {
            every,
            letters: BTreeMap::new(),
            by_name: HashMap::new(),
            by_time: BTreeSet::new(),
            bytes: 0,
            kept: 0,
        }
    }

    /// Keeps a letter that is being sent for the first time, under the id of its message.
    pub fn keep(&mut self, due: Due, id: &str, now: Instant) -> Result<(), Refusal> {
        let bytes = due.letter.text.len();
        if self.letters.len() >= LETTERS_MAX || self.bytes + bytes > BYTES_MAX {
            let (letters, held) = (self.letters.len(), self.bytes);
            return Err(Refusal::bound(format!(
                "metadata.ack: {letters} messages of {held} bytes wait for an ack; allowed are \
                 {LETTERS_MAX} of {BYTES_MAX} bytes"
            )));
        }
        self.kept += 1;
        self.bytes += bytes;
        let name = (due.addressee.clone(), Box::from(id));
        self.by_name.entry(name).or_default().push(self.kept);
        let next_at = now + self.every;
        self.by_time.insert((next_at, self.kept));
        let waiting = Waiting {
            until: due.letter.expires_at.unwrap_or(now + KEPT_FOR),
            id: Box::from(id),
            next_at,
            due,
        };
        self.letters.insert(self.kept, waiting);
        Ok(())
    }

    /// A receiver has the message of that id; returns whether one waited for this.
    pub fn acknowledge(&mut self, addressee: Addressee, id: &str) -> bool {
        let Some(numbers) = self.by_name.remove(&(addressee, Box::from(id))) else {
            return false;
        };
        for number in numbers {
            self.forget(number);
        }
        true
    }

    /// Forgets what is addressed to one session alone.
    pub fn leave(&mut self, member: MemberId) {
        let is_his = |waiting: &Waiting| waiting.due.addressee == Addressee::Member(member);
        let numbers: Vec<u64> = self
            .letters
            .iter()
            .filter(|(_, waiting)| is_his(waiting))
            .map(|(number, _)| *number)
            .collect();
        for number in numbers {
            self.drop_letter(number);
        }
    }

    /// What is to be sent again by now: it was sent, and no copy of it waits in a mailbox.
    pub fn due(&mut self, now: Instant) -> Vec<Due> {
        let mut due = Vec::new();
        while let Some(&(at, number)) = self.by_time.first().filter(|(at, _)| *at <= now) {
            self.by_time.remove(&(at, number));
            let Some(waiting) = self.letters.get_mut(&number) else {
                continue;
            };
            if waiting.until <= now {
                self.drop_letter(number);
                continue;
            }
            waiting.next_at = now + self.every;
            self.by_time.insert((waiting.next_at, number));
            // A copy that waits in a mailbox shares its bytes; another behind it is of no use.
            if waiting.due.letter.text.is_unique() {
                due.push(waiting.due.clone());
            }
        }
        due
    }

    /// What waits for any session of a client, the oldest first: one has joined.
    pub fn of_client(&self, client: &str, now: Instant) -> Vec<Due> {
        let is_his = |due: &Due| match &due.addressee {
            Addressee::Client(name) => name.as_ref() == client,
            Addressee::Member(_) => false,
        };
        let letters = self.letters.values();
        letters
            .filter(|waiting| waiting.until > now && is_his(&waiting.due))
            .map(|waiting| waiting.due.clone())
            .collect()
    }

    fn drop_letter(&mut self, number: u64) {
        let Some(waiting) = self.forget(number) else {
            return;
        };
        let name = (waiting.due.addressee, waiting.id);
        if let Some(numbers) = self.by_name.get_mut(&name) {
            numbers.retain(|other| *other != number);
            if numbers.is_empty() {
                self.by_name.remove(&name);
            }
        }
    }

    fn forget(&mut self, number: u64) -> Option<Waiting> {
        let waiting = self.letters.remove(&number)?;
        self.by_time.remove(&(waiting.next_at, number));
        self.bytes -= waiting.due.letter.text.len();
        Some(waiting)
    }

    /// How many letters wait.
    pub fn count(&self) -> usize {
        self.letters.len()
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::domain::Priority;

    fn due(to: &Addressee, text: &'static str, expires_at: Option<Instant>) -> Due {
        Due {
            addressee: to.clone(),
            queue: QueueId::OWN,
            kind: Box::from("control.execute"),
            letter: Letter {
                text: Bytes::copy_from_slice(text.as_bytes()),
                is_binary: false,
                priority: Priority::Normal,
                expires_at,
                sequence: None,
            },
        }
    }

    fn texts(due: &[Due]) -> Vec<&[u8]> {
        due.iter().map(|due| due.letter.text.as_ref()).collect()
    }

    fn is_empty(letters: &Redelivery) -> bool {
        letters.letters.is_empty()
            && letters.by_name.is_empty()
            && letters.by_time.is_empty()
            && letters.bytes == 0
    }

    #[test]
    fn a_letter_comes_again_until_it_is_acknowledged() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut letters = Redelivery::new(Duration::from_secs(2));
        let agent = Addressee::Client(Arc::from("agent-001"));
        letters
            .keep(due(&agent, "one", None), "msg-1", start)
            .expect("room");
        assert_eq!(letters.due(at(1)), []);
        assert_eq!(texts(&letters.due(at(2))), [b"one"]);
        assert_eq!(letters.due(at(3)), []);
        assert_eq!(texts(&letters.of_client("agent-001", at(3))), [b"one"]);
        assert_eq!(letters.of_client("agent-002", at(3)), []);
        assert_eq!(texts(&letters.due(at(4))), [b"one"]);
        let other = Addressee::Client(Arc::from("agent-002"));
        assert!(!letters.acknowledge(other, "msg-1"));
        assert!(letters.acknowledge(agent.clone(), "msg-1"));
        assert!(!letters.acknowledge(agent, "msg-1"));
        assert_eq!(letters.due(at(9)), []);
        assert!(is_empty(&letters));
    }

    #[test]
    fn it_ends_with_the_time_to_live_or_after_half_a_minute() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut letters = Redelivery::new(Duration::from_secs(2));
        let agent = Addressee::Client(Arc::from("a"));
        letters
            .keep(due(&agent, "short", Some(at(3))), "1", start)
            .expect("room");
        letters
            .keep(due(&agent, "long", None), "2", start)
            .expect("room");
        let rounds: Vec<usize> = (1..=16)
            .map(|round| letters.due(at(2 * round)).len())
            .collect();
        assert_eq!(rounds, [2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0]);
        assert!(is_empty(&letters));
    }

    #[test]
    fn two_senders_may_use_one_id_and_a_session_takes_its_own_along() {
        let start = Instant::now();
        let mut letters = Redelivery::new(Duration::from_secs(2));
        let agent = Addressee::Client(Arc::from("a"));
        let session = Addressee::Member(MemberId::from_number(7));
        for (to, text) in [(&agent, "one"), (&agent, "two"), (&session, "three")] {
            letters
                .keep(due(to, text, None), "msg", start)
                .expect("room");
        }
        assert_eq!(letters.of_client("a", start).len(), 2);
        assert!(letters.acknowledge(agent, "msg"));
        assert_eq!(letters.count(), 1);
        letters.leave(MemberId::from_number(7));
        assert!(is_empty(&letters));
    }

    #[test]
    fn there_is_no_second_copy_while_one_waits() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut letters = Redelivery::new(Duration::from_secs(2));
        let first = due(&Addressee::Client(Arc::from("a")), "one", None);
        let in_the_mailbox = first.letter.clone();
        letters.keep(first, "1", start).expect("room");
        assert_eq!(letters.due(at(2)), []);
        drop(in_the_mailbox);
        assert_eq!(letters.due(at(3)), [], "its turn comes again in time");
        let second = letters.due(at(4));
        assert_eq!(second.len(), 1);
        assert_eq!(letters.due(at(6)), []);
        drop(second);
        assert_eq!(letters.due(at(8)).len(), 1);
    }

    #[test]
    fn the_bound_is_named() {
        let start = Instant::now();
        let mut letters = Redelivery::new(Duration::from_secs(2));
        let agent = Addressee::Client(Arc::from("a"));
        for id in 0..LETTERS_MAX {
            letters
                .keep(due(&agent, "x", None), &id.to_string(), start)
                .expect("room");
        }
        let refusal = letters
            .keep(due(&agent, "x", None), "more", start)
            .unwrap_err();
        assert!(
            refusal.to_string().contains("allowed are 10000"),
            "{refusal}"
        );
        letters.acknowledge(agent.clone(), "0");
        letters
            .keep(due(&agent, "x", None), "more", start)
            .expect("room");
    }
}
