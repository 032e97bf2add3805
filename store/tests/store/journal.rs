//! The journal beside a store: what is only in there is there after a crash; one that is missing,
//! another's, cut off or damaged is refused with its own words, and nothing is changed then.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use agnt_store::{OpenError, Store, check};
use tempfile::TempDir;

use crate::world::{World, options, small_batch};

/// Where the segments begin, and how long one is.
const SEGMENTS_FROM: usize = 4096;
const SEGMENT_BYTES: usize = 16 << 10;

/// A store whose process has ended, as its files were then, and what it holds.
struct Crashed {
    folder: TempDir,
    world: World,
}

impl Crashed {
    /// After so many commits.
    fn after(commits: u64) -> Self {
        let (running, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let from = running.path().join("store");
        let (mut store, _) = Store::open(&from, options()).unwrap();
        for sequence in 1..=commits {
            store.commit(&small_batch(sequence)).unwrap();
        }
        let crashed = Self {
            world: World::of(&store.reader()).unwrap(),
            folder,
        };
        // Nothing is being settled while they are copied: the journal is not full yet.
        fs::copy(&from, crashed.store()).unwrap();
        fs::copy(beside(&from), crashed.journal()).unwrap();
        crashed
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("store")
    }

    fn journal(&self) -> PathBuf {
        beside(&self.store())
    }

    /// Looks at it and opens it, in vain; both files stay as they are.
    fn refused(&self) -> OpenError {
        let bytes = || [self.store(), self.journal()].map(|path| fs::read(path).ok());
        let before = bytes();
        let (looked, opened) = (check(&self.store()), Store::open(&self.store(), options()));
        let error = opened.map(drop).unwrap_err();
        assert_eq!(looked.unwrap_err().to_string(), error.to_string());
        assert!(bytes() == before, "{error}");
        error
    }

    /// What it holds once it is opened, and again after it was closed.
    fn opened(&self) -> World {
        let report = check(&self.store()).unwrap();
        let (store, opened) = Store::open(&self.store(), options()).unwrap();
        let world = World::of(&store.reader()).unwrap();
        assert_eq!(report.events_to, opened.events_to);
        assert_eq!(world.events_seen + 1, opened.events_to);
        store.close().unwrap();
        let report = check(&self.store()).unwrap();
        assert_eq!((report.journal_commits, report.was_closed), (0, true));
        let (store, _) = Store::open(&self.store(), options()).unwrap();
        assert_eq!(World::of(&store.reader()).unwrap(), world);
        world
    }
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("journal")
}

/// How many bytes a segment has up to the end of its last record, by the zeros behind it.
fn used(segment: &[u8]) -> usize {
    let last = segment.iter().rposition(|it| *it != 0);
    last.map_or(0, |last| (last + 1).next_multiple_of(64))
}

#[test]
fn what_is_in_the_journal_alone_is_there_after_a_crash_and_counted() {
    let crashed = Crashed::after(50);
    let report = check(&crashed.store()).unwrap();
    // The first commit has made the journal, and lies in the database.
    assert_eq!((report.journal_commits, report.events_to), (49, 51));
    assert!(!report.was_closed);
    assert_eq!(crashed.opened(), crashed.world);
}

#[test]
fn a_store_without_its_journal_is_refused_and_a_closed_one_is_not() {
    let crashed = Crashed::after(5);
    let aside = crashed.folder.path().join("aside");
    fs::rename(crashed.journal(), &aside).unwrap();
    let error = crashed.refused();
    assert!(matches!(error, OpenError::JournalMissing { .. }), "{error}");
    let expected = format!(
        "{}: its journal {} is missing",
        crashed.store().display(),
        crashed.journal().display()
    );
    assert!(error.to_string().starts_with(&expected), "{error}");

    fs::rename(&aside, crashed.journal()).unwrap();
    let (store, _) = Store::open(&crashed.store(), options()).unwrap();
    store.close().unwrap();
    fs::remove_file(crashed.journal()).unwrap();
    let (mut store, opened) = Store::open(&crashed.store(), options()).unwrap();
    assert!(!opened.repaired);
    store.commit(&small_batch(6)).unwrap();
    assert!(crashed.journal().exists(), "it has a new one");
    store.commit(&small_batch(7)).unwrap();
    let world = World::of(&store.reader()).unwrap();
    drop(store);
    assert_eq!(crashed.opened(), world);
}

#[test]
fn the_journal_of_another_store_is_refused() {
    let (one, other) = (Crashed::after(5), Crashed::after(5));
    fs::copy(other.journal(), one.journal()).unwrap();
    let error = one.refused();
    assert!(matches!(error, OpenError::JournalForeign { .. }), "{error}");
    // Neither is a new store made beside it, nor a closed one opened.
    fs::remove_file(one.store()).unwrap();
    let error = Store::open(&one.store(), options()).map(drop).unwrap_err();
    assert!(matches!(error, OpenError::JournalForeign { .. }), "{error}");
    assert!(!one.store().exists());
    let (store, _) = Store::open(&other.store(), options()).unwrap();
    store.reader().backup(&one.store()).unwrap();
    let error = one.refused();
    assert!(matches!(error, OpenError::JournalForeign { .. }), "{error}");
    fs::remove_file(one.journal()).unwrap();
    assert_eq!(one.opened(), other.world);
}

#[test]
fn another_file_under_its_name_is_refused_and_kept() {
    let crashed = Crashed::after(3);
    fs::write(crashed.journal(), b"notes of mine").unwrap();
    let error = crashed.refused();
    assert!(matches!(error, OpenError::Foreign { .. }), "{error}");
    assert!(
        error.to_string().contains("begins with \"notes of\""),
        "{error}"
    );
}

#[test]
fn a_journal_that_is_cut_off_is_refused() {
    let crashed = Crashed::after(20);
    let whole = fs::read(crashed.journal()).unwrap();
    for length in [0, 1, 27, 28, 4096, 4160, whole.len() / 2, whole.len() - 1] {
        fs::write(crashed.journal(), &whole[..length]).unwrap();
        let error = crashed.refused();
        match error {
            OpenError::JournalMissing { .. } => assert_eq!(length, 0),
            OpenError::Corrupt { .. } | OpenError::Foreign { .. } => assert!(length > 0),
            other => panic!("{other}"),
        }
    }
}

/// The power went while the last record was written: any part of it may be there.
#[test]
fn a_last_record_that_is_cut_off_at_any_byte_was_never_acknowledged() {
    let (before, after) = (Crashed::after(9), Crashed::after(10));
    let (short, long) = (fs::read(before.journal()), fs::read(after.journal()));
    let (short, long) = (short.unwrap(), long.unwrap());
    let begin = (0..2).map(|segment| SEGMENTS_FROM + segment * SEGMENT_BYTES);
    let (at, end) = begin
        .map(|from| {
            let used_of = |bytes: &[u8]| used(&bytes[from..from + SEGMENT_BYTES]);
            (from + used_of(&short), from + used_of(&long))
        })
        .find(|(at, end)| at < end)
        .unwrap();
    for kept in at..end {
        let mut cut = long.clone();
        cut[kept..end].fill(0);
        fs::write(after.journal(), &cut).unwrap();
        let report = check(&after.store()).unwrap();
        // The record ends in zeros, which may be missing.
        let is_whole = cut == long;
        assert_eq!(report.events_to, 10 + u64::from(is_whole), "{kept}");
    }
    let store = fs::read(after.store()).unwrap();
    let mut torn = long;
    torn[at + 30] ^= 1;
    fs::write(after.journal(), &torn).unwrap();
    assert_eq!(after.opened(), before.world);
    // What comes next is not mistaken for what was torn.
    fs::write(after.store(), store).unwrap();
    fs::write(after.journal(), torn).unwrap();
    let (mut opened, _) = Store::open(&after.store(), options()).unwrap();
    for sequence in 10..=12 {
        opened.commit(&small_batch(sequence)).unwrap();
    }
    let world = World::of(&opened.reader()).unwrap();
    drop(opened);
    assert_eq!(after.opened(), world);
}

/// A bit of any record flips, and later ones are there: commits that were acknowledged would go
/// missing, so that this is damage.
#[test]
fn a_flipped_bit_in_any_but_the_last_record_is_refused() {
    let crashed = Crashed::after(30);
    let whole = fs::read(crashed.journal()).unwrap();
    let from = (0..2)
        .map(|segment| SEGMENTS_FROM + segment * SEGMENT_BYTES)
        .find(|from| used(&whole[*from..from + SEGMENT_BYTES]) > 0)
        .unwrap();
    let end = from + used(&whole[from..from + SEGMENT_BYTES]);
    let (mut refused, mut harmless) = (0, 0);
    for at in (from..end - 128).step_by(7) {
        let mut broken = whole.clone();
        broken[at] ^= 1 << (at % 8);
        fs::write(crashed.journal(), &broken).unwrap();
        match check(&crashed.store()) {
            Ok(report) => {
                assert_eq!((report.journal_commits, report.events_to), (29, 31));
                // A zero between two records.
                assert_eq!(whole[at], 0);
                harmless += 1;
            }
            Err(error) => {
                assert!(matches!(error, OpenError::Corrupt { .. }), "{error}");
                assert!(error.to_string().contains("journal"), "{error}");
                refused += 1;
            }
        }
    }
    assert!(refused > harmless && harmless > 0, "{refused} {harmless}");
    let mut broken = whole;
    broken[from + 40] ^= 1;
    fs::write(crashed.journal(), &broken).unwrap();
    crashed.refused();
}

/// Both segments were used many times over when the process ended.
#[test]
fn what_was_settled_is_not_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let (mut store, _) = Store::open(&path, options()).unwrap();
    let mut batch = agnt_store::Batch::new();
    for sequence in 1..=2000 {
        batch.clear();
        batch.put(
            agnt_store::RowKind::Task,
            b"last",
            sequence.to_string().into(),
        );
        batch.event(sequence, vec![7; 200]);
        store.commit(&batch).unwrap();
    }
    let world = World::of(&store.reader()).unwrap();
    let copied = tempfile::tempdir().unwrap();
    let names = ["store", "store.journal"];
    let read = || names.map(|name| fs::read(folder.path().join(name)).unwrap());
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        // Both as they were at one moment: nothing was settled while they were read.
        let seen = read();
        std::thread::sleep(Duration::from_millis(20));
        if read() != seen {
            continue;
        }
        for (name, content) in names.iter().zip(seen) {
            fs::write(copied.path().join(name), content).unwrap();
        }
        let report = check(&copied.path().join("store")).unwrap();
        assert_eq!(report.events_to, 2001);
        // What is being settled comes to its end.
        if report.journal_commits < 200 {
            break;
        }
        assert!(Instant::now() < deadline, "{report:?}");
    }
    drop(store);
    let (store, _) = Store::open(&copied.path().join("store"), options()).unwrap();
    assert_eq!(World::of(&store.reader()).unwrap(), world);
}
