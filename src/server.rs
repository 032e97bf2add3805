//! The server as a whole: started in order, drained in order.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::config::Config;
use crate::dialect::visual::VisualSettings;
use crate::engine::{Limits, Streams};
use crate::net::admission::{Admission, HTTP_KEPT_BACK};
use crate::net::event_loop::{ConnectionLimits, LoopSettings, Loops};
use crate::net::http::Site;
use crate::net::seal::ENCODERS;
use crate::net::{listener, ws};
use crate::telemetry::Metrics;

/// Files that the process needs beside its connections.
const FILES_BESIDE: u64 = 64;

/// How often JSON viewers get positions.
const JSON_TICK: Duration = Duration::from_millis(100);

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address can't be listened on.
    #[error("listen: {address} can't be used: {error}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// More connections than the process may have files.
    #[error(
        "max_connections: {asked} connections need {needed} files and the process may open \
         {allowed}; allowed here are at most {fitting}"
    )]
    TooManyConnections {
        /// What was asked for.
        asked: usize,
        /// Files for that.
        needed: u64,
        /// What the system allows.
        allowed: u64,
        /// What fits.
        fitting: u64,
    },
    /// The system refused something else.
    #[error("start: {0}")]
    System(#[from] io::Error),
}

/// A running server.
#[derive(Debug)]
pub struct Server {
    site: Arc<Site>,
    address: SocketAddr,
    drain: Duration,
    stop_accepting: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    background: JoinSet<()>,
}

impl Server {
    /// Starts everything; when it returns, the server accepts connections.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        raise_file_limit(config.max_connections)?;
        let bind = TcpListener::bind(config.listen).await;
        let listener = bind.map_err(|error| StartError::Listen {
            address: config.listen,
            error,
        })?;
        let address = listener.local_addr()?;
        let metrics = Arc::new(Metrics::default());
        let site = Arc::new(Site {
            streams: Streams::new(engine_limits(config), ENCODERS),
            loops: Loops::start(loop_count(config), loop_settings(config), &metrics)?,
            admission: Admission::new(config.max_connections, Arc::clone(&metrics)),
            metrics,
            visual: Arc::new(VisualSettings {
                heartbeat_ms: config.heartbeat_ms,
                handshake_within: Duration::from_millis(config.handshake_ms),
                message_bytes_max: config.message_bytes_max,
            }),
            limits: Arc::new(ConnectionLimits {
                read: ws::ReadLimits {
                    message_bytes_max: config.message_bytes_max,
                    fragments_max: config.fragments_max,
                },
                outbox_bytes_max: config.outbox_bytes_max,
            }),
            has_echo: config.echo_path,
            is_draining: false.into(),
        });
        let (stop_accepting, shutdown) = watch::channel(false);
        let accept = listener::run(
            listener,
            Arc::clone(&site),
            config.notsent_lowat_bytes,
            shutdown,
        );
        let mut background = JoinSet::new();
        background.spawn(keep_house(Arc::clone(&site)));
        Ok(Self {
            site,
            address,
            drain: Duration::from_millis(config.drain_ms),
            stop_accepting,
            accepting: tokio::spawn(accept),
            background,
        })
    }

    /// The address that it listens on, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until something that must run for ever has ended: the server is of no more use.
    pub async fn failed(&mut self) {
        let mut look = tokio::time::interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                _ = &mut self.accepting => return,
                _ = self.background.join_next() => return,
                _ = look.tick() => {
                    if !self.site.loops.are_alive() {
                        return;
                    }
                }
            }
        }
    }

    /// Stops accepting, tells every peer to come back, and waits for the connections to end, at
    /// most as long as the setting `drain_ms` says.
    pub async fn drain(self) {
        let until = Instant::now() + self.drain;
        self.site.is_draining.store(true, Ordering::Relaxed);
        // Nobody listens any more if the accept loop has ended by itself.
        let _ = self.stop_accepting.send(true);
        self.site.loops.drain(self.drain / 2).await;
        while self.site.loops.connections() > 0 && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.site.loops.stop().await;
    }
}

/// Looks after the streams as long as the server runs.
async fn keep_house(site: Arc<Site>) {
    let mut tick = tokio::time::interval(JSON_TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut swept_at = Instant::now();
    loop {
        tick.tick().await;
        let now = Instant::now();
        site.streams.tick_json(now);
        if now.duration_since(swept_at) >= Duration::from_secs(1) {
            swept_at = now;
            let usage = site.streams.sweep(now);
            site.metrics.streams.set(usage.streams as i64);
            site.metrics.agents.set(usage.agents as i64);
        }
    }
}

fn raise_file_limit(max_connections: usize) -> Result<(), StartError> {
    let beside = FILES_BESIDE + HTTP_KEPT_BACK as u64;
    let needed = max_connections as u64 + beside;
    let allowed = rlimit::increase_nofile_limit(u64::MAX)?;
    if allowed < needed {
        let fitting = allowed.saturating_sub(beside);
        let asked = max_connections;
        return Err(StartError::TooManyConnections {
            asked,
            needed,
            allowed,
            fitting,
        });
    }
    Ok(())
}

fn loop_count(config: &Config) -> usize {
    match config.loops {
        0 => std::thread::available_parallelism()
            .map_or(1, |cores| cores.get() - 1)
            .max(1),
        loops => loops,
    }
}

fn engine_limits(config: &Config) -> Limits {
    Limits {
        log_bytes_max: config.log_bytes_max,
        events_bytes_max: config.events_bytes_max,
        tick_bytes_max: config.tick_bytes_max,
        agents_per_stream_max: config.agents_per_stream_max,
        streams_max: config.streams_max,
        staleness_max: Duration::from_millis(config.staleness_max_ms),
        agent_ttl: (config.agent_ttl_s > 0).then(|| Duration::from_secs(config.agent_ttl_s)),
        publisher_linger: Duration::from_secs(config.publisher_linger_s),
    }
}

fn loop_settings(config: &Config) -> LoopSettings {
    LoopSettings {
        heartbeat: Duration::from_millis(config.heartbeat_ms),
        staleness_max: Duration::from_millis(config.staleness_max_ms),
        write_bytes_max: config.write_bytes_max,
        log_bytes_max: config.log_bytes_max,
        events_bytes_max: config.events_bytes_max,
    }
}
