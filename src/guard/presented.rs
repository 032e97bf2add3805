//! What a request shows to be let in by.

use std::fmt;

/// The credentials of a request, as they came; see the module.
#[derive(Clone, Copy, Default)]
pub struct Presented<'a> {
    /// The header field `Authorization`.
    pub authorization: Option<&'a [u8]>,
    /// The header field `X-API-Key`.
    pub api_key: Option<&'a [u8]>,
    /// What a request for a socket shows because browsers can't send header fields along with one.
    pub of_browser: OfBrowser<'a>,
}

/// What a browser can show; see [`Presented`].
#[derive(Clone, Copy, Default)]
pub struct OfBrowser<'a> {
    /// The token of the subprotocol `bearer.TOKEN`.
    pub subprotocol: Option<&'a [u8]>,
    /// The query's `ticket`.
    pub ticket: Option<&'a [u8]>,
}

/// One credential.
#[derive(Clone, Copy)]
pub(super) enum Credential<'a> {
    /// A token, or an API key where a token belongs.
    Bearer(&'a [u8]),
    /// An API key.
    ApiKey(&'a [u8]),
    /// A ticket.
    Ticket(&'a [u8]),
}

const BEARER: &[u8] = b"Bearer";

impl<'a> Presented<'a> {
    /// The one that counts. As in document A, a token in `Authorization: Bearer` is looked at first
    /// and `X-API-Key` where there is none; what browsers show comes last.
    pub(super) fn credential(&self) -> Option<Credential<'a>> {
        let bearer = self.authorization.and_then(bearer_token);
        let bearer = bearer.map(Credential::Bearer);
        bearer
            .or_else(|| self.api_key.map(Credential::ApiKey))
            .or_else(|| self.of_browser.subprotocol.map(Credential::Bearer))
            .or_else(|| self.of_browser.ticket.map(Credential::Ticket))
    }
}

/// The token of `Authorization: Bearer TOKEN`; the scheme's case doesn't matter (RFC 9110).
fn bearer_token(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.trim_ascii().split_at_checked(BEARER.len())?;
    let ends = token.first().is_none_or(u8::is_ascii_whitespace);
    (ends && scheme.eq_ignore_ascii_case(BEARER)).then(|| token.trim_ascii())
}

/// Shows nothing of them.
impl fmt::Debug for Presented<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Presented(hidden)")
    }
}
