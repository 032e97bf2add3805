//! A file that may be replaced or written anew at any time: whether there is something new in it.
//!
//! What is being written is left alone: a change counts once the file was seen unchanged for one look.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The file; see the module.
#[derive(Clone, Debug)]
pub struct WatchedFile {
    path: PathBuf,
    /// As it was when it was read.
    read: FileState,
    /// As it was at the last look.
    seen: FileState,
}

/// What tells one state of a file from another, if there is one: which file it is, how long it is,
/// when it was written, and when anything about it changed, which nobody sets back.
type FileState = Option<(u64, u64, [i64; 2], [i64; 2])>;

impl WatchedFile {
    /// The file as it is now.
    pub fn new(path: &Path) -> Self {
        let state = state(path);
        Self {
            path: path.to_owned(),
            read: state,
            seen: state,
        }
    }

    /// The file is read now, whatever state it is in.
    pub(super) fn is_read(&mut self) {
        self.seen = state(&self.path);
        self.read = self.seen;
    }

    /// Looks at it: whether it is other than when it was read, and as it was at the last look.
    pub(super) fn has_news(&mut self) -> bool {
        let now = state(&self.path);
        let is_quiet = now == self.seen;
        self.seen = now;
        is_quiet && now != self.read
    }
}

fn state(path: &Path) -> FileState {
    let about = fs::metadata(path).ok()?;
    let written = [about.mtime(), about.mtime_nsec()];
    let changed = [about.ctime(), about.ctime_nsec()];
    Some((about.ino(), about.len(), written, changed))
}

#[cfg(test)]
mod tests {
    use std::fs::{FileTimes, OpenOptions};
    use std::io::Write;

    use super::*;

    /// A file in a folder of its own.
    fn file() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("agnt.toml");
        fs::write(&path, "loops = 1\n").unwrap();
        (folder, path)
    }

    #[test]
    fn what_is_being_written_is_left_alone() {
        let (_folder, path) = file();
        let mut watched = WatchedFile::new(&path);
        assert!(!watched.has_news() && !watched.has_news());
        let mut writer = OpenOptions::new();
        let mut writer = writer.write(true).truncate(true).open(&path).unwrap();
        assert!(!watched.has_news(), "it was emptied just now");
        for part in ["loops ", "= ", "22"] {
            writer.write_all(part.as_bytes()).unwrap();
            assert!(!watched.has_news(), "{part}");
        }
        assert!(watched.has_news(), "nothing came since");
        watched.is_read();
        assert!(!watched.has_news());
    }

    #[test]
    fn another_file_of_the_same_length_and_time_is_noticed() {
        let (folder, path) = file();
        let mut watched = WatchedFile::new(&path);
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        let beside = folder.path().join("new");
        fs::write(&beside, "loops = 2\n").unwrap();
        let times = FileTimes::new().set_modified(time);
        let opened = OpenOptions::new().write(true).open(&beside).unwrap();
        opened.set_times(times).unwrap();
        fs::rename(&beside, &path).unwrap();
        assert!(!watched.has_news() && watched.has_news());
        watched.is_read();

        // Written in place, and its time set back.
        let mut opened = OpenOptions::new().write(true).open(&path).unwrap();
        opened.write_all(b"loops = 3\n").unwrap();
        opened.set_times(times).unwrap();
        assert!(!watched.has_news() && watched.has_news());
    }

    #[test]
    fn a_file_that_goes_and_comes_back_is_noticed_both_times() {
        let (_folder, path) = file();
        let mut watched = WatchedFile::new(&path);
        fs::remove_file(&path).unwrap();
        assert!(!watched.has_news() && watched.has_news());
        watched.is_read();
        fs::write(&path, "loops = 1\n").unwrap();
        assert!(!watched.has_news() && watched.has_news());
    }
}
