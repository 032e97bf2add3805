//! The engine's fuzz corpus: each file, and its first half, goes through the body of the target.

use std::fs;
use std::path::Path;
use std::time::Instant;

use agnt::engine::fuzzing::stream_ops;

#[test]
fn stream_ops_holds_its_invariants_over_the_corpus() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/stream_ops");
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        stream_ops(&bytes, Instant::now());
        stream_ops(&bytes[..bytes.len() / 2], Instant::now());
        files += 1;
    }
    assert!(
        (10..60).contains(&files),
        "{} holds {files} files",
        folder.display()
    );
}
