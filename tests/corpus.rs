//! The fuzz corpora over the engine and over sessions: each file, and its first half, goes through
//! the body of the target.

use std::fs;
use std::path::Path;
use std::time::Instant;

use agnt::dialect::visual::fuzzing::session;
use agnt::engine::fuzzing::stream_ops;
use agnt::net::seal::ENCODERS;

/// Runs a body over every file of a corpus.
fn replay(name: &str, body: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(name);
    let mut files = 0;
    for entry in fs::read_dir(&folder).expect("a folder") {
        let bytes = fs::read(entry.expect("an entry").path()).expect("a file");
        body(&bytes);
        body(&bytes[..bytes.len() / 2]);
        files += 1;
    }
    assert!(
        (10..60).contains(&files),
        "{} holds {files} files",
        folder.display()
    );
}

#[test]
fn stream_ops_holds_its_invariants_over_the_corpus() {
    replay("stream_ops", |bytes| stream_ops(bytes, Instant::now()));
}

#[test]
fn sessions_hold_their_invariants_over_the_corpus() {
    replay("sessions", |bytes| {
        session(bytes, Instant::now(), ENCODERS);
    });
}
