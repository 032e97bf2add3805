//! A server in the test's own process, on a free port, drained when the test is over.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use agnt::config::Config;
use agnt::server::Server;
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use super::ws::Client;
use super::{PATIENCE, http};

/// Where agents move.
pub(crate) const PATH: &str = "/api/visualisation/agents/ws";

/// What became of a part that was ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It was begun anew.
    Begun,
    /// The server said that it has lost it.
    Named(&'static str),
}

/// The server under test.
pub(crate) struct TestServer {
    server: Option<Server>,
    runtime: Runtime,
    /// Where it keeps its data, if the test named no place.
    _data: TempDir,
    pub(crate) address: SocketAddr,
}

impl TestServer {
    /// A server with every setting at its default but the few that tests of one machine share, and
    /// those by which a machine that stands still for a moment changes what a session is sent: no
    /// viewer falls so far behind that it gets the state instead of live frames, and no message comes
    /// by the clock alone. A test of either sets it.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// A server whose settings `change` may change.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut config = Config {
            data_dir: data.path().to_owned(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            max_connections: 1000,
            drain_ms: 0,
            staleness_max_ms: 60_000,
            system_metrics_ms: 0,
            ..Config::default()
        };
        change(&mut config);
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let server = runtime.block_on(Server::start(&config)).unwrap();
        let address = server.address();
        Self {
            server: Some(server),
            runtime,
            _data: data,
            address,
        }
    }

    /// A connection to the visualisation path with this query.
    pub(crate) fn connect(&self, query: &str) -> Client {
        Client::connect(self.address, &format!("{PATH}?{query}"))
    }

    /// A viewer of `stream` that gets AGNT frames only.
    pub(crate) fn viewer(&self, stream: &str) -> Client {
        self.connect(&format!("protocols=binary&role=viewer&stream={stream}"))
    }

    /// A publisher to `stream` that is answered in AGNT frames only.
    pub(crate) fn publisher(&self, stream: &str) -> Client {
        self.connect(&format!("protocols=binary&role=publisher&stream={stream}"))
    }

    /// Where those are answered who watch it, if that is an address of its own.
    pub(crate) fn metrics_address(&self) -> Option<SocketAddr> {
        self.server.as_ref().unwrap().metrics_address()
    }

    /// Has the demo's flock fly in it.
    pub(crate) fn fly(&mut self) {
        let _within = self.runtime.enter();
        self.server.as_mut().unwrap().fly(10, 30, None);
    }

    /// The names of all parts that run for ever.
    pub(crate) fn parts(&self) -> Vec<&'static str> {
        self.server.as_ref().unwrap().parts()
    }

    /// Ends a part, and waits until that is noticed.
    pub(crate) fn lose(&mut self, part: &str) -> Lost {
        let address = self.address;
        let server = self.server.as_mut().unwrap();
        let begun = || http::metric(address, "agnt_task_restarts_total") > 0.0;
        self.runtime.block_on(async {
            server.end_part(part).await;
            let deadline = tokio::time::Instant::now() + PATIENCE;
            loop {
                tokio::select! {
                    name = server.failed() => return Lost::Named(name),
                    () = tokio::time::sleep(Duration::from_millis(50)) => {}
                }
                if tokio::task::block_in_place(begun) {
                    return Lost::Begun;
                }
                assert!(
                    tokio::time::Instant::now() < deadline,
                    "nobody noticed the end of {part}"
                );
            }
        })
    }

    /// The value of one sample of `/metrics`, named with its labels.
    pub(crate) fn metric(&self, sample: &str) -> f64 {
        http::metric(self.address, sample)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        if let Some(server) = self.server.take() {
            self.runtime.block_on(server.drain());
        }
    }
}
