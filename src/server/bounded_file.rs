//! A file that is read up to a bound: what a setting names may be a device that never ends, or a pipe into which
//! nobody writes.

use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use rustix::fs::OFlags;

/// Reads all of a file that has `bytes_max` bytes at most.
pub fn read_bounded(path: &Path, bytes_max: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let one_more = bytes_max.saturating_add(1) as u64;
    open_at_once(path)?.take(one_more).read_to_end(&mut bytes)?;
    match bytes.len() > bytes_max {
        true => Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("more than {bytes_max} bytes; allowed are at most so many"),
        )),
        false => Ok(bytes),
    }
}

/// Opens a file for reading without waiting for whoever writes it: of a pipe what is in it is read.
fn open_at_once(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_end_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, "0123").unwrap();
        assert_eq!(read_bounded(&path, 4).unwrap(), b"0123");
        for (path, bytes_max) in [(path.as_path(), 3), (Path::new("/dev/zero"), 1 << 20)] {
            let refused = read_bounded(path, bytes_max).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::FileTooLarge);
        }
    }

    #[test]
    fn a_pipe_into_which_nobody_writes_is_empty() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        assert_eq!(read_bounded(&path, 4).unwrap(), b"");
    }
}
