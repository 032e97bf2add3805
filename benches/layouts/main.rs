//! Who should own the sockets, and in what shape should frames wait for them?
//!
//! Four layouts write the same frames to the same number of loopback sockets, each on one thread:
//!
//! - (a) a task per viewer with a queue of its own, one write per message;
//! - (b) the same, but all that waits goes into one vectored write;
//! - (c) one loop that owns all sockets, a log of shared chunks, vectored writes;
//! - (d) the same with the log in one contiguous region, one slice per write.
//!
//! One other thread drains all receivers and orders the frames: at 60 Hz, or in a closed loop with
//! a window of frames that the slowest receiver has not got yet. The figure is what the writing
//! thread spent on a core per message delivered; it does not depend on how the cores are shared.
//! Rounds are interleaved and their median is shown. Linux only, for its `schedstat`.

#![allow(clippy::print_stdout, reason = "the table is what this program is for")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

mod audience;
mod chunks;
mod feed;
mod loops;
mod region;
mod tasks;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use audience::{Audience, Pace};
use chunks::Chunks;
use feed::Feed;
use region::Region;

/// Frames a second where time sets the pace.
const HZ: f64 = 60.0;
/// Bytes of a WebSocket head before a message of more than 125 and less than 65,536 bytes.
const HEAD_BYTES: usize = 4;

#[derive(Clone, Copy, Debug)]
enum Layout {
    TaskWriteEach,
    TaskVectored,
    LoopChunks,
    LoopRegion,
}

impl Layout {
    const ALL: [Self; 4] = [
        Self::TaskWriteEach,
        Self::TaskVectored,
        Self::LoopChunks,
        Self::LoopRegion,
    ];

    const fn label(self) -> &'static str {
        match self {
            Self::TaskWriteEach => "(a) task per viewer, a write a message",
            Self::TaskVectored => "(b) task per viewer, one vectored write",
            Self::LoopChunks => "(c) one loop, chunks, one vectored write",
            Self::LoopRegion => "(d) one loop, one region, one write",
        }
    }

    /// Writes to the sockets until the feed is over.
    fn serve(self, sockets: Vec<TcpStream>, message: &[u8], feed: &Arc<Feed>) {
        match self {
            Self::TaskWriteEach => tasks::serve(sockets, message, feed, false),
            Self::TaskVectored => tasks::serve(sockets, message, feed, true),
            Self::LoopChunks => loops::serve(sockets, message, feed, Chunks::default()),
            Self::LoopRegion => loops::serve(sockets, message, feed, Region::default()),
        }
    }
}

/// What is sent to whom, how fast.
#[derive(Clone, Copy)]
struct Case {
    frame_bytes: usize,
    viewers: usize,
    pace: Pace,
}

/// How long and how often.
struct Plan {
    cases: Vec<Case>,
    rounds: usize,
    warm_up: Duration,
    measured: Duration,
    /// Whether every byte received is compared; too dear for a measurement.
    is_checked: bool,
}

impl Plan {
    fn whole() -> Self {
        let mut cases = Vec::new();
        for (frame_bytes, viewers, window) in [(28_012, 100, 16), (292, 100, 64), (292, 1000, 64)] {
            for pace in [Pace::Hz(HZ), Pace::Window(window)] {
                cases.push(Case {
                    frame_bytes,
                    viewers,
                    pace,
                });
            }
        }
        let [warm_up, measured] = [150, 500].map(Duration::from_millis);
        Self {
            cases,
            rounds: 3,
            warm_up,
            measured,
            is_checked: false,
        }
    }

    fn tiny() -> Self {
        let cases = [(28_012, 3, Pace::Window(16)), (292, 5, Pace::Window(64))];
        let cases = cases.map(|(frame_bytes, viewers, pace)| Case {
            frame_bytes,
            viewers,
            pace,
        });
        let [warm_up, measured] = [5, 40].map(Duration::from_millis);
        Self {
            cases: cases.to_vec(),
            rounds: 1,
            warm_up,
            measured,
            is_checked: true,
        }
    }
}

/// What one layout took for one case.
#[derive(Clone, Copy)]
struct Cost {
    cpu_us_per_message: f64,
    writes_per_message: f64,
}

/// How long something may take to come where that is all that is asked.
const CHECKED_WITHIN: Duration = Duration::from_secs(30);

fn main() {
    // Cargo passes `--bench` to measure; without it the program is run as a test.
    let is_measured = std::env::args().any(|argument| argument == "--bench");
    let plan = if is_measured {
        Plan::whole()
    } else {
        Plan::tiny()
    };
    if feed::cpu_ns_of_this_thread().is_none() {
        println!("layouts: this system does not tell what a thread has spent on a core");
        return;
    }
    // Two sockets per viewer, and some for everything else.
    let _ = rlimit::increase_nofile_limit(4096);
    println!("| case | layout | CPU us per message | writes per message | ratio to (d) |");
    println!("|---|---|---|---|---|");
    for case in &plan.cases {
        let mut costs: [Vec<Cost>; Layout::ALL.len()] = Default::default();
        for _ in 0..plan.rounds {
            for (layout, costs) in Layout::ALL.into_iter().zip(&mut costs) {
                costs.push(measure(layout, *case, &plan));
            }
        }
        show(*case, &costs);
    }
}

fn measure(layout: Layout, case: Case, plan: &Plan) -> Cost {
    let message = message(case.frame_bytes);
    let (ours, theirs) = connected(case.viewers);
    let feed = Arc::new(Feed::default());
    thread::scope(|scope| {
        let server = scope.spawn(|| layout.serve(ours, &message, &feed));
        feed.wait_until_served();
        let mut audience = Audience::new(theirs, &message, plan.is_checked);
        audience.drain(&feed, case.pace, plan.warm_up);
        let (cpu_ns, writes) = (feed.cpu_ns(), feed.writes());
        let messages_before = audience.messages();
        audience.drain(&feed, case.pace, plan.measured);
        // To be checked something must come, however long a busy machine takes.
        let deadline = Instant::now() + CHECKED_WITHIN;
        while plan.is_checked && audience.messages() <= messages_before && Instant::now() < deadline
        {
            audience.drain(&feed, case.pace, plan.measured);
        }
        let messages = audience.messages() - messages_before;
        let (cpu_ns, writes) = (feed.cpu_ns() - cpu_ns, feed.writes() - writes);
        feed.end();
        server.join().unwrap();
        assert!(messages > 0.0, "{layout:?} delivered nothing");
        Cost {
            cpu_us_per_message: cpu_ns as f64 / 1000.0 / messages,
            writes_per_message: writes as f64 / messages,
        }
    })
}

fn show(case: Case, costs: &[Vec<Cost>]) {
    let median = |costs: &[Cost], figure: fn(&Cost) -> f64| {
        let mut figures: Vec<f64> = costs.iter().map(figure).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let cpu = |cost: &Cost| cost.cpu_us_per_message;
    let region = costs.last().map_or(f64::NAN, |costs| median(costs, cpu));
    for (layout, costs) in Layout::ALL.into_iter().zip(costs) {
        let (cpu_us, writes) = (
            median(costs, cpu),
            median(costs, |cost| cost.writes_per_message),
        );
        println!(
            "| {} B x {}, {} | {} | {cpu_us:.2} | {writes:.3} | {:.2} |",
            case.frame_bytes,
            case.viewers,
            case.pace,
            layout.label(),
            cpu_us / region
        );
    }
}

/// A finished WebSocket message; each byte tells its place, so that a lost one shows.
fn message(frame_bytes: usize) -> Vec<u8> {
    let mut message = vec![0x82, 126];
    message.extend((frame_bytes as u16).to_be_bytes());
    message.extend((HEAD_BYTES..HEAD_BYTES + frame_bytes).map(|at| (at % 251) as u8));
    message
}

/// Both ends of so many connections, as the server sets its own.
fn connected(viewers: usize) -> (Vec<TcpStream>, Vec<TcpStream>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let pair = |_| {
        let theirs = TcpStream::connect(address).unwrap();
        let (ours, _) = listener.accept().unwrap();
        ours.set_nodelay(true).unwrap();
        ours.set_nonblocking(true).unwrap();
        theirs.set_nonblocking(true).unwrap();
        (ours, theirs)
    };
    (0..viewers).map(pair).unzip()
}
