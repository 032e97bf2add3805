//! What a running fleet costs: changes from one and from many submitters, and a start.
//!
//! `AGNT_FLEET_MEGABYTES` (300) is how much is stored, in `TMPDIR`, before it is started anew.

#![allow(clippy::print_stdout, reason = "the figures are what this is for")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::path::Path;
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use agnt_fleet::mutation::NewTask;
use agnt_fleet::task::RetryPolicy;
use agnt_fleet::topics::Pattern;
use agnt_fleet::{Fields, Fleet, FleetSettings, Id, Mutation, Timestamp};

/// A task of 1.2 kB together with its event, which nobody is there to do.
const INPUT_BYTES: usize = 250;

fn main() {
    let megabytes = std::env::var("AGNT_FLEET_MEGABYTES").map_or(300, |it| it.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (path, killed) = (folder.path().join("fleet"), folder.path().join("killed"));
    let fleet = open(&path);
    for submitters in [1, 16, 64, 256] {
        changes(&fleet, submitters);
    }
    let mut tasks = 0_u64;
    while bytes_of(&path) < megabytes * 1_000_000 {
        fill(&fleet, 20_000);
        tasks += 20_000;
    }
    println!("{tasks} tasks more, {} events", fleet.head());
    pages(&fleet);
    // A killed server leaves both: what is in the journal alone isn't in the store.
    for suffix in ["", ".journal"] {
        let of = |file: &Path| format!("{}{suffix}", file.display());
        std::fs::copy(of(&path), of(&killed)).unwrap();
    }
    timed("close", &path, || fleet.close().unwrap());
    let before = resident_bytes();
    let fleet = timed("start after a close", &path, || open(&path));
    let resident = (resident_bytes() - before) / 1e6;
    println!("{resident:.0} MB more memory after it");
    drop(fleet);
    timed("start after a kill", &killed, || open(&killed));
}

fn open(path: &Path) -> Fleet {
    let clock = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        Timestamp::from_micros(since.as_micros() as u64)
    };
    Fleet::open(path, &FleetSettings::default(), Arc::new(()), clock).unwrap()
}

fn task() -> Mutation {
    Mutation::CreateTask(NewTask {
        id: None,
        task_type: Id::new("code_generation").unwrap(),
        priority: None,
        assigned_agent: None,
        workflow_id: None,
        stage: None,
        dependencies: Vec::new(),
        input: Fields::from_iter([("prompt".to_owned(), "x".repeat(INPUT_BYTES).into())]),
        metadata: Fields::new(),
        deadline: None,
        timeout_ms: None,
        retry: RetryPolicy::default(),
        source: None,
    })
}

/// So many submitters, each of which waits for its answer before it asks again.
fn changes(fleet: &Fleet, submitters: u64) {
    let each = 8000 / submitters;
    let (before, began) = (fleet.stats(), Instant::now());
    std::thread::scope(|scope| {
        for _ in 0..submitters {
            scope.spawn(|| {
                for _ in 0..each {
                    fleet.execute_blocking(task(), None).unwrap();
                }
            });
        }
    });
    let (after, seconds) = (fleet.stats(), began.elapsed().as_secs_f64());
    let commits = after.commits - before.commits;
    println!(
        "{submitters} submitters: {:.0} tasks/s, {:.3} syncs a task, {:.2} ms a commit",
        (each * submitters) as f64 / seconds,
        commits as f64 / (each * submitters) as f64,
        (after.commit_us_sum - before.commit_us_sum) as f64 / commits as f64 / 1e3
    );
}

/// Tasks as fast as they are taken.
fn fill(fleet: &Fleet, count: u64) {
    let last = fleet.head() + count;
    let mut sent = 0;
    while sent < count {
        match fleet.submit(task(), None, |result| drop(result.unwrap())) {
            Ok(()) => sent += 1,
            Err(_) => std::thread::yield_now(),
        }
    }
    while fleet.head() < last {
        std::thread::yield_now();
    }
}

/// A page of a hundred events, from memory and from the file.
fn pages(fleet: &Fleet) {
    let pattern = Pattern::parse("task.*.created").unwrap();
    let head = fleet.head();
    for (what, after) in [("newest", head - 100), ("oldest", 0), ("middle", head / 2)] {
        let began = Instant::now();
        for _ in 0..100 {
            let page = fleet.events(Some(&pattern), after, 100).unwrap();
            assert_eq!(page.events.len(), 100);
        }
        let micros = began.elapsed().as_secs_f64() * 1e6 / 100.0;
        println!("page of 100 events, {what}: {micros:.0} us");
    }
}

fn timed<T>(what: &str, path: &Path, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    let (seconds, gigabytes) = (began.elapsed().as_secs_f64(), bytes_of(path) as f64 / 1e9);
    println!(
        "{what}: {seconds:.2} s, {:.2} s/GB of {gigabytes:.2} GB on disk",
        seconds / gigabytes
    );
    done
}

fn bytes_of(path: &Path) -> u64 {
    let about = std::fs::metadata(path).unwrap();
    std::os::unix::fs::MetadataExt::blocks(&about) * 512
}

/// What this process has in memory, as far as the system says.
fn resident_bytes() -> f64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|it| it.parse().ok());
    pages.unwrap_or(0.0) * 4096.0
}
