//! Numbers and sequences of applications' channels, above all that none is given twice.

use std::collections::{HashMap, HashSet};

use super::*;

const MEMBER: MemberId = MemberId::from_number(1);

fn name(number: usize) -> ChannelName {
    ChannelName::parse(&format!("n{number}")).expect("a name")
}

fn seat() -> Seat {
    Seat {
        queue: QueueId(1),
        is_binary: false,
        mailbox: Arc::new(Mailbox::new(0, Box::new(|| {}))),
    }
}

/// Somebody comes into the channel, sends `messages`, and leaves: its number and last sequence.
fn visit(channels: &mut NamedChannels, name: &ChannelName, messages: u64) -> (Option<u16>, u64) {
    let channel = channels.enter(name, MEMBER, seat()).expect("room");
    let (numeric_id, before) = (channel.numeric_id, channel.sequence);
    channels.find(name).expect("it is there").sequence += messages;
    channels.leave(name, MEMBER);
    (numeric_id, before + messages)
}

#[test]
fn a_name_goes_on_where_it_was_left() {
    let mut channels = NamedChannels::default();
    assert_eq!(visit(&mut channels, &name(1), 5), (Some(256), 5));
    assert_eq!(visit(&mut channels, &name(2), 1), (Some(257), 1));
    assert_eq!(visit(&mut channels, &name(1), 2), (Some(256), 7));
    assert!(channels.enter(&name(1), MEMBER, seat()).is_some());
    let other = MemberId::from_number(2);
    assert!(channels.enter(&name(1), other, seat()).is_some());
    channels.leave(&name(1), MEMBER);
    channels.leave(&name(1), MEMBER);
    assert_eq!(
        channels.find(&name(1)).map(|channel| channel.seats.len()),
        Some(1)
    );
    assert_eq!(channels.left.len(), 1, "name 2 alone");
}

#[test]
fn no_number_and_no_sequence_is_given_twice_however_many_names_come_and_go() {
    let mut channels = NamedChannels::default();
    let mut owners: HashMap<u16, ChannelName> = HashMap::new();
    let mut last: HashMap<ChannelName, u64> = HashMap::new();
    let mut numberless = 0;
    // Two rounds over more names than numbers exist; the second meets forgotten names again.
    for round in 0..70_000_usize {
        let name = name(round % 40_000);
        let (numeric_id, sequence) = visit(&mut channels, &name, 1 + round as u64 % 3);
        match numeric_id {
            Some(numeric_id) => {
                let owner = owners.entry(numeric_id).or_insert_with(|| name.clone());
                assert_eq!(*owner, name, "number {numeric_id} has two names");
                assert!(numeric_id >= NUMERIC_ID_FIRST);
            }
            None => numberless += 1,
        }
        let before = last.insert(name, sequence);
        assert!(
            before.is_none_or(|before| before < sequence),
            "round {round}"
        );
        assert!(channels.by_name.len() <= NAMES_REMEMBERED_MAX + 1);
    }
    assert_eq!(owners.len(), usize::from(u16::MAX - NUMERIC_ID_FIRST) + 1);
    assert_eq!(numberless, 70_000 - owners.len());
}

#[test]
fn a_name_that_was_forgotten_goes_on_behind_all_others_that_were() {
    let mut channels = NamedChannels::default();
    visit(&mut channels, &name(0), 100);
    visit(&mut channels, &name(1), 7);
    for number in 2..NAMES_REMEMBERED_MAX + 2 {
        visit(&mut channels, &name(number), 1);
    }
    assert_eq!(
        channels.by_name.len(),
        NAMES_REMEMBERED_MAX,
        "0 and 1 are forgotten"
    );
    let numbers = 256 + NAMES_REMEMBERED_MAX as u16 + 2;
    assert_eq!(visit(&mut channels, &name(1), 1), (Some(numbers), 101));
    assert_eq!(visit(&mut channels, &name(0), 1), (Some(numbers + 1), 101));
}

#[test]
fn only_so_many_names_are_in_use_at_once() {
    let mut channels = NamedChannels::default();
    for number in 0..NAMES_MAX {
        assert!(channels.enter(&name(number), MEMBER, seat()).is_some());
    }
    assert!(channels.enter(&name(NAMES_MAX), MEMBER, seat()).is_none());
    let other = MemberId::from_number(2);
    assert!(
        channels.enter(&name(0), other, seat()).is_some(),
        "it is in use already"
    );
    channels.leave(&name(1), MEMBER);
    assert!(channels.enter(&name(NAMES_MAX), MEMBER, seat()).is_some());
    assert!(
        channels.enter(&name(1), MEMBER, seat()).is_none(),
        "remembered, not in use"
    );
    let numbers = channels
        .by_name
        .values()
        .filter_map(|channel| channel.numeric_id);
    let numbers: HashSet<u16> = numbers.collect();
    assert_eq!(numbers.len(), NAMES_MAX + 1);
}
