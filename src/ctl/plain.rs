//! Text that a terminal can be shown: what would control it is spelled out.

use std::fmt::Write;

use serde_json::Value;

use crate::config::one_line;

/// A foreign text on one line, nothing in it raw that moves a cursor or turns the direction of
/// writing.
pub(super) fn plain(text: &str) -> String {
    let line = one_line(text);
    let mut plain = String::with_capacity(line.len());
    for letter in line.chars() {
        if turns(letter) {
            plain.extend(letter.escape_default());
        } else {
            plain.push(letter);
        }
    }
    plain
}

/// JSON on one line.
pub(super) fn json_line(value: &Value) -> String {
    escaped(&value.to_string())
}

/// JSON on many lines.
pub(super) fn json_document(value: &Value) -> String {
    // A value that was read has texts for keys, so that it can be written.
    let text = serde_json::to_string_pretty(value).unwrap_or_default();
    escaped(&text)
}

/// The same JSON with the characters escaped that JSON alone lets through. They stand in texts only;
/// the line ends are those between values, for in texts they are escaped already.
fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter != '\n' && (letter.is_control() || turns(letter)) {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\u{:04x}", u32::from(letter));
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

/// Whether a character turns the direction of writing, breaks lines or can't be seen.
fn turns(letter: char) -> bool {
    matches!(
        letter,
        '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}'
    )
}

/// The first `chars_max` characters of a text, with a mark if that is not all.
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const HOSTILE: &str = "a\u{1b}[2J\u{9b}31m\u{7}\r\n\t\u{7f}\u{202e}\u{2066}\u{feff}é";

    fn is_harmless(text: &str) -> bool {
        let harmful = ['\u{1b}', '\u{9b}', '\u{7}', '\r', '\t', '\u{7f}'];
        let turning = ['\u{202e}', '\u{2066}', '\u{feff}'];
        !text.contains(harmful) && !text.contains(turning) && text.contains('é')
    }

    #[test]
    fn nothing_that_controls_a_terminal_is_left() {
        let text = plain(HOSTILE);
        assert!(is_harmless(&text) && !text.contains('\n'), "{text:?}");
        assert_eq!(plain("plain é 中"), "plain é 中");
    }

    #[test]
    fn json_means_the_same_when_it_is_harmless() {
        let value = json!({"a": [HOSTILE, 1.5, null], "b\u{85}": {"c": "中"}});
        for text in [json_line(&value), json_document(&value)] {
            assert!(is_harmless(&text), "{text:?}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        }
        assert!(!json_line(&value).contains('\n'));
    }

    #[test]
    fn what_is_cut_off_is_marked() {
        assert_eq!(shortened("häuser", 3), "häu…");
        assert_eq!(shortened("häu", 3), "häu");
        assert_eq!(shortened("", 0), "");
    }
}
