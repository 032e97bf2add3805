//! redb's panics as errors.
//!
//! redb trusts a file that was closed in order and may panic where somebody has changed such a file
//! since. A file is input like any other, so that such a panic becomes the error that it should be.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// What `work` on a database returns, a panic in it being damage to the file.
///
/// After a panic redb's own locks are poisoned and its database answers errors; nothing that `work`
/// holds is used again but by redb.
pub(crate) fn guarded<T>(work: impl FnOnce() -> Result<T, redb::Error>) -> Result<T, redb::Error> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("for an unknown reason");
        Err(redb::Error::Corrupted(format!(
            "its pages contradict each other: {message}"
        )))
    })
}
