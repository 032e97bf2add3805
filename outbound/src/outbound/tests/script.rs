//! Receivers that follow a script, and a sender that calls them.

use std::collections::HashMap;
use std::sync::Mutex;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::Request;
use tokio::sync::oneshot;

use super::super::*;
use crate::delivery::Outcome;
use crate::exchange::Reply;
use crate::fault::Fault;
use crate::resolver::Boxed;

/// What a receiver does with an attempt.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Answer(u16),
    AnswerRetryAfter(u16, u64),
    Fail(Fault),
    /// Takes all the time that an attempt has.
    Stall,
}

/// One attempt as a receiver sees it.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) at: Instant,
    pub(crate) authority: String,
    pub(crate) headers: hyper::HeaderMap,
    pub(crate) body: Bytes,
}

/// Receivers by host and port; each repeats the last step of its script.
#[derive(Default)]
pub(crate) struct Receivers {
    scripts: Mutex<HashMap<String, Vec<Step>>>,
    calls: Mutex<Vec<Call>>,
    under_way: Mutex<HashMap<String, usize>>,
    under_way_max: Mutex<HashMap<String, usize>>,
    attempt_ms: u64,
}

impl Receivers {
    pub(crate) fn next_step(&self, authority: &str) -> Step {
        let mut scripts = self.scripts.lock().unwrap();
        let script = scripts.get_mut(authority).expect("a script");
        if script.len() > 1 {
            script.remove(0)
        } else {
            script[0].clone()
        }
    }

    pub(crate) fn set(&self, authority: &str, steps: &[Step]) {
        let mut scripts = self.scripts.lock().unwrap();
        scripts.insert(authority.to_owned(), steps.to_vec());
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }

    pub(crate) fn count(&self, authority: &str, by: isize) {
        let mut under_way = self.under_way.lock().unwrap();
        for key in [authority, "all"] {
            let now = under_way.entry(key.to_owned()).or_default();
            *now = now.checked_add_signed(by).unwrap();
            let mut max = self.under_way_max.lock().unwrap();
            let max = max.entry(key.to_owned()).or_default();
            *max = (*max).max(*now);
        }
    }

    pub(crate) fn most_under_way(&self, authority: &str) -> usize {
        self.under_way_max.lock().unwrap()[authority]
    }
}

impl Exchange for Receivers {
    fn exchange<'a>(
        &'a self,
        target: &'a Target,
        request: Request<Full<Bytes>>,
    ) -> Boxed<'a, Result<Reply, Fault>> {
        Box::pin(async move {
            let authority = target.authority();
            let (head, body) = request.into_parts();
            let call = Call {
                at: Instant::now(),
                authority: authority.to_owned(),
                headers: head.headers,
                body: body.collect().await.unwrap().to_bytes(),
            };
            self.calls.lock().unwrap().push(call);
            self.count(authority, 1);
            let reply = |status, retry_after_s| Reply {
                status,
                retry_after_s,
            };
            let step = self.next_step(authority);
            if matches!(step, Step::Stall) {
                tokio::time::sleep(Duration::from_millis(self.attempt_ms)).await;
            } else {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            self.count(authority, -1);
            match step {
                Step::Answer(status) => Ok(reply(status, None)),
                Step::AnswerRetryAfter(status, after_s) => Ok(reply(status, Some(after_s))),
                Step::Fail(fault) => Err(fault),
                Step::Stall => Err(Fault::TimedOut),
            }
        })
    }
}

pub(crate) struct Stage {
    pub(crate) outbound: Outbound,
    pub(crate) receivers: Arc<Receivers>,
    pub(crate) measures: Arc<Mutex<Vec<Measure>>>,
}

pub(crate) const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

pub(crate) fn stage_with(limits: Limits) -> Stage {
    let mut settings = Settings::closed(|| 1_768_046_400);
    settings.allow = vec!["*".parse().unwrap()];
    settings.signing_keys = Some(SigningKeys::parse(KEY).unwrap());
    let receivers = Arc::new(Receivers {
        attempt_ms: limits.attempt_ms,
        ..Receivers::default()
    });
    settings.limits = limits;
    let measures = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&measures);
    let meter: Meter = Arc::new(move |measure| heard.lock().unwrap().push(measure));
    let policy = Arc::new(Policy::new(&settings));
    let exchange: Arc<dyn Exchange> = Arc::<Receivers>::clone(&receivers);
    Stage {
        outbound: Outbound::over(exchange, policy, settings, meter),
        receivers,
        measures,
    }
}

pub(crate) fn stage() -> Stage {
    stage_with(Limits::default())
}

impl Stage {
    pub(crate) fn try_send(
        &self,
        id: &str,
        host: &str,
        body: &'static [u8],
    ) -> Result<oneshot::Receiver<Outcome>, SendError> {
        let (tell, told) = oneshot::channel();
        self.outbound.send(Delivery {
            id: id.to_owned(),
            target: self
                .outbound
                .judge(&format!("http://{host}/hook"))
                .expect("a good URL"),
            body: Bytes::from_static(body),
            on_done: Box::new(move |outcome| drop(tell.send(outcome))),
        })?;
        Ok(told)
    }

    pub(crate) fn send(&self, host: &str) -> oneshot::Receiver<Outcome> {
        self.try_send("req-001", host, b"{}").expect("it is taken")
    }

    pub(crate) fn counted(&self, is: fn(&Measure) -> bool) -> usize {
        self.measures
            .lock()
            .unwrap()
            .iter()
            .filter(|m| is(m))
            .count()
    }
}
