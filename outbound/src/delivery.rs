//! One callback: what is sent, and what became of it.

use std::fmt;

use bytes::Bytes;

use crate::fault::Fault;
use crate::target::Target;

/// Called once with what became of a delivery, on a thread of the runtime: it must not block.
pub type OnDone = Box<dyn FnOnce(Outcome) + Send>;

/// One callback to be sent. It lives in memory alone: whoever must not lose it keeps it until
/// [`on_done`](Self::on_done) was called, and sends it again under the same id after a restart.
pub struct Delivery {
    /// Its id, `[A-Za-z0-9_-]{1,128}`: by it a receiver tells a repetition.
    pub id: String,
    /// Where it goes.
    pub target: Target,
    /// A JSON text.
    pub body: Bytes,
    /// Who hears what became of it. Also called if the sender stops; not if
    /// [`send`](crate::Outbound::send) refused it.
    pub on_done: OnDone,
}

impl Delivery {
    /// About how much memory it holds, in bytes.
    pub(crate) fn len_bytes(&self) -> usize {
        self.id.len() + self.target.len_bytes() + self.body.len()
    }
}

impl fmt::Debug for Delivery {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Delivery")
            .field("id", &self.id)
            .field("target", &self.target)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// What became of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How often it was tried.
    pub attempts: u32,
    /// The receiver's status, 200 to 299; else why there is none.
    pub result: Result<u16, Failure>,
}

/// Why a delivery failed for good.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No reply at the last attempt.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The receiver pointed elsewhere; nobody follows.
    #[error("the receiver answered {status}: redirects are not followed")]
    Redirected {
        /// Its status.
        status: u16,
    },
    /// The receiver doesn't want it.
    #[error("the receiver answered {status}")]
    Rejected {
        /// Its status.
        status: u16,
    },
    /// The receiver couldn't take it, the last time too.
    #[error("the receiver answered {status}")]
    Unavailable {
        /// Its status.
        status: u16,
    },
    /// The host failed so often that it is left alone for longer than this delivery has.
    #[error("the receiver's host failed too often")]
    CircuitOpen,
    /// Its time was over before it could be tried, or tried again.
    #[error("the time for this delivery is over")]
    Expired,
    /// The sender stopped.
    #[error("the server stopped")]
    Stopped,
}

impl Failure {
    /// A word for metrics, one of a few.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Fault(fault) => fault.label(),
            Self::Redirected { .. } => "redirected",
            Self::Rejected { .. } => "rejected",
            Self::Unavailable { .. } => "unavailable",
            Self::CircuitOpen => "circuit_open",
            Self::Expired => "expired",
            Self::Stopped => "stopped",
        }
    }
}

/// Why a delivery was not taken. Nothing of it was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// There are too many, or they hold too many bytes.
    #[error("too much is waiting to be sent; allowed: {allowed} ({bound})")]
    Full {
        /// Which bound was met, by its name in [`Limits`](crate::Limits).
        bound: &'static str,
        /// What it is.
        allowed: usize,
    },
    /// The id is none.
    #[error("the id {id:?} is not allowed; allowed: [A-Za-z0-9_-]{{1,128}}")]
    Id {
        /// The id, cut.
        id: String,
    },
    /// The sender stops or has no keys.
    #[error("nothing is sent any more")]
    Closed,
}
