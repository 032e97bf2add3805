//! Coordinations: document C's own, and each way in which one can end.

use super::*;

/// Document C, Coordination Pattern Initiated.
const EXAMPLE: &str = r#"{"coordinationId":"coord-123","pattern":"CONSENSUS",
    "initiator":{"id":"agent-001"},
    "participants":[{"id":"agent-002","role":"voter"},{"id":"agent-003","role":"voter"},
        {"id":"agent-004","role":"observer"}],
    "parameters":{"consensusThreshold":0.66,"timeout":30000,
        "proposal":{"type":"resource_allocation","details":{"cpu":4,"memory":"8GB"}}}}"#;

fn fields(text: &str) -> Fields<'_> {
    Fields::of_text("payload", text).expect("an object")
}

fn noon() -> Moment {
    Moment {
        instant: Instant::now(),
        unix_ms: 1_704_888_000_000,
    }
}

fn running(text: &str, now: Moment) -> Coordinations {
    let mut all = Coordinations::default();
    let initiated = Initiated::read(&fields(text)).expect("good");
    all.begin(initiated, now).expect("room");
    all
}

fn vote(
    all: &mut Coordinations,
    voter: &str,
    vote: &str,
    now: Moment,
) -> Result<Coordination, Refusal> {
    let text = format!(
        r#"{{"coordinationId":"coord-123","votes":{{"{voter}":{{"vote":"{vote}"}},"other":{{"vote":"x"}}}}}}"#
    );
    let ballot = Ballot::read(&fields(&text), Some(voter))?;
    let told = all.vote(voter, ballot, now)?;
    let running = || all.running.get("coord-123").cloned();
    Ok(told.or_else(running).expect("decided, or running"))
}

fn status(outcome: Result<Coordination, Refusal>) -> &'static str {
    outcome.expect("a vote").status.name()
}

#[test]
fn the_documents_coordination_goes_as_the_document_shows() {
    let now = noon();
    let mut all = running(EXAMPLE, now);
    let text = r#"{"coordinationId":"coord-123","votes":{"agent-001":{"vote":"approve","timestamp":"2024-01-10T12:00:10Z"}}}"#;
    let ballot = Ballot::read(&fields(text), Some("agent-001")).expect("a vote");
    assert_eq!(
        status(
            all.vote("agent-001", ballot, now)
                .map(|told| told.expect("told at once"))
        ),
        "VOTING"
    );
    let later = now.at(now.instant + Duration::from_secs(12));
    let progress = vote(&mut all, "agent-002", "APPROVE", later).expect("a vote");
    let json: Value = serde_json::from_str(&progress.to_json()).expect("JSON");
    assert_eq!(
        json,
        json!({
            "coordinationId": "coord-123",
            "pattern": "CONSENSUS",
            "progress": 2.0 / 3.0,
            "status": "VOTING",
            "votes": {
                "agent-001": { "vote": "approve", "timestamp": "2024-01-10T12:00:10Z" },
                "agent-002": { "vote": "approve", "timestamp": "2024-01-10T12:00:12.000Z" },
                "agent-003": { "vote": "pending" }
            },
            "estimatedCompletion": "2024-01-10T12:00:30.000Z"
        })
    );
    // Two of three are 0.667, and 0.66 was asked for.
    assert_eq!(
        status(vote(&mut all, "agent-003", "reject", now)),
        "APPROVED"
    );
    let refusal = vote(&mut all, "agent-003", "reject", now).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "COMMAND_FAILED: payload.coordinationId: 'coord-123' is not running"
    );
    let left = (all.running.len(), all.by_deadline.len());
    assert_eq!((left, all.efficiency()), ((0, 0), 1.0));
}

#[test]
fn the_share_is_of_the_whole_electorate() {
    let now = noon();
    let mut all = running(EXAMPLE, now);
    assert_eq!(
        status(vote(&mut all, "agent-001", "approve", now)),
        "VOTING"
    );
    assert_eq!(
        status(vote(&mut all, "agent-002", "abstain", now)),
        "VOTING"
    );
    assert_eq!(
        status(vote(&mut all, "agent-002", "reject", now)),
        "VOTING",
        "it changed its mind"
    );
    assert_eq!(
        status(vote(&mut all, "agent-003", "approve", now)),
        "APPROVED"
    );
    let mut all = running(EXAMPLE, now);
    for (voter, said) in [("agent-001", "approve"), ("agent-002", "abstain")] {
        vote(&mut all, voter, said, now).expect("a vote");
    }
    assert_eq!(
        status(vote(&mut all, "agent-003", "abstain", now)),
        "REJECTED"
    );
}

#[test]
fn the_time_limit_decides_by_the_votes_that_are_there() {
    let now = noon();
    let over = now.instant + Duration::from_secs(30);
    let outcome = |votes: &[(&str, &str)]| {
        let mut all = running(EXAMPLE, now);
        for (voter, said) in votes {
            vote(&mut all, voter, said, now).expect("a vote");
        }
        let early = now.instant + Duration::from_millis(29_999);
        assert!(all.overdue(early).is_empty());
        let overdue = all.overdue(over);
        assert!(all.overdue(over).is_empty() && all.running.is_empty());
        (overdue[0].status.name(), all.efficiency())
    };
    assert_eq!(
        outcome(&[("agent-001", "approve"), ("agent-003", "approve")]),
        ("APPROVED", 1.0)
    );
    assert_eq!(outcome(&[("agent-001", "approve")]), ("TIMED_OUT", 0.0));
    assert_eq!(outcome(&[]), ("TIMED_OUT", 0.0));
}

#[test]
fn who_has_no_vote_is_told() {
    let now = noon();
    let mut all = running(EXAMPLE, now);
    for voter in ["agent-004", "agent-005"] {
        let refusal = vote(&mut all, voter, "approve", now).unwrap_err();
        assert!(
            refusal
                .to_string()
                .starts_with("COMMAND_FAILED: payload.votes: 'agent-00"),
            "{refusal}"
        );
    }
    let text = r#"{"coordinationId":"coord-123","votes":{"agent-002":{"vote":"approve"}}}"#;
    let refusal = Ballot::read(&fields(text), Some("agent-003")).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "COMMAND_FAILED: payload.votes: no vote of agent-003"
    );
    let refusal = Ballot::read(&fields(text), None).unwrap_err();
    assert!(refusal.text.contains("clientId"), "{refusal}");
    let refusal = vote(&mut all, "agent-002", "pending", now).unwrap_err();
    assert_eq!(
        refusal.to_string(),
        "INVALID_MESSAGE: payload.votes.agent-002.vote: 'pending' is not allowed; approve, reject, abstain"
    );
}

#[test]
fn the_initiator_votes_once_even_if_it_is_named_again() {
    let text = r#"{"coordinationId":"coord-123","pattern":"X","initiator":{"id":"a"},
        "participants":[{"id":"a","role":"observer"},{"id":"b"}]}"#;
    let now = noon();
    let mut all = running(text, now);
    assert_eq!(status(vote(&mut all, "a", "approve", now)), "VOTING");
    assert_eq!(
        status(vote(&mut all, "b", "reject", now)),
        "APPROVED",
        "half is enough by default"
    );
}

#[test]
fn what_is_wrong_is_named() {
    let head = r#""coordinationId":"c","pattern":"CONSENSUS","initiator":{"id":"a"}"#;
    for (rest, begins) in [
        (
            r#","participants":[{"id":"b"},{"id":"b"}]"#,
            "payload.participants[1].id: 'b' is not allowed; each participant once",
        ),
        (
            r#","participants":[{"id":"b","role":"king"}]"#,
            "payload.participants[0].role: 'king' is not allowed; voter, observer",
        ),
        (
            r#","participants":{}"#,
            "payload.participants: {} is not allowed; a list of 0 to 1024",
        ),
        (
            r#","parameters":{"consensusThreshold":0}"#,
            "payload.parameters.consensusThreshold: 0 is not allowed; a number above 0",
        ),
        (
            r#","parameters":{"consensusThreshold":1.1}"#,
            "payload.parameters.consensusThreshold: 1.1",
        ),
        (
            r#","parameters":{"timeout":3600001}"#,
            "payload.parameters.timeout: 3600001 is not allowed; a whole number from 1",
        ),
    ] {
        let text = format!("{{{head}{rest}}}");
        let error = Initiated::read(&fields(&text)).unwrap_err();
        assert!(error.starts_with(begins), "{error}");
    }
    let error = Initiated::read(&fields(r#"{"coordinationId":"c","pattern":"X"}"#)).unwrap_err();
    assert!(error.starts_with("payload.initiator: missing"), "{error}");
}

#[test]
fn one_id_runs_once_and_there_is_a_bound() {
    let now = noon();
    let mut all = running(EXAMPLE, now);
    let again = all
        .begin(Initiated::read(&fields(EXAMPLE)).expect("good"), now)
        .unwrap_err();
    assert!(
        again
            .to_string()
            .starts_with("INVALID_MESSAGE: payload.coordinationId: 'coord-123' is running"),
        "{again}"
    );
    let mut begin = |name: usize, initiator: usize| {
        let text = EXAMPLE.replace("coord-123", &name.to_string());
        let text = text.replace("agent-001", &format!("initiator-{initiator}"));
        all.begin(Initiated::read(&fields(&text)).expect("good"), now)
            .map(|_| ())
    };
    for name in 1..COORDINATIONS_MAX {
        begin(name, name % 20).expect("room");
    }
    let refusal = begin(COORDINATIONS_MAX, 20).unwrap_err();
    assert!(
        refusal
            .to_string()
            .starts_with("RATE_LIMIT_EXCEEDED: coordinations: 1000"),
        "{refusal}"
    );
}

#[test]
fn numbers_make_a_frame_and_a_frame_makes_json() {
    let text = EXAMPLE.replace("agent-00", "").replace("coord-123", "123");
    let now = noon();
    let mut all = running(&text, now);
    let text = r#"{"coordinationId":"123","votes":{"2":{"vote":"approve"}}}"#;
    let ballot = Ballot::read(&fields(text), Some("2")).expect("a vote");
    let coordination = all.vote("2", ballot, now).expect("a vote");
    let coordination = coordination.expect("told at once");
    let frame = coordination
        .to_frame(|id| id.parse().ok())
        .expect("numbers");
    // id 123, CONSENSUS, VOTING, 4 parties, a third, initiator 1; the initiator is the last party.
    let mut expected = b"AGNT\x04\x00\x30\x00\x7b\0\0\0\x01\x01\x04\0".to_vec();
    expected.extend((1.0_f32 / 3.0).to_le_bytes());
    expected.extend([1, 0, 0, 0]);
    expected.extend([2, 0, 0, 0, 1, 1, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0]);
    expected.extend([4, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
    assert_eq!(frame, expected);
    assert_eq!(
        coordination.to_frame(|id| id.parse().ok().filter(|id| *id < 4)),
        None
    );
    let participants = [
        Participant::new(2, CoordinationRole::VOTER, Vote::REJECT),
        Participant::new(4, CoordinationRole::OBSERVER, Vote::PENDING),
    ];
    let mut event = CoordinationEvent {
        id: 123,
        pattern: CoordinationPattern::CONSENSUS,
        status: CoordinationStatus::REJECTED,
        progress: 0.5.into(),
        initiator: 2,
        participants: &participants,
    };
    let read = |(kind, text): (&'static str, String)| -> (&'static str, Value) {
        (kind, serde_json::from_str(&text).expect("JSON"))
    };
    assert_eq!(
        read(event_json(&event, |id| format!("agent-{id}"))),
        (
            "coordination.progress",
            json!({"coordinationId":"123","pattern":"CONSENSUS","progress":0.5,
                "status":"REJECTED","votes":{"agent-2":{"vote":"reject"}}})
        )
    );
    event.status = CoordinationStatus::INITIATED;
    assert_eq!(
        read(event_json(&event, |id| id.to_string())),
        (
            "coordination.initiated",
            json!({"coordinationId":"123","pattern":"CONSENSUS","initiator":{"id":"2"},
                "participants":[{"id":"2","role":"voter"},{"id":"4","role":"observer"}]})
        )
    );
}

#[test]
fn votes_are_told_of_ten_times_a_second_at_most_and_the_decision_at_once() {
    let now = noon();
    let mut all = running(EXAMPLE, now);
    let cast = |all: &mut Coordinations, word: &str, now| {
        let text = format!(
            r#"{{"coordinationId":"coord-123","votes":{{"agent-002":{{"vote":"{word}"}}}}}}"#
        );
        let ballot = Ballot::read(&fields(&text), Some("agent-002")).expect("a ballot");
        all.vote("agent-002", ballot, now)
            .expect("a vote")
            .is_some()
    };
    assert!(cast(&mut all, "approve", now));
    for _ in 0..1000 {
        assert!(!cast(&mut all, "reject", now), "told a moment ago");
    }
    assert_eq!(all.untold(now.instant).len(), 0);
    let later = now.instant + Duration::from_millis(100);
    assert_eq!(all.untold(later).len(), 1);
    assert_eq!(
        all.untold(later + Duration::from_secs(1)).len(),
        0,
        "nothing new"
    );
}

#[test]
fn one_initiator_takes_not_all_room() {
    let now = noon();
    let mut all = Coordinations::default();
    let mut begin = |name: usize| {
        let text = EXAMPLE.replace("coord-123", &name.to_string());
        all.begin(Initiated::read(&fields(&text)).expect("good"), now)
            .map(|_| ())
    };
    for name in 0..OF_INITIATOR_MAX {
        begin(name).expect("room");
    }
    let refusal = begin(OF_INITIATOR_MAX).unwrap_err().to_string();
    assert!(
        refusal.contains("100 of 'agent-001' are running"),
        "{refusal}"
    );
}
