//! Relaxed syncing: fewer syncs, and only the newest commits can be lost, whole ones.

use agnt_store::faults::{Call, Fault, FaultyFile, Survivors};
use agnt_store::{Batch, Options, RowKind, Store, Sync, UNSYNCED_BYTES_MAX};
use proptest::prelude::*;

use crate::world::{Change, World, changes, options, small_batch};

fn relaxed(relaxed_sync_ms: u64) -> Options {
    Options {
        sync: Sync::Relaxed { relaxed_sync_ms },
        ..options()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_is_left_is_a_state_since_the_last_sync(
        batches in prop::collection::vec((changes(), prop::bool::weighted(0.2)), 1..25),
        seed in any::<u64>(),
    ) {
        let (file, faults) = FaultyFile::in_memory();
        let (mut store, _) = Store::open_on(file, relaxed(u64::MAX / 2)).unwrap();
        let mut world = World::default();
        let mut possible = vec![world.clone()];
        for (changes, syncs) in &batches {
            store.commit(&world.change(changes)).unwrap();
            prop_assert!(World::of(&store.reader()).unwrap() == world);
            possible.push(world.clone());
            if *syncs {
                store.sync().unwrap();
                possible = vec![world.clone()];
            }
        }
        faults.cut_power(Survivors::Random { seed }).unwrap();
        drop(store);
        let (store, _) = Store::open_on(faults.restart(), options()).unwrap();
        let found = World::of(&store.reader()).unwrap();
        prop_assert!(possible.contains(&found));
    }

    #[test]
    fn a_failing_disk_loses_nothing_that_was_acknowledged(
        batches in prop::collection::vec((changes(), prop::bool::weighted(0.3)), 1..20),
    ) {
        let (file, faults) = FaultyFile::in_memory();
        let (mut store, _) = Store::open_on(file, relaxed(u64::MAX / 2)).unwrap();
        let mut world = World::default();
        store.commit(&world.change(&[Change::Event(Vec::new())])).unwrap();
        store.sync().unwrap();
        for (changes, fails) in &batches {
            store.commit(&world.change(changes)).unwrap();
            if *fails && store.sync_due_in().is_some() {
                faults.fail_once(Call::Sync, 0, Fault::Io);
                store.sync().unwrap_err();
            }
            prop_assert!(World::of(&store.reader()).unwrap() == world);
        }
        store.sync().unwrap();
        faults.cut_power(Survivors::None).unwrap();
        drop(store);
        let (store, _) = Store::open_on(faults.restart(), options()).unwrap();
        prop_assert!(World::of(&store.reader()).unwrap() == world);
    }
}

#[test]
fn commits_share_a_sync() {
    let (file, faults) = FaultyFile::in_memory();
    let (mut store, _) = Store::open_on(file, relaxed(3_600_000)).unwrap();
    assert_eq!(store.sync_due_in(), None);
    store.commit(&small_batch(1)).unwrap();
    store.sync().unwrap();
    let before = faults.syncs();
    for sequence in 2..=101 {
        store.commit(&small_batch(sequence)).unwrap();
    }
    assert_eq!(faults.syncs(), before);
    assert!(store.sync_due_in().is_some_and(|it| it.as_secs() > 60));
    store.sync().unwrap();
    assert_eq!(faults.syncs(), before + 1);
    assert_eq!(store.sync_due_in(), None);
    store.sync().unwrap();
    assert_eq!(faults.syncs(), before + 1, "there was nothing to sync");
}

#[test]
fn a_commit_syncs_when_the_time_has_come_or_much_waits() {
    let (file, faults) = FaultyFile::in_memory();
    let (mut store, _) = Store::open_on(file, relaxed(0)).unwrap();
    for sequence in 1..=2 {
        store.commit(&small_batch(sequence)).unwrap();
    }
    let before = faults.syncs();
    store.commit(&small_batch(3)).unwrap();
    assert_eq!(faults.syncs(), before, "it waits for the next one");
    store.commit(&small_batch(4)).unwrap();
    assert_eq!(faults.syncs(), before + 1);
    drop(store);

    let (file, faults) = FaultyFile::in_memory();
    let (mut store, _) = Store::open_on(file, relaxed(3_600_000)).unwrap();
    let before = faults.syncs();
    let mut waiting = 0;
    while faults.syncs() == before {
        let mut batch = Batch::new();
        batch.put(RowKind::Task, b"large", vec![7; 1 << 20]);
        store.commit(&batch).unwrap();
        waiting += 1 << 20;
        assert!(waiting <= UNSYNCED_BYTES_MAX + (1 << 20));
    }
}
