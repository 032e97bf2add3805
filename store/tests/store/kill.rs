//! `kill -9` of a process that writes: what it said was committed is there, and nothing in part.
//! Once over the system's file, once over one that loses with its process all that was not synced.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use agnt_store::faults::FaultyFile;
use agnt_store::{Batch, RowKind, Store, check};

use crate::world::{World, options};

const CYCLES: u64 = 10;

#[test]
fn acknowledged_commits_survive_the_process() {
    survive("file");
}

#[test]
fn acknowledged_commits_survive_what_was_not_synced() {
    survive("faulty");
}

fn survive(kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(Store::open(&path, options()).unwrap());
    let mut acknowledged = 0;
    for cycle in 0..CYCLES {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::writes_until_it_is_killed", "--nocapture"])
            .env("AGNT_STORE_WRITTEN_IN_A_CHILD", &path)
            .env("AGNT_STORE_KIND", kind)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // Killed somewhere in the commit behind this one.
        let enough = acknowledged + 3 + cycle * 7 % 11;
        while acknowledged < enough {
            let line = lines.next().unwrap().unwrap();
            acknowledged = line
                .strip_prefix("committed ")
                .map_or(acknowledged, |it| it.parse().unwrap());
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines.map_while(Result::ok) {
            acknowledged = line
                .strip_prefix("committed ")
                .map_or(acknowledged, |it| it.parse().unwrap());
        }

        let report = check(&path).unwrap();
        assert!(!report.was_closed, "the process had no time to close it");
        let (store, opened) = Store::open(&path, options()).unwrap();
        assert!(opened.repaired);
        let world = World::of(&store.reader()).unwrap();
        let last = world.rows.get(&(RowKind::Meta, b"last".to_vec())).unwrap();
        let last: u64 = String::from_utf8_lossy(last).parse().unwrap();
        assert!((acknowledged..=acknowledged + 1).contains(&last), "{last}");
        assert_eq!(world.events_seen, last * 3, "batches are whole");
        assert_eq!(report.events_to, last * 3 + 1);
        acknowledged = last;
    }
}

/// The process that is killed.
#[test]
fn writes_until_it_is_killed() {
    let Some(path) = std::env::var_os("AGNT_STORE_WRITTEN_IN_A_CHILD") else {
        return;
    };
    let (mut store, opened) = match std::env::var("AGNT_STORE_KIND").as_deref() {
        Ok("faulty") => {
            let (file, _) = FaultyFile::open(Path::new(&path)).unwrap();
            Store::open_on(file, options()).unwrap()
        }
        _ => Store::open(Path::new(&path), options()).unwrap(),
    };
    println!();
    let mut next = opened.events_to;
    loop {
        let mut batch = Batch::new();
        let number = next.div_ceil(3);
        batch.put(RowKind::Meta, b"last", number.to_string().into_bytes());
        batch.put(
            RowKind::Task,
            format!("{:04}", number * 37 % 1000).as_bytes(),
            vec![1; 900],
        );
        for _ in 0..3 {
            batch.event(next, vec![2; 300]);
            next += 1;
        }
        store.commit(&batch).unwrap();
        let mut out = std::io::stdout().lock();
        writeln!(out, "committed {number}").unwrap();
        out.flush().unwrap();
    }
}
