//! Every kind of refusal in both dialects, and as a problem.

use agnt_api::{Dialect, Manner, refuse};
use agnt_fleet::{FieldIssue, Refusal, RefusalKind};
use serde_json::{Value, json};

use crate::rig::{Answer, NOON, names};

/// Every kind, with its status and its codes in A and B.
const KINDS: [(RefusalKind, u16, &str, &str); 19] = [
    (RefusalKind::Invalid, 400, "BAD_REQUEST", "BAD_REQUEST"),
    (
        RefusalKind::UnknownTemplate,
        400,
        "INVALID_TEMPLATE",
        "INVALID_TEMPLATE",
    ),
    (
        RefusalKind::Unauthenticated,
        401,
        "UNAUTHORIZED",
        "AUTHENTICATION_FAILED",
    ),
    (RefusalKind::Forbidden, 403, "FORBIDDEN", "FORBIDDEN"),
    (RefusalKind::NotFound, 404, "NOT_FOUND", "NOT_FOUND"),
    (
        RefusalKind::MethodNotAllowed,
        405,
        "METHOD_NOT_ALLOWED",
        "METHOD_NOT_ALLOWED",
    ),
    (
        RefusalKind::UpgradeRequired,
        426,
        "UPGRADE_REQUIRED",
        "UPGRADE_REQUIRED",
    ),
    (RefusalKind::Timeout, 408, "TASK_TIMEOUT", "TASK_TIMEOUT"),
    (RefusalKind::Conflict, 409, "CONFLICT", "CONFLICT"),
    (
        RefusalKind::DependencyNotMet,
        412,
        "DEPENDENCY_NOT_MET",
        "DEPENDENCY_NOT_MET",
    ),
    (
        RefusalKind::TooLarge,
        413,
        "PAYLOAD_TOO_LARGE",
        "PAYLOAD_TOO_LARGE",
    ),
    (
        RefusalKind::UnsupportedMediaType,
        415,
        "UNSUPPORTED_MEDIA_TYPE",
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    (
        RefusalKind::Unprocessable,
        422,
        "UNPROCESSABLE",
        "UNPROCESSABLE",
    ),
    (
        RefusalKind::TooMany,
        429,
        "RATE_LIMIT_EXCEEDED",
        "RATE_LIMIT_EXCEEDED",
    ),
    (
        RefusalKind::Internal,
        500,
        "INTERNAL_SERVER_ERROR",
        "INTERNAL_SERVER_ERROR",
    ),
    (
        RefusalKind::WorkflowFailed,
        500,
        "WORKFLOW_FAILED",
        "WORKFLOW_FAILED",
    ),
    (
        RefusalKind::AgentUnavailable,
        503,
        "AGENT_UNAVAILABLE",
        "AGENT_UNAVAILABLE",
    ),
    (
        RefusalKind::Unavailable,
        503,
        "SERVICE_UNAVAILABLE",
        "SERVICE_UNAVAILABLE",
    ),
    (
        RefusalKind::NoSpace,
        507,
        "INSUFFICIENT_STORAGE",
        "INSUFFICIENT_STORAGE",
    ),
];

fn manner(dialect: Dialect, is_problem: bool) -> Manner {
    Manner {
        dialect,
        is_problem,
        is_head: false,
        path: "/v1/agents".to_owned(),
        trace_id: Some("0190b1b0-0000-7000-8000-000000000009".to_owned()),
        correlation_id: None,
        now: NOON,
    }
}

fn told(dialect: Dialect, is_problem: bool, refusal: &Refusal) -> Answer {
    Answer::read(&refuse(&manner(dialect, is_problem), refusal))
}

#[test]
fn each_kind_has_its_status_and_its_code() {
    for (kind, status, code_a, code_b) in KINDS {
        let refusal = Refusal::new(kind, "told").with("key", 5).retry_after(3);
        let a = told(Dialect::A, false, &refusal);
        assert_eq!(a.header("retry-after"), Some("3"));
        assert_eq!(a.header("content-type"), Some("application/json"));
        let expected = json!({
            "error_code": code_a,
            "message": "told",
            "details": [{"field": "key", "issue": "5"}],
            "trace_id": "0190b1b0-0000-7000-8000-000000000009",
        });
        assert_eq!(a.json(status), expected);
        let b = told(Dialect::B, false, &refusal).json(status);
        let expected = json!({"error": {
            "code": code_b,
            "message": "told",
            "details": {"key": 5},
            "correlation_id": "0190b1b0-0000-7000-8000-000000000009",
            "timestamp": "2025-01-15T12:00:00.000000Z",
            "trace_id": "0190b1b0-0000-7000-8000-000000000009",
        }});
        assert_eq!(b, expected);
        let problem = told(Dialect::B, true, &refusal);
        assert_eq!(
            problem.header("content-type"),
            Some("application/problem+json")
        );
        let problem = problem.json(status);
        assert_eq!(problem["status"], status);
        assert_eq!(problem["code"], code_b);
        assert_eq!(problem["detail"], "told");
        assert_eq!(problem["type"], "about:blank");
        assert_eq!(problem["instance"], "/v1/agents");
        assert!(
            problem["title"]
                .as_str()
                .is_some_and(|title| !title.is_empty())
        );
    }
}

#[test]
fn wrong_fields_are_listed_in_both() {
    let mut refusal = Refusal::invalid("max_tasks", "0 is not allowed");
    refusal.issues.push(FieldIssue {
        field: "stages[2].timeout".to_owned(),
        issue: "\"x\" is not allowed".to_owned(),
    });
    let issues = json!([
        {"field": "max_tasks", "issue": "0 is not allowed"},
        {"field": "stages[2].timeout", "issue": "\"x\" is not allowed"},
    ]);
    let a = told(Dialect::A, false, &refusal).json(400);
    assert_eq!(a["error_code"], "VALIDATION_ERROR");
    assert_eq!(a["message"], "Request validation failed");
    assert_eq!(a["details"], issues);
    let b = told(Dialect::B, false, &refusal).json(400);
    assert_eq!(b["error"]["code"], "VALIDATION_ERROR");
    assert_eq!(b["error"]["details"]["fields"], issues);
    let problem = told(Dialect::A, true, &refusal).json(400);
    assert_eq!(problem["errors"], issues);
}

#[test]
fn a_cap_is_told_from_a_rate() {
    let cap = Refusal::new(RefusalKind::TooMany, "full").with("cap", "agents_max");
    assert_eq!(
        told(Dialect::A, false, &cap).json(429)["error_code"],
        "LIMIT_REACHED"
    );
}

#[test]
fn the_requests_own_correlation_goes_first() {
    let refusal = Refusal::new(RefusalKind::Conflict, "x").with("correlation_id", "workflow-123");
    let mut manner = manner(Dialect::B, false);
    let told = Answer::read(&refuse(&manner, &refusal)).json;
    assert_eq!(told["error"]["correlation_id"], "workflow-123");
    manner.correlation_id = Some("mine".to_owned());
    let told = Answer::read(&refuse(&manner, &refusal)).json;
    assert_eq!(told["error"]["correlation_id"], "mine");
}

#[test]
fn a_trace_is_made_where_none_is_known_and_a_head_has_no_body() {
    let refusal = Refusal::not_found("agent", "x");
    let mut manner = manner(Dialect::A, false);
    manner.trace_id = None;
    let told = Answer::read(&refuse(&manner, &refusal)).json;
    assert!(uuid::Uuid::parse_str(told["trace_id"].as_str().unwrap()).is_ok());
    assert_eq!(
        names(&told),
        ["details", "error_code", "message", "trace_id"]
    );
    manner.is_head = true;
    let head = Answer::read(&refuse(&manner, &refusal));
    assert_eq!(head.json, Value::Null);
    assert_eq!(
        head.header("content-length"),
        Some(&*told.to_string().len().to_string())
    );
}
