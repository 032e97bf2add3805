//! Any batches, beside maps that they happen to too; read back, closed and opened again.

use agnt_store::{Batch, CommitError, RowKind, Store, check};
use proptest::prelude::*;

use crate::world::{World, changes, journals, options, small_batch};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn it_holds_what_maps_hold(
        batches in prop::collection::vec((changes(), prop::bool::weighted(0.2)), 1..25),
        options in journals(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        let (mut store, opened) = Store::open(&path, options).unwrap();
        prop_assert!(opened.was_new && !opened.repaired);
        let mut world = World::default();
        let mut batch = Batch::new();
        for (changes, reopens) in &batches {
            batch.clear();
            prop_assert!(batch.is_empty() && batch.len_bytes() == 0);
            batch.clone_from(&world.change(changes));
            store.commit(&batch).unwrap();
            let reader = store.reader();
            prop_assert!(World::of(&reader).unwrap() == world);
            if *reopens {
                store.close().unwrap();
                let opened;
                (store, opened) = Store::open(&path, options).unwrap();
                prop_assert!(!opened.was_new && !opened.repaired);
                prop_assert_eq!(opened.events_to, world.events_seen + 1);
            }
        }
        let reader = store.reader();
        for ((kind, key), value) in &world.rows {
            prop_assert!(reader.row(*kind, key).unwrap().as_ref() == Some(value));
        }
        for sequence in 0..world.events_seen + 2 {
            let expected = world.events.get(&sequence);
            prop_assert!(reader.event(sequence).unwrap().as_ref() == expected);
        }
        store.close().unwrap();

        let report = check(&path).unwrap();
        prop_assert!(report.was_closed);
        prop_assert_eq!(report.events_to, world.events_seen + 1);
        for (kind, count) in report.rows {
            let expected = world.rows.keys().filter(|(it, _)| *it == kind).count();
            prop_assert_eq!(count, expected as u64);
        }
    }
}

#[test]
fn a_hole_or_a_repeat_is_refused_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(&folder.path().join("store"), options()).unwrap();
    for sequence in 1..=3 {
        store.commit(&small_batch(sequence)).unwrap();
    }
    let before = World::of(&store.reader()).unwrap();
    for sequences in [&[3][..], &[5], &[0], &[4, 6], &[4, 4], &[u64::MAX]] {
        let mut batch = Batch::new();
        batch.put(RowKind::Agent, b"a", b"must not be seen".to_vec());
        for sequence in sequences {
            batch.event(*sequence, Vec::new());
        }
        let error = store.commit(&batch).unwrap_err();
        assert!(matches!(error, CommitError::Sequence { .. }), "{error}");
    }
    assert_eq!(World::of(&store.reader()).unwrap(), before);
    store.commit(&small_batch(4)).unwrap();
}

#[test]
fn what_is_too_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(&folder.path().join("store"), options()).unwrap();
    let mut batch = Batch::new();
    batch.put(RowKind::Agent, &[b'k'; 1025], Vec::new());
    let error = store.commit(&batch).unwrap_err();
    assert_eq!(error.to_string(), "key: 1025 bytes; allowed: at most 1024");
    assert!(World::of(&store.reader()).unwrap().rows.is_empty());
}

#[test]
fn a_reader_sees_one_state_while_the_writer_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(&folder.path().join("store"), options()).unwrap();
    for sequence in 1..=20 {
        store.commit(&small_batch(sequence)).unwrap();
    }
    let reader = store.reader();
    let mut seen = Vec::new();
    let mut next = 21;
    let result = reader.events(1, |sequence, _| {
        seen.push(sequence);
        store.commit(&small_batch(next)).unwrap();
        next += 1;
        std::ops::ControlFlow::Continue(())
    });
    result.unwrap();
    assert_eq!(seen, (1..=20).collect::<Vec<_>>());
    assert_eq!(reader.event_bounds().unwrap(), (1, 41));
}

#[test]
fn readers_of_a_closed_store_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(&folder.path().join("store"), options()).unwrap();
    let reader = store.reader();
    drop(store);
    let error = reader.row(RowKind::Agent, b"a").unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("the store was closed while it was read")
    );
}
