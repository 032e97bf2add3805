//! What a store costs: commits, and opening it after a close and after a crash.
//!
//! `AGNT_STORE_MEGABYTES` (300) is how much is stored, in `TMPDIR`; half of it events, half rows.

#![allow(clippy::print_stdout, reason = "the figures are what this is for")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use agnt_store::{Batch, Options, ReadError, RowKind, Store, check};

/// A row or an event of the agent API.
const VALUE_BYTES: usize = 300;
const GROUP: u64 = 256;

fn main() {
    let megabytes = std::env::var("AGNT_STORE_MEGABYTES").map_or(300, |it| it.parse().unwrap());
    let pairs = megabytes * 1_000_000 / VALUE_BYTES as u64 / 2;
    let folder = tempfile::tempdir().unwrap();
    let (path, killed) = (folder.path().join("store"), folder.path().join("killed"));
    let (mut store, _) = Store::open(&path, Options::default()).unwrap();

    let mut next = 1;
    for group in [1, 16] {
        commits(&mut store, &mut next, 200 * group, group);
    }
    let rest = pairs.saturating_sub(next);
    commits(&mut store, &mut next, rest, GROUP);

    // A process that is killed now leaves both: what is in the journal alone isn't in the store.
    for suffix in ["", ".journal"] {
        let of = |file: &Path| format!("{}{suffix}", file.display());
        std::fs::copy(of(&path), of(&killed)).unwrap();
    }
    let (copy, reader) = (folder.path().join("copy"), store.reader());
    timed("backup", &path, || reader.backup(&copy).unwrap());
    timed("close", &path, || store.close().unwrap());
    timed("open after a close", &path, || {
        Store::open(&path, Options::default()).unwrap()
    });
    timed("open after a kill", &path, || {
        Store::open(&killed, Options::default()).unwrap()
    });
    timed("check", &path, || check(&path).unwrap());
    let (store, _) = Store::open(&path, Options::default()).unwrap();
    let reader = store.reader();
    timed("scan of all rows", &path, || {
        for kind in RowKind::ALL {
            reader.scan::<ReadError>(kind, |_, _| Ok(())).unwrap();
        }
    });
    timed("read of all events", &path, || {
        reader.events(0, |_, _| ControlFlow::Continue(())).unwrap();
    });
}

/// Commits `count` pairs of a row and an event.
fn commits(store: &mut Store, next: &mut u64, count: u64, group: u64) {
    let began = Instant::now();
    let groups = count.div_ceil(group);
    for _ in 0..groups {
        let mut batch = Batch::new();
        for _ in 0..group {
            let key = format!("task-{:016x}", next.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            batch.put(RowKind::Task, key.as_bytes(), vec![7; VALUE_BYTES]);
            batch.event(*next, vec![8; VALUE_BYTES]);
            *next += 1;
        }
        store.commit(&batch).unwrap();
    }
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "groups of {group}: {:.0} commits/s, {:.0} pairs/s",
        groups as f64 / seconds,
        (groups * group) as f64 / seconds
    );
}

fn timed<T>(what: &str, path: &Path, work: impl FnOnce() -> T) {
    let began = Instant::now();
    let done = work();
    let seconds = began.elapsed().as_secs_f64();
    drop(done);
    let about = std::fs::metadata(path).unwrap();
    let gigabytes = std::os::unix::fs::MetadataExt::blocks(&about) as f64 * 512e-9;
    println!(
        "{what}: {seconds:.2} s, {:.2} s/GB of {gigabytes:.2} GB on disk",
        seconds / gigabytes
    );
}
