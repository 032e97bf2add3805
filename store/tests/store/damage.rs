//! Files that somebody has changed: flipped bits, cut ends. What comes out is an error or the right
//! data, by every way in.

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use agnt_store::{Batch, OpenError, ReadError, RowKind, Store, check};
use redb::{Database, TableDefinition};

use crate::world::{World, options, small_batch};

/// A store of some hundred kilobytes and what is in it.
fn filled(path: &Path) -> World {
    let (mut store, _) = Store::open(path, options()).unwrap();
    for sequence in 1..=400 {
        let mut batch = small_batch(sequence);
        let key = format!("agent-{:05}", sequence * 7919 % 10_000);
        batch.put(RowKind::Agent, key.as_bytes(), vec![sequence as u8; 200]);
        store.commit(&batch).unwrap();
    }
    let world = World::of(&store.reader()).unwrap();
    store.close().unwrap();
    world
}

/// Opens a changed file in every way; whatever it reads must be right. True if somebody noticed.
fn is_noticed(path: &Path, world: &World) -> bool {
    let original = fs::read(path).unwrap();
    let checked = check(path);
    assert!(fs::read(path).unwrap() == original, "check changes nothing");
    if let Err(error) = &checked {
        assert!(!matches!(error, OpenError::Io { .. }), "{error}");
    }
    let opened = match Store::open(path, options()) {
        Ok((store, _)) => {
            let reader = store.reader();
            let rows = RowKind::ALL.map(|kind| {
                reader.scan::<ReadError>(kind, |key, value| {
                    let expected = world.rows.get(&(kind, key.to_vec()));
                    assert_eq!(expected.map(Vec::as_slice), Some(value));
                    Ok(())
                })
            });
            let mut seen = 0;
            let events = reader.events(0, |sequence, value| {
                assert_eq!(world.events.get(&sequence).map(Vec::as_slice), Some(value));
                seen += 1;
                ControlFlow::Continue(())
            });
            let whole = rows.iter().all(Result::is_ok) && events.is_ok();
            if whole {
                assert_eq!(
                    World::of(&reader).unwrap(),
                    *world,
                    "nothing is missing silently"
                );
            }
            whole
        }
        Err(error) => {
            assert!(fs::read(path).unwrap() == original, "{error}");
            assert!(!matches!(error, OpenError::Io { .. }), "{error}");
            false
        }
    };
    checked.is_err() || !opened
}

#[test]
fn flipped_bits_are_noticed_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let world = filled(&path);
    let whole = fs::read(&path).unwrap();
    let mut noticed = 0;
    for index in 0..200 {
        // The header's bytes, then all over the file.
        let at = match index {
            0..40 => index * 8,
            _ => 320 + (index - 40) * (whole.len() - 320) / 160,
        };
        let mut broken = whole.clone();
        broken[at] ^= 1 << (index % 8);
        fs::write(&path, &broken).unwrap();
        noticed += usize::from(is_noticed(&path, &world));
    }
    // What is not noticed lies in pages that nobody uses.
    assert!(noticed > 40, "{noticed} of 200");
}

#[test]
fn truncated_files_are_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let world = filled(&path);
    let whole = fs::read(&path).unwrap();
    for length in [
        1,
        9,
        63,
        319,
        320,
        4096,
        whole.len() / 2,
        whole.len() - 4096,
        whole.len() - 1,
    ] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(
            is_noticed(&path, &world),
            "{length} bytes of {}",
            whole.len()
        );
    }
}

/// redb does not verify what it reads from a file that was closed in order: the seal does.
#[test]
fn a_flipped_bit_in_a_value_is_found_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (mut store, _) = Store::open(&path, options()).unwrap();
    let mut batch = Batch::new();
    batch.put(
        RowKind::Agent,
        b"a",
        b"a value that is easy to find".to_vec(),
    );
    batch.event(1, b"an event that is easy to find".to_vec());
    store.commit(&batch).unwrap();
    store.close().unwrap();
    let whole = fs::read(&path).unwrap();
    for text in [&b"a value that is"[..], b"an event that is"] {
        let mut broken = whole.clone();
        let places = broken.windows(text.len()).enumerate();
        let places = places.filter(|(_, it)| it == &text).map(|(at, _)| at);
        let places: Vec<usize> = places.collect();
        assert!(!places.is_empty());
        for at in places {
            broken[at + 3] ^= 4;
        }
        fs::write(&path, &broken).unwrap();
        let error = check(&path).unwrap_err();
        assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
        let (store, _) = Store::open(&path, options()).unwrap();
        let reader = store.reader();
        let (row, event) = (reader.row(RowKind::Agent, b"a"), reader.event(1));
        assert_ne!(row.is_ok(), event.is_ok());
        let error = row.err().or(event.err()).unwrap();
        assert!(error.to_string().contains("checksum"), "{error}");
        let backup = reader.backup(&folder.path().join("copy"));
        assert!(backup.unwrap_err().to_string().contains("checksum"));
        assert!(!folder.path().join("copy").exists());
    }
}

/// A hole in the log, made by another program: whatever opens the file says so.
#[test]
fn a_hole_in_the_log_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    filled(&path);
    let database = Database::open(&path).unwrap();
    let transaction = database.begin_write().unwrap();
    let events: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("events");
    transaction.open_table(events).unwrap().remove(200).unwrap();
    transaction.commit().unwrap();
    drop(database);
    let expected = "399 events from 1 to 400; allowed: one for each sequence";
    for error in [
        check(&path).unwrap_err(),
        Store::open(&path, options()).unwrap_err(),
    ] {
        assert!(error.to_string().contains(expected), "{error}");
    }
}
