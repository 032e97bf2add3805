//! What waits for the writer: requests in the order in which they came, bounded in number and in
//! bytes, and taken all at once.
//!
//! A channel bounds a number only, and what is sent while its receiver goes away may stay in it
//! unanswered. Here closing and taking are one step under one lock.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::idempotency::IdempotencyKey;
use crate::outlet::TraceSpan;
use crate::reply::Reply;
use crate::{Mutation, Refusal, RefusalKind};

/// One mutation that somebody waits for.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) mutation: Mutation,
    pub(crate) idempotency: Option<IdempotencyKey>,
    /// About what it takes in memory.
    pub(crate) bytes: usize,
    /// What it is a part of, if that is recorded.
    pub(crate) trace: Option<TraceSpan>,
    pub(crate) reply: Reply,
}

/// A number of requests, and their bytes together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    pub(crate) requests: usize,
    pub(crate) bytes: usize,
}

/// What came of waiting for requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taken {
    /// There are some, or the time is over.
    Open,
    /// Nothing is left, and nothing will come.
    Ended,
}

/// The queue in front of the writer.
#[derive(Debug)]
pub(crate) struct Intake {
    queue: Mutex<Queue>,
    filled: Condvar,
    load_max: Load,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: VecDeque<Request>,
    bytes: usize,
    is_closed: bool,
}

impl Intake {
    pub(crate) fn new(load_max: Load) -> Self {
        Self {
            queue: Mutex::default(),
            filled: Condvar::new(),
            load_max,
        }
    }

    /// Adds a request, if there is room and the writer is there; else nobody is answered but by
    /// the refusal.
    pub(crate) fn push(&self, request: Request) -> Result<(), Refusal> {
        let mut queue = self.queue();
        let refusal = if queue.is_closed {
            "the server is stopping"
        } else if queue.waiting.len() >= self.load_max.requests
            || queue.bytes.saturating_add(request.bytes) > self.load_max.bytes
        {
            "too many changes wait for the disk"
        } else {
            queue.bytes += request.bytes;
            queue.waiting.push_back(request);
            drop(queue);
            self.filled.notify_one();
            return Ok(());
        };
        drop(queue);
        request.reply.discard();
        Err(Refusal::new(RefusalKind::Unavailable, refusal).retry_after(1))
    }

    /// Moves all that waits into `requests`, as far as `load_max` goes, but at least one; waits for
    /// the first one for as long as `patience`.
    pub(crate) fn take(
        &self,
        requests: &mut Vec<Request>,
        load_max: Load,
        patience: Duration,
    ) -> Taken {
        let is_idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.is_closed;
        let mut queue = self
            .filled
            .wait_timeout_while(self.queue(), patience, is_idle)
            .map_or_else(|poisoned| poisoned.into_inner().0, |(queue, _)| queue);
        if queue.waiting.is_empty() && queue.is_closed {
            return Taken::Ended;
        }
        let mut bytes = 0;
        while let Some(request) = queue.waiting.front()
            && (requests.is_empty()
                || (requests.len() < load_max.requests && bytes + request.bytes <= load_max.bytes))
        {
            bytes += request.bytes;
            requests.extend(queue.waiting.pop_front());
        }
        queue.bytes -= bytes;
        Taken::Open
    }

    /// Takes nothing in any more; what waits is still there to be taken.
    pub(crate) fn close(&self) {
        self.queue().is_closed = true;
        self.filled.notify_all();
    }

    /// Closes it and drops what waits, which answers each.
    pub(crate) fn abandon(&self) {
        let dropped = {
            let mut queue = self.queue();
            queue.is_closed = true;
            queue.bytes = 0;
            std::mem::take(&mut queue.waiting)
        };
        // Outside the lock: who is answered may ask for more at once.
        drop(dropped);
    }

    /// What waits.
    pub(crate) fn load(&self) -> Load {
        let queue = self.queue();
        Load {
            requests: queue.waiting.len(),
            bytes: queue.bytes,
        }
    }

    /// What may wait.
    pub(crate) fn load_max(&self) -> Load {
        self.load_max
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use crate::Id;

    fn request(bytes: usize, answered: &Arc<AtomicUsize>) -> Request {
        let answered = Arc::clone(answered);
        Request {
            mutation: Mutation::RemoveTemplate { id: Id::unique() },
            idempotency: None,
            bytes,
            trace: None,
            reply: Reply::new(move |_| {
                answered.fetch_add(1, Ordering::Relaxed);
            }),
        }
    }

    const ROOMY: Load = Load {
        requests: 100,
        bytes: 1000,
    };

    #[test]
    fn number_and_bytes_are_bounded_and_room_comes_back() {
        let answered = Arc::default();
        let intake = Intake::new(Load {
            requests: 3,
            bytes: 100,
        });
        assert!(intake.push(request(60, &answered)).is_ok());
        let refusal = intake.push(request(41, &answered)).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Unavailable);
        assert_eq!(refusal.retry_after_s, Some(1));
        assert!(intake.push(request(40, &answered)).is_ok());
        assert!(intake.push(request(0, &answered)).is_ok());
        assert!(intake.push(request(0, &answered)).is_err());
        let mut taken = Vec::new();
        let small = Load {
            requests: 2,
            bytes: 50,
        };
        intake.take(&mut taken, small, Duration::ZERO);
        assert_eq!(taken.len(), 1, "the first, however large");
        assert!(intake.push(request(60, &answered)).is_ok());
        intake.take(&mut taken, ROOMY, Duration::ZERO);
        assert_eq!((taken.len(), intake.load()), (4, Load::default()));
        assert_eq!(answered.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn closed_it_gives_out_what_waits_and_abandoned_it_answers() {
        let answered = Arc::default();
        let intake = Intake::new(ROOMY);
        intake.push(request(1, &answered)).unwrap();
        intake.close();
        assert!(intake.push(request(1, &answered)).is_err());
        let mut taken = Vec::new();
        assert_eq!(intake.take(&mut taken, ROOMY, Duration::MAX), Taken::Open);
        assert_eq!(intake.take(&mut taken, ROOMY, Duration::MAX), Taken::Ended);
        assert_eq!((taken.len(), answered.load(Ordering::Relaxed)), (1, 0));

        let intake = Intake::new(ROOMY);
        intake.push(request(1, &answered)).unwrap();
        intake.abandon();
        assert_eq!(answered.load(Ordering::Relaxed), 1);
    }
}
