//! Why an attempt brought no reply.

use crate::refused_target::RefusedTarget;

/// Why an attempt brought no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The name leads to where it may not.
    #[error(transparent)]
    Refused(#[from] RefusedTarget),
    /// The name leads nowhere.
    #[error("the name has no address")]
    Unresolved,
    /// Nobody answers at its addresses.
    #[error("no connection")]
    Unreachable,
    /// No encrypted connection, or one to somebody else.
    #[error("no trusted TLS connection")]
    Insecure,
    /// The connection broke.
    #[error("the connection ended before the reply")]
    Lost,
    /// What came is no HTTP, or its head is too long.
    #[error("the reply is no HTTP")]
    Malformed,
    /// It took too long.
    #[error("no reply in time")]
    TimedOut,
}

impl Fault {
    /// A word for metrics, one of a few.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Refused(_) => "refused",
            Self::Unresolved => "unresolved",
            Self::Unreachable => "unreachable",
            Self::Insecure => "insecure",
            Self::Lost => "lost",
            Self::Malformed => "malformed",
            Self::TimedOut => "timed_out",
        }
    }
}
