//! What these tests share: a fleet in a folder of its own, at a time that the test tells.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use agnt_fleet::mutation::Registration;
use agnt_fleet::tables::RowChange;
use agnt_fleet::topics::Pattern;
use agnt_fleet::{Done, Event, Fields, Fleet, FleetSettings, Id, Mutation, Outlet, Timestamp};
use agnt_store::Store;
use agnt_store::faults::FaultyFile;
use serde_json::json;

/// A clock that stands still until it is told.
#[derive(Clone, Debug)]
pub(crate) struct Clock(Arc<AtomicU64>);

impl Clock {
    pub(crate) fn new() -> Self {
        // 2025-01-15T14:30:00Z
        Self(Arc::new(AtomicU64::new(1_736_951_400_000_000)))
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.load(Ordering::SeqCst))
    }

    pub(crate) fn advance_ms(&self, ms: u64) {
        self.0.fetch_add(ms * 1000, Ordering::SeqCst);
    }

    pub(crate) fn reader(&self) -> impl Fn() -> Timestamp + Send + Sync + 'static {
        let clock = self.clone();
        move || clock.now()
    }
}

/// A folder, and how the fleet in it is opened.
#[derive(Debug)]
pub(crate) struct Rig {
    folder: tempfile::TempDir,
    pub(crate) clock: Clock,
    pub(crate) settings: FleetSettings,
    pub(crate) heard: Arc<Heard>,
}

impl Rig {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Clock::new(),
            settings: FleetSettings::default(),
            heard: Arc::default(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("fleet.agnt")
    }

    pub(crate) fn open(&self) -> Fleet {
        self.open_with(Arc::clone(&self.heard) as Arc<dyn Outlet>)
    }

    /// A fleet over a file that is not the folder's.
    pub(crate) fn open_on(&self, file: FaultyFile) -> Fleet {
        let (store, _) = Store::open_on(file, self.settings.store).unwrap();
        let outlet = Arc::clone(&self.heard) as Arc<dyn Outlet>;
        Fleet::open_on(store, &self.settings, outlet, self.clock.reader()).unwrap()
    }

    pub(crate) fn open_with(&self, outlet: Arc<dyn Outlet>) -> Fleet {
        Fleet::open(&self.path(), &self.settings, outlet, self.clock.reader()).unwrap()
    }
}

/// An outlet that writes down what it hears.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) events: Mutex<Vec<Arc<Event>>>,
    pub(crate) changes: Mutex<Vec<Vec<RowChange>>>,
}

impl Outlet for Heard {
    fn committed(&self, events: &[Arc<Event>], changes: &[RowChange]) {
        self.events.lock().unwrap().extend(events.iter().cloned());
        self.changes.lock().unwrap().push(changes.to_vec());
    }
}

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

pub(crate) fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).unwrap()
}

/// An event and no row.
pub(crate) fn publication(topic: &str, number: u64) -> Mutation {
    Mutation::Publish {
        topic: topic.to_owned(),
        data: json!({ "number": number }),
        source: None,
    }
}

/// A row and no event.
pub(crate) fn template(name: &str, number: u64) -> Mutation {
    Mutation::PutTemplate {
        id: id(name),
        name: None,
        content: Fields::from_iter([("number".to_owned(), json!(number))]),
    }
}

/// A row, the next number and an event.
pub(crate) fn registration(name: &str) -> Mutation {
    Mutation::RegisterAgent(Registration {
        id: id(name),
        agent_type: None,
        name: None,
        version: None,
        capabilities: vec!["build".to_owned(), "test".to_owned()],
        max_tasks: 5,
        health_check_url: None,
        configuration: Fields::new(),
        metadata: Fields::new(),
        stream: None,
        may_refresh: false,
    })
}

pub(crate) fn do_it(fleet: &Fleet, mutation: Mutation) -> Done {
    fleet.execute_blocking(mutation, None).unwrap()
}

/// What a template says, if it is there.
pub(crate) fn number_of(fleet: &Fleet, name: &str) -> Option<u64> {
    let tables = fleet.read();
    tables.templates.find(name)?.content["number"].as_u64()
}
