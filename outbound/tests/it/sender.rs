//! A sender for a test, and names that lead where the test says.

use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use agnt_outbound::{
    Boxed, Delivery, Measure, Outbound, Outcome, Resolve, SendError, Settings, SigningKeys,
};
use bytes::Bytes;
use tokio::sync::oneshot;

pub(crate) const KEY: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const NOW_S: u64 = 1_768_046_400;

/// Names and the answers to their lookups, one after the other; the last is repeated.
#[derive(Default)]
pub(crate) struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    lookups: Mutex<usize>,
}

impl Names {
    pub(crate) fn lead(self, name: &str, answers: &[&[&str]]) -> Self {
        let answers = answers
            .iter()
            .map(|answer| answer.iter().map(|text| text.parse().unwrap()).collect());
        let mut names = self.answers.lock().unwrap();
        names.insert(name.to_owned(), answers.collect());
        drop(names);
        self
    }

    pub(crate) fn lookups(&self) -> usize {
        *self.lookups.lock().unwrap()
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, name: &'a str) -> Boxed<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            *self.lookups.lock().unwrap() += 1;
            let mut answers = self.answers.lock().unwrap();
            // A name without answers of its own leads to the canary.
            let Some(answers) = answers.get_mut(name) else {
                return Ok(vec!["127.0.0.1".parse().unwrap(), "::1".parse().unwrap()]);
            };
            if answers.len() > 1 {
                return Ok(answers.remove(0));
            }
            Ok(answers[0].clone())
        })
    }
}

/// A sender with an allow-list, without long waits between attempts, and with time for all that comes
/// at all.
pub(crate) struct Sender {
    pub outbound: Outbound,
    pub measures: Arc<Mutex<Vec<Measure>>>,
}

pub(crate) fn settings(allow: &[&str]) -> Settings {
    let mut settings = Settings::closed(|| NOW_S);
    settings.allow = allow.iter().map(|entry| entry.parse().unwrap()).collect();
    settings.signing_keys = Some(SigningKeys::parse(KEY.as_bytes()).unwrap());
    settings.limits.backoff_ms = 1;
    settings.limits.attempt_ms = 30_000;
    settings.limits.delivery_ms = 120_000;
    settings
}

pub(crate) fn sender(allow: &[&str], names: Arc<Names>) -> Sender {
    start(settings(allow), names)
}

pub(crate) fn start(settings: Settings, names: Arc<Names>) -> Sender {
    let measures = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&measures);
    let meter = Arc::new(move |measure| heard.lock().unwrap().push(measure));
    Sender {
        outbound: Outbound::start_with(settings, meter, names).unwrap(),
        measures,
    }
}

impl Sender {
    /// Sends a body to a URL that the judge lets pass, and waits for its end.
    pub(crate) async fn deliver(&self, url: &str, body: &[u8]) -> Outcome {
        self.send(url, body).unwrap().await.unwrap()
    }

    pub(crate) fn send(
        &self,
        url: &str,
        body: &[u8],
    ) -> Result<oneshot::Receiver<Outcome>, SendError> {
        let (tell, told) = oneshot::channel();
        self.outbound.send(Delivery {
            id: "req-001".to_owned(),
            target: self.outbound.judge(url).unwrap(),
            body: Bytes::copy_from_slice(body),
            on_done: Box::new(move |outcome| drop(tell.send(outcome))),
        })?;
        Ok(told)
    }
}
