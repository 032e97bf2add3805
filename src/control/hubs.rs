//! The hubs of all streams of this server.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use super::deduplication::Deduplication;
use super::hub::{Hub, HubTally};
use super::machine::Machine;
use super::registry::Registry;
use super::settings::{AlertSettings, HubSettings};
use crate::domain::{Current, StreamName};
use crate::engine::streams::StreamsUsage;
use crate::engine::{Call, Streams, StreamsFull};

/// A hub that nobody uses is kept for so long, so that who comes back is known and gets its mail.
const KEPT_FOR: Duration = Duration::from_secs(30);

/// The machine is measured this often.
const MEASURED_EVERY: Duration = Duration::from_secs(1);

/// The hubs; see the module.
#[derive(Debug)]
pub struct Hubs {
    streams: Arc<Streams>,
    settings: Arc<HubSettings>,
    alerts: Arc<Current<AlertSettings>>,
    machine: Arc<Machine>,
    ids: Arc<Mutex<Deduplication>>,
    by_name: Mutex<HashMap<StreamName, Arc<Hub>>>,
    registry: OnceLock<Arc<dyn Registry>>,
    measured_at: Mutex<Option<Instant>>,
}

impl Hubs {
    /// No hub yet.
    pub fn new(streams: Arc<Streams>, settings: HubSettings, alerts: AlertSettings) -> Self {
        Self {
            streams,
            settings: Arc::new(settings),
            alerts: Arc::new(Current::new(alerts)),
            machine: Arc::default(),
            ids: Arc::default(),
            by_name: Mutex::default(),
            registry: OnceLock::new(),
            measured_at: Mutex::default(),
        }
    }

    /// Changes when all hubs tell how they fare, and what they alert of.
    pub fn set_alerts(&self, alerts: AlertSettings) {
        self.alerts.replace(alerts);
    }

    /// The streams.
    pub fn streams(&self) -> &Arc<Streams> {
        &self.streams
    }

    /// From now on each hub knows the agents of its stream that are registered here. There is one
    /// registry.
    pub fn look_into(&self, registry: Arc<dyn Registry>, now: Instant) {
        let registry = self.registry.get_or_init(|| registry);
        let hubs = self.all();
        for hub in hubs {
            hub.enroll(registry.as_ref(), Call { loop_id: None, now });
        }
    }

    /// The hub of the stream of that name; both are made if they don't exist, and know the stream's
    /// registered agents then.
    pub fn open(&self, name: &StreamName, now: Instant) -> Result<Arc<Hub>, StreamsFull> {
        let (hub, is_new) = self.find_or_make(name)?;
        // What changes in the registry from now on, the hub is told, for it can be found.
        if let Some(registry) = self.registry.get().filter(|_| is_new) {
            hub.enroll(registry.as_ref(), Call { loop_id: None, now });
        }
        Ok(hub)
    }

    /// The hub of the stream of that name, if somebody uses it.
    pub fn find(&self, name: &StreamName) -> Option<Arc<Hub>> {
        self.lock().get(name).cloned()
    }

    /// All hubs.
    pub fn all(&self) -> Vec<Arc<Hub>> {
        self.lock().values().cloned().collect()
    }

    fn find_or_make(&self, name: &StreamName) -> Result<(Arc<Hub>, bool), StreamsFull> {
        let mut by_name = self.lock();
        if let Some(hub) = by_name.get(name) {
            return Ok((Arc::clone(hub), false));
        }
        let hub = Arc::new(Hub::new(
            self.streams.open(name)?,
            Arc::clone(&self.settings),
            Arc::clone(&self.alerts),
            Arc::clone(&self.machine),
            Arc::clone(&self.ids),
        ));
        by_name.insert(name.clone(), Arc::clone(&hub));
        Ok((hub, true))
    }

    /// Forgets every hub that nobody uses and whose stream holds nothing, however short it has been
    /// so: streams that may yet be missed give way to one that is asked for.
    pub fn make_room(&self, now: Instant) {
        let mut by_name = self.lock();
        by_name.retain(|_, hub| {
            let is_used = Arc::strong_count(hub) > 1 || hub.empty_since(now).is_none();
            is_used || !hub.stream().is_empty(now)
        });
        self.streams.sweep(now);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<StreamName, Arc<Hub>>> {
        self.by_name.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the clock brings to all hubs, ten times a second. Returns what was counted.
    pub fn tick(&self, now: Instant) -> HubTally {
        self.measure(now);
        let hubs = self.all();
        let call = Call { loop_id: None, now };
        let mut tally = HubTally::default();
        for hub in &hubs {
            tally.add(hub.tick(call));
        }
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        ids.forget_old(now);
        tally
    }

    fn measure(&self, now: Instant) {
        let mut measured_at = self
            .measured_at
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_early = |at: Instant| now.saturating_duration_since(at) < MEASURED_EVERY;
        if !measured_at.is_some_and(is_early) {
            *measured_at = Some(now);
            self.machine.measure();
        }
    }

    /// Forgets hubs that nobody uses and whose stream holds nothing, and sweeps the streams. Nobody
    /// opens a hub meanwhile, so that a stream never outlives the hub that counted its channels'
    /// sequences.
    pub fn sweep(&self, now: Instant) -> StreamsUsage {
        let mut by_name = self.lock();
        by_name.retain(|_, hub| {
            let over = |since: Instant| now.saturating_duration_since(since) >= KEPT_FOR;
            let is_used = Arc::strong_count(hub) > 1 || !hub.empty_since(now).is_some_and(over);
            is_used || !hub.stream().is_empty(now)
        });
        self.streams.sweep(now)
    }
}
