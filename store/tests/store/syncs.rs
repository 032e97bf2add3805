//! What a commit costs in syncs: one, once the journal is there; and that what is told of the disk is
//! what was asked of it.

use std::time::{Duration, Instant};

use agnt_store::faults::FaultyFile;
use agnt_store::{Batch, Options, Store};

use crate::world::small_batch;

#[test]
fn a_commit_is_one_sync_however_much_is_in_it() {
    let (file, faults) = FaultyFile::in_memory();
    let (mut store, _) = Store::open_on(file, Options::default()).unwrap();
    store.commit(&small_batch(1)).unwrap();
    let mut sequence = 1;
    for size in [1, 1, 10, 300] {
        let mut batch = Batch::new();
        for _ in 0..size {
            sequence += 1;
            batch.event(sequence, vec![7; 300]);
        }
        batch.forget_events_below(sequence / 2);
        let before = faults.syncs();
        store.commit(&batch).unwrap();
        assert_eq!(faults.syncs() - before, 1, "{size} events");
    }
    let before = faults.syncs();
    store.commit(&Batch::new()).unwrap();
    assert_eq!(faults.syncs(), before, "nothing to commit, nothing to sync");
    store.commit(&small_batch(sequence + 1)).unwrap();
}

#[test]
fn what_is_told_of_the_disk_is_what_was_asked_of_it() {
    let (file, faults) = FaultyFile::in_memory();
    let options = Options {
        journal_bytes: 64 << 10,
        ..Options::default()
    };
    let (mut store, _) = Store::open_on(file, options).unwrap();
    store.commit(&small_batch(1)).unwrap();
    let reader = store.reader();
    let (syncs, told) = (faults.syncs(), reader.disk_figures());
    let mut sequence = 1;
    for _ in 0..100 {
        let mut batch = Batch::new();
        for _ in 0..10 {
            sequence += 1;
            batch.event(sequence, vec![7; 300]);
        }
        store.commit(&batch).unwrap();
    }
    let asked = || {
        let figures = reader.disk_figures();
        let told = told.journal_syncs + told.database_syncs;
        figures.journal_syncs + figures.database_syncs - told
    };
    // What is settled behind the commits goes on for a moment.
    let until = Instant::now() + Duration::from_secs(30);
    while asked() != faults.syncs() - syncs {
        assert!(Instant::now() < until, "{} syncs were told of", asked());
        std::thread::yield_now();
    }
    let figures = reader.disk_figures();
    assert_eq!(figures.recorded - told.recorded, 100);
    assert_eq!(figures.journal_syncs - told.journal_syncs, 100);
    assert!(figures.recorded_bytes - told.recorded_bytes >= 100 * 10 * 300);
    assert!(
        figures.settled > told.settled,
        "100 commits of 3 kB in a journal of 64 kB"
    );
}
