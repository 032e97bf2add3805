//! The answer to a mutation, which its asker gets exactly once, whatever becomes of the writer.

use std::fmt;

use crate::{Outcome, Refusal, RefusalKind};

/// What a mutation came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Done {
    /// Its outcome.
    pub outcome: Outcome,
    /// Whether this is the outcome of an earlier request of the same idempotency key.
    pub is_replay: bool,
    /// The number of its last event, 0 if it had none.
    pub sequence: u64,
}

type Answer = Box<dyn FnOnce(Result<Done, Refusal>) + Send>;

/// Somebody who waits for an answer. Dropped unanswered, as a panic drops it, it answers that the
/// server failed.
pub(crate) struct Reply(Option<Answer>);

impl Reply {
    pub(crate) fn new(answer: impl FnOnce(Result<Done, Refusal>) + Send + 'static) -> Self {
        Self(Some(Box::new(answer)))
    }

    pub(crate) fn answer(mut self, result: Result<Done, Refusal>) {
        if let Some(answer) = self.0.take() {
            answer(result);
        }
    }

    /// Answers nothing: the asker knows already.
    pub(crate) fn discard(mut self) {
        self.0 = None;
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(answer) = self.0.take() {
            answer(Err(lost()));
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Reply").field(&self.0.is_some()).finish()
    }
}

/// The writer ended before it answered.
pub(crate) fn lost() -> Refusal {
    let message = "the server failed before it could say whether this was done";
    Refusal::new(RefusalKind::Internal, message)
}
