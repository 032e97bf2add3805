//! What an agent is doing, in the words of `agent.state.changed`.

use std::borrow::Cow;

use agnt_codec::StateCode;

use super::agent_id::agent_id;
use super::fields::Fields;

/// The longest `reason`, in bytes.
const REASON_BYTES_MAX: usize = 4096;

/// The first code of the application's own.
const CUSTOM_MIN: u8 = 0x80;

const ALLOWED: &str = "IDLE, EXECUTING, BUSY, ERROR, OFFLINE, STARTING, STOPPING, PAUSED or \
                       custom-128 to custom-255";

/// Words and their codes; of two words for one code the first is written.
const WORDS: [(&str, StateCode); 8] = [
    ("IDLE", StateCode::IDLE),
    ("EXECUTING", StateCode::BUSY),
    ("BUSY", StateCode::BUSY),
    ("ERROR", StateCode::ERROR),
    ("OFFLINE", StateCode::OFFLINE),
    ("STARTING", StateCode::STARTING),
    ("STOPPING", StateCode::STOPPING),
    ("PAUSED", StateCode::PAUSED),
];

/// The code of a word, in any case; `custom-200` and `CUSTOM_0xC8` are the same.
pub fn parse_state(word: &str) -> Option<StateCode> {
    if let Some((_, code)) = WORDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word))
    {
        return Some(*code);
    }
    let (head, number) = word.split_at_checked("custom-".len())?;
    let number = match head.to_ascii_lowercase().as_str() {
        "custom-" | "custom_" => match number.strip_prefix("0x") {
            Some(digits) => u8::from_str_radix(digits, 16).ok()?,
            None => number.parse().ok()?,
        },
        _ => return None,
    };
    (number >= CUSTOM_MIN).then_some(StateCode(number))
}

/// The word of a code; codes below 0x80 without a name come from binary publishers alone.
pub fn state_word(code: StateCode) -> Cow<'static, str> {
    let known = WORDS.iter().find(|(_, known)| *known == code);
    match known {
        Some((word, _)) => Cow::Borrowed(word),
        None if code.0 >= CUSTOM_MIN => Cow::Owned(format!("custom-{}", code.0)),
        None => Cow::Owned(format!("unnamed-{}", code.0)),
    }
}

/// An `agent.state.changed` of a peer.
#[derive(Debug)]
pub struct StateChanged<'a> {
    /// Whose state.
    pub agent: Cow<'a, str>,
    /// What it does now.
    pub state: StateCode,
    /// Whether the peer says what it did before.
    pub says_previous: bool,
}

impl<'a> StateChanged<'a> {
    /// Reads the payload.
    pub fn read(payload: &Fields<'a>) -> Result<Self, String> {
        let state = |key: &str| {
            let word = payload.raw(key).map(super::fields::text_of);
            word.map(|word| {
                word.and_then(|word| parse_state(&word))
                    .ok_or_else(|| payload.refused(key, ALLOWED))
            })
            .transpose()
        };
        payload.text("reason", REASON_BYTES_MAX)?;
        payload.object("metadata")?;
        Ok(Self {
            agent: agent_id(payload, "agentId")?,
            state: state("newState")?.ok_or_else(|| payload.refused("newState", ALLOWED))?,
            says_previous: state("previousState")?.is_some(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_has_its_code_and_every_code_its_word() {
        for (word, code) in [
            ("IDLE", 2),
            ("executing", 3),
            ("Busy", 3),
            ("error", 4),
            ("offline", 0),
            ("starting", 1),
            ("stopping", 5),
            ("paused", 6),
            ("custom-128", 128),
            ("CUSTOM-255", 255),
            ("CUSTOM_0x80", 128),
        ] {
            assert_eq!(parse_state(word), Some(StateCode(code)), "{word}");
        }
        for word in [
            "",
            "RUNNING",
            "custom-127",
            "custom-256",
            "custom-",
            "custom_0x7f",
            "unnamed-7",
        ] {
            assert_eq!(parse_state(word), None, "{word}");
        }
        for code in (0..=6).chain(128..=255).map(StateCode) {
            assert_eq!(parse_state(&state_word(code)), Some(code));
        }
        assert_eq!(state_word(StateCode(7)), "unnamed-7");
        assert_eq!(state_word(StateCode::BUSY), "EXECUTING");
    }

    #[test]
    fn the_documents_change_is_read() {
        let text = r#"{"agentId":"agent-001","previousState":"IDLE","newState":"EXECUTING",
            "reason":"Task assigned","metadata":{"taskId":"task-456","estimatedDuration":5000}}"#;
        let payload = Fields::of_text("payload", text).expect("an object");
        let changed = StateChanged::read(&payload).expect("good");
        assert_eq!(changed.agent, "agent-001");
        assert_eq!(
            (changed.state, changed.says_previous),
            (StateCode::BUSY, true)
        );
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, begins) in [
            (r#"{"newState":"IDLE"}"#, "payload.agentId: missing"),
            (r#"{"agentId":"a"}"#, "payload.newState: missing; IDLE"),
            (
                r#"{"agentId":"a","newState":"ASLEEP"}"#,
                "payload.newState: 'ASLEEP' is not allowed; IDLE",
            ),
            (
                r#"{"agentId":"a","newState":"IDLE","previousState":3}"#,
                "payload.previousState: 3 is not allowed",
            ),
            (
                r#"{"agentId":"a","newState":"IDLE","metadata":"x"}"#,
                "payload.metadata: 'x' is not allowed",
            ),
        ] {
            let payload = Fields::of_text("payload", text).expect("an object");
            let error = StateChanged::read(&payload).unwrap_err();
            assert!(error.starts_with(begins), "{error}");
        }
    }
}
