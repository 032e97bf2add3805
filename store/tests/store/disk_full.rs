//! A disk that is full indeed: a small tmpfs, which only root can mount.

use std::path::Path;
use std::process::Command;

use agnt_store::{BackupError, Batch, CommitError, Files, OpenError, Store, check};
use redb::backends::FileBackend;

use crate::world::{World, options};

/// A file system of its own, for as long as it lives.
struct SmallDisk {
    folder: tempfile::TempDir,
}

impl SmallDisk {
    fn mounted(bytes: usize) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]);
        let mounted = mount.arg(folder.path()).output();
        if !mounted.is_ok_and(|it| it.status.success()) {
            println!("skipped: mounting a tmpfs needs root");
            return None;
        }
        Some(Self { folder })
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.path()).status();
    }
}

fn batch(sequence: u64) -> Batch {
    let mut batch = Batch::new();
    batch.event(sequence, vec![7; 20_000]);
    batch
}

#[test]
fn the_full_disk_is_told_reads_go_on_and_space_that_comes_back_is_used() {
    let Some(disk) = SmallDisk::mounted(8 << 20) else {
        return;
    };
    let path = disk.path().join("store");
    let (mut store, _) = Store::open(&path, options()).unwrap();
    let reader = store.reader();
    // Something else has the rest of the disk.
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 3 << 20]).unwrap();

    let mut sequence = 1;
    let error = loop {
        match store.commit(&batch(sequence)) {
            Ok(()) => sequence += 1,
            Err(error) => break error,
        }
        assert!(sequence < 1000, "the disk must be full by now");
    };
    assert!(matches!(error, CommitError::NoSpace { .. }), "{error}");
    let before = World::of(&reader).unwrap();
    assert_eq!(before.events_seen, sequence - 1);
    assert!(sequence > 10, "{sequence}");
    for _ in 0..3 {
        let error = store.commit(&batch(sequence)).unwrap_err();
        assert!(matches!(error, CommitError::NoSpace { .. }), "{error}");
        assert_eq!(World::of(&reader).unwrap(), before);
    }
    let error = reader.backup(&disk.path().join("copy")).unwrap_err();
    assert!(matches!(error, BackupError::NoSpace { .. }), "{error}");

    std::fs::remove_file(&ballast).unwrap();
    store.commit(&batch(sequence)).unwrap();
    assert_eq!(World::of(&reader).unwrap().events_seen, sequence);
    store.close().unwrap();
    assert_eq!(check(&path).unwrap().events_to, sequence + 1);
}

/// Without a look at the disk beforehand: redb meets the full disk in the middle of a commit.
#[test]
fn a_commit_that_fills_the_disk_is_undone() {
    let Some(disk) = SmallDisk::mounted(8 << 20) else {
        return;
    };
    let path = disk.path().join("store");
    Store::open(&path, options()).unwrap().0.close().unwrap();
    let journal = disk.path().join("store.journal");
    let files = [&path, &journal].map(|path| {
        let mut options = std::fs::File::options();
        let options = options.read(true).write(true).create(true).truncate(false);
        FileBackend::new(options.open(path).unwrap()).unwrap()
    });
    let [file, journal] = files;
    let (mut store, _) = Store::open_on(Files::new(file, journal), options()).unwrap();
    let reader = store.reader();
    let ballast = disk.path().join("ballast");
    std::fs::write(&ballast, vec![1; 3 << 20]).unwrap();

    let mut sequence = 1;
    while let Ok(()) = store.commit(&batch(sequence)) {
        sequence += 1;
        assert!(sequence < 1000, "the disk must be full by now");
    }
    let before = World::of(&reader).unwrap();
    assert_eq!(before.events_seen, sequence - 1);
    for _ in 0..3 {
        let error = store.commit(&batch(sequence)).unwrap_err();
        assert!(matches!(error, CommitError::NoSpace { .. }), "{error}");
        assert_eq!(World::of(&reader).unwrap(), before);
    }
    std::fs::remove_file(&ballast).unwrap();
    for _ in 0..20 {
        store.commit(&batch(sequence)).unwrap();
        sequence += 1;
    }
    store.close().unwrap();
    assert_eq!(check(&path).unwrap().events_to, sequence);
}

#[test]
fn a_new_store_without_room_leaves_nothing() {
    let Some(disk) = SmallDisk::mounted(64 << 10) else {
        return;
    };
    std::fs::write(disk.path().join("ballast"), vec![1; 60 << 10]).unwrap();
    let error = Store::open(&disk.path().join("store"), options()).unwrap_err();
    assert!(matches!(error, OpenError::NoSpace { .. }), "{error}");
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 1);
}
