//! Who a request is from, as far as its credentials say, and what that one may do: a scope, a
//! stream, an agent.

use std::net::IpAddr;
use std::sync::Arc;

use agnt_credentials::Verified;

use super::client::Client;
use super::extent::{Extent, Reach};
use super::key::Key;
use super::scope::Scope;

/// The identity; see the module. It may be kept: what a key allows is asked anew each time, and
/// [`Doorkeeper::admits`](super::Doorkeeper::admits) says whether it holds still.
#[derive(Clone, Debug)]
pub enum Identity {
    /// Nobody in particular, while the server is open: there are no credentials, and all may do all.
    Anonymous,
    /// Whoever has this key.
    Key(Arc<Key>),
    /// Whoever has this token.
    Token(TokenHolder),
    /// Nobody that may come in; the answer is 401.
    Refused(CredentialRefusal),
}

/// Who a token is from, with what it allows.
#[derive(Clone, Debug)]
pub struct TokenHolder {
    pub(super) verified: Verified,
    extent: Extent,
}

/// Why credentials are refused. The texts are those of document A.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CredentialRefusal {
    /// There are none, and the server wants some.
    #[error("Missing authentication token")]
    Missing,
    /// They are none that this server knows.
    #[error("Invalid authentication token")]
    Unknown,
    /// They were good once. The client is told no more than of unknown ones.
    #[error("Invalid authentication token")]
    Revoked,
}

/// How far somebody goes whom nothing holds back.
static UNBOUNDED: Reach = Reach::All;

impl Identity {
    /// Whether it may do that now.
    pub fn allows(&self, scope: Scope) -> bool {
        match self {
            Self::Anonymous => true,
            Self::Key(key) => key.allows(scope),
            Self::Token(holder) => holder.extent.scopes.allow(scope),
            Self::Refused(_) => false,
        }
    }

    /// Whether it may do anything in that stream.
    pub fn is_for_stream(&self, stream: &str) -> bool {
        !matches!(self, Self::Refused(_)) && self.streams().covers(stream)
    }

    /// Whether it may speak for that agent: an agent only as itself, unless `act_as` covers more.
    pub fn speaks_for(&self, agent: &str) -> bool {
        !matches!(self, Self::Refused(_)) && self.agents().covers(agent)
    }

    /// In which streams it may do something.
    pub fn streams(&self) -> &Reach {
        self.extent().map_or(&UNBOUNDED, |extent| &extent.streams)
    }

    /// For which agents it may speak.
    pub fn agents(&self) -> &Reach {
        self.extent().map_or(&UNBOUNDED, |extent| &extent.agents)
    }

    /// How far its credential goes, if it has one.
    fn extent(&self) -> Option<&Extent> {
        match self {
            Self::Key(key) => Some(key.extent()),
            Self::Token(holder) => Some(&holder.extent),
            Self::Anonymous | Self::Refused(_) => None,
        }
    }

    /// Who it says that it is: the subject of a token.
    pub fn subject(&self) -> Option<&str> {
        match self {
            Self::Token(holder) => Some(&holder.verified.subject),
            _ => None,
        }
    }

    /// What people call it.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Key(key) => Some(key.name()),
            Self::Token(holder) => Some(&holder.verified.subject),
            Self::Anonymous | Self::Refused(_) => None,
        }
    }

    /// What tells it from all others that may come in.
    pub fn owner(&self) -> Option<Arc<str>> {
        match self {
            Self::Key(key) => Some(Arc::clone(key.id())),
            Self::Token(holder) => Some(holder.owner()),
            Self::Anonymous | Self::Refused(_) => None,
        }
    }

    /// For whom its requests are counted. Attempts with bad credentials count for the address that
    /// they come from.
    pub fn client(&self, address: IpAddr) -> Client {
        match self.owner() {
            Some(owner) => Client::Key(owner),
            None => Client::at(address),
        }
    }
}

impl TokenHolder {
    pub(super) fn new(verified: Verified) -> Self {
        let extent = Extent::of_token(&verified);
        Self { verified, extent }
    }

    /// When the token is over, in Unix seconds.
    pub fn ends_at_s(&self) -> u64 {
        self.verified.ends_at_s()
    }

    /// No id of a key has a space in it.
    fn owner(&self) -> Arc<str> {
        format!("token {}", self.verified.subject).into()
    }
}

impl CredentialRefusal {
    /// The value of `WWW-Authenticate`, which every 401 has (RFC 9110, RFC 6750).
    pub const fn challenge(self) -> &'static str {
        match self {
            Self::Missing => "Bearer realm=\"agnt\"",
            Self::Unknown | Self::Revoked => "Bearer realm=\"agnt\", error=\"invalid_token\"",
        }
    }
}
