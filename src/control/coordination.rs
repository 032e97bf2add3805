//! Coordinations: agents that decide something together, by votes, a threshold and a time limit.
//!
//! The electorate is the initiator and every participant with the role voter. It is decided when
//! all have voted, or when the time is over: approved if the share that approves reaches the
//! threshold. Until then a voter may change its mind.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use agnt_codec::{
    CoordinationEvent, CoordinationPattern, CoordinationRole, CoordinationStatus, Emit, Flags,
    Participant, Vote,
};
use serde_json::{Map, Value, json};

use super::agent_id::agent_id;
use super::fields::{Fields, shown};
use super::moment::{Moment, iso_8601};
use super::refusal::Refusal;

/// The longest `coordinationId` and `pattern`, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// The most participants.
const PARTICIPANTS_MAX: usize = 1024;

/// The share that approves a proposal unless the initiator says otherwise.
const THRESHOLD: f64 = 0.5;

/// The time limit unless the initiator says otherwise.
const TIMEOUT_MS: u64 = 30_000;

/// The longest time limit.
const TIMEOUT_MS_MAX: u64 = 3_600_000;

/// The most coordinations of a stream that run at once; beyond, new ones are refused.
const COORDINATIONS_MAX: usize = 1_000;

/// What a voter may say.
const VOTES: [&str; 3] = ["approve", "reject", "abstain"];

/// Most that one initiator may have running.
const OF_INITIATOR_MAX: usize = 100;

/// Votes are told of this often at most: each telling names all voters.
const TOLD_EVERY: Duration = Duration::from_millis(100);

/// How many outcomes are remembered for [`Coordinations::efficiency`].
const OUTCOMES_MAX: usize = 100;

/// A `coordination.initiated` of a peer.
#[derive(Debug)]
pub struct Initiated {
    id: Arc<str>,
    pattern: Arc<str>,
    initiator: Arc<str>,
    participants: Vec<(Arc<str>, CoordinationRole)>,
    threshold: f64,
    timeout: Duration,
}

impl Initiated {
    /// Reads the payload.
    pub fn read(payload: &Fields<'_>) -> Result<Self, String> {
        let listed = payload.objects("participants", 0..=PARTICIPANTS_MAX)?;
        let mut participants: Vec<(Arc<str>, _)> = Vec::new();
        let mut named = BTreeSet::new();
        for one in listed.unwrap_or_default() {
            let id: Arc<str> = Arc::from(agent_id(&one, "id")?.as_ref());
            let role = match one.word("role", &["voter", "observer"])? {
                Some("observer") => CoordinationRole::OBSERVER,
                _ => CoordinationRole::VOTER,
            };
            if !named.insert(Arc::clone(&id)) {
                return Err(one.refused("id", "each participant once"));
            }
            participants.push((id, role));
        }
        let parameters = payload.object("parameters")?;
        let parameters = parameters.as_ref();
        let threshold = match parameters {
            Some(parameters) => parameters.number("consensusThreshold", 0.0..=1.0)?,
            None => None,
        };
        if let (Some(parameters), Some(0.0)) = (parameters, threshold) {
            return Err(parameters.refused("consensusThreshold", "a number above 0, up to 1"));
        }
        let timeout_ms = match parameters {
            Some(parameters) => parameters.whole("timeout", 1..=TIMEOUT_MS_MAX)?,
            None => None,
        };
        let name = |key| payload.required_text(key, NAME_BYTES_MAX);
        Ok(Self {
            id: Arc::from(name("coordinationId")?.as_ref()),
            pattern: Arc::from(name("pattern")?.as_ref()),
            initiator: Arc::from(agent_id(&payload.required_object("initiator")?, "id")?.as_ref()),
            participants,
            threshold: threshold.unwrap_or(THRESHOLD),
            timeout: Duration::from_millis(timeout_ms.unwrap_or(TIMEOUT_MS)),
        })
    }

    /// Every agent that it names.
    pub fn agents(&self) -> impl Iterator<Item = &Arc<str>> {
        let participants = self.participants.iter().map(|(id, _)| id);
        std::iter::once(&self.initiator).chain(participants)
    }
}

/// A `coordination.progress` of a peer: its vote.
#[derive(Debug)]
pub struct Ballot {
    /// In which coordination.
    pub coordination: Arc<str>,
    /// What the voter says.
    pub vote: Vote,
    /// When, by the voter's word; ISO 8601.
    pub stamp: Option<Arc<str>>,
}

impl Ballot {
    /// Reads the voter's own entry; votes of others are none of its business.
    pub fn read(payload: &Fields<'_>, voter: Option<&str>) -> Result<Self, Refusal> {
        let coordination = payload.required_text("coordinationId", NAME_BYTES_MAX)?;
        let votes = payload.required_object("votes")?;
        let Some(voter) = voter else {
            let text = "votes: the session acts for no agent; a handshake with clientId is needed";
            return Err(Refusal::failed(text));
        };
        let Some(entry) = votes.object(voter)? else {
            let text = format!("payload.votes: no vote of {}", shown(voter));
            return Err(Refusal::failed(text));
        };
        let vote = match entry.word("vote", &VOTES)? {
            Some("approve") => Vote::APPROVE,
            Some("reject") => Vote::REJECT,
            Some(_) => Vote::ABSTAIN,
            None => return Err(Refusal::invalid(entry.refused("vote", &VOTES.join(", ")))),
        };
        let stamp = entry.text("timestamp", NAME_BYTES_MAX)?;
        if stamp
            .as_deref()
            .is_some_and(|text| super::moment::parse_iso_8601(text).is_none())
        {
            return Err(Refusal::invalid(entry.refused("timestamp", "ISO 8601")));
        }
        Ok(Self {
            coordination: Arc::from(coordination.as_ref()),
            vote,
            stamp: stamp.map(|text| Arc::from(text.as_ref())),
        })
    }
}

/// A coordination and how far it is.
#[derive(Clone, Debug)]
pub struct Coordination {
    id: Arc<str>,
    pattern: Arc<str>,
    initiator: Arc<str>,
    /// All that take part; the initiator last, if it is no participant.
    parties: Vec<Party>,
    threshold: f64,
    deadline: Instant,
    deadline_unix_ms: i64,
    /// How far it is.
    pub status: CoordinationStatus,
    told_at: Option<Instant>,
    /// Whether a vote came since.
    is_untold: bool,
}

#[derive(Clone, Debug)]
struct Party {
    id: Arc<str>,
    role: CoordinationRole,
    vote: Vote,
    stamp: Option<Arc<str>>,
}

impl Coordination {
    fn begin(initiated: Initiated, now: Moment) -> Self {
        let party = |id, role| Party {
            id,
            role,
            vote: Vote::PENDING,
            stamp: None,
        };
        let initiator = initiated.initiator;
        let mut parties: Vec<_> = initiated
            .participants
            .into_iter()
            .map(|(id, role)| match id == initiator {
                // Who begins has a vote, whatever it calls itself.
                true => party(id, CoordinationRole::VOTER),
                false => party(id, role),
            })
            .collect();
        if !parties.iter().any(|party| party.id == initiator) {
            parties.push(party(Arc::clone(&initiator), CoordinationRole::VOTER));
        }
        let deadline = now.instant + initiated.timeout;
        Self {
            id: initiated.id,
            pattern: initiated.pattern,
            initiator,
            parties,
            threshold: initiated.threshold,
            deadline,
            deadline_unix_ms: now.at(deadline).unix_ms,
            status: CoordinationStatus::INITIATED,
            told_at: None,
            is_untold: false,
        }
    }

    /// All that take part.
    pub fn agents(&self) -> impl Iterator<Item = &Arc<str>> {
        self.parties.iter().map(|party| &party.id)
    }

    fn electorate(&self) -> impl Iterator<Item = &Party> {
        let parties = self.parties.iter();
        parties.filter(|party| party.role == CoordinationRole::VOTER)
    }

    /// The share of the electorate that this is true of.
    fn share(&self, is_true: impl Fn(Vote) -> bool) -> f64 {
        let (true_of, all) = self
            .electorate()
            .fold((0_u32, 0_u32), |(counted, all), party| {
                (counted + u32::from(is_true(party.vote)), all + 1)
            });
        f64::from(true_of) / f64::from(all)
    }

    fn progress(&self) -> f64 {
        self.share(|vote| vote != Vote::PENDING)
    }

    fn decide(&mut self, is_over: bool) {
        let all_voted = self.electorate().all(|party| party.vote != Vote::PENDING);
        let approved = self.share(|vote| vote == Vote::APPROVE) >= self.threshold;
        self.status = match (all_voted || is_over, approved, all_voted) {
            (false, ..) => CoordinationStatus::VOTING,
            (true, true, _) => CoordinationStatus::APPROVED,
            (true, false, true) => CoordinationStatus::REJECTED,
            (true, false, false) => CoordinationStatus::TIMED_OUT,
        };
    }

    fn may_be_told(&self, now: Instant) -> bool {
        self.told_at
            .is_none_or(|at| now.saturating_duration_since(at) >= TOLD_EVERY)
    }

    fn tell(&mut self, now: Instant) {
        self.told_at = Some(now);
        self.is_untold = false;
    }

    fn is_running(&self) -> bool {
        self.status == CoordinationStatus::INITIATED || self.status == CoordinationStatus::VOTING
    }

    /// The payload of `coordination.progress`.
    pub fn to_json(&self) -> String {
        let votes = self.electorate().map(|party| {
            let mut vote = json!({ "vote": party.vote.name() });
            if let Some(stamp) = &party.stamp {
                vote["timestamp"] = Value::from(stamp.as_ref());
            }
            (party.id.to_string(), vote)
        });
        json!({
            "coordinationId": self.id.as_ref(),
            "pattern": self.pattern.as_ref(),
            "progress": self.progress(),
            "status": self.status.name(),
            "votes": votes.collect::<Map<_, _>>(),
            "estimatedCompletion": iso_8601(self.deadline_unix_ms),
        })
        .to_string()
    }

    /// The same as a `COORDINATION_EVENT`, if all ids are numbers or stand for one.
    pub fn to_frame(&self, numeric_id: impl Fn(&str) -> Option<u32>) -> Option<Vec<u8>> {
        let id = self.id.parse().ok()?;
        let parties = self.parties.iter().map(|party| {
            let id = numeric_id(&party.id)?;
            Some(Participant::new(id, party.role, party.vote))
        });
        let participants: Vec<_> = parties.collect::<Option<_>>()?;
        let event = CoordinationEvent {
            id,
            pattern: pattern_code(&self.pattern),
            status: self.status,
            progress: (self.progress() as f32).into(),
            initiator: numeric_id(&self.initiator)?,
            participants: &participants,
        };
        let mut frame = vec![0; event.encoded_bytes()];
        let bytes = event.emit(Flags::NONE, &mut frame).ok()?;
        frame.truncate(bytes);
        Some(frame)
    }
}

fn pattern_code(pattern: &str) -> CoordinationPattern {
    match pattern.eq_ignore_ascii_case(CoordinationPattern::CONSENSUS.name()) {
        true => CoordinationPattern::CONSENSUS,
        false => CoordinationPattern::UNSPECIFIED,
    }
}

/// The coordinations of a stream; see the module.
#[derive(Debug, Default)]
pub struct Coordinations {
    running: HashMap<Arc<str>, Coordination>,
    by_deadline: BTreeSet<(Instant, Arc<str>)>,
    /// Whether those that ended lately were decided.
    outcomes: VecDeque<bool>,
}

impl Coordinations {
    /// One begins.
    pub fn begin(&mut self, initiated: Initiated, now: Moment) -> Result<&Coordination, Refusal> {
        let id = Arc::clone(&initiated.id);
        if self.running.contains_key(&id) {
            return Err(Refusal::invalid(format!(
                "payload.coordinationId: '{}' is running; one that is not running is allowed",
                shown(&id)
            )));
        }
        if self.running.len() >= COORDINATIONS_MAX {
            return Err(Refusal::bound(format!(
                "coordinations: {COORDINATIONS_MAX} of the stream are running, and no more are \
                 allowed"
            )));
        }
        let own = self.running.values();
        let own = own.filter(|held| held.initiator == initiated.initiator);
        if own.count() >= OF_INITIATOR_MAX {
            return Err(Refusal::bound(format!(
                "coordinations: {OF_INITIATOR_MAX} of '{}' are running, and no more are allowed",
                shown(&initiated.initiator)
            )));
        }
        let coordination = Coordination::begin(initiated, now);
        self.by_deadline
            .insert((coordination.deadline, Arc::clone(&id)));
        Ok(self.running.entry(id).or_insert(coordination))
    }

    /// An agent votes. Returns how far the coordination is then, if that is to be told at once: it
    /// is decided, or was not told of a moment ago. Otherwise it is among the [untold](Self::untold).
    pub fn vote(
        &mut self,
        voter: &str,
        ballot: Ballot,
        now: Moment,
    ) -> Result<Option<Coordination>, Refusal> {
        let Some(coordination) = self.running.get_mut(&ballot.coordination) else {
            return Err(Refusal::failed(format!(
                "payload.coordinationId: '{}' is not running",
                shown(&ballot.coordination)
            )));
        };
        let parties = coordination.parties.iter_mut();
        let mut parties = parties.filter(|party| party.role == CoordinationRole::VOTER);
        let Some(party) = parties.find(|party| party.id.as_ref() == voter) else {
            return Err(Refusal::failed(format!(
                "payload.votes: '{}' has no vote in '{}'; the initiator and the voters have",
                shown(voter),
                shown(&ballot.coordination)
            )));
        };
        party.vote = ballot.vote;
        party.stamp = Some(ballot.stamp.unwrap_or_else(|| Arc::from(now.iso_8601())));
        coordination.decide(false);
        coordination.is_untold = true;
        if coordination.is_running() && !coordination.may_be_told(now.instant) {
            return Ok(None);
        }
        coordination.tell(now.instant);
        let told = coordination.clone();
        self.end_if_decided(&told);
        Ok(Some(told))
    }

    /// Those in which somebody voted and that it is time to tell of.
    pub fn untold(&mut self, now: Instant) -> Vec<Coordination> {
        let running = self.running.values_mut();
        let mut untold: Vec<&mut Coordination> = running
            .filter(|it| it.is_untold && it.may_be_told(now))
            .collect();
        untold.sort_by(|one, other| one.id.cmp(&other.id));
        let told = untold.into_iter().map(|coordination| {
            coordination.tell(now);
            coordination.clone()
        });
        told.collect()
    }

    /// Takes those whose time is over, decided.
    pub fn overdue(&mut self, now: Instant) -> Vec<Coordination> {
        let mut overdue = Vec::new();
        while let Some((at, id)) = self.by_deadline.first().filter(|(at, _)| *at <= now) {
            let key = (*at, Arc::clone(id));
            let Some(mut coordination) = self.running.get(&key.1).cloned() else {
                self.by_deadline.remove(&key);
                continue;
            };
            coordination.decide(true);
            self.end_if_decided(&coordination);
            overdue.push(coordination);
        }
        overdue
    }

    fn end_if_decided(&mut self, coordination: &Coordination) {
        if coordination.is_running() {
            return;
        }
        self.running.remove(&coordination.id);
        let key = (coordination.deadline, Arc::clone(&coordination.id));
        self.by_deadline.remove(&key);
        if self.outcomes.len() >= OUTCOMES_MAX {
            self.outcomes.pop_front();
        }
        let is_decided = coordination.status != CoordinationStatus::TIMED_OUT;
        self.outcomes.push_back(is_decided);
    }

    /// The share of those that ended lately which were decided; 1 if none ended.
    pub fn efficiency(&self) -> f64 {
        let decided = self.outcomes.iter().filter(|decided| **decided).count();
        match self.outcomes.len() {
            0 => 1.0,
            all => decided as f64 / all as f64,
        }
    }
}

/// A `COORDINATION_EVENT` of a binary publisher as the type and payload of a JSON message.
pub fn event_json(
    event: &CoordinationEvent<'_>,
    agent: impl Fn(u32) -> String,
) -> (&'static str, String) {
    let id = event.id.to_string();
    if event.status == CoordinationStatus::INITIATED {
        let participants = event.participants.iter();
        let participants: Vec<_> = participants
            .map(|one| json!({ "id": agent(one.id.get()), "role": one.role.name() }))
            .collect();
        let payload = json!({
            "coordinationId": id,
            "pattern": event.pattern.name(),
            "initiator": { "id": agent(event.initiator) },
            "participants": participants,
        });
        return ("coordination.initiated", payload.to_string());
    }
    let voters = event.participants.iter();
    let voters = voters.filter(|one| one.role == CoordinationRole::VOTER);
    let votes: Map<String, Value> = voters
        .map(|one| (agent(one.id.get()), json!({ "vote": one.vote.name() })))
        .collect();
    let payload = json!({
        "coordinationId": id,
        "pattern": event.pattern.name(),
        "progress": event.progress.get(),
        "status": event.status.name(),
        "votes": votes,
    });
    ("coordination.progress", payload.to_string())
}

#[cfg(test)]
#[path = "tests/coordination.rs"]
mod tests;
