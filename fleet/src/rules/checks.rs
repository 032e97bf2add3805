//! Checks of what is given: texts, sizes, durations.

use serde::Serialize;

use crate::Refusal;

/// The longest label, in characters.
pub(super) const LABEL_CHARACTERS_MAX: usize = 128;

/// The longest duration that may be asked for: a year.
const DURATION_MS_MAX: u64 = 365 * 24 * 3600 * 1000;

/// A label: 1 to 128 characters, none of them a control character.
pub(super) fn check_label(field: &str, label: &str) -> Result<(), Refusal> {
    let issue = match label.chars().count() {
        count if count == 0 || count > LABEL_CHARACTERS_MAX => {
            format!("has {count} characters; 1 to {LABEL_CHARACTERS_MAX} are allowed")
        }
        _ if label.chars().any(char::is_control) => {
            format!("{label:?} has a control character; none is allowed")
        }
        _ => return Ok(()),
    };
    Err(Refusal::invalid(field, issue))
}

/// A label that may be absent.
pub(super) fn check_label_if_any(field: &str, label: Option<&String>) -> Result<(), Refusal> {
    label.map_or(Ok(()), |label| check_label(field, label))
}

/// A duration: 1 ms to a year.
pub(super) fn check_duration(field: &str, duration_ms: u64) -> Result<(), Refusal> {
    if (1..=DURATION_MS_MAX).contains(&duration_ms) {
        return Ok(());
    }
    let issue = format!("is {duration_ms} ms; 1 to {DURATION_MS_MAX} ms are allowed");
    Err(Refusal::invalid(field, issue))
}

/// A duration that may be absent.
pub(super) fn check_duration_if_any(field: &str, duration_ms: Option<u64>) -> Result<(), Refusal> {
    duration_ms.map_or(Ok(()), |duration_ms| check_duration(field, duration_ms))
}

/// A value that is small enough as JSON.
pub(super) fn check_size(
    field: &str,
    value: &impl Serialize,
    bytes_max: usize,
) -> Result<(), Refusal> {
    match json_bytes(value) {
        bytes if bytes > bytes_max => {
            let issue = format!("has {bytes} bytes as JSON; at most {bytes_max} are allowed");
            Err(Refusal::invalid(field, issue))
        }
        _ => Ok(()),
    }
}

/// How many bytes a value has as JSON.
pub(super) fn json_bytes(value: &impl Serialize) -> usize {
    let mut count = ByteCount(0);
    // Neither can fail: the sink takes everything, and JSON values have string keys only.
    match serde_json::to_writer(&mut count, value) {
        Ok(()) => count.0,
        Err(_) => usize::MAX,
    }
}

/// The beginning of a text, at most `bytes_max` bytes of it.
pub(super) fn clipped(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}

/// A sink that counts.
struct ByteCount(usize);

impl std::io::Write for ByteCount {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
