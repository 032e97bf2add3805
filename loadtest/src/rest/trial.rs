//! One run of one server that is started for it.

use std::path::Path;

use super::caller;
use super::load::{self, Plan};
use super::outcome::Outcome;
use super::requests::Requests;
use crate::cli::serve_arguments;
use crate::failure::Result;
use crate::target::Target;

/// A server and the requests to it.
#[derive(Debug)]
pub(crate) struct Trial {
    target: Target,
    requests: Requests,
}

impl Trial {
    /// Puts a server that was started to these requests.
    pub(crate) fn of(target: Target, requests: &Requests) -> Self {
        let requests = requests.to(target.endpoint("").address);
        Self { target, requests }
    }

    /// Starts `program serve` with these arguments beside those that were given.
    pub(crate) fn start(
        program: &Path,
        given: &[String],
        own: &[String],
        requests: &Requests,
    ) -> Result<Self> {
        let target = Target::spawn(program, &serve_arguments(given, own))?;
        Ok(Self::of(target, requests))
    }

    /// Registers the agents of the requests.
    pub(crate) fn register(&self) -> Result<()> {
        caller::register(self.target.endpoint("").address, &self.requests)
    }

    /// How the server answers the first agent's reading, byte for byte.
    pub(crate) fn answer(&self) -> Result<Vec<u8>> {
        let mut caller = caller::Caller::to(self.target.endpoint("").address)?;
        caller.expect(200, &self.requests.read_agent(0))
    }

    /// Runs, and reads some of the tasks that were acknowledged once more.
    pub(crate) fn run(&self, plan: &Plan) -> Result<Outcome> {
        let address = self.target.endpoint("").address;
        let mut outcome = load::run(address, self.target.pid(), &self.requests, plan)?;
        let missing = caller::missing_tasks(address, &self.requests, &outcome.tasks)?;
        outcome.tasks_were_read(missing);
        Ok(outcome)
    }

    /// One number of the server's `/metrics`.
    pub(crate) fn metric(&self, name: &str) -> Result<Option<f64>> {
        let (_, text) = self.target.get("/metrics")?;
        Ok(number(&text, name))
    }
}

/// The value of a family without labels in Prometheus' text.
fn number(text: &str, name: &str) -> Option<f64> {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_family_is_found_by_its_whole_name() {
        let text = "# TYPE commits_total counter\ncommits_total_more 1\ncommits_total 42\n";
        assert_eq!(number(text, "commits_total"), Some(42.0));
        assert_eq!(number(text, "commits"), None);
    }
}
