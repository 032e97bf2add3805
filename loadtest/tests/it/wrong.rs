//! A server that makes a mistake is found out.

use serde_json::Value;

use crate::broken_server::{Form, Mistake, start};
use crate::program::fanout;

const OPTIONS: [&str; 6] = ["--agents", "10", "--viewers", "1", "--hz", "100"];

fn run(mistake: Mistake) -> (bool, Value, String) {
    let (output, report) = fanout(&start(Form::Plain, mistake), &OPTIONS);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), report, said)
}

#[test]
fn without_a_mistake_it_passes() {
    let (held, report, said) = run(Mistake::None);
    assert!(held, "{said}");
    assert_eq!(report["delivered"], 60);
}

#[test]
fn a_turned_bit_is_found_wherever_it_is() {
    // Header: magic and length. Record: id, x, tick. The last byte of the last record.
    for byte in [0, 6, 12, 16, 28, 12 + 10 * 28 - 1] {
        let (held, report, said) = run(Mistake::Flip(byte));
        assert!(!held, "byte {byte}");
        assert_eq!(report["violations"], 1, "byte {byte}: {said}");
        assert!(said.contains("failed: 1 frames were wrong"), "{said}");
    }
}

#[test]
fn a_frame_left_out_is_lost() {
    let (held, report, said) = run(Mistake::Drop);
    assert!(!held);
    assert_eq!(
        (report["lost"].as_u64(), report["delivered"].as_u64()),
        (Some(1), Some(59))
    );
    assert!(said.contains("failed: 1 of 60 frames were lost"), "{said}");
}

#[test]
fn frames_that_change_places_are_found() {
    let (held, report, said) = run(Mistake::Swap);
    assert!(!held);
    assert_eq!(report["violations"], 1, "{said}");
}

#[test]
fn a_frame_sent_twice_is_found() {
    let (held, report, said) = run(Mistake::Repeat);
    assert!(!held);
    assert_eq!(report["violations"], 1, "{said}");
    assert_eq!(report["delivered"], 60);
}

#[test]
fn what_a_state_frame_stands_for_is_conflated_and_no_fault() {
    let (held, report, said) = run(Mistake::Conflate);
    assert!(held, "{said}");
    // Five frames left out, and the sixth came as state.
    assert_eq!(
        (report["conflated"].as_u64(), report["delivered"].as_u64()),
        (Some(6), Some(54))
    );
    assert!(said.contains("warning: frames were conflated"), "{said}");
}

#[test]
fn a_viewer_that_is_closed_is_a_fault() {
    let (held, report, said) = run(Mistake::Close);
    assert!(!held);
    assert_eq!(report["closed"].as_u64(), Some(1), "{said}");
    assert!(said.contains("close 4409"), "{said}");
}
