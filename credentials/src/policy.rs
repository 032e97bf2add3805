//! What tokens of an issuer must be like.

/// The policy; see the module.
#[derive(Clone, Debug)]
pub struct TokenPolicy {
    /// Who makes the tokens, exactly as in `iss`. Without it, tokens of every issuer that no other
    /// trust names are taken, if they are signed with the right key.
    pub issuer: Option<String>,
    /// Whom they are meant for: `aud` must have one of these. If there are none, a token that says
    /// whom it is for is for somebody else (RFC 7519, 4.1.3).
    pub audiences: Vec<String>,
    /// The names of scopes that mean something here; others in a token are ignored.
    pub scopes: Vec<String>,
    /// How far the issuer's clock may be off.
    pub leeway_s: u64,
    /// The longest time from `iat`, or from now without it, to `exp`.
    pub lifetime_s_max: u64,
}

impl Default for TokenPolicy {
    fn default() -> Self {
        Self {
            issuer: None,
            audiences: Vec::new(),
            scopes: Vec::new(),
            leeway_s: 30,
            lifetime_s_max: 86_400,
        }
    }
}
