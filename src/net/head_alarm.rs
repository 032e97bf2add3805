//! The alarm for a request's head that does not come: one timer for a connection, however many
//! requests come over it.
//!
//! hyper makes a timer for each head and drops it once the head is there. Here that only notes a
//! deadline and takes it back. The one timer is set when a head is first waited for; where it rings
//! too early for the head that is waited for by then, it is set again.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Sleep, Timer};

/// No head is waited for.
const NEVER_US: u64 = u64::MAX;

/// The alarm; see the module. It belongs to the task of its connection.
#[derive(Debug, Default)]
pub(super) struct HeadAlarm {
    awaited: Arc<Awaited>,
    bell: Option<Pin<Box<tokio::time::Sleep>>>,
}

/// What hyper is given for its timer.
#[derive(Debug)]
pub(super) struct HeadTimer(Arc<Awaited>);

/// The head that is waited for. All that look at it are of one task, so no order is needed.
#[derive(Debug)]
struct Awaited {
    /// Until when the first head was waited for.
    first_due: OnceLock<Instant>,
    /// Until when this one is, in microseconds since then.
    due_us: AtomicU64,
    is_overdue: AtomicBool,
}

/// The waiting for one head, until it is dropped.
struct Waiting {
    awaited: Arc<Awaited>,
    due_us: u64,
}

impl HeadAlarm {
    /// The timer for hyper.
    pub(super) fn timer(&self) -> HeadTimer {
        HeadTimer(Arc::clone(&self.awaited))
    }

    /// Ready, once for each head, when it is overdue: then hyper is to be asked again. To be polled
    /// by one task alone, for the timer wakes the task that set it.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        while let Some(due) = self.awaited.due() {
            match &mut self.bell {
                None => self.bell = Some(Box::pin(tokio::time::sleep_until(due.into()))),
                Some(bell) if !bell.is_elapsed() => return Poll::Pending,
                Some(bell) if bell.deadline().into_std() >= due => {
                    self.awaited.ring();
                    return Poll::Ready(());
                }
                Some(bell) => bell.as_mut().reset(due.into()),
            }
            let bell = self.bell.as_mut();
            if bell.is_some_and(|bell| bell.as_mut().poll(context).is_pending()) {
                return Poll::Pending;
            }
        }
        Poll::Pending
    }
}

impl Default for Awaited {
    fn default() -> Self {
        Self {
            first_due: OnceLock::new(),
            due_us: AtomicU64::new(NEVER_US),
            is_overdue: AtomicBool::new(false),
        }
    }
}

impl Awaited {
    fn due(&self) -> Option<Instant> {
        match self.due_us.load(Ordering::Relaxed) {
            NEVER_US => None,
            due_us => Some(*self.first_due.get()? + Duration::from_micros(due_us)),
        }
    }

    fn ring(&self) {
        self.due_us.store(NEVER_US, Ordering::Relaxed);
        self.is_overdue.store(true, Ordering::Relaxed);
    }
}

impl Timer for HeadTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        self.sleep_until(self.now() + duration)
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        let first = self.0.first_due.get_or_init(|| deadline);
        let later = deadline.saturating_duration_since(*first);
        Box::pin(Waiting {
            awaited: Arc::clone(&self.0),
            due_us: u64::try_from(later.as_micros()).unwrap_or(NEVER_US),
        })
    }
}

impl Sleep for Waiting {}

impl Future for Waiting {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.awaited.is_overdue.load(Ordering::Relaxed) {
            return Poll::Ready(());
        }
        self.awaited.due_us.store(self.due_us, Ordering::Relaxed);
        Poll::Pending
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.awaited.due_us.store(NEVER_US, Ordering::Relaxed);
        self.awaited.is_overdue.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    const WITHIN: Duration = Duration::from_millis(60);

    async fn rings_within(alarm: &mut HeadAlarm, patience: Duration) -> bool {
        let ringing = poll_fn(|context| alarm.poll(context));
        tokio::time::timeout(patience, ringing).await.is_ok()
    }

    async fn is_over(waiting: &mut Pin<Box<dyn Sleep>>) -> bool {
        poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_ready())).await
    }

    #[tokio::test]
    async fn a_head_that_does_not_come_rings_once_and_not_too_early() {
        let mut alarm = HeadAlarm::default();
        let began = alarm.timer().now();
        let mut waiting = alarm.timer().sleep(WITHIN);
        assert!(!is_over(&mut waiting).await);
        assert!(rings_within(&mut alarm, WITHIN * 20).await);
        assert!(began.elapsed() >= WITHIN);
        assert!(is_over(&mut waiting).await);
        assert!(!rings_within(&mut alarm, WITHIN * 2).await);
    }

    #[tokio::test]
    async fn heads_that_come_are_never_overdue_and_the_next_one_has_its_full_time() {
        let mut alarm = HeadAlarm::default();
        let timer = alarm.timer();
        let mut last = timer.now();
        for _ in 0..4 {
            last = timer.now();
            let mut waiting = timer.sleep(WITHIN);
            assert!(!is_over(&mut waiting).await);
            // A machine that stands still meanwhile may make this one overdue.
            let rings = rings_within(&mut alarm, WITHIN / 3).await;
            assert!(!rings || last.elapsed() >= WITHIN);
        }
        // Nobody waits: the timer that rings meanwhile is of no interest.
        assert!(!rings_within(&mut alarm, WITHIN * 2).await);
        let mut waiting = timer.sleep(WITHIN);
        assert!(!is_over(&mut waiting).await);
        assert!(rings_within(&mut alarm, WITHIN * 20).await);
        assert!(last.elapsed() >= WITHIN * 3 && is_over(&mut waiting).await);
    }
}
