//! Where results go: text for people, JSON for programs.

use std::io::{self, Write};

use serde_json::Value;

use super::plain::{json_document, json_line};

/// Where results go; see the module.
pub(super) struct Output<'a> {
    out: &'a mut dyn Write,
    is_json: bool,
}

impl<'a> Output<'a> {
    pub(super) fn new(out: &'a mut dyn Write, is_json: bool) -> Self {
        Self { out, is_json }
    }

    /// Whether programs read what comes.
    pub(super) fn is_json(&self) -> bool {
        self.is_json
    }

    /// Writes the one thing that was asked for: as JSON, or as `text` for people, which ends its own
    /// lines.
    pub(super) fn document(
        &mut self,
        value: &Value,
        text: impl FnOnce() -> String,
    ) -> io::Result<()> {
        if self.is_json {
            writeln!(self.out, "{}", json_document(value))
        } else {
            write!(self.out, "{}", text())
        }
    }

    /// Writes one of many: a line of JSON, or of `text` for people. It is there at once.
    pub(super) fn line(&mut self, value: &Value, text: impl FnOnce() -> String) -> io::Result<()> {
        if self.is_json {
            writeln!(self.out, "{}", json_line(value))?;
        } else {
            writeln!(self.out, "{}", text())?;
        }
        self.flush()
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Tells people what is no result, beside the results.
pub(super) fn note(text: &str) {
    // Where nobody listens, nothing is to be told.
    let _ = writeln!(io::stderr(), "{text}");
}
