//! The server under load: an address that was given, or a process that is started here.
//!
//! Invariant: a process that was started here ends with its `Target`, by SIGTERM and, if it
//! doesn't obey within ten seconds, by SIGKILL; no other process is ever touched. Its data lies in a
//! folder of its own, which goes with it, unless its arguments name another.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::connect::Endpoint;
use crate::credential::{Credential, field_of, make_key};
use crate::failure::{Context, Failure, Result};
use crate::process_usage::terminate;
use crate::stream::{Stream, Trust};

const READY_PREFIX: &str = "listening on ";
const READY_TIMEOUT: Duration = Duration::from_secs(20);
const STOP_TIMEOUT: Duration = Duration::from_secs(10);
const EXPECTED: &str = "expected ws://HOST:PORT[/PATH], or wss:// with --ca";
const DEFAULT_PATH: &str = "/api/visualisation/agents/ws";

/// A server that can be reached.
#[derive(Debug)]
pub(crate) struct Target {
    address: SocketAddr,
    path: String,
    trust: Option<Trust>,
    pid: Option<u32>,
    child: Option<Child>,
    /// What it wants to be shown, if anything.
    credential: Option<Credential>,
    /// What the process writes to; removed when it has ended.
    _data: Option<TempDir>,
}

impl Target {
    /// A server that runs already. Only loopback, unless `allow_remote`: the load is a weapon.
    pub(crate) fn at(url: &str, pid: Option<u32>, allow_remote: bool) -> Result<Self> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
        if !matches!(scheme, "ws" | "http" | "wss" | "https") {
            return Err(Failure::new(format!("{url}: {EXPECTED}")));
        }
        let split = rest.find('/').unwrap_or(rest.len());
        let (host, path) = rest.split_at(split);
        let address = host
            .to_socket_addrs()
            .context(format!("{url}: {EXPECTED}"))?
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
            trust: None,
            pid,
            child: None,
            credential: None,
            _data: None,
        })
    }

    /// Starts `program` with `arguments` and waits for its ready line.
    pub(crate) fn spawn(program: &Path, arguments: &[String]) -> Result<Self> {
        let is_named = arguments
            .iter()
            .any(|argument| argument.starts_with("--data-dir"));
        let is_server = arguments.first().is_some_and(|first| first == "serve");
        let data = (is_server && !is_named).then(data_folder).transpose()?;
        Self::start(program, arguments, data, None)
    }

    /// The same with a server that lets in only who has a key with these scopes.
    pub(crate) fn spawn_guarded(
        program: &Path,
        arguments: &[String],
        scopes: &str,
    ) -> Result<Self> {
        let data = data_folder()?;
        let key = make_key(program, data.path(), scopes)?;
        Self::start(program, arguments, Some(data), Some(key))
    }

    fn start(
        program: &Path,
        arguments: &[String],
        data: Option<TempDir>,
        credential: Option<Credential>,
    ) -> Result<Self> {
        let mut command = Command::new(program);
        command.args(arguments);
        if let Some(folder) = &data {
            command.arg("--data-dir").arg(folder.path());
        }
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context(program.display())?;
        let pid = child.id();
        let stdout = child.stdout.take();
        let mut target = Self {
            address: SocketAddr::from(([127, 0, 0, 1], 0)),
            path: DEFAULT_PATH.to_owned(),
            trust: None,
            pid: Some(pid),
            child: Some(child),
            credential,
            _data: data,
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

    /// Reached over TLS from here on, if somebody says whom to trust; the agent API is not.
    pub(crate) fn trusting(mut self, trust: Option<Trust>) -> Self {
        self.trust = trust;
        self
    }

    /// Shown this from here on, unless a key was made for it.
    pub(crate) fn shown(mut self, credential: Option<Credential>) -> Self {
        self.credential = self.credential.take().or(credential);
        self
    }

    /// What it is shown.
    pub(crate) fn credential(&self) -> Option<&Credential> {
        self.credential.as_ref()
    }

    /// Where sessions of `stream` are opened.
    pub(crate) fn endpoint(&self, stream: &str) -> Endpoint {
        let joint = if self.path.contains('?') { '&' } else { '?' };
        Endpoint {
            address: self.address,
            target: format!("{}{joint}stream={stream}", self.path),
            trust: self.trust.clone(),
            credential: self.credential.clone(),
        }
    }

    /// Status and body of a GET.
    pub(crate) fn get(&self, path: &str) -> Result<(u16, String)> {
        let socket = TcpStream::connect(self.address).context(self.address)?;
        socket
            .set_read_timeout(Some(Duration::from_secs(10)))
            .context("socket")?;
        let mut stream = Stream::over(socket, self.trust.as_ref())?;
        let host = self.address;
        let credential = field_of(self.credential.as_ref());
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n{credential}Connection: close\r\n\r\n");
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

fn data_folder() -> Result<TempDir> {
    tempfile::tempdir().context("a folder for the server's data")
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
    let url = line.strip_prefix(READY_PREFIX);
    let address = url.and_then(|url| url.split_once("://")?.1.parse().ok());
    address.ok_or_else(|| {
        let expected = format!("{READY_PREFIX}http://ADDR:PORT");
        Failure::new(format!("expected {expected}, got {line:?}"))
    })
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
