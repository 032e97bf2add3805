//! The table of agents, record by record.

use super::*;

fn at(id: u32, x: f32) -> AgentPosition {
    AgentPosition::new(id, [x, 0.0, 0.0], [0.0; 3])
}

fn origin(publisher: u32, changed: u64) -> Origin {
    Origin {
        publisher,
        now: Instant::now(),
        changed,
    }
}

fn ids<'a>(records: impl Iterator<Item = &'a AgentPosition>) -> Vec<u32> {
    let mut ids: Vec<u32> = records.map(|record| record.id.get()).collect();
    ids.sort_unstable();
    ids
}

#[test]
fn the_last_writer_wins_whatever_the_hints_say() {
    let mut table = AgentTable::default();
    let (mut one, mut two) = (Vec::new(), Vec::new());
    table.apply(
        &[at(1, 1.0), at(4_000_000_000, 2.0)],
        origin(1, 10),
        &mut one,
        0,
    );
    table.apply(
        &[at(4_000_000_000, 3.0), at(1, 4.0)],
        origin(2, 20),
        &mut two,
        0,
    );
    table.apply(&[at(4_000_000_000, 5.0)], origin(1, 30), &mut one, 0);
    let mut held: Vec<(u32, f32)> = table
        .all()
        .map(|r| (r.id.get(), r.position[0].get()))
        .collect();
    held.sort_by_key(|(id, _)| *id);
    assert_eq!(held, [(1, 4.0), (4_000_000_000, 5.0)]);
}

#[test]
fn changed_since_is_by_agent_and_tells_of_removals() {
    let mut table = AgentTable::default();
    let mut hints = Vec::new();
    table.apply(
        &[at(1, 0.0), at(2, 0.0), at(3, 0.0)],
        origin(1, 100),
        &mut hints,
        0,
    );
    table.apply(&[at(2, 1.0)], origin(1, 200), &mut Vec::new(), 0);
    table.apply(&[gone_record(3)], origin(1, 300), &mut Vec::new(), 0);
    assert_eq!(ids(table.changed_since(100)), [2, 3]);
    assert_eq!(ids(table.changed_since(200)), [3]);
    assert_eq!(ids(table.all()), [1, 2]);
    assert_eq!(table.live(), 2);
}

#[test]
fn an_agent_comes_back_after_it_was_gone() {
    let mut table = AgentTable::default();
    let mut hints = Vec::new();
    for (record, live) in [
        (at(9, 1.0), 1),
        (gone_record(9), 0),
        (gone_record(9), 0),
        (at(9, 2.0), 1),
    ] {
        table.apply(&[record], origin(1, 1), &mut hints, 0);
        assert_eq!(table.live(), live);
    }
}

#[test]
fn unknown_agents_are_counted_before_anything_changes() {
    let mut table = AgentTable::default();
    let mut hints = Vec::new();
    table.apply(&[at(1, 0.0), at(2, 0.0)], origin(1, 1), &mut hints, 0);
    assert_eq!(
        table.unknown(&[at(2, 0.0), at(3, 0.0), at(4, 0.0)], &hints),
        2
    );
    assert_eq!(table.known(), 2);
}

#[test]
fn silence_and_departure_make_agents_overdue() {
    let mut table = AgentTable::default();
    table.apply(&[at(1, 0.0)], origin(1, 1), &mut Vec::new(), 0);
    table.apply(&[at(2, 0.0)], origin(2, 1), &mut Vec::new(), 0);
    assert_eq!(
        ids(table.overdue(None, |publisher| publisher == 2).iter()),
        [2]
    );
    let later = Instant::now() + Duration::from_secs(1);
    assert_eq!(ids(table.overdue(Some(later), |_| false).iter()), [1, 2]);
}

#[test]
fn states_stay_with_the_slot_and_go_by_the_rule_without_one() {
    let mut table = AgentTable::default();
    let now = Instant::now();
    let state = AgentState {
        state: StateCode::IDLE,
        metadata: None,
        cbor: false,
        label: None,
    };
    for (id, publisher) in [(1, 1), (2, 1), (3, 2)] {
        table.states.insert(
            id,
            Heard {
                value: state.clone(),
                at: now,
                publisher,
            },
        );
    }
    table.apply(&[at(1, 0.0)], origin(1, 1), &mut Vec::new(), 0);
    table.apply(&[gone_record(1)], origin(1, 2), &mut Vec::new(), 0);
    assert!(table.is_gone(1) && !table.is_gone(2));
    table.forget_overdue(None, |publisher| publisher == 1);
    let mut held: Vec<u32> = table.states.keys().copied().collect();
    held.sort_unstable();
    assert_eq!(held, [1, 3]);
    table.forget_overdue(Some(now + Duration::from_secs(1)), |_| false);
    assert_eq!(table.states.keys().copied().collect::<Vec<_>>(), [1]);
}

#[test]
fn a_buried_agent_frees_its_slot_for_another() {
    let mut table = AgentTable::default();
    table.apply(&[at(1, 0.0)], origin(1, 1), &mut Vec::new(), 0);
    table.apply(&[gone_record(1)], origin(1, 2), &mut Vec::new(), 0);
    table.bury(
        Instant::now() + Duration::from_secs(2),
        Duration::from_secs(1),
    );
    assert!(table.is_empty());
    let mut stale_hint = vec![0];
    table.apply(&[at(1, 2.0)], origin(1, 3), &mut stale_hint, 0);
    table.apply(&[at(5, 1.0)], origin(1, 4), &mut Vec::new(), 0);
    assert_eq!(ids(table.all()), [1, 5]);
    assert_eq!(ids(table.changed_since(2)), [1, 5]);
    assert_eq!(table.records.len(), 2);
}
