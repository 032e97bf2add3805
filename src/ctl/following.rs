//! What happens, as it happens, across every break of the connection.
//!
//! The server is told the last number that was seen whenever it is connected to, so that what is shown
//! has no hole and no repeat; what it no longer keeps is shown as a gap. A connection that broke
//! off is made again after a random part of a time that doubles (full jitter), so that many who
//! lost the same server don't come back together.

use std::time::Duration;

use http_body_util::BodyExt;
use hyper::Method;
use hyper::body::Incoming;
use serde_json::Value;
use tokio::time::{sleep, timeout};

use super::event_reader::{EventReader, Message};
use super::events::{PATH, show_gap};
use super::failure::Failure;
use super::output::{Output, note};
use super::server::{Server, query};
use super::view;
use crate::admin::ClientError;
use crate::cli::EventsArgs;

/// How long a connection may be silent: several times the 15 s after which a server gives a sign of
/// life.
const SILENCE_MAX: Duration = Duration::from_mins(1);

/// What the first wait is a random part of.
const WAIT: Duration = Duration::from_secs(1);

/// What no wait is longer than, unless the server asks for it.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Where following stands.
struct Follower<'a, 'out> {
    server: &'a Server,
    path: String,
    output: &'a mut Output<'out>,
    /// The last number that was seen.
    after: u64,
    /// How many more are to be shown.
    left: u64,
    /// How often in a row nothing came of it.
    failures: u32,
}

/// Shows events as they happen, until there were as many as asked for.
pub(super) async fn follow(
    server: &Server,
    args: &EventsArgs,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let after = match args.after {
        Some(after) => after,
        None => head(server).await?,
    };
    let topic: Vec<_> = args
        .topic
        .iter()
        .map(|topic| ("topic", topic.clone()))
        .collect();
    let mut follower = Follower {
        server,
        path: format!("{PATH}{}", query(&topic)),
        output,
        after,
        left: args.limit,
        failures: 0,
    };
    // A server that was never there is a mistake; one that has gone is waited for.
    let mut body = server.stream(&follower.path, after).await?;
    loop {
        let ending = follower.listen(body).await?;
        if follower.left == 0 {
            return Ok(());
        }
        note(&format!("the stream of events broke off: {ending}"));
        body = follower.connect_again().await?;
    }
}

/// The number of the newest event.
async fn head(server: &Server) -> Result<u64, Failure> {
    let path = format!("{PATH}{}", query(&[("limit", "1".to_owned())]));
    let page = server.json(Method::GET, &path, None).await?;
    let head = page["head"].as_u64();
    head.ok_or_else(|| ClientError::Http("the page of events has no \"head\"".to_owned()).into())
}

impl Follower<'_, '_> {
    /// Shows what comes on one connection; says how that ended.
    async fn listen(&mut self, mut body: Incoming) -> Result<String, Failure> {
        let (mut reader, mut messages) = (EventReader::default(), Vec::new());
        loop {
            let frame = match timeout(SILENCE_MAX, body.frame()).await {
                Err(_) => return Ok(format!("nothing came for {} s", SILENCE_MAX.as_secs())),
                Ok(None) => return Ok("the server ended it".to_owned()),
                Ok(Some(Err(error))) => return Ok(error.to_string()),
                Ok(Some(Ok(frame))) => frame,
            };
            self.failures = 0;
            let Ok(bytes) = frame.into_data() else {
                continue;
            };
            if reader.read(&bytes, &mut messages).is_err() {
                let why = "a message is longer than any event".to_owned();
                return Err(ClientError::Http(why).into());
            }
            for message in messages.drain(..) {
                self.show(&message)?;
                if self.left == 0 {
                    return Ok(String::new());
                }
            }
        }
    }

    fn show(&mut self, message: &Message) -> Result<(), Failure> {
        let value: Value = serde_json::from_str(&message.data)
            .map_err(|error| ClientError::Http(format!("an event is no JSON: {error}")))?;
        if message.name == "gap" {
            let bound = |name: &str| value[name].as_u64().unwrap_or(self.after);
            // A log that ends before what was seen is another one, and goes on from its own end.
            self.after = match value["reason"].as_str() {
                Some("ahead") => bound("from").saturating_sub(1),
                _ => bound("to"),
            };
            return show_gap(&value, self.output);
        }
        self.after = view::sequence(&value).unwrap_or(self.after);
        self.left -= 1;
        Ok(self.output.line(&value, || view::event(&value))?)
    }

    /// Connects again, as often as it takes.
    async fn connect_again(&mut self) -> Result<Incoming, Failure> {
        let mut wait_at_least = Duration::ZERO;
        loop {
            let wait = wait(self.failures, fastrand::f64()).max(wait_at_least);
            sleep(wait).await;
            self.failures += 1;
            match self.server.stream(&self.path, self.after).await {
                Ok(body) => {
                    note(&format!("connected again after event {}", self.after));
                    return Ok(body);
                }
                Err(failure) if failure.is_passing() => {
                    note(&failure.line());
                    wait_at_least = match failure {
                        Failure::Refused { retry_after, .. } => retry_after.unwrap_or_default(),
                        _ => Duration::ZERO,
                    };
                }
                Err(failure) => return Err(failure),
            }
        }
    }
}

/// How long to wait after so many failures in a row; `part` is random, from 0 to 1.
fn wait(failures: u32, part: f64) -> Duration {
    let doubled = 2u32.saturating_pow(failures);
    WAIT.saturating_mul(doubled).min(WAIT_MAX).mul_f64(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_any_part_of_a_time_that_doubles_up_to_its_bound() {
        let longest = |failures| wait(failures, 1.0).as_secs();
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(longest), [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(longest(u32::MAX), 30);
        assert_eq!(wait(3, 0.0), Duration::ZERO);
        assert_eq!(wait(3, 0.5), Duration::from_secs(4));
    }
}
