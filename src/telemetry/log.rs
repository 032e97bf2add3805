//! Log lines on standard error, as text or as JSON.
//!
//! Invariant: an event is one line, and no control character that came from a peer reaches the
//! output raw. Neither colours nor any other escape sequence of our own is written.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::sync::OnceLock;

use tracing_subscriber::EnvFilter;

/// Why logging could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is malformed.
    #[error("log: the filter is not allowed: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// What receives the events is gone.
    #[error("log: nothing receives the events any more")]
    Gone,
    /// Something else in the process already receives the events.
    #[error("log: logging was started before")]
    Started,
}

/// Puts another filter in place of the one that holds; false if there is none.
type ChangeFilter = Box<dyn Fn(EnvFilter) -> bool + Send + Sync>;

static CHANGE_FILTER: OnceLock<ChangeFilter> = OnceLock::new();

/// Starts logging: events that `filter` lets through go to standard error, as JSON if `json`.
pub fn init(filter: &str, json: bool) -> Result<(), LogError> {
    let builder = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(filter)?)
        .with_ansi(false)
        .with_writer(|| EscapingWriter(io::stderr()));
    let (started, change): (_, ChangeFilter) = if json {
        let builder = builder.json().with_filter_reloading();
        let handle = builder.reload_handle();
        let change = move |filter| handle.reload(filter).is_ok();
        let subscriber = builder.finish();
        let started = tracing::subscriber::set_global_default(subscriber);
        (started, Box::new(change))
    } else {
        let builder = builder.with_filter_reloading();
        let handle = builder.reload_handle();
        let change = move |filter| handle.reload(filter).is_ok();
        let subscriber = builder.finish();
        let started = tracing::subscriber::set_global_default(subscriber);
        (started, Box::new(change))
    };
    started.map_err(|_| LogError::Started)?;
    CHANGE_FILTER.set(change).map_err(|_| LogError::Started)
}

/// From now on `filter` says which events are shown. Where logging was not started, none are.
pub fn set_filter(filter: &str) -> Result<(), LogError> {
    let filter = EnvFilter::try_new(filter)?;
    match CHANGE_FILTER.get() {
        Some(change) if !change(filter) => Err(LogError::Gone),
        _ => Ok(()),
    }
}

/// Escapes every control character but the line's own end. The formatter hands over one whole
/// event in one write.
struct EscapingWriter<W>(W);

impl<W: Write> Write for EscapingWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        if line.contains(is_unsafe) {
            self.0.write_all(escaped(line).as_bytes())?;
        } else {
            self.0.write_all(text.as_bytes())?;
        }
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// `line` with an end of its own. The escape is one that a JSON string allows too.
fn escaped(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len() + 64);
    for letter in line.chars() {
        if is_unsafe(letter) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(letter));
        } else {
            escaped.push(letter);
        }
    }
    escaped.push('\n');
    escaped
}

/// Control characters, line ends that Unicode knows, and marks that turn the writing direction.
fn is_unsafe(letter: char) -> bool {
    let ends_or_turns = [
        '\u{200e}'..='\u{200f}',
        '\u{2028}'..='\u{202e}',
        '\u{2066}'..='\u{2069}',
    ];
    letter.is_control() || ends_or_turns.iter().any(|range| range.contains(&letter))
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Kept {
        fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    const HOSTILE: &str = "x\r\n1970 ERROR forged \u{1b}[2J\u{9b}31m\u{7f}\u{202e}é";

    #[test]
    fn a_hostile_name_cannot_forge_a_line() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .with_writer(move || EscapingWriter(writer.clone()))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(name = %HOSTILE, "joined as {HOSTILE}");
            tracing::info!("plain");
        });
        let text = kept.text();
        assert_eq!(text.lines().count(), 2, "{text:?}");
        assert!(
            !text.lines().any(|line| line.contains(is_unsafe)),
            "{text:?}"
        );
        assert!(
            text.contains("\\u000d\\u000a1970") && text.contains('é'),
            "{text:?}"
        );
        assert!(text.ends_with("plain\n"), "{text:?}");
    }

    #[test]
    fn json_lines_stay_json() {
        let kept = Kept::default();
        let writer = kept.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .with_writer(move || EscapingWriter(writer.clone()))
            .finish();
        tracing::subscriber::with_default(subscriber, || {
            tracing::info!(name = %HOSTILE, "joined");
        });
        let text = kept.text();
        assert_eq!(text.lines().count(), 1, "{text:?}");
        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(event["fields"]["name"], HOSTILE);
    }

    #[test]
    fn a_bad_filter_is_told() {
        assert!(matches!(init("agnt=loud", false), Err(LogError::Filter(_))));
    }
}
