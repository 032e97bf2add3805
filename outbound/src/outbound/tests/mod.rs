//! Retries, bounds and breakers against receivers that follow a script, with time that only the
//! test moves.

mod script;

use tokio::time::Instant;

use super::*;
use crate::delivery::{Failure, Outcome};
use crate::fault::Fault;
use script::{KEY, Step, stage, stage_with};

fn failed(attempts: u32, failure: Failure) -> Outcome {
    Outcome {
        attempts,
        result: Err(failure),
    }
}

#[tokio::test(start_paused = true)]
async fn it_tries_four_times_with_growing_waits_and_gives_up() {
    let stage = stage();
    stage.receivers.set("a.example", &[Step::Answer(503)]);
    let outcome = stage.send("a.example").await.unwrap();
    assert_eq!(outcome, failed(4, Failure::Unavailable { status: 503 }));
    let calls = stage.receivers.calls();
    assert_eq!(calls.len(), 4);
    for (pair, longest_ms) in calls.windows(2).zip([500, 1_000, 2_000]) {
        let wait = pair[1].at - pair[0].at;
        assert!(wait <= Duration::from_millis(longest_ms + 20), "{wait:?}");
    }
    assert_eq!(stage.counted(|m| matches!(m, Measure::Retried)), 3);
    assert_eq!(stage.counted(|m| matches!(m, Measure::Attempted { .. })), 4);
    assert_eq!(
        stage.counted(|m| matches!(
            m,
            Measure::Failed {
                reason: "unavailable"
            }
        )),
        1
    );
    assert_eq!(stage.outbound.load().deliveries, 0);
    assert_eq!(stage.outbound.load().delivery_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_what_is_final_is_not() {
    let again = [
        Step::Answer(408),
        Step::Answer(425),
        Step::Answer(429),
        Step::Answer(500),
        Step::Fail(Fault::Unreachable),
        Step::Fail(Fault::Unresolved),
        Step::Fail(Fault::Insecure),
        Step::Fail(Fault::Lost),
        Step::Fail(Fault::Malformed),
        Step::Stall,
    ];
    for step in again {
        let stage = stage();
        stage.receivers.set("a.example", &[step, Step::Answer(204)]);
        let outcome = stage.send("a.example").await.unwrap();
        assert_eq!((outcome.attempts, outcome.result), (2, Ok(204)));
    }
    let refused = Fault::Refused(RefusedTarget::NotAbsolute);
    let last = [
        (Step::Answer(301), Failure::Redirected { status: 301 }),
        (Step::Answer(308), Failure::Redirected { status: 308 }),
        (Step::Answer(400), Failure::Rejected { status: 400 }),
        (Step::Answer(410), Failure::Rejected { status: 410 }),
        (Step::Fail(refused.clone()), Failure::Fault(refused)),
    ];
    for (step, failure) in last {
        let stage = stage();
        stage.receivers.set("a.example", &[step]);
        let outcome = stage.send("a.example").await.unwrap();
        assert_eq!(outcome, failed(1, failure));
    }
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_kept_unless_the_time_is_over_before() {
    let stage = stage();
    let steps = [Step::AnswerRetryAfter(429, 7), Step::Answer(200)];
    stage.receivers.set("a.example", &steps);
    assert_eq!(stage.send("a.example").await.unwrap().result, Ok(200));
    let calls = stage.receivers.calls();
    assert!(calls[1].at - calls[0].at >= Duration::from_secs(7));

    for after_s in [3_600, u64::MAX] {
        let begun = Instant::now();
        stage
            .receivers
            .set("b.example", &[Step::AnswerRetryAfter(503, after_s)]);
        let outcome = stage.send("b.example").await.unwrap();
        assert_eq!(outcome, failed(1, Failure::Unavailable { status: 503 }));
        assert!(begun.elapsed() < Duration::from_secs(1));
    }
}

#[tokio::test(start_paused = true)]
async fn each_attempt_carries_the_same_id_and_a_signature() {
    let stage = stage();
    stage
        .receivers
        .set("a.example", &[Step::Answer(500), Step::Answer(200)]);
    let body = br#"{"request_id":"req-001","status":"completed"}"#;
    let told = stage.try_send("req-001", "a.example", body).unwrap();
    told.await.unwrap();
    let calls = stage.receivers.calls();
    assert_eq!(calls.len(), 2);
    for call in calls {
        let header = |name: &str| call.headers[name].to_str().unwrap();
        assert_eq!(header("x-agnt-delivery"), "req-001");
        assert_eq!(header("idempotency-key"), "req-001");
        assert_eq!(header("content-type"), "application/json");
        assert_eq!(header("host"), "a.example");
        // The code is checked against other programs where it is made.
        assert_eq!(
            header("x-agnt-signature"),
            SigningKeys::parse(KEY).unwrap().sign(1_768_046_400, body)
        );
        assert_eq!(call.body, &body[..]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stalled_receiver_holds_up_nobody_else() {
    let stage = stage();
    stage.receivers.set("stalled.example", &[Step::Stall]);
    stage.receivers.set("well.example", &[Step::Answer(200)]);
    let begun = Instant::now();
    let stalled: Vec<_> = (0..100).map(|_| stage.send("stalled.example")).collect();
    let well: Vec<_> = (0..100).map(|_| stage.send("well.example")).collect();
    for told in well {
        assert_eq!(told.await.unwrap().result, Ok(200));
    }
    // 100 deliveries of 10 ms, four at a time.
    assert!(
        begun.elapsed() < Duration::from_millis(300),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!(stage.receivers.most_under_way("stalled.example"), 4);
    assert_eq!(stage.receivers.most_under_way("well.example"), 4);
    for told in stalled {
        assert!(told.await.unwrap().result.is_err());
    }
    assert!(begun.elapsed() <= Duration::from_millis(60_001));
}

#[tokio::test(start_paused = true)]
async fn all_hosts_together_keep_to_the_slots() {
    let stage = stage_with(Limits {
        attempts_max: 10,
        ..Limits::default()
    });
    let hosts: Vec<String> = (0..20).map(|number| format!("h{number}.example")).collect();
    let mut told = Vec::new();
    for host in &hosts {
        stage.receivers.set(host, &[Step::Answer(200)]);
        told.extend((0..5).map(|_| stage.send(host)));
    }
    for told in told {
        assert_eq!(told.await.unwrap().result, Ok(200));
    }
    assert_eq!(stage.receivers.most_under_way("all"), 10);
}

#[tokio::test(start_paused = true)]
async fn a_host_that_keeps_failing_is_left_alone_and_then_tried_by_one() {
    let stage = stage_with(Limits {
        attempts_max: 4,
        ..Limits::default()
    });
    let begun = Instant::now();
    stage
        .receivers
        .set("a.example", &[Step::Fail(Fault::Unreachable)]);
    stage.receivers.set("b.example", &[Step::Answer(200)]);
    let told: Vec<_> = (0..50).map(|_| stage.send("a.example")).collect();
    tokio::time::sleep(Duration::from_secs(29)).await;
    let first = stage.receivers.calls().len();
    // Four are under way when the fifth failure opens the breaker.
    assert!((5..=8).contains(&first), "{first}");
    assert_eq!(
        stage.counted(|m| matches!(m, Measure::CircuitOpened)),
        first - 4
    );
    assert_eq!(stage.send("b.example").await.unwrap().result, Ok(200));
    assert_eq!(begun.elapsed().as_secs(), 29, "who waits holds no slot");

    // It is well again: one finds out, the others follow.
    stage.receivers.set("a.example", &[Step::Answer(200)]);
    for told in told {
        assert_eq!(told.await.unwrap().result, Ok(200));
    }
    assert!(
        begun.elapsed() < Duration::from_secs(40),
        "{:?}",
        begun.elapsed()
    );
    let calls = stage.receivers.calls();
    let later: Vec<Instant> = calls
        .iter()
        .filter(|call| call.authority == "a.example")
        .map(|call| call.at)
        .skip(first)
        .collect();
    assert_eq!(later.len(), 50);
    assert!(later[0] - begun >= Duration::from_secs(30));
    assert!(
        later[1] - later[0] >= Duration::from_millis(10),
        "one alone"
    );
}

#[tokio::test(start_paused = true)]
async fn a_delivery_without_time_for_the_breaker_fails_at_once() {
    let stage = stage_with(Limits {
        breaker_ms: 600_000,
        breaker_failures: 1,
        retries_max: 0,
        ..Limits::default()
    });
    stage.receivers.set("a.example", &[Step::Answer(500)]);
    stage.send("a.example").await.unwrap();
    let begun = Instant::now();
    let outcome = stage.send("a.example").await.unwrap();
    assert_eq!(outcome, failed(0, Failure::CircuitOpen));
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn what_gets_no_slot_in_its_time_expires() {
    let stage = stage_with(Limits {
        attempts_per_host_max: 1,
        breaker_failures: 1_000,
        ..Limits::default()
    });
    stage.receivers.set("a.example", &[Step::Stall]);
    let begun = Instant::now();
    let told: Vec<_> = (0..30).map(|_| stage.send("a.example")).collect();
    let mut untried = 0;
    for told in told {
        let outcome = told.await.unwrap();
        assert!(outcome.result.is_err());
        if outcome == failed(0, Failure::Expired) {
            untried += 1;
        }
    }
    // One after the other, 3 s each: the first twenty at most have a turn.
    assert!(untried >= 10, "{untried}");
    assert_eq!(begun.elapsed().as_secs(), 60);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_much_is_refused_and_counted() {
    let full = |bound, allowed| Some(SendError::Full { bound, allowed });
    let bounds = [
        (
            Limits {
                deliveries_max: 3,
                ..Limits::default()
            },
            full("deliveries_max", 3),
        ),
        (
            Limits {
                deliveries_per_host_max: 3,
                ..Limits::default()
            },
            full("deliveries_per_host_max", 3),
        ),
        // Each holds 7 bytes of id, 2 of body, 5 of path and twice the 9 of its host.
        (
            Limits {
                delivery_bytes_max: 100,
                ..Limits::default()
            },
            full("delivery_bytes_max", 100),
        ),
        (
            Limits {
                hosts_max: 1,
                ..Limits::default()
            },
            full("hosts_max", 1),
        ),
    ];
    for (limits, expected) in bounds {
        let is_hosts = limits.hosts_max == 1;
        let stage = stage_with(limits);
        stage.receivers.set("a.example", &[Step::Answer(200)]);
        stage.receivers.set("b.example", &[Step::Answer(200)]);
        let told: Vec<_> = (0..3).map(|_| stage.send("a.example")).collect();
        let host = if is_hosts { "b.example" } else { "a.example" };
        assert_eq!(stage.try_send("req-002", host, b"{}").err(), expected);
        assert_eq!(stage.counted(|m| matches!(m, Measure::Overflowed)), 1);
        assert_eq!(stage.outbound.load().deliveries, 3);
        for told in told {
            assert_eq!(told.await.unwrap().result, Ok(200));
        }
        // The places are given back once the report is made.
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(stage.outbound.load().delivery_bytes, 0);
        assert!(stage.try_send("req-002", host, b"{}").is_ok());
    }
}

#[tokio::test(start_paused = true)]
async fn ids_that_no_header_takes_are_refused() {
    let stage = stage();
    for id in ["", "a b", "a\r\nb: c", "ä", &"x".repeat(129)] {
        let error = stage.try_send(id, "a.example", b"{}").unwrap_err();
        assert!(matches!(error, SendError::Id { .. }), "{id:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_drain_waits_then_stops_what_is_left_and_takes_nothing_more() {
    let stage = stage();
    stage.receivers.set("well.example", &[Step::Answer(200)]);
    stage.receivers.set("stalled.example", &[Step::Stall]);
    let mut well = stage.send("well.example");
    let mut stalled = stage.send("stalled.example");
    let begun = Instant::now();
    stage.outbound.drain(Duration::from_secs(1)).await;
    assert_eq!(begun.elapsed().as_secs(), 1);
    assert_eq!(well.try_recv().unwrap().result, Ok(200));
    assert_eq!(stalled.try_recv().unwrap(), failed(1, Failure::Stopped));
    assert_eq!(
        stage.try_send("req-002", "well.example", b"{}").err(),
        Some(SendError::Closed)
    );
    let target = stage.outbound.judge("http://well.example/").unwrap();
    assert_eq!(
        stage.outbound.poll(&target).await,
        Err(PollFailure::Stopped)
    );
}

#[test]
fn every_delivery_is_reported_even_if_sender_or_runtime_go() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let (dropped, ended) = runtime.block_on(async {
        let gone = stage();
        gone.receivers.set("a.example", &[Step::Stall]);
        let dropped = gone.send("a.example");
        drop(gone.outbound);
        let dropped = dropped.await.unwrap();
        let stays = stage();
        stays.receivers.set("a.example", &[Step::Stall]);
        (dropped, (stays.send("a.example"), stays))
    });
    assert_eq!(dropped.result, Err(Failure::Stopped));
    let (mut told, _stays) = ended;
    drop(runtime);
    assert_eq!(told.try_recv().unwrap().result, Err(Failure::Stopped));
}

#[tokio::test(start_paused = true)]
async fn polls_have_slots_of_their_own() {
    let stage = stage_with(Limits {
        polls_max: 2,
        attempts_max: 1,
        attempt_ms: 3_000,
        ..Limits::default()
    });
    let target = |host: &str| {
        stage
            .outbound
            .judge(&format!("http://{host}/health"))
            .unwrap()
    };
    let (well, ill, stalled) = (
        target("well.example"),
        target("ill.example"),
        target("stalled.example"),
    );
    stage.receivers.set("well.example", &[Step::Answer(200)]);
    stage.receivers.set("ill.example", &[Step::Answer(503)]);
    stage.receivers.set("stalled.example", &[Step::Stall]);
    let _holds_the_slot_of_deliveries = stage.send("stalled.example");
    tokio::task::yield_now().await;

    let health = stage.outbound.poll(&well).await.unwrap();
    assert_eq!(
        (health.status, health.latency_ms, health.is_healthy()),
        (200, 10, true)
    );
    assert!(!stage.outbound.poll(&ill).await.unwrap().is_healthy());
    let slow = || stage.outbound.poll(&stalled);
    let (first, second, third, fourth, fifth) =
        tokio::join!(slow(), slow(), slow(), slow(), slow());
    let timed_out = Err(PollFailure::Fault(Fault::TimedOut));
    assert_eq!((&first, &second), (&timed_out, &timed_out));
    assert_eq!(fifth, Err(PollFailure::Busy), "no word about who is polled");
    drop((third, fourth));
    assert_eq!(stage.outbound.load().polls, 0);
}

#[tokio::test]
async fn settings_that_can_not_work_are_refused_at_the_start() {
    let meter: Meter = Arc::new(|_| {});
    let start = |change: fn(&mut Settings)| {
        let mut settings = Settings::closed(|| 0);
        settings.allow = vec!["*".parse().unwrap()];
        settings.signing_keys = Some(SigningKeys::parse(KEY).unwrap());
        change(&mut settings);
        Outbound::start(settings, Arc::clone(&meter)).map_err(|error| error.to_string())
    };
    assert!(start(|_| {}).is_ok());
    let no_key = start(|settings| settings.signing_keys = None).unwrap_err();
    assert!(no_key.contains("signing key"), "{no_key}");
    let zero = start(|settings| settings.limits.attempt_ms = 0).unwrap_err();
    assert!(zero.starts_with("attempt_ms: 0"), "{zero}");
    let file = start(|settings| settings.authorities_file = Some("no/such.pem".into()));
    assert!(file.unwrap_err().contains("no/such.pem"));

    let closed = Outbound::start(Settings::closed(|| 0), meter).unwrap();
    assert!(closed.judge("https://hooks.example.com/").is_err());
    assert_eq!(closed.load(), Load::default());
}
