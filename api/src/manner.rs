//! How a request is answered, whatever comes of it.

use agnt_fleet::{Id, Timestamp};
use http::StatusCode;
use serde::Serialize;

use crate::dialect::Dialect;
use crate::response::ApiResponse;

/// What an answer takes from its request; it outlives that.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Whose words it uses.
    pub dialect: Dialect,
    /// Whether errors are problems of RFC 9457.
    pub is_problem: bool,
    /// Whether only the head of the answer is asked for.
    pub is_head: bool,
    /// The path of the request, as it came.
    pub path: String,
    /// The UUID that the request is traced by; one is made where it is needed.
    pub trace_id: Option<String>,
    /// What the request says that it belongs to.
    pub correlation_id: Option<String>,
    /// When the request came.
    pub now: Timestamp,
}

impl Manner {
    /// The UUID that the request is traced by.
    pub fn trace_id(&self) -> String {
        let made = || Id::unique().as_str().to_owned();
        self.trace_id.clone().unwrap_or_else(made)
    }

    /// An answer with a body.
    pub fn json(&self, status: StatusCode, body: &impl Serialize) -> ApiResponse {
        ApiResponse::json(status, body).headed(self.is_head)
    }
}
