//! The server as a whole: started in order, drained in order.

mod allocator;
mod background;
mod bounded_file;
mod bounds;
mod credentials;
mod data_dir;
mod encryption;
mod file_limit;
mod flock;
mod housekeeping;
mod issuer_keys;
mod key_files;
mod live;
mod memory;
mod outgoing;
mod parts;
mod preparation;
mod reload;
mod service;
mod signals;
mod start_error;
mod trace_export;
mod trusted_keys;
mod watched_file;

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use agnt_fleet::mutation::Answer;
use agnt_fleet::tables::RowChange;
use agnt_fleet::{Fleet, Id, Mutation, Timestamp};
use agnt_store::{Files, Store};
use tokio::net::TcpListener;
use tokio::signal::unix::Signal;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

pub use self::bounded_file::read_bounded;
pub use self::data_dir::{STORE_FILE, make_data_dir};
pub use self::reload::{ConfigSource, ReadConfig};
pub use self::signals::{Signals, StopSignals};
pub use self::start_error::StartError;
pub use self::watched_file::WatchedFile;

use self::background::Background;
use self::bounds::{
    alert_settings, api_limits, client_bounds, connection_limits, door_rules, engine_limits,
    fleet_settings, hub_settings, loop_count, loop_settings, memory_bytes_max, visual_settings,
};
use self::data_dir::store_path;
use self::housekeeping::keep_house;
use self::live::{DrainTimes, Live};
use self::memory::MemoryWatch;
use self::preparation::Preparation;
use self::reload::Reload;
use self::service::{Service, handed_listener};
use self::trace_export::TraceExport;
use crate::config::Config;
use crate::control::Hubs;
use crate::domain::{Current, MemoryRoom, time};
use crate::engine::Streams;
use crate::engine::encoding::Encoder;
use crate::net::admission::Admission;
use crate::net::api::{Api, ApiParts};
use crate::net::door::Door;
use crate::net::event_loop::Loops;
use crate::net::http::Site;
use crate::net::seal::ENCODERS;
use crate::net::tls::{Encryption, keep_certificate};
use crate::net::{listener, metrics_listener};
use crate::relay::{CallbackPost, Callbacks, HealthPolls, Relay, follow_credentials};
use crate::telemetry::{Metrics, Spans};

/// How long a drain waits for clients that may be about to ask, and for answers to be taken.
const TAKEN_WITHIN: Duration = Duration::from_secs(2);

/// A running server.
#[derive(Debug)]
pub struct Server {
    site: Arc<Site>,
    address: SocketAddr,
    metrics_address: Option<SocketAddr>,
    encryption: Option<Arc<Encryption>>,
    live: Live,
    memory: MemoryWatch,
    /// Counts the calls to look again at what was read from files.
    calls: watch::Sender<u64>,
    stop_accepting: watch::Sender<bool>,
    accepting: JoinHandle<()>,
    background: Background,
    service: Service,
    traces: Option<TraceExport>,
}

impl Server {
    /// Starts everything. It answers from the first moment on, if only that it is not ready; when
    /// this returns, it is.
    pub async fn start(config: &Config) -> Result<Self, StartError> {
        Self::start_with(config, None).await
    }

    /// The same with the store on `files`, so that a test can have them fail or lose power.
    pub async fn start_on(config: &Config, files: Files) -> Result<Self, StartError> {
        Self::start_with(config, Some(files)).await
    }

    async fn start_with(config: &Config, files: Option<Files>) -> Result<Self, StartError> {
        file_limit::raise(config)?;
        let handed = handed_listener()?;
        let mut config = config.clone();
        if let Some(handed) = &handed {
            // Where it really listens is what the rules are about.
            config.listen = handed.local_addr()?;
        }
        let config = &config;
        let metrics = Arc::new(Metrics::default());
        let prepared = Preparation::new(config, &metrics)?;
        let encryption = prepared.encryption.clone();
        // A socket that outlives the server keeps those who come until it is ready.
        let (opened, mut is_open) = watch::channel(handed.is_none());
        let listener = match handed {
            Some(handed) => TcpListener::from_std(handed),
            None => TcpListener::bind(config.listen).await,
        };
        let listener = listener.map_err(|error| StartError::Listen {
            key: "listen",
            address: config.listen,
            error,
        })?;
        let address = listener.local_addr()?;
        let site = Arc::new(site(config, metrics)?);
        let memory = MemoryWatch::start(Arc::clone(&site.room))?;
        let (stop_accepting, shutdown) = watch::channel(false);
        let accept = listener::run(
            listener,
            Arc::clone(&site),
            encryption.clone(),
            config.notsent_lowat_bytes,
            shutdown,
        );
        let mut background = Background::new(Arc::clone(&site.metrics));
        let kept = Arc::clone(&site);
        background.lasting("housekeeping", move || keep_house(Arc::clone(&kept)));
        let calls = watch::Sender::new(0);
        if let Some(encryption) = encryption.clone() {
            let called = calls.clone();
            background.lasting("certificate", move || {
                keep_certificate(Arc::clone(&encryption), called.subscribe())
            });
        }
        let mut server = Self {
            live: Live::new(Arc::clone(&site), config),
            site,
            address,
            metrics_address: None,
            encryption,
            memory,
            calls,
            stop_accepting,
            accepting: tokio::spawn(async move {
                // An error means that the server did not start, and stops.
                let _ = is_open.wait_for(|is_open| *is_open).await;
                accept.await;
            }),
            background,
            service: Service::of_environment(),
            traces: None,
        };
        if let Some(within) = server.service.watchdog() {
            let (service, site) = (server.service.clone(), Arc::clone(&server.site));
            server.background.lasting("watchdog", move || {
                service.clone().keep_alive(within, Arc::clone(&site))
            });
        }
        if let Some(wished) = config.metrics_listen {
            server.tell_metrics_at(wished).await?;
        }
        match server.open(config, prepared, files).await {
            Ok(()) => {
                opened.send_replace(true);
                server.service.tell("READY=1");
                Ok(server)
            }
            Err(error) => {
                server.live.drain.replace(DrainTimes::default());
                server.drain().await;
                Err(error)
            }
        }
    }

    /// Where what took how long is left for the collector, if there is one.
    fn trace_to(&mut self, config: &Config) -> Option<Arc<Spans>> {
        let endpoint = config.otlp_endpoint.clone()?;
        let spans = Spans::new(config.otlp_percent);
        let export = TraceExport::new(endpoint, Arc::clone(&spans));
        self.traces = Some(export.clone());
        self.background
            .lasting("traces", move || export.clone().run());
        Some(spans)
    }

    /// Shows the numbers at an address of their own.
    async fn tell_metrics_at(&mut self, wished: SocketAddr) -> Result<(), StartError> {
        let bind = TcpListener::bind(wished).await;
        let listener = bind.map_err(|error| StartError::Listen {
            key: "metrics_listen",
            address: wished,
            error,
        })?;
        let address = listener.local_addr()?;
        tracing::info!("metrics are at http://{address}/metrics");
        self.metrics_address = Some(address);
        let (listener, site) = (Arc::new(listener), Arc::clone(&self.site));
        self.background.lasting("metrics", move || {
            metrics_listener::run(Arc::clone(&listener), Arc::clone(&site))
        });
        Ok(())
    }

    /// Opens the store, and with it the agent API.
    async fn open(
        &mut self,
        config: &Config,
        prepared: Preparation,
        files: Option<Files>,
    ) -> Result<(), StartError> {
        let doorkeeper = Arc::new(prepared.credentials.doorkeeper);
        let post = CallbackPost::default();
        let (relay, delivered) = Relay::new(Arc::clone(&doorkeeper), post.clone());
        let relay = Arc::new(relay);
        let spans = self.trace_to(config);
        if let Some(spans) = &spans {
            relay.trace_to(Arc::clone(spans));
        }
        let outbound = self.start_outbound(config, prepared.signing_keys)?;
        let outbound = Arc::new(outbound);
        let (path, settings) = (store_path(config), fleet_settings(config));
        data_dir::prepare(&config.data_dir)?;
        let outlet = Arc::clone(&relay);
        let opening = tokio::task::spawn_blocking(move || {
            let clock = || Timestamp::from_micros(time::unix_us());
            match files {
                Some(files) => {
                    let (store, _) = Store::open_on(files, settings.store)?;
                    Fleet::open_on(store, &settings, outlet, clock)
                }
                None => Fleet::open(&path, &settings, outlet, clock),
            }
        });
        let fleet = opening.await.map_err(io::Error::other)??;
        let keys: Vec<_> = {
            let tables = fleet.read();
            let keys = tables.keys.iter();
            keys.map(|(id, bytes)| RowChange::Key(id.clone(), Some(Arc::clone(bytes))))
                .collect()
        };
        follow_credentials(&doorkeeper, &keys, time::unix_s());
        relay.look_into(fleet.rows(), fleet.head());
        self.show_agents(&relay, &fleet);
        let ending = end_delivered(fleet.clone(), delivered);
        self.background.vital("deliveries", ending);
        issuer_keys::follow(self, &doorkeeper, prepared.credentials.followed)?;
        key_files::follow(self, &doorkeeper, prepared.credentials.files);
        if doorkeeper.is_open() {
            config.check_without_credentials()?;
        }
        relay.look_into(fleet.rows(), fleet.head());
        let callbacks = Callbacks {
            post,
            fleet: fleet.clone(),
            outbound: Arc::clone(&outbound),
        };
        self.background
            .lasting("callbacks", move || callbacks.clone().run());
        if !config.outbound_allow.is_empty() {
            let polls = HealthPolls {
                fleet: fleet.clone(),
                outbound: Arc::clone(&outbound),
                settings: self.live.health.subscribe(),
            };
            self.background
                .lasting("health polls", move || polls.clone().run());
        }
        let shared_limit = prepared.shared_limit;
        if let Some(shared) = &shared_limit {
            let shared = Arc::clone(shared);
            self.background.lasting("watch over Redis", move || {
                let shared = Arc::clone(&shared);
                async move { shared.watch(Instant::now).await }
            });
        }
        let parts = ApiParts {
            fleet,
            shared_limit,
            relay,
            doorkeeper,
            outbound,
            loops: Arc::clone(&self.site.loops),
            room: Arc::clone(&self.site.room),
            spans,
            limits: api_limits(config),
            data_dir: config.data_dir.clone(),
            base_url: match &config.public_url {
                Some(url) => url.clone(),
                None => self.url(),
            },
        };
        // It is set once, here.
        let _ = self.site.api.set(Arc::new(Api::new(parts, Instant::now())));
        Ok(())
    }

    /// Brings registered agents to those who watch their streams.
    fn show_agents(&mut self, relay: &Relay, fleet: &Fleet) {
        let viewers = relay.viewers().clone();
        viewers.look_into(fleet.rows(), fleet.presence().clone());
        let hubs = Arc::clone(&self.site.hubs);
        hubs.look_into(Arc::new(viewers.clone()), Instant::now());
        self.background
            .vital("agents on the screen", viewers.run(hubs, Instant::now));
    }

    /// Whether everyone may do everything, for there are no credentials.
    pub fn is_open(&self) -> bool {
        let api = self.site.api.get();
        api.is_none_or(|api| api.doorkeeper.is_open())
    }

    /// The address that it listens on, with the real port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address for those who watch it, with the real port, if it has one of its own.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics_address
    }

    /// Its address as URLs begin, `https://` if TLS is spoken.
    pub fn url(&self) -> String {
        let scheme = match self.encryption {
            Some(_) => "https",
            None => "http",
        };
        format!("{scheme}://{}", self.address)
    }

    /// Calls, counted, to look again at what was read from files: on SIGHUP, and when the
    /// configuration's file has changed.
    pub fn calls(&self) -> watch::Receiver<u64> {
        self.calls.subscribe()
    }

    /// Follows the configuration from now on: `hangup`, and a change of its file, have it read anew.
    /// `running` is what the server was started with.
    pub fn follow(&mut self, source: ConfigSource, running: Config, hangup: Signal) {
        let hangup = Arc::new(tokio::sync::Mutex::new(hangup));
        let told = (self.calls.clone(), self.service.clone());
        let reload = Reload::new(source, self.live.clone(), running, told);
        let reload = Arc::new(reload);
        self.background.lasting("reload", move || {
            Arc::clone(&reload).run(Arc::clone(&hangup))
        });
    }

    /// Stops accepting, tells every peer to come back, and waits for requests and connections to
    /// end, at most as long as the setting `drain_ms` says. What was accepted until then is on disk
    /// when this returns.
    pub async fn drain(mut self) {
        self.service.tell("STOPPING=1");
        let times = *self.live.drain.read();
        let until = Instant::now() + times.within;
        self.site.is_draining.store(true, Ordering::Relaxed);
        // Nobody listens any more if the accept loop has ended by itself.
        let _ = self.stop_accepting.send(true);
        let api = self.site.api.get();
        if let Some(api) = api {
            api.stop();
        }
        self.site.loops.drain(times.window).await;
        let is_busy =
            || self.site.loops.connections() > 0 || api.is_some_and(|api| api.under_way() > 0);
        while is_busy() && Instant::now() < until {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // Who has just come still asks, and answers are taken: for a moment, for some never do.
        let until_taken = until.min(Instant::now() + TAKEN_WITHIN);
        while self.site.admission.http_connections() > 0 && Instant::now() < until_taken {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.site.loops.stop().await;
        self.site.encoder.end();
        if let Some(api) = api {
            let left = until.saturating_duration_since(Instant::now());
            api.outbound.drain(left).await;
            let sending = match &self.traces {
                Some(traces) => traces.pause().await,
                None => None,
            };
            self.background.shutdown().await;
            let fleet = api.fleet.clone();
            let closed = tokio::task::spawn_blocking(move || fleet.close()).await;
            let closed = closed.map_err(|error| error.to_string());
            let closed = closed.and_then(|closed| closed.map_err(|error| error.to_string()));
            if let Err(error) = closed {
                tracing::error!(%error, "the store was not closed in order");
            }
            if let (Some(traces), Some(sending)) = (&self.traces, sending) {
                traces.finish(sending).await;
            }
        }
    }
}

/// Ends messages that ask for no answer, once they were delivered.
async fn end_delivered(fleet: Fleet, mut delivered: mpsc::Receiver<Id>) {
    while let Some(command) = delivered.recv().await {
        let answer = Answer {
            agent: None,
            is_success: true,
            data: None,
            errors: Vec::new(),
        };
        let told = command.clone();
        let ended = fleet
            .execute(Mutation::Answer { command, answer }, None)
            .await;
        // One that was cancelled meanwhile is over as well.
        if let Err(refusal) = ended {
            tracing::debug!(message = %told, error = refusal.message, "not noted as delivered");
        }
    }
    // Nobody delivers any more; what watches over this task must not take that for a failure.
    std::future::pending::<()>().await;
}

/// What every connection shares, the agent API left out.
fn site(config: &Config, metrics: Arc<Metrics>) -> io::Result<Site> {
    let room = Arc::new(MemoryRoom::new(memory_bytes_max(config)));
    let limits = engine_limits(config, Arc::clone(&room));
    let streams = Arc::new(Streams::new(limits, ENCODERS));
    Ok(Site {
        encoder: start_encoder(&streams, &metrics)?,
        hubs: Arc::new(Hubs::new(
            Arc::clone(&streams),
            hub_settings(config),
            alert_settings(config),
        )),
        streams,
        loops: Arc::new(Loops::start(
            loop_count(config),
            &loop_settings(config, Arc::clone(&room)),
            &metrics,
        )?),
        admission: Admission::new(
            config.max_connections,
            client_bounds(config),
            Arc::clone(&metrics),
            Arc::clone(&room),
        ),
        door: Door::new(door_rules(config)),
        metrics,
        visual: Current::new(visual_settings(config)),
        limits: Current::new(connection_limits(config)),
        is_encrypted: config.has_tls(),
        has_echo: config.echo_path,
        room,
        is_draining: false.into(),
        api: OnceLock::new(),
    })
}

fn start_encoder(streams: &Streams, metrics: &Arc<Metrics>) -> io::Result<Encoder> {
    let metrics = Arc::clone(metrics);
    Encoder::start(streams.bell(), move |told| {
        metrics.encoder_ticks.add(told.ticks);
        metrics.encoder_batches.add(told.batches);
        metrics.encoder_states.add(told.states);
        metrics.encoder_conflations.add(told.conflations);
        metrics.encoder_bytes_in.add(told.bytes_in);
        metrics.encoder_bytes_out.add(told.bytes_out);
        metrics.encoder_cpu.add_ns(told.cpu_ns);
    })
}
