//! What an event loop has pulled, beside what was appended.

use super::lanes::{LaneModel, Message};
use super::wire;
use crate::engine::Lane;
use crate::engine::log::{Log, OwnRange};

/// A loop that had pulled up to `from` has pulled again: its copy holds every message since, in
/// order and bit for bit. What is missing is missing at the front, visibly, and only where the
/// bound was passed.
pub(super) fn assert_pulled(lane: Lane, from: u64, may_lack: bool, copy: &Log, model: &LaneModel) {
    assert_eq!(copy.end(), model.end, "{lane:?} was not pulled to its end");
    if from == model.end {
        return;
    }
    let begin = copy.start().max(from);
    assert!(
        begin == from || may_lack,
        "{lane:?} lacks {from}..{begin} though it is within bounds"
    );
    let expected = model.since(begin);
    let first = expected.first();
    assert!(
        first.is_some_and(|first| first.start == begin && first.begins_tick),
        "{lane:?} begins within a tick, at {begin}"
    );
    let mut sealed = Vec::new();
    for chunk in copy.since(begin) {
        sealed.extend_from_slice(&chunk.bytes[begin.saturating_sub(chunk.start) as usize..]);
    }
    let found = wire::messages(&sealed);
    assert_eq!(
        found.len(),
        expected.len(),
        "messages of {lane:?} since {begin}"
    );
    for ((is_text, body), expected) in found.into_iter().zip(expected) {
        assert_eq!(is_text, lane == Lane::PositionsJson);
        assert_body(is_text, body, expected);
    }
    assert_chunks(begin, copy, expected);
}

fn assert_body(is_text: bool, body: &[u8], expected: &Message) {
    if !expected.any_order {
        assert_eq!(body, expected.body);
        return;
    }
    let head_bytes = if is_text { 0 } else { 12 };
    assert_eq!(body[..head_bytes], expected.body[..head_bytes]);
    let sorted = |body: &[u8]| {
        let mut records = wire::records(&body[head_bytes..]);
        records.sort_unstable();
        records
    };
    assert_eq!(sorted(body), sorted(&expected.body));
}

/// Each chunk knows how many messages it holds, when the first came, and whose they are.
fn assert_chunks(begin: u64, copy: &Log, expected: &[Message]) {
    let mut own = Vec::new();
    for chunk in copy.since(begin) {
        own.extend(
            chunk
                .own
                .iter()
                .flat_map(|own| own.iter())
                .filter(|own| own.start >= begin),
        );
        if chunk.start < begin {
            continue;
        }
        let within: Vec<&Message> = expected
            .iter()
            .filter(|message| (chunk.start..chunk.end()).contains(&message.start))
            .collect();
        assert_eq!(chunk.messages as usize, within.len());
        assert_eq!(
            within.first().map(|first| first.at),
            Some(chunk.published_at)
        );
    }
    let mut expected_own: Vec<OwnRange> = Vec::new();
    for message in expected {
        let Some(publisher) = message.own else {
            continue;
        };
        match expected_own.last_mut() {
            Some(last) if !message.begins_tick => last.end = message.end(),
            _ => expected_own.push(OwnRange {
                start: message.start,
                end: message.end(),
                publisher,
            }),
        }
    }
    let own: Vec<OwnRange> = own.into_iter().copied().collect();
    assert_eq!(own, expected_own);
}
