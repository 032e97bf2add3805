//! What a verified token says: who it is from, and what its issuer lets them do.

use std::sync::Arc;

use crate::refusal::TokenRefusal;
use crate::token_key::TokenKey;

/// What the token says; see the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Who it is from: `sub`.
    pub subject: String,
    /// The scopes, as far as they are known here, each once.
    pub scopes: Vec<String>,
    /// The streams that it is for: `agnt_streams`. `None` is all of them, an empty list none.
    pub streams: Option<Vec<String>>,
    /// For which other agents it may speak: `act_as`.
    pub act_as: ActAs,
    /// When it ends, in Unix seconds; it is good for the policy's leeway longer.
    pub expires_at_s: u64,
    /// When it begins, in Unix seconds; 0 if it doesn't say.
    pub not_before_s: u64,
    /// When it was made, in Unix seconds, if it says.
    pub issued_at_s: Option<u64>,
    /// Its own id, by which it can be revoked: `jti`.
    pub id: Option<String>,
    /// Since when its client has the secret that it was issued for, in microseconds since 1970, if it
    /// was issued to a client: `agnt_secret_since`.
    pub secret_since_us: Option<u64>,
}

/// For whom else somebody may speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActAs {
    /// For these agents.
    These(Vec<String>),
    /// For every agent.
    Everyone,
}

/// A token that was verified, and with what: so that it can be asked again whether it still holds.
/// It is cheap to clone.
#[derive(Clone, Debug)]
pub struct Verified(pub(crate) Arc<Proof>);

#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) token: Token,
    /// Which of the verifier's trusts it is under.
    pub(crate) trust: usize,
    pub(crate) key: TokenKey,
    /// From when on it is refused, leeway included.
    pub(crate) ends_at_s: u64,
    /// Until when it is not taken yet, leeway included.
    pub(crate) begins_at_s: u64,
}

impl Token {
    /// Whether it has that scope.
    pub fn has_scope(&self, scope: &str) -> bool {
        self.scopes.iter().any(|given| given == scope)
    }

    /// Whether it is for that stream too.
    pub fn is_for_stream(&self, stream: &str) -> bool {
        let streams = self.streams.as_ref();
        streams.is_none_or(|streams| streams.iter().any(|given| given == stream))
    }

    /// Whether it may speak for that agent: its own subject, or one that it may act as.
    pub fn speaks_for(&self, agent: &str) -> bool {
        self.subject == agent || self.act_as.covers(agent)
    }
}

impl ActAs {
    /// Whether that agent is among them.
    pub fn covers(&self, agent: &str) -> bool {
        match self {
            Self::These(agents) => agents.iter().any(|given| given == agent),
            Self::Everyone => true,
        }
    }
}

impl Verified {
    /// What the token says.
    pub fn token(&self) -> &Token {
        &self.0.token
    }

    /// From when on it is refused, in Unix seconds: its end and the policy's leeway.
    pub fn ends_at_s(&self) -> u64 {
        self.0.ends_at_s
    }

    pub(crate) fn check_time(&self, now_s: u64) -> Result<(), TokenRefusal> {
        let proof = &self.0;
        if now_s >= proof.ends_at_s {
            let ago_s = now_s - proof.token.expires_at_s;
            return Err(TokenRefusal::Expired { ago_s });
        }
        if now_s < proof.begins_at_s {
            let in_s = proof.token.not_before_s - now_s;
            return Err(TokenRefusal::NotYet { in_s });
        }
        Ok(())
    }

    /// The id of the key that it is signed with, and the name of its algorithm, for the log.
    pub fn signed_with(&self) -> (&str, &'static str) {
        (self.0.key.id(), self.0.key.algorithm().name())
    }
}

impl std::ops::Deref for Verified {
    type Target = Token;

    fn deref(&self) -> &Token {
        self.token()
    }
}
