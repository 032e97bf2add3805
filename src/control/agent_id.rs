//! The id of an agent in a message.

use std::borrow::Cow;

use super::fields::Fields;

/// The longest id of an agent, in bytes.
const AGENT_ID_BYTES_MAX: usize = 128;

const ALLOWED: &str = "1 to 128 characters of A-Z a-z 0-9 _ . : -";

/// Whether a text may be an agent's id.
pub fn is_agent_id(text: &str) -> bool {
    let allowed =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b':' | b'-');
    (1..=AGENT_ID_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

/// The agent that a member names.
pub fn agent_id<'a>(fields: &Fields<'a>, key: &str) -> Result<Cow<'a, str>, String> {
    let found = fields.raw(key).and_then(super::fields::text_of);
    found
        .filter(|text| is_agent_id(text))
        .ok_or_else(|| fields.refused(key, ALLOWED))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_checked_and_named() {
        let fields = Fields::of_text(
            "payload",
            r#"{"a":"agent-001","b":"a b","c":7,"d":"ns:agent.1_x"}"#,
        )
        .expect("an object");
        assert_eq!(agent_id(&fields, "a").as_deref(), Ok("agent-001"));
        assert_eq!(agent_id(&fields, "d").as_deref(), Ok("ns:agent.1_x"));
        for (key, begins) in [
            ("b", "payload.b: 'a b'"),
            ("c", "payload.c: 7"),
            ("e", "payload.e: missing"),
        ] {
            let error = agent_id(&fields, key).unwrap_err();
            assert!(
                error.starts_with(begins) && error.ends_with(ALLOWED),
                "{error}"
            );
        }
        assert!(is_agent_id(&"x".repeat(128)) && !is_agent_id(&"x".repeat(129)));
        assert!(!is_agent_id("") && !is_agent_id("é"));
    }
}
