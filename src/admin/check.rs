//! The check of a store that no server uses.

use std::fmt::Write;
use std::path::Path;

use super::store::AdminError;

/// Checks every page, row and event; what is found, for people.
pub fn check(file: &Path) -> Result<String, AdminError> {
    let found = agnt_store::check(file)?;
    let mut text = String::new();
    let closed = match found.was_closed {
        true => "closed in order",
        false => "not closed in order; this is its last whole commit",
    };
    let rows = found
        .rows
        .iter()
        .map(|(kind, count)| format!("{count} {kind:?}"));
    let rows = rows.collect::<Vec<_>>().join(", ").to_lowercase();
    let events = match found.events_to.saturating_sub(found.events_from) {
        0 => "none".to_owned(),
        count => format!("{count}, {} to {}", found.events_from, found.events_to - 1),
    };
    // Writing to a String cannot fail.
    let _ = write!(
        text,
        "{}: sound\n\
         schema   {}\n\
         state    {closed}\n\
         rows     {rows}\n\
         events   {events}\n\
         journal  {} commits\n\
         bytes    {} on disk, {} of content\n",
        file.display(),
        found.schema_version,
        found.journal_commits,
        found.file_bytes,
        found.content_bytes,
    );
    Ok(text)
}
