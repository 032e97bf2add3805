//! Why a token is refused: what the log is told, which is never the token, and what the client is,
//! which is next to nothing.

use crate::algorithm::Algorithm;

/// The longest part of a token's own words that a refusal repeats, in characters.
const SHOWN_MAX: usize = 64;

/// Why a token is refused; see the module. Its text is for the log.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// There is none.
    #[error("token: missing")]
    Missing,
    /// It is too long to be looked at.
    #[error("token: {bytes} bytes; {bytes_max} are allowed")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// What is allowed.
        bytes_max: usize,
    },
    /// It is not three parts of base64url with JSON in the first two.
    #[error("token: {0}")]
    Form(&'static str),
    /// Its header isn't one that is taken.
    #[error("header {name}: {fault}")]
    Header {
        /// The field.
        name: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The key that it names is signed with by another algorithm.
    #[error("header alg: '{said}'; the key is for {pinned} alone")]
    Algorithm {
        /// What the header says.
        said: Shown,
        /// What the key is for.
        pinned: Algorithm,
    },
    /// No key of its issuer has that id. It may be a new one: keys that are fetched are due.
    #[error("header kid: no key has the id '{id}'")]
    UnknownKey {
        /// The id.
        id: Shown,
        /// The issuer whose keys were looked through, as its policy names it.
        issuer: Option<String>,
    },
    /// It names no key, and there isn't exactly one that it could be signed with.
    #[error("header kid: missing, and {0} keys are possible; exactly one may be")]
    WhichKey(usize),
    /// Nobody who may has signed it.
    #[error("signature: wrong")]
    Signature,
    /// It is from nobody that is trusted.
    #[error("claim iss: '{0}' is no issuer that is trusted")]
    Issuer(Shown),
    /// It is meant for somebody else.
    #[error("claim aud: this server is not in it")]
    Audience,
    /// A claim is missing that must be there.
    #[error("claim {0}: missing")]
    ClaimMissing(&'static str),
    /// A claim has a shape or a value that no good token has.
    #[error("claim {name}: {fault}")]
    Claim {
        /// The claim.
        name: &'static str,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// It was good until some seconds ago.
    #[error("claim exp: it expired {ago_s} s ago")]
    Expired {
        /// How long ago.
        ago_s: u64,
    },
    /// It will be good only later.
    #[error("claim nbf: it becomes good in {in_s} s")]
    NotYet {
        /// How much later.
        in_s: u64,
    },
    /// It says that it was made in the future.
    #[error("claim iat: it is made in {in_s} s")]
    MadeLater {
        /// How much later.
        in_s: u64,
    },
    /// It is good for longer than any token may be.
    #[error("claim exp: it is good for {lifetime_s} s; {lifetime_s_max} are allowed")]
    Lifetime {
        /// For how long.
        lifetime_s: u64,
        /// What is allowed.
        lifetime_s_max: u64,
    },
    /// It was taken back.
    #[error("claim jti: it was revoked")]
    Revoked,
}

/// What the client is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldClient {
    /// Bring a token.
    Missing,
    /// This one is none.
    Invalid,
}

impl TokenRefusal {
    pub(crate) fn unknown_key(id: &str, issuer: Option<&str>) -> Self {
        Self::UnknownKey {
            id: Shown::of(id),
            issuer: issuer.map(str::to_owned),
        }
    }

    /// What the client may know of it.
    pub const fn told_client(&self) -> ToldClient {
        match self {
            Self::Missing => ToldClient::Missing,
            _ => ToldClient::Invalid,
        }
    }
}

/// A few words of a token's header, cut short and without control characters.
#[derive(Clone, PartialEq, Eq)]
pub struct Shown(Box<str>);

impl Shown {
    pub(crate) fn of(text: &str) -> Self {
        let start = text.chars().take(SHOWN_MAX);
        Self(start.flat_map(char::escape_default).collect())
    }
}

impl std::fmt::Display for Shown {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::fmt::Debug for Shown {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "'{}'", self.0)
    }
}

impl From<&str> for Shown {
    fn from(text: &str) -> Self {
        Self::of(text)
    }
}
