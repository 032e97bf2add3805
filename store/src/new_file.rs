//! A file that appears under its name only when it is whole, and never over another.

use std::fs::{File, OpenOptions};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};

/// A file under a name of its own beside the one that it will have. Dropped unpublished, it is gone;
/// only a crash leaves it behind, as `.NAME.RANDOM.new`.
pub(crate) struct NewFile {
    own: PathBuf,
    target: PathBuf,
}

impl NewFile {
    /// Makes it, empty, readable and writable by its owner alone.
    pub(crate) fn beside(target: &Path) -> io::Result<(Self, File)> {
        let name = target.file_name().ok_or_else(|| {
            let found = format!("\"{}\" names no file", target.display());
            io::Error::new(io::ErrorKind::InvalidInput, found)
        })?;
        let random = RandomState::new().hash_one(std::process::id());
        let own = format!(".{}.{random:016x}.new", name.to_string_lossy());
        let own = target.with_file_name(own);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&own)?;
        let target = target.to_owned();
        Ok((Self { own, target }, file))
    }

    /// Gives the file its name, for good. Its bytes must be on disk already; if the name is taken,
    /// the error is `AlreadyExists`.
    pub(crate) fn publish(self) -> io::Result<()> {
        std::fs::hard_link(&self.own, &self.target)?;
        std::fs::remove_file(&self.own)?;
        sync_folder(&self.target)
    }
}

impl Drop for NewFile {
    fn drop(&mut self) {
        // After publishing there is nothing left to remove.
        let _ = std::fs::remove_file(&self.own);
    }
}

/// Makes the names in the folder of `path` last.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|it| !it.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

#[cfg(not(unix))]
fn sync_folder(_: &Path) -> io::Result<()> {
    Ok(())
}
