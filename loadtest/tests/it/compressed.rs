//! Viewers that asked for compressed batches find out what is wrong with them.

use serde_json::Value;

use crate::broken_server::{Form, Mistake, start};
use crate::program::fanout;

fn run(form: Form, mistake: Mistake, verify_every: &str) -> (bool, Value, String) {
    let viewers = if let Form::Zlib(viewers) = form {
        viewers.to_string()
    } else {
        "1".to_owned()
    };
    let (output, report) = fanout(
        &start(form, mistake),
        &[
            "--agents",
            "100",
            "--hz",
            "100",
            "--viewers",
            &viewers,
            "--compression",
            "zlib",
            "--verify-every",
            verify_every,
        ],
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.success(), report, said)
}

#[test]
fn batches_count_as_the_frames_in_them() {
    let (held, report, said) = run(Form::Zlib(3), Mistake::None, "1");
    assert!(held, "{said}");
    assert_eq!(
        (report["delivered"].as_u64(), report["lost"].as_u64()),
        (Some(180), Some(0))
    );
    assert_eq!(report["batches"], 180);
    assert_eq!(report["batch_original_bytes"], 180 * (12 + 100 * 28));
    assert!(report["batch_bytes"].as_u64() < report["batch_original_bytes"].as_u64());
    assert_eq!(
        report["inflations"], 180,
        "every viewer inflates for itself"
    );
}

#[test]
fn equal_batches_are_inflated_once() {
    let (held, report, said) = run(Form::Zlib(3), Mistake::None, "3");
    assert!(held, "{said}");
    assert_eq!(report["delivered"], 180);
    // The first viewer inflates all; where another was served before it, that one did too.
    let inflations = report["inflations"].as_u64().unwrap();
    assert!((60..=120).contains(&inflations), "{inflations}");
}

#[test]
fn what_is_wrong_at_one_viewer_alone_is_found_although_it_takes_equal_bytes_on_trust() {
    for mistake in [
        Mistake::Flip(12 + 99 * 28),
        Mistake::Lie,
        Mistake::Cut,
        Mistake::Nest,
        Mistake::Repeat,
        Mistake::Swap,
    ] {
        let (held, report, said) = run(Form::Zlib(3), mistake, "3");
        assert!(!held, "{mistake:?}");
        assert_eq!(report["violations"], 1, "{mistake:?}: {said}");
    }
    let (held, report, said) = run(Form::Zlib(3), Mistake::Drop, "3");
    assert!(!held);
    assert_eq!(report["lost"], 1, "{said}");
}

#[test]
fn a_state_in_a_batch_conflates() {
    let (held, report, said) = run(Form::Zlib(2), Mistake::Conflate, "2");
    assert!(held, "{said}");
    assert_eq!(
        (report["conflated"].as_u64(), report["delivered"].as_u64()),
        (Some(6), Some(114))
    );
}

#[test]
fn other_terms_than_asked_for_are_told() {
    let (held, _, said) = run(Form::Refused, Mistake::None, "1");
    assert!(!held);
    assert!(said.contains("the server grants none"), "{said}");
    // What gets no smaller may come plain, so that alone is no mistake.
    let (held, report, said) = run(Form::Promised, Mistake::None, "1");
    assert!(held, "{said}");
    assert_eq!(report["batches"], 0);
}
