//! The folder in which a server keeps its data. What is made here is its owner's alone to read: the
//! store has everybody's data and the digests of their keys.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::start_error::StartError;
use crate::config::Config;
use crate::net::api::STALE_COPY_PREFIX;

/// The store's file in it.
pub const STORE_FILE: &str = "agnt.redb";

/// Makes the folder where it is missing.
pub fn make_data_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}

pub(super) fn store_path(config: &Config) -> PathBuf {
    config.data_dir.join(STORE_FILE)
}

/// Refuses a folder that can't be used or made, without making it.
pub(super) fn check(path: &Path) -> Result<(), StartError> {
    let there = path.ancestors().find(|path| path.exists());
    let there = there
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let usable = match there.is_dir() {
        true => access(there, Access::WRITE_OK | Access::EXEC_OK).map_err(io::Error::from),
        false => Err(io::ErrorKind::NotADirectory.into()),
    };
    usable.map_err(|error| unusable(path, error))
}

/// Makes the folder where it is missing, and removes what a crash left in it.
pub(super) fn prepare(path: &Path) -> Result<(), StartError> {
    make_data_dir(path).map_err(|error| unusable(path, error))?;
    let entries = fs::read_dir(path).map_err(|error| unusable(path, error))?;
    for entry in entries.flatten() {
        let name = entry.file_name();
        if name.to_string_lossy().starts_with(STALE_COPY_PREFIX)
            && let Err(error) = fs::remove_file(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "a stale copy stays");
        }
    }
    Ok(())
}

fn unusable(path: &Path, error: io::Error) -> StartError {
    StartError::DataDir {
        path: path.to_owned(),
        error,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn what_is_made_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b");
        prepare(&path).unwrap();
        prepare(&path).unwrap();
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn a_check_makes_nothing_and_refuses_what_could_not_be_made() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("a/b");
        check(&missing).unwrap();
        check(Path::new("missing")).unwrap();
        assert!(!missing.exists() && !Path::new("missing").exists());
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for path in [file.clone(), file.join("below")] {
            let refused = check(&path).unwrap_err().to_string();
            assert!(refused.starts_with("data_dir: "), "{refused}");
        }
    }
}
