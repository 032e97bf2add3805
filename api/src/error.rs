//! Refusals in both documents' words, and as problems of RFC 9457.

use agnt_fleet::{FieldIssue, Fields, Refusal, RefusalKind};
use http::{StatusCode, header};
use serde::Serialize;
use serde_json::Value;

use crate::dialect::Dialect;
use crate::manner::Manner;
use crate::response::ApiResponse;
use crate::view::Moment;

/// Answers with a refusal.
pub fn refuse(manner: &Manner, refusal: &Refusal) -> ApiResponse {
    let status = status(refusal.kind);
    let code = code(manner.dialect, refusal);
    let trace_id = manner.trace_id();
    let answer = match (manner.is_problem, manner.dialect) {
        (true, _) => {
            let problem = Problem::new(manner, refusal, status, code, &trace_id);
            ApiResponse::typed(status, "application/problem+json", &problem)
        }
        (false, Dialect::A) => {
            let error = ErrorA::new(refusal, code, &trace_id);
            ApiResponse::json(status, &error)
        }
        (false, Dialect::B) => {
            let error = ErrorB::new(manner, refusal, code, &trace_id);
            ApiResponse::json(status, &error)
        }
    };
    let answer = match refusal.retry_after_s {
        Some(seconds) => answer.with(header::RETRY_AFTER, &seconds.to_string()),
        None => answer,
    };
    answer.headed(manner.is_head)
}

/// The status of a kind.
fn status(kind: RefusalKind) -> StatusCode {
    use RefusalKind as Kind;
    match kind {
        Kind::Invalid | Kind::UnknownTemplate => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Kind::Timeout => StatusCode::REQUEST_TIMEOUT,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::DependencyNotMet => StatusCode::PRECONDITION_FAILED,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::UpgradeRequired => StatusCode::UPGRADE_REQUIRED,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Internal | Kind::WorkflowFailed => StatusCode::INTERNAL_SERVER_ERROR,
        Kind::AgentUnavailable | Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::NoSpace => StatusCode::INSUFFICIENT_STORAGE,
    }
}

/// The code of a refusal, which differs between the documents for credentials only.
fn code(dialect: Dialect, refusal: &Refusal) -> &'static str {
    use RefusalKind as Kind;
    match refusal.kind {
        Kind::Invalid if !refusal.issues.is_empty() => "VALIDATION_ERROR",
        Kind::Invalid if is_unreadable(refusal) => "INVALID_REQUEST",
        Kind::Invalid => "BAD_REQUEST",
        Kind::UnknownTemplate => "INVALID_TEMPLATE",
        Kind::Unauthenticated if dialect == Dialect::B => "AUTHENTICATION_FAILED",
        Kind::Unauthenticated => "UNAUTHORIZED",
        Kind::Forbidden => "FORBIDDEN",
        Kind::NotFound => "NOT_FOUND",
        Kind::MethodNotAllowed => "METHOD_NOT_ALLOWED",
        Kind::Timeout => "TASK_TIMEOUT",
        Kind::Conflict => "CONFLICT",
        Kind::DependencyNotMet => "DEPENDENCY_NOT_MET",
        Kind::TooLarge => "PAYLOAD_TOO_LARGE",
        Kind::UnsupportedMediaType => "UNSUPPORTED_MEDIA_TYPE",
        Kind::Unprocessable => "UNPROCESSABLE",
        Kind::UpgradeRequired => "UPGRADE_REQUIRED",
        // A cap says which it is; a rate has none.
        Kind::TooMany if refusal.details.contains_key("cap") => "LIMIT_REACHED",
        Kind::TooMany => "RATE_LIMIT_EXCEEDED",
        Kind::Internal => "INTERNAL_SERVER_ERROR",
        Kind::WorkflowFailed => "WORKFLOW_FAILED",
        Kind::AgentUnavailable => "AGENT_UNAVAILABLE",
        Kind::Unavailable => "SERVICE_UNAVAILABLE",
        Kind::NoSpace => "INSUFFICIENT_STORAGE",
    }
}

fn is_unreadable(refusal: &Refusal) -> bool {
    refusal.details.get("reason").and_then(Value::as_str) == Some("unreadable")
}

/// Document A, `Error`: what is known beside the message becomes details, too.
#[derive(Serialize)]
struct ErrorA<'a> {
    error_code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<Detail<'a>>,
    trace_id: &'a str,
}

#[derive(Serialize)]
struct Detail<'a> {
    field: &'a str,
    issue: std::borrow::Cow<'a, str>,
}

impl<'a> ErrorA<'a> {
    fn new(refusal: &'a Refusal, code: &'static str, trace_id: &'a str) -> Self {
        let issue = |issue: &'a FieldIssue| Detail {
            field: &issue.field,
            issue: issue.issue.as_str().into(),
        };
        let detail = |(key, value): (&'a String, &'a Value)| Detail {
            field: key,
            issue: match value {
                Value::String(text) => text.as_str().into(),
                other => other.to_string().into(),
            },
        };
        Self {
            error_code: code,
            message: match code {
                "VALIDATION_ERROR" => "Request validation failed",
                _ => &refusal.message,
            },
            details: refusal
                .issues
                .iter()
                .map(issue)
                .chain(refusal.details.iter().map(detail))
                .collect(),
            trace_id,
        }
    }
}

/// Document B, Standard Error Response.
#[derive(Serialize)]
struct ErrorB<'a> {
    error: ErrorBodyB<'a>,
}

#[derive(Serialize)]
struct ErrorBodyB<'a> {
    code: &'static str,
    message: &'a str,
    #[serde(skip_serializing_if = "DetailsB::is_empty")]
    details: DetailsB<'a>,
    correlation_id: &'a str,
    timestamp: Moment,
    trace_id: &'a str,
}

#[derive(Serialize)]
struct DetailsB<'a> {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<IssueB<'a>>,
    #[serde(flatten)]
    other: &'a Fields,
}

#[derive(Serialize)]
struct IssueB<'a> {
    field: &'a str,
    issue: &'a str,
}

impl DetailsB<'_> {
    fn is_empty(&self) -> bool {
        self.fields.is_empty() && self.other.is_empty()
    }
}

fn issues(refusal: &Refusal) -> Vec<IssueB<'_>> {
    refusal
        .issues
        .iter()
        .map(|issue| IssueB {
            field: &issue.field,
            issue: &issue.issue,
        })
        .collect()
}

impl<'a> ErrorB<'a> {
    fn new(
        manner: &'a Manner,
        refusal: &'a Refusal,
        code: &'static str,
        trace_id: &'a str,
    ) -> Self {
        let details = DetailsB {
            fields: issues(refusal),
            other: &refusal.details,
        };
        let named = refusal
            .details
            .get("correlation_id")
            .and_then(Value::as_str);
        Self {
            error: ErrorBodyB {
                code,
                message: &refusal.message,
                details,
                correlation_id: manner
                    .correlation_id
                    .as_deref()
                    .or(named)
                    .unwrap_or(trace_id),
                timestamp: Moment(manner.now),
                trace_id,
            },
        }
    }
}

/// A problem (RFC 9457).
#[derive(Serialize)]
struct Problem<'a> {
    #[serde(rename = "type")]
    problem_type: &'static str,
    title: &'static str,
    status: u16,
    detail: &'a str,
    instance: &'a str,
    code: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<IssueB<'a>>,
    #[serde(skip_serializing_if = "Fields::is_empty")]
    details: &'a Fields,
    trace_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<&'a str>,
    timestamp: Moment,
}

impl<'a> Problem<'a> {
    fn new(
        manner: &'a Manner,
        refusal: &'a Refusal,
        status: StatusCode,
        code: &'static str,
        trace_id: &'a str,
    ) -> Self {
        Self {
            problem_type: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            detail: &refusal.message,
            instance: &manner.path,
            code,
            errors: issues(refusal),
            details: &refusal.details,
            trace_id,
            correlation_id: manner.correlation_id.as_deref(),
            timestamp: Moment(manner.now),
        }
    }
}
