//! The verifier must accept what is right and, above all, be able to fail.

use super::*;
use crate::swarm::{Swarm, frame_head};

/// Frames made from hand-laid heads and records, independent of the publisher's code.
fn frame(flags: u8, records: &[(u32, u32)]) -> Vec<u8> {
    let mut bytes = frame_head(records.len(), flags).to_vec();
    for &(id, tick) in records {
        bytes.extend_from_slice(&record(id, tick));
    }
    bytes
}

struct Run {
    verifier: Verifier,
    published: Published,
    steps: Vec<Step>,
}

impl Run {
    fn new(publishers: usize, agents: usize, ticks: u32) -> Self {
        let mut published = Published::new(Swarm { publishers, agents });
        for publisher in 0..publishers {
            for _ in 0..ticks {
                published.advance(publisher);
            }
        }
        let mut run = Self {
            verifier: Verifier::new(publishers),
            published,
            steps: Vec::new(),
        };
        run.feed(&frame(FLAG_KEYFRAME, &[]));
        run
    }

    fn feed(&mut self, message: &[u8]) {
        self.verifier
            .message(message, &mut self.published, &mut self.steps);
    }

    fn counts(&self) -> (u64, u64, u64, u64) {
        let seen = self.verifier.seen();
        (seen.delivered, seen.conflated, seen.lost, seen.violations)
    }
}

#[test]
fn frames_in_order_are_delivered() {
    let mut run = Run::new(1, 2, 9);
    run.feed(&frame(0, &[(1, 1), (2, 1)]));
    run.feed(&frame(0, &[(1, 2), (2, 2)]));
    assert_eq!(run.counts(), (2, 0, 0, 0));
    assert_eq!(run.steps.len(), 2);
}

#[test]
fn a_merged_frame_counts_for_each_publisher() {
    let mut run = Run::new(2, 2, 9);
    run.feed(&frame(0, &[(3, 1), (4, 1), (1, 1), (2, 1)]));
    assert_eq!(run.counts(), (2, 0, 0, 0));
    assert_eq!(run.verifier.seen().messages, 2);
}

#[test]
fn two_ticks_of_one_publisher_under_one_header_are_a_violation() {
    let mut run = Run::new(1, 1, 9);
    run.feed(&frame(0, &[(1, 1), (1, 2)]));
    assert_eq!(run.counts(), (1, 0, 0, 1));
}

#[test]
fn every_flipped_bit_is_found() {
    for byte in 0..RECORDS_OFFSET + RECORD_BYTES {
        for bit in 0..8 {
            let mut run = Run::new(1, 1, 9);
            let mut bytes = frame(0, &[(1, 1)]);
            bytes[byte] ^= 1 << bit;
            run.feed(&bytes);
            let flags_without_meaning = byte == 5 && matches!(bit, 1 | 2);
            let other_type = byte == 4;
            let (delivered, _, lost, violations) = run.counts();
            let noticed = violations + lost > 0 || delivered == 0;
            assert_eq!(noticed, !flags_without_meaning, "byte {byte} bit {bit}");
            assert!(other_type || flags_without_meaning || violations + lost > 0 || byte == 5);
        }
    }
}

#[test]
fn a_dropped_frame_is_lost_and_a_repeated_one_is_a_violation() {
    let mut run = Run::new(1, 1, 9);
    run.feed(&frame(0, &[(1, 1)]));
    run.feed(&frame(0, &[(1, 4)]));
    assert_eq!(run.counts(), (2, 0, 2, 0));
    run.feed(&frame(0, &[(1, 4)]));
    run.feed(&frame(0, &[(1, 2)]));
    assert_eq!(run.counts(), (2, 0, 2, 2));
}

#[test]
fn a_state_tick_conflates_what_it_skips() {
    let mut run = Run::new(1, 2, 9);
    run.feed(&frame(0, &[(1, 1), (2, 1)]));
    run.feed(&frame(FLAG_KEYFRAME | FLAG_MORE, &[(2, 5)]));
    run.feed(&frame(FLAG_KEYFRAME, &[(1, 5)]));
    run.feed(&frame(0, &[(1, 6), (2, 6)]));
    assert_eq!(run.counts(), (2, 4, 0, 0));
    assert_eq!(run.verifier.state_newest_tick(), Some((0, 5)));
    let skipped = Step {
        publisher: 0,
        from_tick: 2,
        to_tick: 5,
        received: false,
    };
    assert_eq!(run.steps[1], skipped);
}

#[test]
fn a_state_that_goes_back_or_was_never_so_is_a_violation() {
    let mut run = Run::new(1, 1, 9);
    run.feed(&frame(0, &[(1, 1)]));
    run.feed(&frame(0, &[(1, 2)]));
    run.feed(&frame(FLAG_KEYFRAME, &[(1, 1)]));
    assert_eq!(run.counts().3, 1);
    run.feed(&frame(FLAG_KEYFRAME, &[(1, 10)]));
    assert_eq!(run.counts().3, 2);
}

#[test]
fn a_live_frame_inside_a_state_tick_is_a_violation() {
    let mut run = Run::new(1, 1, 9);
    run.feed(&frame(FLAG_KEYFRAME | FLAG_MORE, &[(1, 1)]));
    run.feed(&frame(0, &[(1, 2)]));
    assert_eq!(run.counts(), (0, 0, 0, 1));
}

#[test]
fn a_tick_of_two_frames_is_followed_by_its_more_flag() {
    let tick: Vec<(u32, u32)> = (1..=2400).map(|id| (id, 1)).collect();
    let mut run = Run::new(1, 2400, 9);
    run.feed(&frame(FLAG_MORE, &tick[..FRAME_RECORDS_MAX]));
    assert!(run.steps.is_empty());
    run.feed(&frame(0, &tick[FRAME_RECORDS_MAX..]));
    assert_eq!(run.counts(), (2, 0, 0, 0));
    assert_eq!(run.steps.len(), 1);
    let mut lying = Run::new(1, 2400, 9);
    lying.feed(&frame(0, &tick[..FRAME_RECORDS_MAX]));
    assert_eq!(lying.counts().3, 1);
}

#[test]
fn an_agent_that_is_gone_is_counted_apart() {
    let mut run = Run::new(1, 1, 9);
    let mut bytes = frame(0, &[(1, 1)]);
    bytes[16..20].copy_from_slice(&f32::NAN.to_bits().to_le_bytes());
    run.feed(&bytes);
    assert_eq!(run.counts(), (0, 0, 0, 0));
    assert_eq!(run.verifier.seen().removals, 1);
}
