//! The mailbox beside a plain model: random posts, takes, credits and expiries.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::tests::{channel, letter, mailbox};
use super::*;
use crate::domain::Priority;

/// One step of the comparison.
#[derive(Clone, Copy, Debug)]
enum Step {
    Post(u32, Priority, usize, Option<u64>),
    Take(usize),
    Credit(u32, u32),
    Open(u32, QueueSettings),
    Close(u32),
    Wait(u64),
}

fn priority() -> impl Strategy<Value = Priority> {
    select(Priority::ALL.to_vec())
}

fn settings() -> impl Strategy<Value = QueueSettings> {
    let overflow = prop_oneof![
        4 => Just(Overflow::Latest),
        4 => Just(Overflow::DropOldest),
        4 => Just(Overflow::DropNewest),
        1 => Just(Overflow::Disconnect),
    ];
    let fields = (
        priority(),
        any::<bool>(),
        1..8usize,
        overflow,
        option::of(0..4u32),
    );
    fields.prop_map(
        |(priority, is_dedicated, messages_max, overflow, credit)| QueueSettings {
            priority,
            is_dedicated,
            messages_max,
            overflow,
            credit,
        },
    )
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..5u32, priority(), 1..200usize, option::of(0..20u64))
            .prop_map(|(queue, priority, bytes, ttl)| Step::Post(queue, priority, bytes, ttl)),
        5 => (0..600usize).prop_map(Step::Take),
        2 => (0..5u32, 0..4u32).prop_map(|(queue, letters)| Step::Credit(queue, letters)),
        2 => (1..5u32, settings()).prop_map(|(queue, settings)| Step::Open(queue, settings)),
        1 => (0..5u32).prop_map(Step::Close),
        3 => (1..12u64).prop_map(Step::Wait),
    ]
}

/// A letter in the model; its number is its place in the order of arrival.
#[derive(Clone, Debug)]
struct Entry {
    number: u64,
    line: Priority,
    bytes: usize,
    expires_ms: Option<u64>,
}

/// What a mailbox is, said plainly: lists, searched from end to end.
#[derive(Debug, Default)]
struct Model {
    queues: BTreeMap<u32, (QueueSettings, Vec<Entry>)>,
    /// When each line within the priorities last had its turn; the shared line is queue 0's.
    served: BTreeMap<u32, u64>,
    turn: u64,
    now_ms: u64,
    dropped: u64,
    expired: u64,
    notified: usize,
    is_announced: bool,
    has_overflowed: bool,
}

const BYTES_MAX: usize = 2_000;

impl Model {
    fn weight(&self) -> usize {
        let queues = self.queues.values();
        queues.map(|(_, entries)| weight_of(entries)).sum()
    }

    fn announce(&mut self) {
        self.notified += usize::from(!self.is_announced);
        self.is_announced = true;
    }

    fn post(&mut self, queue: u32, entry: Entry) -> Posted {
        let Some((settings, _)) = self.queues.get(&queue).filter(|_| !self.has_overflowed) else {
            return Posted::Closed;
        };
        let settings = *settings;
        let weight = entry.bytes + LETTER_OVERHEAD_BYTES;
        loop {
            let total = self.weight();
            let waiting = self.queues[&queue].1.len();
            if waiting < settings.messages_max && total + weight <= BYTES_MAX {
                self.queues.get_mut(&queue).expect("open").1.push(entry);
                if settings.credit != Some(0) {
                    self.announce();
                }
                return Posted::Queued;
            }
            let has_dropped = weight <= BYTES_MAX
                && match settings.overflow {
                    Overflow::DropNewest => false,
                    Overflow::DropOldest => self.drop_one(queue, entry.line, false),
                    Overflow::Latest => {
                        let mut some = false;
                        while self.drop_one(queue, entry.line, false) {
                            some = true;
                        }
                        some
                    }
                    Overflow::Disconnect => queue == 0 && self.drop_from_heaviest(),
                };
            if !has_dropped {
                break;
            }
        }
        self.dropped += 1;
        if settings.overflow == Overflow::Disconnect {
            self.has_overflowed = true;
            self.notified += 1;
            for (_, entries) in self.queues.values_mut() {
                self.dropped += entries.len() as u64;
                entries.clear();
            }
        }
        Posted::Dropped
    }

    fn drop_one(&mut self, queue: u32, up_to: Priority, is_newest: bool) -> bool {
        let entries = &mut self.queues.get_mut(&queue).expect("open").1;
        let least = entries.iter().map(|entry| entry.line).min();
        let Some(least) = least.filter(|least| *least <= up_to) else {
            return false;
        };
        let at = match is_newest {
            true => entries.iter().rposition(|entry| entry.line == least),
            false => entries.iter().position(|entry| entry.line == least),
        };
        entries.remove(at.expect("there is one"));
        self.dropped += 1;
        true
    }

    fn drop_from_heaviest(&mut self) -> bool {
        let may_drop = self.queues.iter().filter(|(id, (settings, entries))| {
            **id != 0 && settings.overflow != Overflow::Disconnect && !entries.is_empty()
        });
        let heaviest = may_drop
            .map(|(id, (settings, entries))| (weight_of(entries), *id, settings.overflow))
            .max_by_key(|(weight, id, _)| (*weight, *id));
        heaviest.is_some_and(|(_, id, overflow)| {
            self.drop_one(id, Priority::Critical, overflow == Overflow::DropNewest)
        })
    }

    /// Those whose turn it may be: queue and entry. More than one, where lines never had a turn.
    fn candidates(&mut self) -> Vec<(u32, Entry)> {
        for line in Priority::ALL.into_iter().rev() {
            let mut by_line: BTreeMap<u32, (u32, Entry)> = BTreeMap::new();
            for (id, (settings, entries)) in &mut self.queues {
                let now_ms = self.now_ms;
                while let Some(at) = entries.iter().position(|entry| entry.line == line)
                    && entries[at]
                        .expires_ms
                        .is_some_and(|expires| expires <= now_ms)
                {
                    entries.remove(at);
                    self.expired += 1;
                }
                let Some(first) = entries.iter().find(|entry| entry.line == line) else {
                    continue;
                };
                if settings.credit == Some(0) {
                    continue;
                }
                let key = line_key(*id, settings);
                let best = by_line.entry(key).or_insert_with(|| (*id, first.clone()));
                if first.number < best.1.number {
                    *best = (*id, first.clone());
                }
            }
            let served = |key: &u32| self.served.get(key).copied().unwrap_or(0);
            if let Some(longest_ago) = by_line.keys().map(served).min() {
                by_line.retain(|key, _| served(key) == longest_ago);
                return by_line.into_values().collect();
            }
        }
        Vec::new()
    }

    fn serve(&mut self, queue: u32, number: u64) {
        let (settings, entries) = self.queues.get_mut(&queue).expect("open");
        entries.retain(|entry| entry.number != number);
        let key = line_key(queue, settings);
        if let Some(credit) = &mut settings.credit {
            *credit = credit
                .checked_sub(1)
                .expect("nothing is sent beyond credit");
        }
        self.turn += 1;
        self.served.insert(key, self.turn);
    }
}

fn line_key(id: u32, settings: &QueueSettings) -> u32 {
    match settings.is_dedicated || settings.credit.is_some() {
        true => id,
        false => 0,
    }
}

fn weight_of(entries: &[Entry]) -> usize {
    let bytes = entries.iter().map(|entry| entry.bytes);
    bytes.sum::<usize>() + entries.len() * LETTER_OVERHEAD_BYTES
}

/// The line of a letter, as the rule is told.
fn line_of(queue: u32, settings: Option<&QueueSettings>, priority: Priority) -> Priority {
    match settings {
        Some(settings) if queue != 0 && priority != Priority::Critical => settings.priority,
        _ => priority,
    }
}

fn check_take(
    mailbox: &Mailbox,
    model: &mut Model,
    start: Instant,
    bytes_max: usize,
) -> Result<(), TestCaseError> {
    let mut letters = Vec::new();
    let now = start + Duration::from_millis(model.now_ms);
    let has_more = mailbox.take(now, bytes_max, &mut letters);
    let mut bytes = 0;
    for (id, letter) in &letters {
        let number = letter.sequence.expect("the test's own number");
        let allowed = model.candidates();
        prop_assert!(
            allowed
                .iter()
                .any(|(queue, entry)| (*queue, entry.number) == (id.0, number)),
            "took {number} from {id:?}, expected one of {allowed:?}"
        );
        bytes += letter.text.len();
        model.serve(id.0, number);
    }
    prop_assert!(letters.len() <= 1 || bytes <= bytes_max);
    let rest = model.candidates();
    prop_assert_eq!(has_more, !rest.is_empty());
    if has_more {
        let next = rest.iter().map(|(_, entry)| entry.bytes).max();
        prop_assert!(!letters.is_empty() && bytes + next.unwrap_or(0) > bytes_max);
    } else {
        model.is_announced = false;
    }
    Ok(())
}

fn check_step(
    mailbox: &Mailbox,
    model: &mut Model,
    start: Instant,
    number: u64,
    step: Step,
) -> Result<(), TestCaseError> {
    match step {
        Step::Post(queue, priority, bytes, ttl_ms) => {
            let settings = model.queues.get(&queue).map(|(settings, _)| settings);
            let entry = Entry {
                number,
                line: line_of(queue, settings, priority),
                bytes,
                expires_ms: ttl_ms.map(|ttl_ms| model.now_ms + ttl_ms),
            };
            let letter = Letter {
                expires_at: entry.expires_ms.map(|ms| start + Duration::from_millis(ms)),
                sequence: Some(number),
                ..letter(&"x".repeat(bytes), priority)
            };
            prop_assert_eq!(
                mailbox.post(QueueId(queue), letter),
                model.post(queue, entry)
            );
        }
        Step::Take(bytes_max) => check_take(mailbox, model, start, bytes_max)?,
        Step::Credit(queue, letters) => {
            let entry = model.queues.get_mut(&queue);
            let counted = entry.and_then(|(settings, entries)| {
                let credit = settings.credit.as_mut()?;
                *credit += letters;
                Some((*credit, !entries.is_empty()))
            });
            let credit = counted.map(|(credit, _)| credit);
            prop_assert_eq!(mailbox.add_credit(QueueId(queue), letters), credit);
            if counted.is_some_and(|(credit, waits)| credit > 0 && waits) {
                model.announce();
            }
        }
        Step::Open(queue, settings) => {
            mailbox.open_queue(QueueId(queue), settings);
            model.queues.insert(queue, (settings, Vec::new()));
            model.served.remove(&queue);
        }
        Step::Close(queue) => {
            mailbox.close_queue(QueueId(queue));
            if queue != 0 {
                model.queues.remove(&queue);
                model.served.remove(&queue);
            }
        }
        Step::Wait(ms) => model.now_ms += ms,
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn it_does_what_the_plain_model_does(steps in vec(step(), 0..120)) {
        let (mailbox, notified) = mailbox(BYTES_MAX);
        let start = Instant::now();
        let mut model = Model::default();
        let own = QueueSettings {
            overflow: Overflow::Disconnect,
            messages_max: usize::MAX,
            ..channel(Priority::Normal, false)
        };
        model.queues.insert(0, (own, Vec::new()));
        for (number, step) in steps.into_iter().enumerate() {
            check_step(&mailbox, &mut model, start, number as u64, step)?;
            let usage = mailbox.usage();
            let entries = model.queues.values().flat_map(|(_, entries)| entries);
            prop_assert_eq!(usage.messages, entries.clone().count());
            prop_assert_eq!(usage.bytes, entries.map(|entry| entry.bytes).sum::<usize>());
            prop_assert!(usage.bytes + usage.messages * LETTER_OVERHEAD_BYTES <= BYTES_MAX);
            prop_assert_eq!((usage.dropped, usage.expired), (model.dropped, model.expired));
            prop_assert_eq!(notified.load(Ordering::Relaxed), model.notified);
            prop_assert_eq!(mailbox.has_overflowed(), model.has_overflowed);
        }
    }
}
