//! A timer that an event loop can wait for to the microsecond; the timeout of epoll itself only
//! counts milliseconds, which would show in every latency.

use std::os::fd::{AsRawFd, OwnedFd};
use std::time::Duration;

use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use crate::failure::{Context, Result};

/// Fires after an interval, again and again.
#[derive(Debug)]
pub(crate) struct Timer {
    fd: OwnedFd,
}

impl Timer {
    /// A timer that is not set, registered as `token`.
    pub(crate) fn new(registry: &Registry, token: Token) -> Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let fd = timerfd_create(TimerfdClockId::Monotonic, flags).context("timer")?;
        let mut source = SourceFd(&fd.as_raw_fd());
        registry
            .register(&mut source, token, Interest::READABLE)
            .context("timer")?;
        Ok(Self { fd })
    }

    /// Sets the timer to fire once, `after` from now; setting it again takes the old one back.
    pub(crate) fn set(&self, after: Duration) -> Result<()> {
        let after = after.max(Duration::from_nanos(1));
        let zero = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let it_value = Timespec {
            tv_sec: after.as_secs().cast_signed(),
            tv_nsec: i64::from(after.subsec_nanos()),
        };
        let time = Itimerspec {
            it_interval: zero,
            it_value,
        };
        timerfd_settime(&self.fd, TimerfdTimerFlags::empty(), &time).context("timer")?;
        Ok(())
    }
}
