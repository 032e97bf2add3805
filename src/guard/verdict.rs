//! What the rate limit says of one request, and the header fields that tell the client.

use std::fmt::Write;

use arrayvec::{ArrayString, ArrayVec};

use super::window::{Standing, WINDOW_US};

const SECOND_US: u64 = 1_000_000;

/// The longest value of a header field, in bytes: the policy with ten digits of limit takes 27, the
/// state with ten digits of what remains 26.
const VALUE_BYTES_MAX: usize = 40;

/// The value of a header field, in place.
pub type HeaderText = ArrayString<VALUE_BYTES_MAX>;

/// Names of header fields, in lower case, with their values.
pub type RateHeaders = ArrayVec<(&'static str, HeaderText), 6>;

/// The verdict; see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Requests that are granted in any minute.
    pub limit: u32,
    /// How many more would be granted at once.
    pub remaining: u32,
    /// The second since 1970, rounded up, at which a client that is silent until then has its full
    /// quota back.
    pub reset_epoch_s: u64,
    /// The same, as seconds from now, rounded up.
    pub reset_after_s: u64,
    /// For a request that is refused: in how many seconds, rounded up, one is granted again.
    pub retry_after_s: Option<u64>,
}

impl Verdict {
    /// What a limit that is kept elsewhere says.
    pub fn told(limit: u32, standing: Standing, unix_us: u64) -> Self {
        Self::new(limit, standing, unix_us)
    }

    pub(super) fn new(limit: u32, standing: Standing, unix_us: u64) -> Self {
        let Standing {
            remaining,
            full_in_us,
            refused_for_us,
        } = standing;
        Self {
            limit,
            remaining,
            reset_epoch_s: unix_us.saturating_add(full_in_us).div_ceil(SECOND_US),
            reset_after_s: full_in_us.div_ceil(SECOND_US),
            retry_after_s: refused_for_us.map(|wait_us| wait_us.div_ceil(SECOND_US)),
        }
    }

    /// Whether the request may go on; if not, its answer is 429.
    pub fn is_granted(&self) -> bool {
        self.retry_after_s.is_none()
    }

    /// The value of `RateLimit-Policy` under this limit.
    pub fn policy_of(limit: u32) -> HeaderText {
        let window_s = WINDOW_US / SECOND_US;
        text(format_args!("\"minute\";q={limit};w={window_s}"))
    }

    /// The value of `RateLimit`. The draft wants its reset to be the moment of `Retry-After` where
    /// that is sent.
    pub fn state(&self) -> HeaderText {
        let reset_s = self.retry_after_s.unwrap_or(self.reset_after_s);
        let remaining = self.remaining;
        text(format_args!("\"minute\";r={remaining};t={reset_s}"))
    }

    /// The header fields for the answer, whichever it is: those of document B, those of the IETF's
    /// draft (draft-ietf-httpapi-ratelimit-headers) and, with a refusal, `Retry-After`.
    pub fn headers(&self) -> RateHeaders {
        let (limit, remaining) = (self.limit, self.remaining);
        let mut headers = RateHeaders::new();
        headers.push(("x-ratelimit-limit", text(format_args!("{limit}"))));
        headers.push(("x-ratelimit-remaining", text(format_args!("{remaining}"))));
        let reset_epoch_s = text(format_args!("{}", self.reset_epoch_s));
        headers.push(("x-ratelimit-reset", reset_epoch_s));
        headers.push(("ratelimit-policy", Self::policy_of(limit)));
        headers.push(("ratelimit", self.state()));
        if let Some(retry_after_s) = self.retry_after_s {
            headers.push(("retry-after", text(format_args!("{retry_after_s}"))));
        }
        headers
    }
}

fn text(value: std::fmt::Arguments<'_>) -> HeaderText {
    let mut text = HeaderText::new();
    // Every value fits, see `VALUE_BYTES_MAX`; one that didn't would be cut.
    let _ = text.write_fmt(value);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(verdict: Verdict) -> Vec<String> {
        let headers = verdict.headers();
        let line = |(name, value): &(&str, HeaderText)| format!("{name}: {value}");
        headers.iter().map(line).collect()
    }

    #[test]
    fn the_first_request_is_told_what_document_b_shows() {
        // Document B: 1000, 999 and 1642579200, here a minute after the request.
        let standing = Standing {
            remaining: 999,
            full_in_us: 60_000_000,
            refused_for_us: None,
        };
        let verdict = Verdict::new(1000, standing, 1_642_579_140_000_000);
        assert!(verdict.is_granted());
        let expected = [
            "x-ratelimit-limit: 1000",
            "x-ratelimit-remaining: 999",
            "x-ratelimit-reset: 1642579200",
            "ratelimit-policy: \"minute\";q=1000;w=60",
            "ratelimit: \"minute\";r=999;t=60",
        ];
        assert_eq!(lines(verdict), expected);
    }

    #[test]
    fn a_refusal_says_when_to_come_back_and_rounds_up() {
        let standing = Standing {
            remaining: 0,
            full_in_us: 59_000_001,
            refused_for_us: Some(1),
        };
        let verdict = Verdict::new(5, standing, 100_500_000);
        assert!(!verdict.is_granted());
        let expected = [
            "x-ratelimit-limit: 5",
            "x-ratelimit-remaining: 0",
            "x-ratelimit-reset: 160",
            "ratelimit-policy: \"minute\";q=5;w=60",
            "ratelimit: \"minute\";r=0;t=1",
            "retry-after: 1",
        ];
        assert_eq!(lines(verdict), expected);
    }

    #[test]
    fn the_largest_values_fit() {
        let standing = Standing {
            remaining: u32::MAX,
            full_in_us: u64::MAX,
            refused_for_us: Some(u64::MAX),
        };
        let verdict = Verdict::new(u32::MAX, standing, u64::MAX);
        for line in lines(verdict) {
            let value = line.rsplit_once(['=', ' ']).expect("a value").1;
            let number: u64 = value.trim_end_matches(';').parse().expect(&line);
            assert!(number >= 60, "{line}");
        }
    }
}
