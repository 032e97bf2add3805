//! Channels beside a plain model: random members that open, close, send, publish and leave.

use std::collections::BTreeMap;
use std::time::Instant;

use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::control::channel_request::ChannelCommand;
use crate::domain::Priority;
use crate::engine::mailbox::QueueId;

const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const AGENTS: [&str; 3] = ["x", "y", "z"];
const KINDS: [&str; 6] = [
    "agent.state.changed",
    "agent.performance.update",
    "coordination.initiated",
    "message.sent",
    "graph.delta",
    "rtc.offer",
];

/// Which contents each of the types belongs to.
const HELD_BY: [&[&str]; 6] = [
    &["states", "events"],
    &["metrics", "events"],
    &["coordination", "events"],
    &["events"],
    &["graph"],
    &["control"],
];

#[derive(Clone, Copy, Debug)]
enum Step {
    Open(u64, usize, Option<&'static str>, Option<&'static str>),
    Close(u64, usize),
    Send(u64, usize),
    Publish(usize, &'static str, Option<u64>),
    Leave(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let content = select(Content::NAMES[1..].to_vec());
    let agent = || select(AGENTS.to_vec());
    let (member, name) = (|| 0..4_u64, || 0..NAMES.len());
    prop_oneof![
        4 => (member(), name(), option::of(content), option::of(agent())).prop_map(
            |(member, name, content, agent)| {
                Step::Open(member, name, content, agent.filter(|_| content.is_some()))
            }
        ),
        1 => (member(), name()).prop_map(|(member, name)| Step::Close(member, name)),
        4 => (member(), name()).prop_map(|(member, name)| Step::Send(member, name)),
        6 => (0..KINDS.len(), agent(), option::of(member()))
            .prop_map(|(kind, agent, from)| Step::Publish(kind, agent, from)),
        1 => member().prop_map(Step::Leave),
    ]
}

/// An open channel: its content, the agent that it is filtered by, and its letters to come.
#[derive(Debug, Default)]
struct Open {
    content: Option<&'static str>,
    agent: Option<&'static str>,
    expected: Vec<u64>,
}

#[derive(Debug, Default)]
struct Model {
    open: BTreeMap<(u64, usize), Open>,
    content_sequences: BTreeMap<&'static str, u64>,
    name_sequences: [u64; NAMES.len()],
}

fn request(name: usize, content: Option<&str>, agent: Option<&str>) -> ChannelRequest {
    let content = content.map_or("null".to_owned(), |content| format!(r#""{content}""#));
    let agents = agent.map_or(String::new(), |agent| format!(r#""{agent}""#));
    let text = format!(
        r#"{{"channelId":"{}","content":{content},"filter":{{"agentIds":[{agents}]}}}}"#,
        NAMES[name]
    );
    match ChannelCommand::parse("channel.create", &text) {
        Some(Ok(ChannelCommand::Open(request))) => request,
        other => panic!("{other:?}"),
    }
}

/// The channels, and the model beside them.
struct Rig {
    channels: Channels,
    mailboxes: [Arc<Mailbox>; 4],
    queues: BTreeMap<(u64, usize), QueueId>,
    model: Model,
}

fn id(member: u64) -> MemberId {
    MemberId::from_number(member)
}

impl Rig {
    fn new() -> Self {
        Self {
            channels: Channels::default(),
            mailboxes: [0; 4].map(|_| Arc::new(Mailbox::new(1 << 20, Box::new(|| {})))),
            queues: BTreeMap::new(),
            model: Model::default(),
        }
    }

    fn check(&mut self, step: Step) -> Result<(), TestCaseError> {
        match step {
            Step::Open(member, name, content, agent) => self.open(member, name, content, agent),
            Step::Close(member, name) => {
                let text = ChannelName::parse(NAMES[name]).expect("a name");
                let closed = self.channels.close(id(member), ChannelKind::Channel, &text);
                let expected = self.model.open.remove(&(member, name)).is_some();
                prop_assert_eq!(closed.is_ok(), expected);
                Ok(())
            }
            Step::Send(member, name) => self.send(member, name),
            Step::Publish(kind, agent, from) => self.publish(kind, agent, from),
            Step::Leave(member) => {
                self.channels.leave(id(member));
                for name in 0..NAMES.len() {
                    self.model.open.remove(&(member, name));
                    if let Some(queue) = self.queues.remove(&(member, name)) {
                        self.mailboxes[member as usize].close_queue(queue);
                    }
                }
                Ok(())
            }
        }
    }

    fn open(
        &mut self,
        member: u64,
        name: usize,
        content: Option<&'static str>,
        agent: Option<&'static str>,
    ) -> Result<(), TestCaseError> {
        let (asked, mailbox) = (
            request(name, content, agent),
            &self.mailboxes[member as usize],
        );
        let granted = self.channels.open(id(member), mailbox, asked);
        let model = &mut self.model;
        prop_assert_eq!(granted.is_ok(), !model.open.contains_key(&(member, name)));
        if let Ok(grant) = granted {
            let sequence = match content {
                Some(content) => model.content_sequences.get(content).copied().unwrap_or(0),
                None => model.name_sequences[name],
            };
            prop_assert_eq!(grant.sequence, sequence);
            self.queues.insert((member, name), grant.queue);
            let open = Open {
                content,
                agent,
                expected: Vec::new(),
            };
            model.open.insert((member, name), open);
        }
        Ok(())
    }

    fn send(&mut self, member: u64, name: usize) -> Result<(), TestCaseError> {
        let text = format!(r#"{{"channel":"{}","message":{{}}}}"#, NAMES[name]);
        let message = ChannelMessage::parse(&text).expect("good");
        let posting = Posting {
            body: Bytes::from_static(b"{}"),
            priority: Priority::Normal,
            expires_at: None,
        };
        let sent = self.channels.send(id(member), &message, posting);
        let model = &mut self.model;
        match model.open.get(&(member, name)).map(|open| open.content) {
            None => prop_assert!(sent.is_err()),
            Some(Some(_)) => prop_assert_eq!(sent, Ok(Sent::AsBare)),
            Some(None) => {
                model.name_sequences[name] += 1;
                let sequence = model.name_sequences[name];
                let others = model.open.iter_mut().filter(|((other, at), open)| {
                    *other != member && *at == name && open.content.is_none()
                });
                let receivers = others.map(|(key, open)| {
                    open.expected.push(sequence);
                    (id(key.0), self.queues[key])
                });
                let receivers = receivers.collect();
                prop_assert_eq!(
                    sent,
                    Ok(Sent::ToMembers {
                        sequence,
                        receivers
                    })
                );
            }
        }
        Ok(())
    }

    fn publish(
        &mut self,
        kind: usize,
        agent: &'static str,
        from: Option<u64>,
    ) -> Result<(), TestCaseError> {
        let model = &mut self.model;
        for content in HELD_BY[kind] {
            *model.content_sequences.entry(content).or_default() += 1;
        }
        let mut told = BTreeSet::new();
        for ((member, _), open) in &mut model.open {
            let Some(content) = open.content.filter(|it| HELD_BY[kind].contains(it)) else {
                continue;
            };
            if Some(*member) != from && open.agent.is_none_or(|wanted| wanted == agent) {
                open.expected.push(model.content_sequences[content]);
                told.insert(id(*member));
            }
        }
        let published = self.channels.publish(&ContentEvent {
            kind: KINDS[kind],
            agents: &[agent],
            body: &Bytes::from_static(b"{}"),
            priority: Priority::Normal,
            expires_at: None,
            except: from.map(id),
        });
        prop_assert_eq!(published, told.into_iter().collect::<Vec<_>>());
        Ok(())
    }

    fn check_membership(&self) -> Result<(), TestCaseError> {
        for member in 0..4 {
            let mut open = self
                .model
                .open
                .iter()
                .filter(|((owner, _), _)| *owner == member);
            let expected = open.any(|(_, open)| open.content.is_some());
            prop_assert_eq!(self.channels.has_json_content_channel(id(member)), expected);
        }
        Ok(())
    }

    /// Whether each open channel's queue holds what the model expects, in order.
    fn check_mail(&self) -> Result<(), TestCaseError> {
        for (member, mailbox) in self.mailboxes.iter().enumerate() {
            let mut letters = Vec::new();
            mailbox.take(Instant::now(), usize::MAX, &mut letters);
            let mut seen: BTreeMap<QueueId, Vec<u64>> = BTreeMap::new();
            for (queue, letter) in letters {
                seen.entry(queue).or_default().extend(letter.sequence);
            }
            let own = self.model.open.iter();
            let own = own.filter(|((owner, _), _)| *owner == member as u64);
            let expected = own.filter(|(_, open)| !open.expected.is_empty());
            let expected = expected.map(|(key, open)| (self.queues[key], open.expected.clone()));
            prop_assert_eq!(seen, expected.collect::<BTreeMap<_, _>>());
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn they_do_what_the_plain_model_does(steps in vec(step(), 0..100)) {
        let mut rig = Rig::new();
        for step in steps {
            rig.check(step)?;
            rig.check_membership()?;
        }
        rig.check_mail()?;
    }
}
