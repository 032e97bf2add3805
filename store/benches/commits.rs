//! What a commit costs: with a journal, without one, and what the disk asks at least: one write to a
//! file that is there already, and one sync. In turns, so that a busy machine slows all alike.
//!
//! `AGNT_STORE_COMMITS` (2000) is how many of each size, in `TMPDIR`; figures are microseconds.

#![allow(clippy::print_stdout, reason = "the figures are what this is for")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Instant;

use agnt_store::{Batch, Files, Options, RowKind, Store};
use redb::StorageBackend;
use redb::backends::FileBackend;

const ROW_BYTES: usize = 700;
const EVENT_BYTES: usize = 500;
const FLOOR_FILE_BYTES: u64 = 16 << 20;

/// A device for no journal.
#[derive(Debug)]
struct NoDevice;

impl StorageBackend for NoDevice {
    fn len(&self) -> std::io::Result<u64> {
        Ok(0)
    }

    fn read(&self, _: u64, _: &mut [u8]) -> std::io::Result<()> {
        Ok(())
    }

    fn set_len(&self, _: u64) -> std::io::Result<()> {
        Err(std::io::ErrorKind::Unsupported.into())
    }

    fn sync_data(&self) -> std::io::Result<()> {
        Ok(())
    }

    fn write(&self, _: u64, _: &[u8]) -> std::io::Result<()> {
        Ok(())
    }
}

/// The least that a disk asks for.
struct Floor {
    file: File,
    at: u64,
}

impl Floor {
    fn new(path: &Path) -> Self {
        std::fs::write(path, vec![0; FLOOR_FILE_BYTES as usize]).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.sync_all().unwrap();
        Self { file, at: 0 }
    }

    fn commit(&mut self, bytes: usize) {
        let bytes = vec![7; bytes];
        if self.at + bytes.len() as u64 > FLOOR_FILE_BYTES {
            self.at = 0;
        }
        self.file.write_all_at(&bytes, self.at).unwrap();
        self.file.sync_data().unwrap();
        self.at += bytes.len() as u64;
    }
}

fn batch(next: &mut u64, pairs: u64) -> Batch {
    let mut batch = Batch::new();
    for _ in 0..pairs {
        let key = format!("task-{:016x}", next.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        batch.put(RowKind::Task, key.as_bytes(), vec![7; ROW_BYTES]);
        batch.event(*next, vec![8; EVENT_BYTES]);
        *next += 1;
    }
    batch
}

fn timed(times: &mut Vec<u64>, work: impl FnOnce()) {
    let began = Instant::now();
    work();
    times.push(began.elapsed().as_micros() as u64);
}

fn main() {
    let commits = std::env::var("AGNT_STORE_COMMITS").map_or(2000, |it| it.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let mut journaled = Store::open(&path("journaled"), Options::default())
        .unwrap()
        .0;
    let direct = File::create_new(path("direct")).unwrap();
    drop(direct);
    let direct = File::options().read(true).write(true).open(path("direct"));
    let direct = Files::new(FileBackend::new(direct.unwrap()).unwrap(), NoDevice);
    let mut direct = Store::open_on(direct, Options::default()).unwrap().0;
    let mut floor = Floor::new(&path("floor"));
    let (mut next_journaled, mut next_direct) = (1, 1);
    for pairs in [1, 4, 32, 128] {
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..commits {
            let batches = [
                batch(&mut next_journaled, pairs),
                batch(&mut next_direct, pairs),
            ];
            timed(&mut times[0], || journaled.commit(&batches[0]).unwrap());
            timed(&mut times[1], || direct.commit(&batches[1]).unwrap());
            timed(&mut times[2], || floor.commit(batches[0].len_bytes() + 64));
        }
        let [journaled, direct, floor] = times.map(Figures::of);
        println!("{pairs} rows and events a commit:");
        println!("  journal {journaled}\n  direct  {direct}\n  floor   {floor}");
        println!(
            "  journal is {:.2} x floor, direct {:.2} x; p99: {:.2} x and {:.2} x",
            journaled.mean / floor.mean,
            direct.mean / floor.mean,
            journaled.p99 as f64 / floor.p99 as f64,
            direct.p99 as f64 / floor.p99 as f64,
        );
    }
}

struct Figures {
    mean: f64,
    p50: u64,
    p99: u64,
    max: u64,
}

impl Figures {
    fn of(mut times: Vec<u64>) -> Self {
        times.sort_unstable();
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        Self {
            mean: times.iter().sum::<u64>() as f64 / times.len() as f64,
            p50: at(0.5),
            p99: at(0.99),
            max: at(1.0),
        }
    }
}

impl std::fmt::Display for Figures {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            mean,
            p50,
            p99,
            max,
        } = self;
        write!(out, "mean {mean:.0}, p50 {p50}, p99 {p99}, max {max}")
    }
}
