//! The body of a request, as JSON.

use agnt_fleet::{Fields, Refusal, RefusalKind};
use serde_json::Value;

use crate::limits::{BODY_BYTES_MAX, JSON_DEPTH_MAX};
use crate::request::ApiRequest;

/// What a body is that is no object.
const OBJECT_NEEDED: &str = "body: a JSON object is needed";

/// Reads a body that must be an object.
pub(crate) fn read_object(request: &ApiRequest<'_>) -> Result<Fields, Refusal> {
    match read_value(request)? {
        Value::Object(fields) => Ok(fields),
        Value::Array(_) => Err(unreadable(format!("{OBJECT_NEEDED}; an array was given"))),
        Value::Null => Err(unreadable(format!("{OBJECT_NEEDED}; null was given"))),
        _ => Err(unreadable(format!("{OBJECT_NEEDED}; a scalar was given"))),
    }
}

/// The same, but nothing counts as an empty object.
pub(crate) fn read_object_if_any(request: &ApiRequest<'_>) -> Result<Fields, Refusal> {
    match request.body.trim_ascii().is_empty() {
        true => Ok(Fields::new()),
        false => read_object(request),
    }
}

/// Reads a body.
pub(crate) fn read_value(request: &ApiRequest<'_>) -> Result<Value, Refusal> {
    check_media_type(request.content_type)?;
    if request.body.len() > BODY_BYTES_MAX {
        let message = format!("body: at most {BODY_BYTES_MAX} bytes are allowed");
        return Err(Refusal::new(RefusalKind::TooLarge, message));
    }
    let text = std::str::from_utf8(request.body).map_err(|fault| {
        let at = fault.valid_up_to();
        unreadable(format!("body: byte {at} is not UTF-8; UTF-8 is needed"))
    })?;
    if text.trim_ascii().is_empty() {
        return Err(unreadable(format!("{OBJECT_NEEDED}; nothing was given")));
    }
    check_depth(text)?;
    serde_json::from_str(text).map_err(|fault| unreadable(format!("body: {fault}")))
}

/// A body without a type is taken as JSON, and so is each type that says so.
fn check_media_type(content_type: Option<&str>) -> Result<(), Refusal> {
    let Some(given) = content_type.filter(|given| !given.trim().is_empty()) else {
        return Ok(());
    };
    let media_type = given.split(';').next().unwrap_or("").trim();
    let media_type = media_type.to_ascii_lowercase();
    let subtype = media_type.split_once('/').map(|(_, subtype)| subtype);
    if subtype.is_some_and(|subtype| subtype == "json" || subtype.ends_with("+json")) {
        return Ok(());
    }
    let shown: String = given.chars().take(128).collect();
    let message = format!("Content-Type: {shown:?} is not allowed; application/json is");
    Err(Refusal::new(RefusalKind::UnsupportedMediaType, message))
}

/// Brackets are counted before anything is built, so that depth costs nothing.
fn check_depth(text: &str) -> Result<(), Refusal> {
    let (mut depth, mut is_text, mut is_escaped) = (0usize, false, false);
    for byte in text.bytes() {
        match byte {
            _ if is_escaped => is_escaped = false,
            b'\\' if is_text => is_escaped = true,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > JSON_DEPTH_MAX {
            let message = format!("body: deeper than {JSON_DEPTH_MAX} levels; that is the most");
            return Err(unreadable(message));
        }
    }
    Ok(())
}

/// The body can't be read at all.
fn unreadable(message: String) -> Refusal {
    Refusal::new(RefusalKind::Invalid, message).with("reason", "unreadable")
}

#[cfg(test)]
mod tests {
    use super::{check_depth, check_media_type};

    #[test]
    fn types_that_are_json_are_taken() {
        for good in [
            "application/json",
            "application/json; charset=utf-8",
            "Application/Merge-Patch+JSON",
            "text/json",
            " ",
        ] {
            assert!(check_media_type(Some(good)).is_ok(), "{good}");
        }
        assert!(check_media_type(None).is_ok());
        for bad in [
            "application/x-www-form-urlencoded",
            "text/plain",
            "json",
            "x",
        ] {
            assert!(check_media_type(Some(bad)).is_err(), "{bad}");
        }
    }

    #[test]
    fn depth_is_counted_outside_of_texts() {
        let nested = |depth| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(check_depth(&nested(64)).is_ok());
        assert!(check_depth(&nested(65)).is_err());
        assert!(check_depth(&"[".repeat(1_000_000)).is_err());
        assert!(check_depth(&format!("{:?}", "[".repeat(100))).is_ok());
        assert!(check_depth(&format!(r#""\"{}""#, "[".repeat(100))).is_ok());
        assert!(check_depth(&format!(r#""\\"{}"#, "[".repeat(100))).is_err());
    }
}
