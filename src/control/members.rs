//! The sessions of a stream: who they are, and which agent each of them acts as.
//!
//! A session acts as the agent that its `clientId` names. Several sessions may have one; what is
//! addressed to the agent goes to the newest of them that speaks JSON.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use super::last_heard::LastHeard;
use crate::engine::mailbox::Mailbox;

/// A session's number within its stream; a newer session has a higher one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(u64);

impl MemberId {
    /// The member of that number.
    pub const fn from_number(number: u64) -> Self {
        Self(number)
    }
}

/// The path that a session came by: what it is sent without asking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionPath {
    /// Positions and events.
    Visualisation,
    /// The graph and the flows in it.
    Graph,
    /// What is addressed to it, and announcements.
    Control,
}

/// What a session says of itself when it joins.
#[derive(Clone, Debug)]
pub struct Joining {
    /// The id that it was given.
    pub session_id: String,
    /// The id that it gave itself: the agent that it acts as.
    pub client_id: Option<String>,
    /// The path that it came by.
    pub path: SessionPath,
    /// Whether it reads JSON.
    pub speaks_json: bool,
    /// The number under which it publishes.
    pub publisher_number: u32,
    /// Where mail for it goes.
    pub mailbox: Arc<Mailbox>,
    /// When it was last heard of.
    pub heard: Arc<LastHeard>,
}

/// A session that joined.
#[derive(Debug)]
pub struct Member {
    /// Its number.
    pub id: MemberId,
    /// The id that it was given.
    pub session_id: Arc<str>,
    /// The agent that it acts as.
    pub client_id: Option<Arc<str>>,
    /// The path that it came by.
    pub path: SessionPath,
    /// Whether it reads JSON.
    pub speaks_json: bool,
    /// The number under which it publishes.
    pub publisher_number: u32,
    /// Where mail for it goes.
    pub mailbox: Arc<Mailbox>,
    /// When it was last heard of.
    pub heard: Arc<LastHeard>,
    /// What its mailbox had lost when it was last looked at.
    lost: Losses,
}

/// Mail that was not delivered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// Letters dropped for want of room.
    pub dropped: u64,
    /// Letters that expired while they waited.
    pub expired: u64,
}

/// What all mailboxes together show.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailSurvey {
    /// Sessions.
    pub sessions: usize,
    /// Sessions that lost mail since the last survey.
    pub losers: usize,
    /// Letters that wait.
    pub waiting: usize,
    /// What was lost since the last survey.
    pub lost: Losses,
}

impl Member {
    /// Under which name its messages are told apart from those of others.
    pub fn sender(&self) -> &str {
        self.client_id.as_deref().unwrap_or(&self.session_id)
    }

    /// What its mailbox lost since the last look.
    pub fn take_losses(&mut self) -> Losses {
        let usage = self.mailbox.usage();
        let before = std::mem::replace(
            &mut self.lost,
            Losses {
                dropped: usage.dropped,
                expired: usage.expired,
            },
        );
        Losses {
            dropped: usage.dropped.saturating_sub(before.dropped),
            expired: usage.expired.saturating_sub(before.expired),
        }
    }
}

/// The members of a stream; see the module.
#[derive(Debug, Default)]
pub struct Members {
    by_id: BTreeMap<MemberId, Member>,
    /// Sessions of one client, the newest last.
    by_client: HashMap<Arc<str>, Vec<MemberId>>,
    joined: u64,
}

impl Members {
    /// A session joins.
    pub fn join(&mut self, joining: Joining) -> MemberId {
        self.joined += 1;
        let id = MemberId(self.joined);
        let client_id = joining.client_id.map(Arc::from);
        if let Some(client) = &client_id {
            let sessions = self.by_client.entry(Arc::clone(client)).or_default();
            sessions.push(id);
        }
        let member = Member {
            id,
            session_id: Arc::from(joining.session_id),
            client_id,
            path: joining.path,
            speaks_json: joining.speaks_json,
            publisher_number: joining.publisher_number,
            mailbox: joining.mailbox,
            heard: joining.heard,
            lost: Losses::default(),
        };
        self.by_id.insert(id, member);
        id
    }

    /// A session leaves.
    pub fn leave(&mut self, id: MemberId) -> Option<Member> {
        let member = self.by_id.remove(&id)?;
        if let Some(client) = &member.client_id
            && let Some(sessions) = self.by_client.get_mut(client)
        {
            sessions.retain(|session| *session != id);
            if sessions.is_empty() {
                self.by_client.remove(client);
            }
        }
        Some(member)
    }

    /// A session that is here.
    pub fn find(&self, id: MemberId) -> Option<&Member> {
        self.by_id.get(&id)
    }

    /// All sessions, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Member> {
        self.by_id.values()
    }

    /// Looks into all mailboxes.
    pub fn survey(&mut self) -> MailSurvey {
        let mut survey = MailSurvey {
            sessions: self.by_id.len(),
            ..MailSurvey::default()
        };
        for member in self.by_id.values_mut() {
            let lost = member.take_losses();
            survey.losers += usize::from(lost != Losses::default());
            survey.waiting += member.mailbox.usage().messages;
            survey.lost.dropped += lost.dropped;
            survey.lost.expired += lost.expired;
        }
        survey
    }

    /// Whether nobody is here.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// The newest session of a client that speaks JSON.
    pub fn newest_of(&self, client: &str) -> Option<&Member> {
        let sessions = self.by_client.get(client)?;
        let sessions = sessions.iter().rev().filter_map(|id| self.by_id.get(id));
        sessions.into_iter().find(|member| member.speaks_json)
    }

    /// Whether a client has any session.
    pub fn has_client(&self, client: &str) -> bool {
        self.by_client.contains_key(client)
    }

    /// Every client that has a session, and when it was last heard of.
    pub fn clients(&self) -> impl Iterator<Item = (&Arc<str>, Instant)> {
        self.by_client.iter().filter_map(|(client, sessions)| {
            let heard = sessions.iter().filter_map(|id| self.by_id.get(id));
            Some((client, heard.map(|member| member.heard.at()).max()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::domain::Priority;
    use crate::engine::mailbox::{Letter, Overflow, QueueId, QueueSettings};

    fn joining(client: Option<&str>, speaks_json: bool) -> Joining {
        Joining {
            session_id: "s".to_owned(),
            client_id: client.map(str::to_owned),
            path: SessionPath::Control,
            speaks_json,
            publisher_number: 1,
            mailbox: Arc::new(Mailbox::new(1024, Box::new(|| {}))),
            heard: Arc::new(LastHeard::new(Instant::now())),
        }
    }

    #[test]
    fn mail_for_an_agent_goes_to_its_newest_session_that_can_read_it() {
        let mut members = Members::default();
        let first = members.join(joining(Some("a"), true));
        let second = members.join(joining(Some("a"), true));
        let binary = members.join(joining(Some("a"), false));
        let nameless = members.join(joining(None, true));
        assert!(first < second && second < binary);
        let newest = |members: &Members| members.newest_of("a").map(|member| member.id);
        assert_eq!(newest(&members), Some(second));
        members.leave(second);
        assert_eq!(newest(&members), Some(first));
        members.leave(first);
        assert_eq!(newest(&members), None);
        assert!(members.has_client("a"));
        members.leave(binary);
        assert!(!members.has_client("a") && !members.is_empty());
        assert_eq!(members.find(nameless).map(Member::sender), Some("s"));
        assert!(members.leave(nameless).is_some() && members.leave(nameless).is_none());
        assert!(members.is_empty() && members.by_client.is_empty());
    }

    #[test]
    fn a_survey_counts_what_waits_and_what_was_lost_since_the_last() {
        let mut members = Members::default();
        let (one, two) = (joining(None, true), joining(None, true));
        let queue = QueueSettings {
            priority: Priority::Normal,
            is_dedicated: false,
            messages_max: 1,
            overflow: Overflow::DropNewest,
            credit: None,
        };
        one.mailbox.open_queue(QueueId(1), queue);
        for _ in 0..3 {
            let letter = Letter {
                text: Bytes::from_static(b"x"),
                is_binary: false,
                priority: Priority::Normal,
                expires_at: None,
                sequence: None,
            };
            one.mailbox.post(QueueId(1), letter);
        }
        members.join(one);
        members.join(two);
        let lost = Losses {
            dropped: 2,
            expired: 0,
        };
        let survey = MailSurvey {
            sessions: 2,
            losers: 1,
            waiting: 1,
            lost,
        };
        assert_eq!(members.survey(), survey);
        let survey = MailSurvey {
            losers: 0,
            lost: Losses::default(),
            ..survey
        };
        assert_eq!(members.survey(), survey);
    }

    #[test]
    fn a_client_is_heard_of_when_any_of_its_sessions_is() {
        let mut members = Members::default();
        let (one, two) = (joining(Some("a"), true), joining(Some("a"), false));
        let later = one.heard.at() + Duration::from_secs(5);
        one.heard.note(later);
        members.join(one);
        members.join(two);
        members.join(joining(None, true));
        let clients: Vec<_> = members.clients().collect();
        assert_eq!(clients.len(), 1);
        assert_eq!((clients[0].0.as_ref(), clients[0].1), ("a", later));
    }
}
