//! A request, as the outside read it.

use agnt_fleet::{Id, Timestamp};
use http::Method;

use crate::dialect::Dialect;
use crate::manner::Manner;

/// A request. Header fields that are no visible ASCII are left out by who reads them.
#[derive(Clone, Copy, Debug)]
pub struct ApiRequest<'a> {
    /// Its method.
    pub method: &'a Method,
    /// Its path, still percent-encoded.
    pub path: &'a str,
    /// What stands behind the `?`.
    pub query: Option<&'a str>,
    /// The header `Accept`.
    pub accept: Option<&'a str>,
    /// The header `Content-Type`.
    pub content_type: Option<&'a str>,
    /// The header `Idempotency-Key`.
    pub idempotency_key: Option<&'a str>,
    /// The header `Last-Event-ID`.
    pub last_event_id: Option<&'a str>,
    /// The header `X-Correlation-ID`.
    pub correlation_id: Option<&'a str>,
    /// The UUID that this request is traced by; one is made where it is needed and none is given.
    pub trace_id: Option<&'a str>,
    /// Its body, at most [`BODY_BYTES_MAX`](crate::BODY_BYTES_MAX) bytes.
    pub body: &'a [u8],
    /// Who asks.
    pub principal: &'a Principal,
    /// When.
    pub now: Timestamp,
}

/// Who asks, as far as credentials say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Principal {
    /// What its credential is called; nobody in particular has no name.
    pub name: Option<String>,
    /// The agent that it is, if one of that name is registered.
    pub agent: Option<Id>,
    /// For which agents it may speak.
    pub agents: Reach,
    /// In which streams it may do something.
    pub streams: Reach,
    /// Whether it plans work, and so changes tasks that are no agent of its own's.
    pub is_planner: bool,
}

/// Among which agents, or streams, somebody may move.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// All of them.
    #[default]
    All,
    /// These.
    These(Vec<String>),
}

impl Reach {
    /// Whether that one is among them.
    pub fn covers(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::These(names) => names.iter().any(|given| given == name),
        }
    }
}

impl Principal {
    /// The source of what it does: the agent, else the name.
    ///
    /// Both are the credential's own word, so neither can be another's.
    pub fn source(&self) -> Option<String> {
        let agent = self.agent.as_ref().map(|agent| agent.as_str().to_owned());
        agent.or_else(|| self.name.clone())
    }
}

impl ApiRequest<'_> {
    /// Whether only the head of the answer is asked for.
    pub fn is_head(&self) -> bool {
        *self.method == Method::HEAD
    }

    /// Whether a media type is named in `Accept`, and not refused with `q=0`.
    pub fn accepts(&self, media_type: &str) -> bool {
        accepts(self.accept.unwrap_or(""), media_type)
    }

    /// How the request is answered, whatever comes of it.
    pub fn manner(&self) -> Manner {
        Manner {
            dialect: Dialect::of_path(self.path).0,
            is_problem: self.accepts("application/problem+json"),
            is_head: self.is_head(),
            path: self.path.to_owned(),
            trace_id: self.trace_id.map(str::to_owned),
            correlation_id: self.correlation_id.map(str::to_owned),
            now: self.now,
        }
    }
}

fn accepts(accept: &str, media_type: &str) -> bool {
    accept.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().unwrap_or("");
        let is_refused = parts.any(|parameter| {
            let weight = parameter.strip_prefix("q=").map(str::parse::<f32>);
            weight.is_some_and(|weight| weight.is_ok_and(|weight| weight <= 0.0))
        });
        named.eq_ignore_ascii_case(media_type) && !is_refused
    })
}

#[cfg(test)]
mod tests {
    use super::accepts;

    #[test]
    fn a_media_type_is_asked_for_by_name() {
        let problem = "application/problem+json";
        for (accept, is_accepted) in [
            ("application/problem+json", true),
            ("application/json, Application/Problem+JSON;q=0.5", true),
            ("application/problem+json; q=0", false),
            ("application/json", false),
            ("*/*", false),
            ("", false),
            (";;,,;q=", false),
        ] {
            assert_eq!(accepts(accept, problem), is_accepted, "{accept:?}");
        }
    }
}
