//! The power goes at any moment, and any part of what was not synced is on disk: the store is as the
//! last acknowledged commit left it, or as the one under way, whole.

use agnt_store::Store;
use agnt_store::faults::{FaultyFile, Survivors};
use proptest::prelude::*;

use crate::world::{World, changes, journals, options};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_commit_is_there_whole_or_not_at_all(
        lives in prop::collection::vec(
            (prop::collection::vec(changes(), 1..30), 0..120_u64, any::<u64>(), any::<bool>()),
            1..6,
        ),
        options in journals(),
    ) {
        let (file, faults) = FaultyFile::in_memory();
        let (store, _) = Store::open_on(file, options).unwrap();
        store.close().unwrap();
        let mut world = World::default();
        for (batches, calls, seed, nothing_survives) in lives {
            let survivors = match nothing_survives {
                true => Survivors::None,
                false => Survivors::Random { seed },
            };
            let cuts = faults.cuts();
            // The cut may fall into the opening too.
            faults.cut_power_after(calls, survivors);
            let mut under_way = None;
            if let Ok((mut store, _)) = Store::open_on(faults.restart(), options) {
                for changes in &batches {
                    let mut next = world.clone();
                    let batch = next.change(changes);
                    if store.commit(&batch).is_err() {
                        under_way = Some(next);
                        break;
                    }
                    world = next;
                }
                drop(store);
            }
            faults.heal();
            if faults.cuts() == cuts {
                faults.cut_power(survivors).unwrap();
            }

            let (store, _) = Store::open_on(faults.restart(), options).unwrap();
            let found = World::of(&store.reader()).unwrap();
            if under_way.as_ref() == Some(&found) {
                world = found;
            } else {
                prop_assert!(found == world);
            }
            store.close().unwrap();
        }
    }
}

/// The test above can fail: a disk that says "synced" and is not loses acknowledged commits.
#[test]
fn a_sync_that_does_nothing_would_be_noticed() {
    let (file, faults) = FaultyFile::in_memory();
    let (mut store, _) = Store::open_on(file, options()).unwrap();
    store.commit(&crate::world::small_batch(1)).unwrap();
    let before = faults.image().unwrap();
    store.commit(&crate::world::small_batch(2)).unwrap();
    let after = faults.image().unwrap();
    assert!(
        before != after,
        "the commit has reached the disk when it returns"
    );
    let mut unsynced = agnt_store::Batch::new();
    unsynced.event(3, Vec::new());
    faults.fail_once(
        agnt_store::faults::Call::Sync,
        0,
        agnt_store::faults::Fault::Io,
    );
    let syncs = faults.syncs();
    store.commit(&unsynced).unwrap_err();
    // What is said to be on disk has been synced; a sync behind the failed one settles the rest.
    assert!(faults.syncs() > syncs && faults.failures() == 1);
    faults.cut_power(Survivors::None).unwrap();
    drop(store);
    let (store, _) = Store::open_on(faults.restart(), options()).unwrap();
    assert_eq!(store.event_bounds(), (1, 3));
}
