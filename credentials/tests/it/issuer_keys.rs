//! When an issuer's keys are fetched, and what comes of what was fetched.

use agnt_credentials::{Fetched, JwksCache, JwksPace, JwksSource, Step, TokenKeys};
use proptest::prelude::*;
use serde_json::json;

use crate::rig::public_key;

const URL: &str = "https://issuer.example/keys";
const ISSUER: &str = "https://issuer.example/tenant";
const DISCOVERY: &str = "https://issuer.example/tenant/.well-known/openid-configuration";

fn pace() -> JwksPace {
    JwksPace {
        interval_s: 300,
        unknown_interval_s: 30,
        backoff_s: 2,
        backoff_s_max: 60,
        fetch_s_max: 30,
        stale_s_max: 1000,
    }
}

fn cache() -> JwksCache {
    JwksCache::new(JwksSource::Url(URL.to_owned()), pace())
}

fn fetch(url: &str) -> Step {
    let url = url.to_owned();
    Step::Fetch { url }
}

fn wait(until_s: u64) -> Step {
    Step::Wait { until_s }
}

fn document(files: &[&str]) -> Vec<u8> {
    let keys = files.iter().map(|file| public_key(file, file));
    let jwks = TokenKeys::new(keys).unwrap().to_jwks();
    jwks.to_string().into_bytes()
}

fn ids(cache: &JwksCache) -> Vec<String> {
    cache.keys().iter().map(|key| key.id().to_owned()).collect()
}

#[test]
fn keys_are_fetched_at_the_start_and_at_an_interval() {
    let mut cache = cache();
    assert_eq!(cache.step(1_000), fetch(URL));
    assert_eq!(cache.step(1_000), wait(1_030), "one fetch at a time");
    let fetched = cache.fetched(&document(&["ed", "rsa"]), 1_001).unwrap();
    assert!(
        matches!(fetched, Fetched::Changed { keys, skipped } if keys.len() == 2 && skipped.is_empty())
    );
    assert_eq!(cache.step(1_001), wait(1_301));
    assert_eq!(cache.step(1_300), wait(1_301));
    assert_eq!(cache.step(1_301), fetch(URL));
    // The same keys in another order are no change.
    let same = cache.fetched(&document(&["rsa", "ed"]), 1_302).unwrap();
    assert!(matches!(same, Fetched::Same));
    // Rotation: one goes, one comes.
    assert_eq!(cache.step(1_602), fetch(URL));
    let rotated = cache.fetched(&document(&["ed", "es"]), 1_602).unwrap();
    assert!(matches!(rotated, Fetched::Changed { .. }));
    assert_eq!(ids(&cache), ["ed", "es"]);
    // One only goes, and one only comes: both are changes.
    for (at_s, files) in [(1_902, &["ed"][..]), (2_202, &["ed", "es"])] {
        assert_eq!(cache.step(at_s), fetch(URL));
        let changed = cache.fetched(&document(files), at_s).unwrap();
        assert!(matches!(changed, Fetched::Changed { .. }));
        assert_eq!(ids(&cache), files);
    }
    // What comes unasked is nothing.
    let unasked = cache.fetched(&document(&["ed_other"]), 2_203).unwrap();
    assert!(matches!(unasked, Fetched::Unasked));
    assert_eq!(ids(&cache), ["ed", "es"]);
}

#[test]
fn an_unknown_key_is_looked_for_but_not_at_anyones_pace() {
    let mut cache = cache();
    assert!(!cache.unknown_key(1_000), "the first fetch is due anyway");
    assert_eq!(cache.step(1_000), fetch(URL));
    assert!(!cache.unknown_key(1_000), "one is under way");
    cache.fetched(&document(&["ed"]), 1_000).unwrap();
    // The keys are fresh: one look, but only 30 s after the last.
    assert!(cache.unknown_key(1_005));
    assert!(!cache.unknown_key(1_006), "it is planned already");
    assert_eq!(cache.step(1_006), wait(1_030));
    assert_eq!(cache.step(1_030), fetch(URL));
    cache.fetched(&document(&["ed"]), 1_030).unwrap();
    // The keys are old: at once.
    assert!(cache.unknown_key(1_200));
    assert_eq!(cache.step(1_200), fetch(URL));
    cache.fetched(&document(&["ed", "es"]), 1_200).unwrap();
    assert_eq!(ids(&cache), ["ed", "es"]);
}

#[test]
fn whoever_runs_the_server_needs_not_wait() {
    let mut cache = cache();
    assert_eq!(cache.step(1_000), fetch(URL));
    cache.hurry(1_000);
    assert_eq!(cache.step(1_000), wait(1_030), "it is under way");
    cache.fetched(&document(&["ed"]), 1_000).unwrap();
    cache.hurry(1_001);
    assert_eq!(cache.step(1_001), fetch(URL));
    cache.failed(1_001);
    cache.hurry(1_001);
    assert_eq!(
        cache.step(1_001),
        fetch(URL),
        "a failure may have been mended"
    );
}

#[test]
fn failures_keep_the_keys_and_back_off() {
    let mut cache = cache();
    cache.step(1_000);
    cache.fetched(&document(&["ed"]), 1_000).unwrap();
    let mut now_s = 1_300;
    for (failure, wait_s) in [2, 4, 8, 16, 32, 60, 60].into_iter().enumerate() {
        assert_eq!(cache.step(now_s), fetch(URL));
        if failure % 2 == 0 {
            cache.failed(now_s);
        } else {
            assert!(cache.fetched(b"<html>", now_s).is_err());
        }
        assert_eq!(ids(&cache), ["ed"]);
        assert_eq!(cache.failures() as usize, failure + 1);
        assert!(!cache.unknown_key(now_s), "the back-off alone says when");
        assert_eq!(cache.step(now_s), wait(now_s + wait_s));
        now_s += wait_s;
    }
    assert_eq!(cache.step(now_s), fetch(URL));
    cache.fetched(&document(&["es"]), now_s).unwrap();
    assert_eq!((ids(&cache), cache.failures()), (vec!["es".to_owned()], 0));
    assert_eq!(cache.step(now_s), wait(now_s + 300));
}

#[test]
fn a_fetch_of_which_nothing_is_heard_has_failed() {
    let mut cache = cache();
    assert_eq!(cache.step(1_000), fetch(URL));
    assert_eq!(cache.step(1_029), wait(1_030));
    assert_eq!(cache.step(1_030), wait(1_032));
    assert_eq!(cache.failures(), 1);
    let late = cache.fetched(&document(&["ed"]), 1_031).unwrap();
    assert!(matches!(late, Fetched::Unasked));
    assert_eq!(cache.step(1_032), fetch(URL));
}

#[test]
fn keys_that_nobody_confirms_are_given_up() {
    let mut cache = cache();
    cache.step(1_000);
    cache.fetched(&document(&["ed"]), 1_000).unwrap();
    let mut now_s = 1_000;
    let given_up_at_s = loop {
        match cache.step(now_s) {
            Step::Wait { until_s } => now_s = until_s,
            Step::Fetch { .. } => cache.failed(now_s),
            Step::GiveUp => break now_s,
        }
    };
    assert_eq!(given_up_at_s, 2_000);
    assert!(cache.keys().is_empty());
    // It goes on looking for them, and says so once only.
    while !matches!(cache.step(now_s), Step::Fetch { .. }) {
        now_s += 1;
        assert!(now_s < 2_100);
    }
    let back = cache.fetched(&document(&["ed"]), now_s).unwrap();
    assert!(matches!(back, Fetched::Changed { .. }));
}

#[test]
fn an_issuer_says_where_its_keys_are() {
    for issuer in [ISSUER.to_owned(), format!("{ISSUER}/")] {
        let source = JwksSource::Discovery {
            issuer: issuer.clone(),
        };
        let mut cache = JwksCache::new(source, pace());
        assert_eq!(cache.step(1_000), fetch(DISCOVERY));
        let said = json!({ "issuer": issuer, "jwks_uri": URL, "response_types_supported": [] });
        let fetched = cache.fetched(said.to_string().as_bytes(), 1_000).unwrap();
        assert!(matches!(fetched, Fetched::Discovered));
        assert_eq!(cache.step(1_000), fetch(URL));
        cache.fetched(&document(&["ed"]), 1_001).unwrap();
        assert_eq!(cache.step(1_001), wait(1_301));
        // The keys may have moved.
        assert_eq!(cache.step(1_301), fetch(DISCOVERY));
        let said = json!({ "issuer": issuer, "jwks_uri": "https://keys.example/" });
        cache.fetched(said.to_string().as_bytes(), 1_301).unwrap();
        assert_eq!(cache.step(1_301), fetch("https://keys.example/"));
    }
}

#[test]
fn what_another_issuer_says_is_not_taken() {
    let source = || JwksSource::Discovery {
        issuer: ISSUER.to_owned(),
    };
    let rows = [
        (
            json!({ "issuer": "https://evil.example", "jwks_uri": URL }),
            "not of the one that is trusted",
        ),
        (
            json!({ "issuer": format!("{ISSUER}/"), "jwks_uri": URL }),
            "not of the one that is trusted",
        ),
        (
            json!({ "issuer": ISSUER, "jwks_uri": "http://issuer.example/keys" }),
            "is not https",
        ),
        (
            json!({ "issuer": ISSUER, "jwks_uri": "file:///etc/keys" }),
            "is not https",
        ),
        (
            json!({ "issuer": ISSUER }),
            "not a JSON object with the texts",
        ),
        (json!([ISSUER, URL]), "not a JSON object with the texts"),
        (
            json!({ "issuer": ISSUER, "jwks_uri": URL, "x": "x".repeat(70_000) }),
            "65536 are allowed",
        ),
    ];
    for (said, reason) in rows {
        let mut cache = JwksCache::new(source(), pace());
        cache.step(1_000);
        let fault = cache
            .fetched(said.to_string().as_bytes(), 1_000)
            .unwrap_err();
        assert!(fault.to_string().contains(reason), "{fault}, not {reason}");
        assert_eq!(cache.step(1_000), wait(1_002));
        assert_eq!(cache.step(1_002), fetch(DISCOVERY));
    }
}

#[test]
fn a_clock_that_is_put_back_does_not_make_waits_longer() {
    let mut cache = cache();
    cache.step(1_000_000);
    cache.fetched(&document(&["ed"]), 1_000_000).unwrap();
    assert_eq!(cache.step(5_000), wait(5_300));
    assert_eq!(cache.step(5_300), fetch(URL));
}

#[derive(Clone, Debug)]
enum Act {
    Pass(u64),
    Unknown,
    Answer(usize),
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        4 => (0..40_u64).prop_map(Act::Pass),
        3 => Just(Act::Unknown),
        4 => (0..4_usize).prop_map(Act::Answer),
    ];
    prop::collection::vec(act, 0..300)
}

proptest! {
    /// Whatever happens: fetches after a good one are 30 s apart at least, those after a bad one 2 s;
    /// good keys are replaced by good ones only, or given up once nobody confirmed them for 1000 s;
    /// and a wait always ends.
    #[test]
    fn its_promises_hold_whatever_happens(acts in acts()) {
        let documents = [document(&["ed"]), document(&["es", "rsa"])];
        let mut cache = cache();
        let mut now_s = 10_000;
        let (mut under_way, mut answered): (Option<u64>, Option<(u64, bool)>) = (None, None);
        let (mut expected, mut confirmed_at_s) = (Vec::<String>::new(), 0);
        for act in acts {
            match act {
                Act::Pass(seconds) => now_s += seconds,
                Act::Unknown => drop(cache.unknown_key(now_s)),
                Act::Answer(which) => {
                    let is_lost = under_way.is_some_and(|at_s| now_s >= at_s + 30);
                    if let Some(good) = documents.get(which) {
                        let fetched = cache.fetched(good, now_s).unwrap();
                        let is_asked = !matches!(fetched, Fetched::Unasked);
                        prop_assert!(is_asked == under_way.is_some() || is_lost);
                        if is_asked {
                            expected = [&["ed"][..], &["es", "rsa"][..]][which]
                                .iter().map(|id| (*id).to_owned()).collect();
                            (confirmed_at_s, answered) = (now_s, Some((now_s, true)));
                        }
                    } else if under_way.is_some() {
                        cache.failed(now_s);
                        answered = Some((now_s, false));
                    }
                    under_way = None;
                }
            }
            match cache.step(now_s) {
                Step::Fetch { .. } => {
                    if let Some((at_s, was_good)) = answered {
                        let least_s = if was_good { 30 } else { 2 };
                        prop_assert!(now_s >= at_s + least_s, "{} {}", now_s, at_s);
                    }
                    under_way = Some(now_s);
                }
                Step::Wait { until_s } => {
                    prop_assert!(until_s > now_s && until_s <= now_s + 300);
                    if under_way.is_some_and(|at_s| now_s >= at_s + 30) {
                        (under_way, answered) = (None, Some((now_s, false)));
                    }
                }
                Step::GiveUp => {
                    prop_assert!(now_s >= confirmed_at_s + 1000);
                    expected.clear();
                }
            }
            prop_assert_eq!(&ids(&cache), &expected);
        }
    }
}
