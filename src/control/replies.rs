//! What the server answers a peer with.

use serde_json::{Value, json};

use super::event::new_id;
use super::fields::shown;
use super::refusal::Refusal;
use crate::domain::time;

/// The longest message of an error, in bytes: it may quote the peer, and is to help a person.
const MESSAGE_BYTES_MAX: usize = 1024;

/// To what a reply belongs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Request<'a> {
    /// The request's id.
    pub id: Option<&'a str>,
    /// What replies name: the request's own correlation, else its id.
    pub correlation: Option<&'a str>,
}

/// The acknowledgement of a message.
pub fn ack(request: Request<'_>, is_duplicate: bool) -> String {
    let mut ack = json!({ "type": "ack", "id": request.id });
    if is_duplicate {
        ack["duplicate"] = Value::from(true);
    }
    correlated(ack, request)
}

/// A refusal as an error message (document C, Error Message Format). The stack is nobody's business.
pub fn error(refusal: &Refusal, component: &str, request: Request<'_>) -> String {
    let mut details = json!({ "component": component });
    if let Some(id) = request.id {
        details["requestId"] = Value::from(id);
    }
    if let Some(reason) = refusal.reason {
        details["reason"] = Value::from(reason);
    }
    let text = &refusal.text[..refusal.text.floor_char_boundary(MESSAGE_BYTES_MAX)];
    let error = enveloped(
        "error",
        &json!({
            "code": refusal.code.name(),
            "message": text,
            "details": details,
            "recoverable": refusal.code.recoverable(),
            "suggestedAction": refusal.code.suggested_action(),
        }),
    );
    correlated(error, request)
}

/// That a configuration is in force.
pub fn configured(swarm: &str, request: Request<'_>) -> String {
    let payload = json!({ "multi-agentId": swarm, "status": "applied" });
    correlated(
        enveloped("control.multi-agent.configured", &payload),
        request,
    )
}

/// What an agent reported of a command that it could not carry out, as its requester is told.
pub fn reported(agent: &str, said: Option<&str>) -> String {
    match said {
        Some(said) => format!("agent '{}' failed: {}", shown(agent), shown(said)),
        None => format!("agent '{}' failed", shown(agent)),
    }
}

fn enveloped(kind: &str, payload: &Value) -> Value {
    json!({
        "id": new_id(),
        "type": kind,
        "timestamp": time::iso_8601(),
        "payload": payload,
    })
}

fn correlated(mut reply: Value, request: Request<'_>) -> String {
    if let Some(correlation) = request.correlation {
        reply["metadata"] = json!({ "correlationId": correlation });
    }
    reply.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Value {
        serde_json::from_str(text).expect("JSON")
    }

    const REQUEST: Request<'_> = Request {
        id: Some("msg-131"),
        correlation: Some("c-1"),
    };

    #[test]
    fn an_error_has_the_documents_members() {
        let refusal = Refusal::agent_not_found("agent-999");
        let error = parsed(&error(&refusal, "agent-manager", REQUEST));
        assert_eq!(
            error["payload"],
            json!({
                "code": "AGENT_NOT_FOUND",
                "message": "Agent with ID 'agent-999' not found",
                "details": { "requestId": "msg-131", "component": "agent-manager" },
                "recoverable": true,
                "suggestedAction": "verify_agent_id"
            })
        );
        assert_eq!(
            (&error["type"], &error["metadata"]["correlationId"]),
            (&"error".into(), &"c-1".into())
        );
    }

    #[test]
    fn a_reason_is_told_and_what_was_not_asked_by_id_has_none() {
        let refusal = Refusal::failed("é".repeat(2000)).because("timeout");
        let error = parsed(&error(&refusal, "control", Request::default()));
        assert_eq!(
            error["payload"]["details"],
            json!({ "component": "control", "reason": "timeout" })
        );
        assert_eq!(
            error["payload"]["message"].as_str().map(str::len),
            Some(1024)
        );
        assert!(error.get("metadata").is_none());
    }

    #[test]
    fn acknowledgements_name_the_message() {
        assert_eq!(
            parsed(&ack(REQUEST, false)),
            json!({ "type": "ack", "id": "msg-131", "metadata": { "correlationId": "c-1" } })
        );
        assert_eq!(parsed(&ack(REQUEST, true))["duplicate"], true);
        let reply = parsed(&configured("multi-agent-001", REQUEST));
        assert_eq!(
            reply["payload"],
            json!({ "multi-agentId": "multi-agent-001", "status": "applied" })
        );
        assert_eq!(reply["metadata"]["correlationId"], "c-1");
    }
}
