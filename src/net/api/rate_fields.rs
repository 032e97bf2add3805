//! The header fields that tell a client how many requests it has left.

use std::fmt::Write;

use agnt_api::ApiResponse;
use arrayvec::ArrayString;
use hyper::HeaderMap;
use hyper::header::{self, HeaderName, HeaderValue};

use crate::guard::Verdict;

static LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
static REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
static RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
static POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
static STATE: HeaderName = HeaderName::from_static("ratelimit");

/// What of these fields is the same on every answer.
#[derive(Debug)]
pub(super) struct RateFields {
    limit: HeaderValue,
    policy: HeaderValue,
    /// The header fields of a plain answer, with a place for each of these fields.
    beside_plain: HeaderMap,
}

impl RateFields {
    /// The fields of a limit of so many requests a minute.
    pub(super) fn new(requests_per_minute: u32) -> Self {
        let limit = HeaderValue::from(requests_per_minute);
        let policy = HeaderValue::from_str(&Verdict::policy_of(requests_per_minute));
        // A number between letters is always a value.
        let policy = policy.unwrap_or(HeaderValue::from_static(""));
        let mut beside_plain = ApiResponse::plain_headers();
        beside_plain.insert(LIMIT.clone(), limit.clone());
        beside_plain.insert(POLICY.clone(), policy.clone());
        for changing in [&REMAINING, &RESET, &STATE] {
            beside_plain.insert(changing.clone(), HeaderValue::from_static(""));
        }
        Self {
            limit,
            policy,
            beside_plain,
        }
    }

    /// All header fields of a plain answer to a request that was granted: a copy of what is ready,
    /// with three values filled in.
    pub(super) fn beside_plain(&self, verdict: &Verdict) -> HeaderMap {
        let mut headers = self.beside_plain.clone();
        let values = [
            (&REMAINING, number(verdict.remaining.into())),
            (&RESET, number(verdict.reset_epoch_s)),
            (&STATE, HeaderValue::from_str(&verdict.state()).ok()),
        ];
        for (name, value) in values {
            if let (Some(place), Some(value)) = (headers.get_mut(name), value) {
                *place = value;
            }
        }
        headers
    }

    /// Adds them to an answer.
    pub(super) fn tell(&self, verdict: &Verdict, headers: &mut HeaderMap) {
        headers.insert(LIMIT.clone(), self.limit.clone());
        headers.insert(REMAINING.clone(), HeaderValue::from(verdict.remaining));
        headers.insert(RESET.clone(), HeaderValue::from(verdict.reset_epoch_s));
        headers.insert(POLICY.clone(), self.policy.clone());
        if let Ok(state) = HeaderValue::from_str(&verdict.state()) {
            headers.insert(STATE.clone(), state);
        }
        if let Some(seconds) = verdict.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
}

/// The same as a conversion makes of it, in one piece of memory that is just as long.
fn number(value: u64) -> Option<HeaderValue> {
    let mut text = ArrayString::<20>::new();
    write!(text, "{value}").ok()?;
    HeaderValue::from_str(&text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_those_that_the_verdict_names() {
        for retry_after_s in [None, Some(7)] {
            let verdict = Verdict {
                limit: 1000,
                remaining: 12,
                reset_epoch_s: 1_642_579_200,
                reset_after_s: 60,
                retry_after_s,
            };
            let mut headers = HeaderMap::new();
            RateFields::new(1000).tell(&verdict, &mut headers);
            let named = verdict.headers();
            assert_eq!(headers.len(), named.len());
            for (name, text) in named {
                assert_eq!(headers[name], *text, "{name}");
            }
            if retry_after_s.is_none() {
                headers.extend(ApiResponse::plain_headers());
                assert_eq!(RateFields::new(1000).beside_plain(&verdict), headers);
            }
        }
    }
}
