//! The fuzz corpus: each file, and its first half, goes through the bodies of the target.

use std::path::Path;

use agnt_encoding::fuzzing;

#[test]
fn encodings() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus/encodings");
    let mut files = 0;
    for entry in std::fs::read_dir(&folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        for part in [&bytes[..], &bytes[..bytes.len() / 2]] {
            fuzzing::decode(part);
            fuzzing::roundtrip(part);
        }
        files += 1;
    }
    assert!(
        (10..100).contains(&files),
        "{} holds {files} files",
        folder.display()
    );
}
