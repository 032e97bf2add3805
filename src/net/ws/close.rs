//! The payload of a close frame (RFC 6455, sections 5.5.1 and 7.4).

/// A close payload that may not be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CloseError {
    /// One byte, or a code that may not stand on the wire.
    Code,
    /// The reason is not UTF-8.
    Reason,
}

/// Checks a client's close payload. Returns the code, `None` for an empty payload.
pub fn check(payload: &[u8]) -> Result<Option<u16>, CloseError> {
    match payload {
        [] => Ok(None),
        [_] => Err(CloseError::Code),
        [high, low, reason @ ..] => {
            let code = u16::from_be_bytes([*high, *low]);
            let is_allowed = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
            if !is_allowed {
                return Err(CloseError::Code);
            }
            if simdutf8::basic::from_utf8(reason).is_err() {
                return Err(CloseError::Reason);
            }
            Ok(Some(code))
        }
    }
}

/// A close payload: the code and a reason, cut at a character to what a control frame holds.
pub fn payload(code: u16, reason: &str) -> Vec<u8> {
    let end = reason.floor_char_boundary(123);
    let mut bytes = code.to_be_bytes().to_vec();
    bytes.extend_from_slice(&reason.as_bytes()[..end]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_that_may_not_stand_on_the_wire_are_refused() {
        for code in [0u16, 999, 1004, 1005, 1006, 1015, 1016, 2999, 5000, 65_535] {
            assert_eq!(check(&code.to_be_bytes()), Err(CloseError::Code), "{code}");
        }
        for code in [1000u16, 1003, 1007, 1011, 3000, 4999] {
            assert_eq!(check(&code.to_be_bytes()), Ok(Some(code)));
        }
        assert_eq!(check(&[3]), Err(CloseError::Code));
        assert_eq!(check(&[3, 232, 0xFF]), Err(CloseError::Reason));
        assert_eq!(check(&[]), Ok(None));
    }

    #[test]
    fn a_long_reason_is_cut_at_a_character() {
        let bytes = payload(1001, &"é".repeat(100));
        assert_eq!(bytes.len(), 124);
        assert_eq!(check(&bytes), Ok(Some(1001)));
    }
}
