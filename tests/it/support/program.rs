//! The real program in a process of its own: started, signalled, waited for.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::{PATIENCE, eventually_within};

/// A running program; it is killed if the test forgets it.
pub(crate) struct Program {
    child: Child,
    /// Where a server keeps its data, if the test named no place.
    _data: Option<TempDir>,
}

/// How a program ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Program {
    /// Starts `agnt` with these arguments and none of the tester's own settings.
    pub(crate) fn start(args: &[&str]) -> Self {
        Self::start_with(&[], args)
    }

    /// The same, with variables of the environment.
    fn start_with(variables: &[(&str, &str)], args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_agnt"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AGNT_") {
                command.env_remove(name);
            }
        }
        let is_server = args.first() == Some(&"serve") && !args.contains(&"--data-dir");
        let data = is_server.then(|| tempfile::tempdir().unwrap());
        if let Some(data) = &data {
            command.args(args).arg("--data-dir").arg(data.path());
        } else {
            command.args(args);
        }
        command
            .envs(variables.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        Self {
            child: command.spawn().unwrap(),
            _data: data,
        }
    }

    /// Ends it as a crash does, and waits for that.
    pub(crate) fn crash(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts a server on a free port and waits for its ready line.
    pub(crate) fn serve(args: &[&str]) -> (Self, SocketAddr) {
        Self::serve_with(&[], args)
    }

    /// The same, with variables of the environment.
    pub(crate) fn serve_with(variables: &[(&str, &str)], args: &[&str]) -> (Self, SocketAddr) {
        let args = [&["serve", "--listen", "127.0.0.1:0"], args].concat();
        Self::start_with(variables, &args).await_ready()
    }

    /// Waits for a server's ready line.
    pub(crate) fn await_ready(mut self) -> (Self, SocketAddr) {
        let mut line = String::new();
        let mut stdout = BufReader::with_capacity(1, self.child.stdout.as_mut().unwrap());
        stdout.read_line(&mut line).unwrap();
        let address = line.trim_end().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("no ready line, but: {line}"));
        (self, address.parse().unwrap())
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill")
            .args(["-s", name, &pid])
            .status()
            .unwrap();
        assert!(sent.success(), "the program has ended already");
    }

    /// Sends these signals at once: no scheduler gets between them.
    pub(crate) fn signals(&self, names: &[&str]) {
        let pid = self.pid();
        let script: Vec<String> = names
            .iter()
            .map(|name| format!("kill -s {name} {pid}"))
            .collect();
        let sent = Command::new("sh")
            .arg("-c")
            .arg(script.join(" && "))
            .status()
            .unwrap();
        assert!(sent.success(), "the program has ended already");
    }

    /// Waits for the end.
    pub(crate) fn wait(self) -> Ended {
        self.wait_within(PATIENCE)
    }

    /// Waits for the end of a program that has much to do.
    pub(crate) fn wait_within(mut self, patience: Duration) -> Ended {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        let status = eventually_within(patience, "the program ends", || {
            self.child.try_wait().unwrap()
        });
        self.child
            .stdout
            .take()
            .unwrap()
            .read_to_string(&mut stdout)
            .unwrap();
        self.child
            .stderr
            .take()
            .unwrap()
            .read_to_string(&mut stderr)
            .unwrap();
        Ended {
            code: status.code(),
            stdout,
            stderr,
        }
    }

    /// Resident memory in bytes.
    pub(crate) fn resident_bytes(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmRSS:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
