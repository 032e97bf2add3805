//! Calls of the system fail: the batch is refused with the cause, nothing of it is seen, then or
//! after a crash, readers go on, and the store works again when the disk does.

use agnt_store::faults::{Call, Fault, FaultyFile, Survivors};
use agnt_store::{Batch, CommitError, OpenError, Options, RowKind, Store};
use proptest::prelude::*;

use crate::world::{World, changes, journals, options, small_batch};

fn calls() -> impl Strategy<Value = Call> {
    prop::sample::select(vec![Call::Write, Call::Sync, Call::SetLength, Call::Read])
}

fn faults() -> impl Strategy<Value = Fault> {
    prop::sample::select(vec![Fault::NoSpace, Fault::Io, Fault::Unsure])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_refused_batch_leaves_no_trace(
        batches in prop::collection::vec(
            (changes(), prop::option::weighted(0.4, (calls(), faults(), 0..12_u64, any::<bool>()))),
            1..20,
        ),
        cut in prop::option::of(prop_oneof![
            Just(Survivors::None),
            any::<u64>().prop_map(|seed| Survivors::Random { seed }),
        ]),
        options in journals(),
    ) {
        let (file, disk) = FaultyFile::in_memory();
        let (mut store, _) = Store::open_on(file, options).unwrap();
        let mut world = World::default();
        for (changes, fault) in &batches {
            if let Some((call, fault, spared, stays)) = fault {
                match stays {
                    true => disk.fail_from(*call, *spared, *fault),
                    false => disk.fail_once(*call, *spared, *fault),
                }
            }
            let mut next = world.clone();
            let batch = next.change(changes);
            match store.commit(&batch) {
                Ok(()) => world = next,
                Err(error) => prop_assert!(
                    matches!(error, CommitError::NoSpace { .. } | CommitError::Io { .. }),
                    "{error}"
                ),
            }
            disk.heal();
        }
        // Whatever happened, the next commit works, without anybody's doing.
        let mut next = world.clone();
        let batch = next.change(&[crate::world::Change::Event(b"after".to_vec())]);
        store.commit(&batch).unwrap();
        prop_assert!(World::of(&store.reader()).unwrap() == next);

        if let Some(survivors) = cut {
            disk.cut_power(survivors).unwrap();
        }
        drop(store);
        let (store, _) = Store::open_on(disk.restart(), options).unwrap();
        prop_assert!(World::of(&store.reader()).unwrap() == next);
    }
}

/// The one-sync commit has its batch on disk, or not, when its sync fails: both must end the same.
#[test]
fn a_failed_sync_is_refused_and_undone_wherever_the_bytes_are() {
    for call in [Call::Sync, Call::Write] {
        for spared in 0..20 {
            let (file, disk) = FaultyFile::in_memory();
            let (mut store, _) = Store::open_on(file, options()).unwrap();
            let reader = store.reader();
            store.commit(&small_batch(1)).unwrap();
            let before = World::of(&reader).unwrap();

            disk.fail_once(call, spared, Fault::Io);
            let Err(error) = store.commit(&small_batch(2)) else {
                assert!(spared > 0);
                continue;
            };
            assert!(error.to_string().contains("the disk is broken"), "{error}");
            assert_eq!(World::of(&reader).unwrap(), before, "readers go on");
            let mut other = Batch::new();
            other.event(2, b"another second event".to_vec());
            store.commit(&other).unwrap();
            let after = World::of(&reader).unwrap();
            assert_eq!(after.rows, before.rows);

            disk.cut_power(Survivors::None).unwrap();
            drop(store);
            let (store, _) = Store::open_on(disk.restart(), options()).unwrap();
            assert_eq!(World::of(&store.reader()).unwrap(), after);
        }
    }
}

/// The bytes of a refused batch may all be on disk, and the process may end before anything else
/// happens.
#[test]
fn a_refused_batch_is_not_there_after_a_crash_though_its_bytes_are() {
    let mut refused = 0;
    for journal_bytes in [128, 1 << 10, 32 << 10] {
        for (call, spared) in [Call::Write, Call::Sync]
            .map(|it| (0..20).map(move |n| (it, n)))
            .into_iter()
            .flatten()
        {
            let (file, disk) = FaultyFile::in_memory();
            let options = Options {
                journal_bytes,
                ..options()
            };
            let (mut store, _) = Store::open_on(file, options).unwrap();
            for sequence in 1..=3 {
                store.commit(&small_batch(sequence)).unwrap();
            }
            let before = World::of(&store.reader()).unwrap();
            disk.fail_once(call, spared, Fault::Unsure);
            if store.commit(&small_batch(4)).is_ok() {
                continue;
            }
            refused += 1;
            disk.cut_power(Survivors::None).unwrap();
            drop(store);
            let (store, _) = Store::open_on(disk.restart(), options).unwrap();
            assert_eq!(World::of(&store.reader()).unwrap(), before);
        }
    }
    assert!(refused > 6, "{refused}");
}

/// What redb does behind the sync may fail, and the batch is on disk all the same.
#[test]
fn a_batch_that_is_on_disk_is_acknowledged_whatever_fails_then() {
    let (file, disk) = FaultyFile::in_memory();
    // It takes small commits only.
    let options = || Options {
        journal_bytes: 4 << 10,
        ..options()
    };
    let (mut store, _) = Store::open_on(file, options()).unwrap();
    let mut large = Batch::new();
    for index in 0..100_u8 {
        large.put(RowKind::Task, &[index], vec![index; 50_000]);
    }
    store.commit(&large).unwrap();
    large.clear();
    for index in 0..100 {
        large.delete(RowKind::Task, &[index]);
    }
    store.commit(&large).unwrap();
    // The file has more room than it needs now, and is cut behind the sync of some commit.
    let mut sequence = 1;
    while disk.failures() == 0 {
        disk.fail_once(Call::SetLength, 0, Fault::Io);
        let mut batch = Batch::new();
        batch.event(sequence, vec![7; 4000]);
        store.commit(&batch).unwrap();
        sequence += 1;
        assert!(sequence < 100, "the file is never cut");
    }
    disk.heal();
    // These are settled by the database that was opened anew.
    for _ in 0..200 {
        store.commit(&small_batch(sequence)).unwrap();
        sequence += 1;
    }
    assert_eq!(store.event_bounds(), (1, sequence));
    let world = World::of(&store.reader()).unwrap();
    disk.cut_power(Survivors::None).unwrap();
    drop(store);
    let (store, _) = Store::open_on(disk.restart(), options()).unwrap();
    assert_eq!(World::of(&store.reader()).unwrap(), world);
}

#[test]
fn while_nothing_can_be_written_everything_can_be_read() {
    let (file, disk) = FaultyFile::in_memory();
    let (mut store, _) = Store::open_on(file, options()).unwrap();
    let reader = store.reader();
    store.commit(&small_batch(1)).unwrap();
    let before = World::of(&reader).unwrap();
    for call in [Call::Write, Call::Sync, Call::SetLength] {
        disk.fail_from(call, 0, Fault::NoSpace);
    }
    for _ in 0..3 {
        let error = store.commit(&small_batch(2)).unwrap_err();
        assert!(matches!(error, CommitError::NoSpace { .. }), "{error}");
        assert_eq!(World::of(&reader).unwrap(), before);
    }
    disk.heal();
    store.commit(&small_batch(2)).unwrap();
    assert!(reader.event(2).unwrap().is_some());
}

#[test]
fn a_store_on_a_disk_that_takes_nothing_opens_for_reading() {
    let (file, disk) = FaultyFile::in_memory();
    let (mut store, _) = Store::open_on(file, options()).unwrap();
    store.commit(&small_batch(1)).unwrap();
    disk.cut_power(Survivors::None).unwrap();
    drop(store);
    disk.fail_from(Call::Write, 0, Fault::NoSpace);
    let (mut store, opened) = Store::open_on(disk.restart(), options()).unwrap();
    assert!(opened.repaired);
    assert!(store.reader().event(1).unwrap().is_some());
    store.commit(&small_batch(2)).unwrap_err();
    disk.heal();
    store.commit(&small_batch(2)).unwrap();
}

#[test]
fn a_disk_that_can_not_be_read_is_told() {
    let (file, disk) = FaultyFile::in_memory();
    let (mut store, _) = Store::open_on(file, options()).unwrap();
    store.commit(&small_batch(1)).unwrap();
    store.close().unwrap();
    disk.fail_from(Call::Read, 0, Fault::Io);
    let error = Store::open_on(disk.restart(), options()).unwrap_err();
    assert!(matches!(error, OpenError::Io { .. }), "{error}");
    disk.heal();

    // A reader that meets the fault is told, and the writer gets over it.
    let (mut store, _) = Store::open_on(disk.restart(), options()).unwrap();
    let reader = store.reader();
    disk.fail_from(Call::Read, 0, Fault::Io);
    let read = reader.row(RowKind::Task, b"task-1");
    disk.heal();
    if let Err(error) = read {
        assert!(error.to_string().contains("the disk is broken"), "{error}");
    }
    store.commit(&small_batch(2)).unwrap();
    assert!(reader.row(RowKind::Task, b"task-1").unwrap().is_some());
}
