//! Each server that comes with the program delivers everything it is given.

use crate::program::{Server, fanout};

fn delivers_all(command: &[&str], options: &[&str]) {
    let server = Server::start(command);
    let pid = server.pid();
    let mut all = vec!["--pid", pid.as_str()];
    all.extend_from_slice(options);
    let (output, report) = fanout(&server.url, &all);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} {options:?}: {said}");
    assert!(report["expected"].as_u64().unwrap() > 0);
    assert_eq!(
        report["delivered"], report["expected"],
        "{command:?} {options:?}: {said}"
    );
    for none in ["conflated", "lost", "violations", "closed"] {
        assert_eq!(report[none], 0, "{none}: {said}");
    }
    for number in ["server_cpu_us_per_delivered", "server_cpu_s_per_gb"] {
        assert!(report[number].as_f64().unwrap() > 0.0, "{number}");
    }
    assert!(report["rss_per_connection_bytes"].is_u64());
    for percentile in ["p50", "p90", "p99", "p999", "max"] {
        assert!(
            report["latency_us"][percentile].as_u64().unwrap() > 0,
            "{percentile}"
        );
    }
}

const SMALL: [&str; 6] = ["--agents", "10", "--viewers", "5", "--hz", "100"];
const CLOSED: [&str; 6] = ["--agents", "100", "--viewers", "3", "--hz", "max"];
const MANY_FRAMES: [&str; 8] = [
    "--agents",
    "5000",
    "--publishers",
    "3",
    "--viewers",
    "2",
    "--hz",
    "20",
];

#[test]
fn the_floor() {
    delivers_all(&["floor"], &SMALL);
    delivers_all(&["floor"], &CLOSED);
    delivers_all(&["floor"], &MANY_FRAMES[..2]);
}

#[test]
fn axum() {
    delivers_all(&["baseline", "--kind", "axum"], &SMALL);
    delivers_all(&["baseline", "--kind", "axum"], &CLOSED);
}

#[test]
fn axum_tuned() {
    delivers_all(&["baseline", "--kind", "axum-tuned"], &SMALL);
    delivers_all(&["baseline", "--kind", "axum-tuned"], &CLOSED);
}

#[test]
fn fastws() {
    delivers_all(&["baseline", "--kind", "fastws"], &SMALL);
    delivers_all(&["baseline", "--kind", "fastws"], &CLOSED);
}

#[test]
fn ticks_of_several_frames_from_several_publishers() {
    delivers_all(&["floor"], &MANY_FRAMES);
}
