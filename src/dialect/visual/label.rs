//! What metadata of a state record calls an agent: `{"name":...,"type":...}`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::Deserialize;

use crate::engine::label::Label;

/// The longest name or type, in bytes.
const LABEL_BYTES_MAX: usize = 128;

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default, rename = "type")]
    kind: Option<Cow<'a, str>>,
}

/// Name and type, if there is a name that isn't too long.
pub fn read_label(metadata: &[u8]) -> Option<Label> {
    let read: Metadata<'_> = serde_json::from_slice(metadata).ok()?;
    let fits = |text: &str| !text.is_empty() && text.len() <= LABEL_BYTES_MAX;
    let kind = read.kind.filter(|kind| fits(kind)).map(Arc::from);
    fits(&read.name).then(|| Label {
        agent_id: None,
        name: Arc::from(read.name),
        kind,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_needed_and_a_type_may_be_missing() {
        let read = |text: &str| {
            let label = read_label(text.as_bytes())?;
            Some((
                label.name.to_string(),
                label.kind.map(|kind| kind.to_string()),
            ))
        };
        assert_eq!(
            read(r#"{"name":"wing-1","type":"glider","x":1}"#),
            Some(("wing-1".to_owned(), Some("glider".to_owned())))
        );
        assert_eq!(read(r#"{"name":"a"}"#), Some(("a".to_owned(), None)));
        let long = format!(r#"{{"name":"{}"}}"#, "n".repeat(129));
        for text in [
            r#"{"type":"x"}"#,
            r#"{"name":7}"#,
            r#"{"name":""}"#,
            "",
            "[]",
            &long,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
