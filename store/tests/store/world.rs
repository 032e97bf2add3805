//! What a store must hold, by the plainest means: maps; and batches that change both.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use agnt_store::{Batch, Options, ReadError, Reader, RowKind};
use proptest::prelude::*;

/// Rows by kind and key.
type Rows = BTreeMap<(RowKind, Vec<u8>), Vec<u8>>;

/// What a store must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) rows: Rows,
    pub(crate) events: BTreeMap<u64, Vec<u8>>,
    pub(crate) events_seen: u64,
}

/// One change; sequences come from the world that it happens to.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Put(RowKind, Vec<u8>, Vec<u8>),
    Delete(RowKind, Vec<u8>),
    Event(Vec<u8>),
    /// Forget events, so that about this many are left.
    Keep(u64),
}

impl World {
    /// Makes the changes here and returns the batch that makes them in a store.
    pub(crate) fn change(&mut self, changes: &[Change]) -> Batch {
        let mut batch = Batch::new();
        for change in changes {
            match change {
                Change::Put(kind, key, value) => {
                    batch.put(*kind, key, value.clone());
                    self.rows.insert((*kind, key.clone()), value.clone());
                }
                Change::Delete(kind, key) => {
                    batch.delete(*kind, key);
                    self.rows.remove(&(*kind, key.clone()));
                }
                Change::Event(value) => {
                    self.events_seen += 1;
                    batch.event(self.events_seen, value.clone());
                    self.events.insert(self.events_seen, value.clone());
                }
                Change::Keep(count) => {
                    batch.forget_events_below((self.events_seen + 1).saturating_sub(*count));
                }
            }
        }
        let forgotten = changes.iter().any(|it| matches!(it, Change::Keep(_)));
        if forgotten {
            self.forget(changes);
        }
        batch
    }

    /// A batch forgets when everything else of it has happened, and never the newest event.
    fn forget(&mut self, changes: &[Change]) {
        let mut below = 0;
        let mut seen = self.events_seen - events_in(changes);
        for change in changes {
            match change {
                Change::Event(_) => seen += 1,
                Change::Keep(count) => below = below.max((seen + 1).saturating_sub(*count)),
                _ => {}
            }
        }
        let below = below.min(self.events_seen);
        self.events.retain(|sequence, _| *sequence >= below);
    }

    /// What a store holds.
    pub(crate) fn of(reader: &Reader) -> Result<Self, ReadError> {
        let mut world = Self::default();
        for kind in RowKind::ALL {
            let mut count = 0;
            reader.scan::<ReadError>(kind, |key, value| {
                count += 1;
                world.rows.insert((kind, key.to_vec()), value.to_vec());
                Ok(())
            })?;
            assert_eq!(reader.count(kind)?, count);
        }
        reader.events(0, |sequence, value| {
            world.events.insert(sequence, value.to_vec());
            ControlFlow::Continue(())
        })?;
        let (oldest, next) = reader.event_bounds()?;
        assert_eq!(oldest, world.events.keys().next().copied().unwrap_or(1));
        world.events_seen = next - 1;
        Ok(world)
    }
}

fn events_in(changes: &[Change]) -> u64 {
    let events = changes.iter().filter(|it| matches!(it, Change::Event(_)));
    events.count() as u64
}

/// Few keys, so that they are changed often, and values of all lengths.
pub(crate) fn changes() -> impl Strategy<Value = Vec<Change>> {
    let kind = prop::sample::select(RowKind::ALL.to_vec());
    let key = prop::collection::vec(prop::sample::select(b"ab\0\xff".to_vec()), 0..4);
    let value = prop_oneof![
        5 => prop::collection::vec(any::<u8>(), 0..60),
        1 => (any::<u8>(), 0..9000_usize).prop_map(|(byte, length)| vec![byte; length]),
    ];
    let change = prop_oneof![
        4 => (kind.clone(), key.clone(), value.clone())
            .prop_map(|(kind, key, value)| Change::Put(kind, key, value)),
        2 => (kind, key).prop_map(|(kind, key)| Change::Delete(kind, key)),
        4 => value.prop_map(Change::Event),
        1 => (0..20_u64).prop_map(Change::Keep),
    ];
    prop::collection::vec(change, 1..12)
}

/// As the server opens it, with a cache and a journal that a test can overflow.
pub(crate) fn options() -> Options {
    Options {
        cache_bytes: 1 << 20,
        journal_bytes: 32 << 10,
        ..Options::default()
    }
}

/// Journals that no commit fits into, that are full after a few, and that are large.
pub(crate) fn journals() -> impl Strategy<Value = Options> {
    let journal_bytes = prop::sample::select(vec![128, 1 << 10, 4 << 10, 32 << 10, 1 << 20]);
    journal_bytes.prop_map(|journal_bytes| Options {
        journal_bytes,
        ..options()
    })
}

/// A batch of one event and one row.
pub(crate) fn small_batch(sequence: u64) -> Batch {
    let mut batch = Batch::new();
    batch.put(
        RowKind::Task,
        format!("task-{}", sequence % 50).as_bytes(),
        format!("value {sequence}").into_bytes(),
    );
    batch.event(sequence, format!("event {sequence}").into_bytes());
    batch
}
