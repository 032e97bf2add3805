//! What agents are told or asked: commands, messages, requests.

use agnt_fleet::command::{Callback, CallbackStatus, CommandKind, TIMEOUT_MS_DEFAULT};
use agnt_fleet::mutation::NewCommand;
use agnt_fleet::{Fields, Id, Refusal};
use serde_json::Value;

use super::fields::FieldReader;
use super::scalars;
use crate::dialect::Dialect;

/// The verbs with an effect of their own (document A, `Command.command_type`).
const VERBS: [&str; 6] = [
    "execute",
    "stop",
    "pause",
    "resume",
    "configure",
    "shutdown",
];

/// What a message is called that says nothing of its kind.
const MESSAGE: &str = "message";

/// Who is asked by whom.
struct Asked<'a> {
    agent: Id,
    kind: CommandKind,
    source: Option<String>,
    may_call: &'a dyn Fn(&str) -> bool,
}

/// Reads a command (document A, `Command`), whose verb is one of the six, or any in document B's
/// words (decision X25).
pub fn read_command(
    fields: Fields,
    agent: Id,
    dialect: Dialect,
    source: Option<String>,
    may_call: &dyn Fn(&str) -> bool,
) -> Result<NewCommand, Refusal> {
    let asked = Asked {
        agent,
        kind: CommandKind::Command,
        source,
        may_call,
    };
    let mut fields = FieldReader::new(fields);
    let verb = fields.need(
        &["command_type", "verb", "action", "type"],
        "a verb",
        |value| verb(value, dialect),
    );
    read_rest(fields, asked, verb)
}

/// Reads a message: a command if it says so, else anything.
pub fn read_message(
    fields: Fields,
    agent: Id,
    source: Option<String>,
    may_call: &dyn Fn(&str) -> bool,
) -> Result<NewCommand, Refusal> {
    let named = ["command_type", "commandType"];
    let verb = named.iter().find_map(|name| fields.get(*name));
    if verb.is_some_and(Value::is_string) {
        return read_command(fields, agent, Dialect::B, source, may_call);
    }
    Ok(NewCommand {
        id: None,
        agent,
        kind: CommandKind::Message,
        verb: MESSAGE.to_owned(),
        payload: fields,
        priority: None,
        source,
        correlation_id: None,
        timeout_ms: TIMEOUT_MS_DEFAULT,
        callback: None,
        needs_presence: false,
    })
}

/// Reads a request (document B, Request-Response Pattern), bare or as `{"request": ...}`.
pub fn read_request(
    fields: Fields,
    agent: Id,
    source: Option<String>,
    may_call: &dyn Fn(&str) -> bool,
) -> Result<NewCommand, Refusal> {
    let mut fields = FieldReader::new(unwrapped(fields, "request"));
    let names = ["type", "request_type", "command_type", "verb"];
    let verb = fields.need(&names, "a type", scalars::label);
    let target = fields.take(&["target", "target_agent", "agent_id"], scalars::id);
    if let Some(other) = target.filter(|target| *target != agent) {
        let issue = format!("\"{other}\" is not allowed; \"{agent}\", as in the path, is");
        fields.refuse("target", issue);
    }
    let asked = Asked {
        agent,
        kind: CommandKind::Request,
        source,
        may_call,
    };
    let mut request = read_rest(fields, asked, verb)?;
    request.needs_presence = true;
    Ok(request)
}

/// What stands in an envelope of that name, or the fields themselves.
pub(super) fn unwrapped(mut fields: Fields, envelope: &str) -> Fields {
    match fields.remove(envelope) {
        Some(Value::Object(inner)) if fields.is_empty() => inner,
        Some(other) => {
            fields.insert(envelope.to_owned(), other);
            fields
        }
        None => fields,
    }
}

fn verb(value: Value, dialect: Dialect) -> scalars::Reading<String> {
    let known = value.as_str().is_some_and(|verb| VERBS.contains(&verb));
    if known || dialect == Dialect::B {
        return scalars::label(value);
    }
    let allowed = "execute, stop, pause, resume, configure or shutdown";
    Err(scalars::not_allowed(&value, allowed))
}

/// Reads what all of them have. Fields that nobody knows belong to what is to be done.
fn read_rest(
    mut fields: FieldReader,
    asked: Asked<'_>,
    verb: Option<String>,
) -> Result<NewCommand, Refusal> {
    let id = fields.take(&["id", "command_id", "request_id"], scalars::id);
    let given = fields.take_object(&["payload", "data", "parameters"]);
    let priority = fields.take(&["priority"], scalars::priority);
    let timeout_ms = fields.take(&["timeout_ms"], scalars::command_milliseconds);
    let timeout_s = fields.take(&["timeout"], scalars::command_seconds);
    let correlation_id = fields.take(&["correlation_id"], scalars::label);
    let source = fields.take(&["source", "source_agent"], scalars::label);
    let callback = fields.take(&["callback_url"], scalars::url);
    let target = fields.take(&["agent_id"], scalars::id);
    if let Some(other) = target.filter(|target| *target != asked.agent) {
        let agent = &asked.agent;
        let issue = format!("\"{other}\" is not allowed; \"{agent}\", as in the path, is");
        fields.refuse("agent_id", issue);
    }
    fields.drop_shown(&["timestamp", "status", "accepted_at"]);
    let mut payload = fields.rest();
    payload.extend(given.unwrap_or_default());
    fields.end()?;
    Ok(NewCommand {
        id,
        agent: asked.agent,
        kind: asked.kind,
        verb: verb.unwrap_or_default(),
        payload,
        priority,
        source: asked.source.or(source),
        correlation_id,
        timeout_ms: timeout_ms.or(timeout_s).unwrap_or(TIMEOUT_MS_DEFAULT),
        callback: callback.map(|url| judged(url, asked.may_call)),
        needs_presence: false,
    })
}

/// A callback that waits for its answer, or is refused: what is neither kept here nor may be
/// called (ruling 43).
fn judged(url: String, may_call: &dyn Fn(&str) -> bool) -> Callback {
    let is_kept = is_callback_path(&url);
    let status = match is_kept || (!url.starts_with('/') && may_call(&url)) {
        true => CallbackStatus::Pending,
        false => CallbackStatus::Refused,
    };
    Callback { url, status }
}

/// Whether an answer may be kept under a path of this server: `/api/v1/callbacks/req-001`, or the
/// same under another prefix. No such path needs percent-encoding.
pub(crate) fn is_callback_path(path: &str) -> bool {
    let (_, path) = Dialect::of_path(path);
    let is_segment = |segment: &str| {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.~".contains(&byte);
        !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(is_name)
    };
    let rest = path.strip_prefix("/callbacks/");
    rest.is_some_and(|rest| rest.len() <= 512 && rest.split('/').all(is_segment))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_plain_paths_below_callbacks_keep_answers() {
        for good in [
            "/api/v1/callbacks/req-001",
            "/v1/callbacks/a/b.c",
            "/callbacks/~x",
        ] {
            assert!(is_callback_path(good), "{good}");
        }
        for bad in [
            "/api/v1/agents",
            "/api/v1/callbacks",
            "/api/v1/callbacks/",
            "/callbacks//x",
            "/callbacks/../agents",
            "/callbacks/a%2fb",
            "/callbacks/a?b",
            "callbacks/a",
            "http://x/callbacks/a",
        ] {
            assert!(!is_callback_path(bad), "{bad}");
        }
    }

    #[test]
    fn an_envelope_is_one_only_if_nothing_stands_beside_it() {
        let fields = |value: Value| value.as_object().unwrap().clone();
        let inner = unwrapped(fields(json!({"request": {"a": 1}})), "request");
        assert_eq!(inner, fields(json!({"a": 1})));
        let both = fields(json!({"request": {"a": 1}, "type": "x"}));
        assert_eq!(unwrapped(both.clone(), "request"), both);
        let text = fields(json!({"request": "x"}));
        assert_eq!(unwrapped(text.clone(), "request"), text);
    }
}
