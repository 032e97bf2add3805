//! A server that is watched from its start on: how long it takes, and what `/readyz` says meanwhile.
//!
//! Its port is named when it is started, because the ready line, which would tell it, comes when the
//! store is open, and that is too late for the question. It ends with this: by SIGTERM and, if it
//! doesn't obey in time, by SIGKILL.

use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::events::client::Client;
use crate::events::origin::Origin;
use crate::failure::{Context, Failure, Result};
use crate::process_usage::{ProcessUsage, terminate};

const READY_TIMEOUT: Duration = Duration::from_mins(10);
const STOP_TIMEOUT: Duration = Duration::from_mins(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The server.
#[derive(Debug)]
pub(crate) struct Program {
    child: Child,
    origin: Origin,
}

/// How it started.
#[derive(Debug, Clone, Copy, Serialize)]
pub(crate) struct Start {
    /// Until `/readyz` was 200.
    pub(crate) ready_s: f64,
    /// How often `/readyz` was another status before that.
    pub(crate) unready_answers: u64,
}

impl Program {
    /// Starts `program serve` on a free port and waits until it is ready.
    pub(crate) fn start(program: &Path, arguments: &[String]) -> Result<(Self, Start)> {
        let listener = TcpListener::bind("127.0.0.1:0").context("a free port")?;
        let address = listener.local_addr().context("a free port")?;
        drop(listener);
        let began = Instant::now();
        let child = Command::new(program)
            .args(["serve".to_owned(), format!("--listen={address}")])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context(program.display())?;
        let origin = Origin::new(address, None);
        let mut started = Self { child, origin };
        let unready_answers = started.wait_until_ready(program)?;
        let ready_s = began.elapsed().as_secs_f64();
        let start = Start {
            ready_s,
            unready_answers,
        };
        Ok((started, start))
    }

    fn wait_until_ready(&mut self, program: &Path) -> Result<u64> {
        let deadline = Instant::now() + READY_TIMEOUT;
        let mut unready_answers = 0;
        while Instant::now() < deadline {
            match self.readiness() {
                Some(200) => return Ok(unready_answers),
                Some(_) => unready_answers += 1,
                None => {}
            }
            if let Some(status) = self.child.try_wait().context("waiting")? {
                let text = format!("{} ended with {status}", program.display());
                return Err(Failure::new(text));
            }
            thread::sleep(LOOK_EVERY);
        }
        Err(Failure::new("not ready after ten minutes"))
    }

    /// What `/readyz` answers; nothing while nobody listens.
    fn readiness(&self) -> Option<u16> {
        let mut client = Client::open(&self.origin).ok()?;
        let answer = client.exchange("GET", "/readyz", None).ok()?;
        Some(answer.0)
    }

    /// Where it listens.
    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }

    /// What it uses.
    pub(crate) fn usage(&self) -> ProcessUsage {
        ProcessUsage::new(self.child.id())
    }

    /// Ends it without a warning.
    pub(crate) fn kill(mut self) -> Result<()> {
        self.child.kill().context("SIGKILL")?;
        self.child.wait().context("waiting for its end")?;
        Ok(())
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let asked = terminate(self.child.id()).is_ok();
        let deadline = Instant::now() + STOP_TIMEOUT;
        while asked && Instant::now() < deadline {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return;
            }
            thread::sleep(LOOK_EVERY);
        }
        // It was asked and had its time; what is left to do can only fail if it ended just now.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_ends_at_once_is_no_server() {
        let failure = Program::start(Path::new("/bin/true"), &[]).unwrap_err();
        assert!(failure.to_string().contains("ended with"), "{failure}");
    }
}
