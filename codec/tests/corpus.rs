//! The fuzz corpus: each file and each of its prefixes goes through its target's body.

use std::fs;

use agnt_codec::fuzzing;

use crate::support::root;

fn replay(target: &str, body: fn(&[u8])) {
    let folder = root().join("fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let bytes = fs::read(&path).unwrap();
        for end in 0..=bytes.len() {
            body(&bytes[..end]);
        }
        files += 1;
    }
    assert!(
        (10..100).contains(&files),
        "{} holds {files} files",
        folder.display()
    );
}

#[test]
fn decode() {
    replay("decode", fuzzing::decode);
}

#[test]
fn roundtrip() {
    replay("roundtrip", fuzzing::roundtrip);
}
