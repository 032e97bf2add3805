//! The event loops from outside: starting them, giving them connections, draining and stopping.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, io, thread};

use super::connection::Adoption;
use super::pending::WriteBounds;
use super::turn::EventLoop;
use crate::engine::Wake;
use crate::engine::queue::{self, Sender};
use crate::telemetry::Metrics;

/// Orders that may wait for one loop.
const ORDERS_MAX: usize = 4096;

/// What event loops are bound by.
#[derive(Clone, Copy, Debug)]
pub struct LoopSettings {
    /// A peer that is silent for this long is pinged.
    pub heartbeat: Duration,
    /// A viewer further behind than this continues at a state tick.
    pub staleness_max: Duration,
    /// Most bytes of one write.
    pub write_bytes_max: usize,
    /// Position bytes kept for the viewers of a stream.
    pub log_bytes_max: usize,
    /// Event bytes kept for the viewers of a stream.
    pub events_bytes_max: usize,
}

impl LoopSettings {
    pub(super) fn write_bounds(&self) -> WriteBounds {
        WriteBounds {
            write_bytes_max: self.write_bytes_max,
            staleness_max: self.staleness_max,
            state_tick_age_max: Duration::from_millis(100),
        }
    }
}

/// What a loop is told to do.
pub(super) enum Order {
    /// Take a connection over.
    Adopt(Box<Adoption>),
    /// Close every connection: going away. Each is told to come back after a time of its own, up
    /// to this one.
    Drain(Duration),
    /// End.
    Stop,
}

/// Wakes one loop; many wakes before it looks are one.
pub(super) struct Waking {
    waker: mio::Waker,
    is_pending: AtomicBool,
}

impl Waking {
    fn wake(&self) {
        if !self.is_pending.swap(true, Ordering::AcqRel)
            && let Err(error) = self.waker.wake()
        {
            tracing::error!(%error, "event loop can't be woken");
        }
    }

    pub(super) fn seen(&self) {
        self.is_pending.store(false, Ordering::Release);
    }
}

struct Handle {
    orders: Sender<Order>,
    waking: Arc<Waking>,
    connections: Arc<AtomicUsize>,
    thread: JoinHandle<()>,
}

/// All event loops of a server.
pub struct Loops {
    handles: Vec<Handle>,
}

impl fmt::Debug for Loops {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Loops")
            .field("loops", &self.handles.len())
            .finish()
    }
}

impl Loops {
    /// Starts `count` loops, each on a thread of its own.
    pub fn start(count: usize, settings: LoopSettings, metrics: &Arc<Metrics>) -> io::Result<Self> {
        let handles = (0..count)
            .map(|id| {
                let poll = mio::Poll::new()?;
                let waker = mio::Waker::new(poll.registry(), super::turn::WAKE)?;
                let waking = Arc::new(Waking {
                    waker,
                    is_pending: AtomicBool::new(false),
                });
                let wake: Wake = {
                    let waking = Arc::clone(&waking);
                    Arc::new(move || waking.wake())
                };
                let (orders, receiver) = queue::bounded(ORDERS_MAX);
                let connections = Arc::new(AtomicUsize::new(0));
                let event_loop = EventLoop::new(
                    id,
                    poll,
                    receiver,
                    (Arc::clone(&waking), wake),
                    Arc::clone(&connections),
                    settings,
                    Arc::clone(metrics),
                );
                let thread = thread::Builder::new()
                    .name(format!("agnt-loop-{id}"))
                    .spawn(move || event_loop.run())?;
                Ok(Handle {
                    orders,
                    waking,
                    connections,
                    thread,
                })
            })
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self { handles })
    }

    /// Gives a connection to the loop that has the fewest.
    pub async fn adopt(&self, adoption: Adoption) {
        let fewest = |handle: &&Handle| handle.connections.load(Ordering::Relaxed);
        let Some(handle) = self.handles.iter().min_by_key(fewest) else {
            return;
        };
        handle.connections.fetch_add(1, Ordering::Relaxed);
        if handle
            .orders
            .send(Order::Adopt(Box::new(adoption)))
            .await
            .is_err()
        {
            tracing::error!("event loop has ended; connection dropped");
        }
        handle.waking.wake();
    }

    /// Connections that the loops own.
    pub fn connections(&self) -> usize {
        self.handles
            .iter()
            .map(|handle| handle.connections.load(Ordering::Relaxed))
            .sum()
    }

    /// Whether every loop still runs.
    pub fn are_alive(&self) -> bool {
        self.handles
            .iter()
            .all(|handle| !handle.thread.is_finished())
    }

    /// Closes every connection; each peer is told to come back within `spread`.
    pub async fn drain(&self, spread: Duration) {
        for handle in &self.handles {
            // A loop that has ended has no connections.
            let _ = handle.orders.send(Order::Drain(spread)).await;
            handle.waking.wake();
        }
    }

    /// Tells all loops to end.
    pub async fn stop(&self) {
        for handle in &self.handles {
            // A loop that has ended needs no order.
            let _ = handle.orders.send(Order::Stop).await;
            handle.waking.wake();
        }
    }
}
