//! The fuzz corpus: each file, and its first half, goes through the body of the target.

use std::fs;

use agnt_encoding::compression::fuzzing;

use crate::support::root;

#[test]
fn inflate_holds_its_invariants_over_the_corpus() {
    let folder = root().join("fuzz/corpus/inflate");
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let bytes = fs::read(entry.unwrap().path()).unwrap();
        fuzzing::inflate(&bytes);
        fuzzing::inflate(&bytes[..bytes.len() / 2]);
        files += 1;
    }
    assert!(
        (10..100).contains(&files),
        "{} holds {files} files",
        folder.display()
    );
}
