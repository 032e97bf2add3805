//! Agents whose sessions fell silent: when they count as offline, and when they are back.
//!
//! An agent that left altogether is silent too. Only agents that told something of themselves are
//! watched; a viewer may be as quiet as it likes.

use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_codec::StateCode;

use super::directory::Directory;
use super::members::Members;
use super::recent::Recent;

/// The most agents without a session that are watched; beyond, whoever left first is not.
const DEPARTED_MAX: usize = 10_000;

/// The most agents that count as offline and whose former state is remembered; beyond, the oldest
/// is forgotten.
const OFFLINE_MAX: usize = 20_000;

/// An agent fell silent or is back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Turned {
    /// Who.
    pub agent: Arc<str>,
    /// Its state from now on.
    pub state: StateCode,
    /// Why, in words.
    pub reason: &'static str,
}

/// The watch; see the module.
#[derive(Debug)]
pub struct Silence {
    /// Agents without a session, and when they were last heard of.
    departed: Recent<Instant>,
    /// Agents that count as offline, and what they were doing before.
    offline: Recent<Option<StateCode>>,
}

impl Default for Silence {
    fn default() -> Self {
        Self {
            departed: Recent::new(DEPARTED_MAX),
            offline: Recent::new(OFFLINE_MAX),
        }
    }
}

impl Silence {
    /// The last session of a client left.
    pub fn note_departure(&mut self, client: &str, last_heard: Instant) {
        *self.departed.touch(client, || last_heard).0 = last_heard;
    }

    /// A client has a session.
    pub fn note_arrival(&mut self, client: &str) {
        self.departed.remove(client);
    }

    /// An agent's state was told by somebody, so what it was doing before is of no interest.
    pub fn note_state(&mut self, agent: &str) {
        self.offline.remove(agent);
    }

    /// Who turned silent or is back, where an agent may be silent for at most so long.
    pub fn check(
        &mut self,
        members: &Members,
        directory: &Directory,
        silence_max: Option<Duration>,
        now: Instant,
    ) -> Vec<Turned> {
        let Some(silence_max) = silence_max else {
            return Vec::new();
        };
        let is_silent = |heard: Instant| now.saturating_duration_since(heard) > silence_max;
        let mut turned = Vec::new();
        for (client, heard) in members.clients() {
            let is_offline = self.offline.peek(client).is_some();
            match (is_silent(heard), is_offline) {
                (true, false) => turned.extend(silent(client, directory)),
                (false, true) => turned.extend(self.back(client)),
                _ => {}
            }
        }
        let left = self.departed.iter();
        let left = left.filter(|(_, heard)| is_silent(**heard));
        let left: Vec<_> = left.map(|(client, _)| Arc::clone(client)).collect();
        for client in left {
            self.note_arrival(&client);
            if !members.has_client(&client) && self.offline.peek(&client).is_none() {
                turned.extend(silent(&client, directory));
            }
        }
        for one in turned.iter().filter(|one| one.state == StateCode::OFFLINE) {
            let before = directory.agent(&one.agent).and_then(|agent| agent.state);
            *self.offline.touch(&one.agent, || before).0 = before;
        }
        turned
    }

    fn back(&mut self, client: &Arc<str>) -> Option<Turned> {
        let before = self.offline.remove(client)??;
        Some(Turned {
            agent: Arc::clone(client),
            state: before,
            reason: "heard of again",
        })
    }
}

/// An agent's turning silent, if it is one that told something of itself and is not offline anyway.
fn silent(client: &Arc<str>, directory: &Directory) -> Option<Turned> {
    let agent = directory.agent(client)?;
    (agent.state != Some(StateCode::OFFLINE)).then(|| Turned {
        agent: Arc::clone(client),
        state: StateCode::OFFLINE,
        reason: "no heartbeat",
    })
}

#[cfg(test)]
mod tests {
    use super::super::last_heard::LastHeard;
    use super::super::members::{Joining, SessionPath};
    use super::*;
    use crate::engine::mailbox::Mailbox;

    const LIMIT: Option<Duration> = Some(Duration::from_secs(10));

    fn joining(client: &str, now: Instant) -> Joining {
        Joining {
            session_id: "s".to_owned(),
            client_id: Some(client.to_owned()),
            path: SessionPath::Control,
            speaks_json: true,
            publisher_number: 1,
            mailbox: Arc::new(Mailbox::new(1024, Box::new(|| {}))),
            heard: Arc::new(LastHeard::new(now)),
        }
    }

    fn words(turned: &[Turned]) -> Vec<(&str, StateCode)> {
        turned
            .iter()
            .map(|one| (one.agent.as_ref(), one.state))
            .collect()
    }

    #[test]
    fn an_agent_goes_offline_once_and_comes_back_as_it_was() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut members, mut directory) = (Members::default(), Directory::default());
        let mut silence = Silence::default();
        let agent = joining("agent", start);
        let heard = Arc::clone(&agent.heard);
        members.join(agent);
        members.join(joining("viewer", start));
        directory.hear_of("agent").state = Some(StateCode::BUSY);
        let mut check = |seconds, limit, directory: &mut Directory| {
            let turned = silence.check(&members, directory, limit, at(seconds));
            for one in &turned {
                directory.hear_of(&one.agent).state = Some(one.state);
            }
            turned
        };
        assert_eq!(check(99, None, &mut directory), [], "nothing is configured");
        assert_eq!(check(10, LIMIT, &mut directory), []);
        assert_eq!(
            words(&check(11, LIMIT, &mut directory)),
            [("agent", StateCode::OFFLINE)]
        );
        assert_eq!(check(12, LIMIT, &mut directory), []);
        heard.note(at(13));
        assert_eq!(
            words(&check(14, LIMIT, &mut directory)),
            [("agent", StateCode::BUSY)]
        );
        assert_eq!(
            words(&check(24, LIMIT, &mut directory)),
            [("agent", StateCode::OFFLINE)]
        );
    }

    #[test]
    fn what_an_agent_says_of_itself_stands() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut members, mut directory) = (Members::default(), Directory::default());
        let mut silence = Silence::default();
        let agent = joining("agent", start);
        let heard = Arc::clone(&agent.heard);
        members.join(agent);
        directory.hear_of("agent").state = Some(StateCode::BUSY);
        assert_eq!(silence.check(&members, &directory, LIMIT, at(11)).len(), 1);
        directory.hear_of("agent").state = Some(StateCode::IDLE);
        silence.note_state("agent");
        heard.note(at(12));
        assert_eq!(silence.check(&members, &directory, LIMIT, at(12)), []);
    }

    #[test]
    fn who_left_is_silent_unless_it_comes_back() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let (mut members, mut directory) = (Members::default(), Directory::default());
        let mut silence = Silence::default();
        for agent in ["a", "b"] {
            directory.hear_of(agent).state = Some(StateCode::IDLE);
            silence.note_departure(agent, start);
        }
        members.join(joining("b", at(5)));
        silence.note_arrival("b");
        assert_eq!(silence.check(&members, &directory, LIMIT, at(10)), []);
        let turned = silence.check(&members, &directory, LIMIT, at(11));
        assert_eq!(words(&turned), [("a", StateCode::OFFLINE)]);
        directory.hear_of("a").state = Some(StateCode::OFFLINE);
        assert_eq!(silence.check(&members, &directory, LIMIT, at(12)), []);
    }
}
