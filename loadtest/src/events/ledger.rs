//! What was published, where the server says that it stands, and what each subscriber heard.
//!
//! The sequences are the proof: those that a subscriber hears follow each other without a hole and
//! without a repeat, each publication comes to each subscriber once, and everybody hears it under the
//! sequence that its answer named.

use crate::failure::{Failure, Result};

/// What was found wrong.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Faults {
    /// How often.
    pub(crate) count: u64,
    /// The first of them.
    pub(crate) first: Option<String>,
}

impl Faults {
    fn add(&mut self, count: u64, text: impl FnOnce() -> String) {
        if count > 0 {
            self.count += count;
            self.first.get_or_insert_with(text);
        }
    }
}

/// The book of one run.
#[derive(Debug)]
pub(crate) struct Ledger {
    /// By number, the sequence that the answer named; 0 for none yet.
    acknowledged: Vec<u64>,
    /// By number, the sequence under which it was first heard; 0 for none yet.
    heard: Vec<u64>,
    readers: Vec<Reader>,
    faults: Faults,
}

/// What one subscriber heard.
#[derive(Debug)]
struct Reader {
    newest: u64,
    seen: Vec<bool>,
    seen_count: usize,
}

impl Ledger {
    /// A book for so many publications and subscribers, who hear everything behind `head`.
    pub(crate) fn new(publications: usize, subscribers: usize, head: u64) -> Self {
        let reader = |_| Reader {
            newest: head,
            seen: vec![false; publications],
            seen_count: 0,
        };
        Self {
            acknowledged: vec![0; publications],
            heard: vec![0; publications],
            readers: (0..subscribers).map(reader).collect(),
            faults: Faults::default(),
        }
    }

    /// The answer to publication `number` named `sequence`.
    pub(crate) fn acknowledge(&mut self, number: usize, sequence: u64) {
        self.acknowledged[number] = sequence;
    }

    /// Subscriber `reader` heard the event `sequence`, which is publication `number` if it is ours.
    /// True when it is, for the first time.
    pub(crate) fn hear(&mut self, reader: usize, sequence: u64, number: Option<usize>) -> bool {
        let book = &mut self.readers[reader];
        let next = book.newest + 1;
        self.faults.add(u64::from(sequence < next), || {
            format!("subscriber {reader} heard {sequence} behind {}", next - 1)
        });
        self.faults.add(sequence.saturating_sub(next), || {
            format!("subscriber {reader} missed {next} to {}", sequence - 1)
        });
        book.newest = book.newest.max(sequence);
        let Some(number) = number else {
            return false;
        };
        let Some(seen) = book.seen.get_mut(number) else {
            let text = || format!("publication {number} was never sent");
            self.faults.add(1, text);
            return false;
        };
        let is_repeat = std::mem::replace(seen, true);
        self.faults.add(u64::from(is_repeat), || {
            format!("subscriber {reader} heard publication {number} twice")
        });
        book.seen_count += usize::from(!is_repeat);
        let place = &mut self.heard[number];
        let is_elsewhere = *place != 0 && *place != sequence;
        self.faults.add(u64::from(is_elsewhere), || {
            format!("publication {number} is {place} for one and {sequence} for another")
        });
        *place = sequence;
        !is_repeat
    }

    /// Subscriber `reader` was told that it missed something.
    pub(crate) fn gap(&mut self, reader: usize) {
        let text = || format!("subscriber {reader} was told of a gap");
        self.faults.add(1, text);
    }

    /// How many publications reached their subscribers, all of these together.
    pub(crate) fn delivered(&self) -> usize {
        self.readers.iter().map(|reader| reader.seen_count).sum()
    }

    /// Whether everybody heard the first `sent` publications, all of which were answered.
    pub(crate) fn is_complete(&self, sent: usize) -> bool {
        let is_answered = |sequence: &u64| *sequence != 0;
        self.delivered() == sent * self.readers.len()
            && self.acknowledged[..sent].iter().all(is_answered)
    }

    /// All that is wrong once the first `sent` publications had their time.
    pub(crate) fn close(mut self, sent: usize) -> Faults {
        for (number, &sequence) in self.acknowledged[..sent].iter().enumerate() {
            let text = || format!("publication {number} was not answered");
            self.faults.add(u64::from(sequence == 0), text);
            let heard = self.heard[number];
            let is_elsewhere = sequence != 0 && heard != 0 && sequence != heard;
            self.faults.add(u64::from(is_elsewhere), || {
                format!("publication {number} was answered as {sequence} and heard as {heard}")
            });
        }
        for (index, reader) in self.readers.iter().enumerate() {
            let missing = sent.saturating_sub(reader.seen_count) as u64;
            self.faults.add(missing, || {
                format!("subscriber {index} never heard {missing} publications")
            });
        }
        self.faults
    }
}

/// The sequence that an answer names; anything but 202 is a failure.
pub(crate) fn accepted_sequence(status: u16, body: &[u8]) -> Result<u64> {
    let value: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let sequence = value.and_then(|value| value["sequence"].as_u64());
    sequence.filter(|_| status == 202).ok_or_else(|| {
        let text = String::from_utf8_lossy(body);
        Failure::new(format!("a publication was answered {status}: {text}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two publications, 11 and 13, between events of others, as two subscribers should hear them.
    fn whole() -> Ledger {
        let mut ledger = Ledger::new(2, 2, 10);
        for reader in 0..2 {
            assert!(ledger.hear(reader, 11, Some(0)));
            assert!(!ledger.hear(reader, 12, None));
            assert!(ledger.hear(reader, 13, Some(1)));
        }
        ledger.acknowledge(0, 11);
        ledger.acknowledge(1, 13);
        ledger
    }

    fn first_fault(ledger: Ledger) -> (u64, String) {
        let faults = ledger.close(2);
        (faults.count, faults.first.unwrap())
    }

    #[test]
    fn what_is_right_holds() {
        let ledger = whole();
        assert!(ledger.is_complete(2));
        assert_eq!(ledger.delivered(), 4);
        assert_eq!(ledger.close(2), Faults::default());
    }

    #[test]
    fn a_hole_a_repeat_and_a_gap_are_found() {
        let mut ledger = whole();
        ledger.hear(1, 16, None);
        assert_eq!(
            first_fault(ledger),
            (2, "subscriber 1 missed 14 to 15".to_owned())
        );
        let mut ledger = whole();
        assert!(!ledger.hear(0, 13, Some(1)));
        let faults = ledger.close(2);
        assert_eq!(faults.count, 2, "the sequence and the publication");
        let mut ledger = whole();
        ledger.gap(0);
        assert_eq!(first_fault(ledger).0, 1);
    }

    #[test]
    fn what_is_lost_or_stands_elsewhere_is_found() {
        let mut ledger = Ledger::new(2, 1, 0);
        ledger.hear(0, 1, Some(0));
        ledger.acknowledge(0, 2);
        assert!(!ledger.is_complete(2));
        let (count, first) = first_fault(ledger);
        assert_eq!(count, 3, "elsewhere, unanswered, never heard");
        assert_eq!(first, "publication 0 was answered as 2 and heard as 1");
        let mut ledger = whole();
        ledger.hear(0, 14, Some(7));
        assert_eq!(first_fault(ledger).1, "publication 7 was never sent");
    }

    #[test]
    fn two_subscribers_hear_the_same_sequence() {
        let mut ledger = Ledger::new(1, 2, 0);
        ledger.hear(0, 1, Some(0));
        ledger.hear(1, 1, None);
        ledger.hear(1, 2, Some(0));
        ledger.acknowledge(0, 2);
        let faults = ledger.close(1);
        assert_eq!(
            faults.first.unwrap(),
            "publication 0 is 1 for one and 2 for another"
        );
    }

    #[test]
    fn only_202_with_a_sequence_is_an_acceptance() {
        assert_eq!(accepted_sequence(202, b"{\"sequence\":7}").unwrap(), 7);
        assert!(accepted_sequence(202, b"{}").is_err());
        assert!(accepted_sequence(503, b"{\"sequence\":7}").is_err());
    }
}
