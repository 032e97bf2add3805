//! The server under load: an address that was given, or a process that is started here.
//!
//! Invariant: a process that was started here ends with its `Target`, by SIGTERM and, if it
//! doesn't obey within ten seconds, by SIGKILL; no other process is ever touched.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use crate::connect::Endpoint;
use crate::failure::{Context, Failure, Result};
use crate::process_usage::terminate;

const READY_PREFIX: &str = "listening on http://";
const READY_TIMEOUT: Duration = Duration::from_secs(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_PATH: &str = "/api/visualisation/agents/ws";

/// A server that can be reached.
#[derive(Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    path: String,
    pid: Option<u32>,
    child: Option<Child>,
}

impl Target {
    /// A server that runs already. Only loopback, unless `allow_remote`: the load is a weapon.
    pub(crate) fn at(url: &str, pid: Option<u32>, allow_remote: bool) -> Result<Self> {
        let rest = url
            .strip_prefix("ws://")
            .or_else(|| url.strip_prefix("http://"))
            .ok_or_else(|| Failure::new(format!("{url}: expected ws://HOST:PORT[/PATH]")))?;
        let split = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at(split);
        let address = host
            .to_socket_addrs()
            .context(format!("{url}: expected ws://HOST:PORT[/PATH]"))?
            .find(SocketAddr::is_ipv4)
            .ok_or_else(|| Failure::new(format!("{url}: no IPv4 address")))?;
        if !address.ip().is_loopback() && !allow_remote {
            let text = "is not this machine; --allow-remote lifts the guard";
            return Err(Failure::new(format!("{address} {text}")));
        }
        let path = if path.len() > 1 { path } else { DEFAULT_PATH };
        Ok(Self {
            address,
            path: path.to_owned(),
            pid,
            child: None,
        })
    }

    /// Starts `program` with `arguments` and waits for its ready line.
    pub(crate) fn spawn(program: &Path, arguments: &[String]) -> Result<Self> {
        let mut child = Command::new(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context(program.display())?;
        let pid = child.id();
        let stdout = child.stdout.take();
        let mut target = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            path: DEFAULT_PATH.to_owned(),
            pid: Some(pid),
            child: Some(child),
        };
        let stdout = stdout.ok_or_else(|| Failure::new("no standard output"))?;
        target.address = ready_address(stdout)
            .map_err(|failure| Failure::new(format!("{}: {failure}", program.display())))?;
        Ok(target)
    }

    /// The process, when it is known.
    pub(crate) fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// Where sessions of `stream` are opened.
    pub(crate) fn endpoint(&self, stream: &str) -> Endpoint {
        let joint = if self.path.contains('?') { '&' } else { '?' };
        Endpoint {
            address: self.address,
            target: format!("{}{joint}stream={stream}", self.path),
        }
    }

    /// Status and body of a GET.
    pub(crate) fn get(&self, path: &str) -> Result<(u16, String)> {
        let mut stream = TcpStream::connect(self.address).context(self.address)?;
        stream
            .set_read_timeout(Some(Duration::from_secs(10)))
            .context("socket")?;
        let host = self.address;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).context(path)?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).context(path)?;
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok())
            .unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok((status, body.to_owned()))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else {
            return;
        };
        let asked = terminate(child.id()).is_ok();
        let deadline = Instant::now() + STOP_TIMEOUT;
        while asked && Instant::now() < deadline {
            if matches!(child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        // It was asked and had its time; what is left to do can only fail if it ended just now.
        drop(child.kill());
        drop(child.wait());
    }
}

/// Reads the ready line with a time limit and keeps the pipe empty afterwards.
fn ready_address(stdout: impl Read + Send + 'static) -> Result<SocketAddr> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let mut lines = BufReader::new(stdout).lines();
        if let Some(Ok(line)) = lines.next() {
            // The other side may have given up waiting.
            drop(sender.send(line));
        }
        lines.for_each(drop);
    });
    let line = receiver
        .recv_timeout(READY_TIMEOUT)
        .context("no ready line on standard output")?;
    let address = line
        .strip_prefix(READY_PREFIX)
        .and_then(|address| address.parse().ok());
    address.ok_or_else(|| Failure::new(format!("expected {READY_PREFIX}ADDR:PORT, got {line:?}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_becomes_an_endpoint() {
        let target = Target::at("ws://127.0.0.1:8080", None, false).unwrap();
        let path = "/api/visualisation/agents/ws?stream=s";
        assert_eq!(target.endpoint("s").target, path);
        let target = Target::at("http://127.0.0.1:8080/agents/ws?x=1", None, false).unwrap();
        assert_eq!(target.endpoint("s").target, "/agents/ws?x=1&stream=s");
    }

    #[test]
    fn another_machine_is_refused() {
        assert!(Target::at("ws://192.0.2.1:80", None, false).is_err());
        assert!(Target::at("ws://192.0.2.1:80", None, true).is_ok());
        assert!(Target::at("localhost:80", None, true).is_err());
    }

    #[test]
    fn a_program_without_a_ready_line_is_refused() {
        assert!(Target::spawn(Path::new("/bin/true"), &[]).is_err());
    }
}
