//! The event loops from outside: starting them, giving them connections, draining and stopping.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;
use std::{fmt, io, thread};

use tokio::sync::oneshot;

use super::connection::Adoption;
use super::pending::WriteBounds;
use super::roster::Connected;
use super::turn::EventLoop;
use crate::domain::MemoryRoom;
use crate::engine::Wake;
use crate::engine::queue::{self, Sender};
use crate::telemetry::Metrics;

/// How long the last turn of a loop may take.
const STOPPED_WITHIN: Duration = Duration::from_secs(1);

/// Orders that may wait for one loop.
const ORDERS_MAX: usize = 4096;

/// What event loops are bound by.
#[derive(Clone, Debug)]
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
    /// Bytes that a session which comes back may lack of a retained lane.
    pub resume_bytes_max: usize,
    /// Whether there is memory for more.
    pub room: Arc<MemoryRoom>,
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
    /// Close every connection: going away, one after another over this window. Each is told to come
    /// back after a time of its own.
    Drain(Duration),
    /// Say who is connected.
    Describe(oneshot::Sender<Vec<Connected>>),
    /// Show that it takes orders.
    Answer(oneshot::Sender<()>),
    /// End.
    Stop(oneshot::Sender<()>),
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
    pub fn start(
        count: usize,
        settings: &LoopSettings,
        metrics: &Arc<Metrics>,
    ) -> io::Result<Self> {
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
                    settings.clone(),
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

    /// Who is connected, with the traffic of each; some thousands of each loop at most.
    pub async fn roster(&self) -> Vec<Connected> {
        let mut all = Vec::new();
        for handle in &self.handles {
            let (tell, told) = oneshot::channel();
            // A loop that has ended has no connections.
            let _ = handle.orders.send(Order::Describe(tell)).await;
            handle.waking.wake();
            all.extend(told.await.unwrap_or_default());
        }
        all
    }

    /// Whether every loop takes orders; returns once all have shown it, or one has ended.
    pub async fn answer(&self) -> bool {
        for handle in &self.handles {
            let (tell, told) = oneshot::channel();
            // A loop that has ended drops the order, and with it who would tell.
            let _ = handle.orders.send(Order::Answer(tell)).await;
            handle.waking.wake();
            if told.await.is_err() {
                return false;
            }
        }
        true
    }

    /// Closes every connection, one after another over `window`; each peer is told when to come back,
    /// which is after the window and at most as long after it.
    pub async fn drain(&self, window: Duration) {
        for handle in &self.handles {
            // A loop that has ended has no connections.
            let _ = handle.orders.send(Order::Drain(window)).await;
            handle.waking.wake();
        }
    }

    /// Ends all loops; who is still connected is told to come back, if its socket takes that at once.
    pub async fn stop(&self) {
        let mut ends = Vec::new();
        for handle in &self.handles {
            let (tell, told) = oneshot::channel();
            // A loop that has ended drops the order, and with it who would tell.
            let _ = handle.orders.send(Order::Stop(tell)).await;
            handle.waking.wake();
            ends.push(told);
        }
        for told in ends {
            let _ = tokio::time::timeout(STOPPED_WITHIN, told).await;
        }
    }
}
