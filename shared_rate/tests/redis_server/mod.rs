//! A real Redis for a test; the server's own tests have it too.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A Redis of its own on loopback, ended with the test.
pub(crate) struct Redis {
    pub(crate) process: Child,
    pub(crate) port: u16,
    _data: TempDir,
}

impl Redis {
    /// One on a free port.
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        Self::at(port)
    }

    /// One on that port.
    pub(crate) fn at(port: u16) -> Self {
        let data = tempfile::tempdir().unwrap();
        let process = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
            .args(["--port", &port.to_string(), "--dir"])
            .arg(data.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("redis-server is needed; tests/tools.sh installs it");
        Self {
            process,
            port,
            _data: data,
        }
    }

    /// Where clients find it.
    pub(crate) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}/0", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
