//! A server in the test's own process, on a free port, drained when the test is over.

use std::net::{Ipv4Addr, SocketAddr};

use agnt::config::Config;
use agnt::server::Server;
use tokio::runtime::{Builder, Runtime};

use super::http;
use super::ws::Client;

/// Where agents move.
pub(crate) const PATH: &str = "/api/visualisation/agents/ws";

/// The server under test.
pub(crate) struct TestServer {
    server: Option<Server>,
    runtime: Runtime,
    pub(crate) address: SocketAddr,
}

impl TestServer {
    /// A server with every setting at its default but the few that tests of one machine share.
    pub(crate) fn start() -> Self {
        Self::with(|_| {})
    }

    /// A server whose settings `change` may change.
    pub(crate) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            max_connections: 1000,
            drain_ms: 0,
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
