//! A text that never shows itself by mistake: a token on its way to whom it is for.

use std::fmt;

/// The text; see the module.
#[derive(Clone, PartialEq, Eq)]
pub struct HiddenText(String);

impl HiddenText {
    /// The text itself, for whoever must have it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for HiddenText {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for HiddenText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("hidden")
    }
}
