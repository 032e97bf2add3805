//! A backup, made while the store is written: one committed state, in a new file that is a store.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

use agnt_store::{BackupError, Batch, RowKind, Store, check};

use crate::world::{World, options, small_batch};

#[test]
fn it_is_one_committed_state_and_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let (mut store, _) = Store::open(&folder.path().join("store"), options()).unwrap();
    for sequence in 1..=300 {
        store.commit(&small_batch(sequence)).unwrap();
    }
    let mut batch = Batch::new();
    batch.forget_events_below(100);
    store.commit(&batch).unwrap();

    let reader = store.reader();
    let done = AtomicBool::new(false);
    let mut next = 301;
    let backups = std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                // Both rows say the same sequence in every committed state.
                let mut batch = small_batch(next);
                for key in [b"left", b"rite"] {
                    batch.put(RowKind::Meta, key, next.to_string().into_bytes());
                }
                store.commit(&batch).unwrap();
                next += 1;
            }
        });
        let paths = [0, 1, 2, 3, 4].map(|index| folder.path().join(format!("copy-{index}")));
        for path in &paths {
            let bytes = reader.backup(path).unwrap();
            assert_eq!(fs::metadata(path).unwrap().len(), bytes);
        }
        done.store(true, Ordering::Relaxed);
        writing.join().unwrap();
        paths
    });
    let whole = World::of(&reader).unwrap();
    for path in &backups {
        let report = check(path).unwrap();
        assert!(report.was_closed);
        let (mut copy, opened) = Store::open(path, options()).unwrap();
        assert!(!opened.repaired && !opened.was_new);
        assert_eq!(opened.events_from, 100);
        let world = World::of(&copy.reader()).unwrap();
        let meta = |key: &[u8]| world.rows.get(&(RowKind::Meta, key.to_vec()));
        assert_eq!(meta(b"left"), meta(b"rite"));
        assert!(
            world
                .events
                .iter()
                .all(|(it, value)| whole.events[it] == *value)
        );
        if let Some(last) = meta(b"left") {
            assert_eq!(*last, world.events_seen.to_string().into_bytes());
        }
        copy.commit(&small_batch(world.events_seen + 1)).unwrap();
    }
    let names = fs::read_dir(folder.path()).unwrap();
    let names: Vec<_> = names.map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names.len(), 12, "each with its journal: {names:?}");
}

#[test]
fn an_existing_file_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(&folder.path().join("store"), options()).unwrap();
    let path = folder.path().join("precious");
    fs::write(&path, b"mine").unwrap();
    let error = store.reader().backup(&path).unwrap_err();
    assert!(matches!(error, BackupError::Exists { .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"mine");
    let error = store
        .reader()
        .backup(&folder.path().join("store"))
        .unwrap_err();
    assert!(matches!(error, BackupError::Exists { .. }), "{error}");
    let error = store
        .reader()
        .backup(&folder.path().join("no/folder"))
        .unwrap_err();
    assert!(matches!(error, BackupError::Write { .. }), "{error}");
}
