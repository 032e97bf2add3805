//! `fanout`: publishers to viewers, everything verified, the server's cost measured beside.
//!
//! A run has four parts: all viewers join; warm-up; the measured window; the drain, in which what
//! was published still has to arrive. Counts of frames cover the whole run, so that nothing can
//! hide at an edge; latency and cost cover the window alone.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::failure::{Context, Failure, Result};
use crate::outcome::{Outcome, Window};
use crate::pace::{Pace, Rate};
use crate::process_usage::ProcessUsage;
use crate::swarm::Swarm;
use crate::target::Target;
use crate::terms::Terms;
use crate::traffic::Traffic;
use crate::verify::Seen;

const JOIN_TIMEOUT: Duration = Duration::from_secs(20);
/// The drain ends when nothing has arrived for so long.
const DRAIN_QUIET: Duration = Duration::from_secs(15);
const SAMPLE_EVERY: Duration = Duration::from_millis(250);

/// What to run.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    /// The stream's name; must be empty, best never used before.
    pub(crate) stream: String,
    /// Publishers and their agents.
    pub(crate) swarm: Swarm,
    /// How often they publish.
    pub(crate) rate: Rate,
    /// Viewers that verify.
    pub(crate) viewers: usize,
    /// Viewers that read nothing.
    pub(crate) slow_viewers: usize,
    /// Their socket's receive buffer.
    pub(crate) slow_rcvbuf_bytes: Option<usize>,
    /// When they start to read, counted from the start of the window.
    pub(crate) slow_resume_after: Option<Duration>,
    /// In which form the viewers ask for positions.
    pub(crate) terms: Terms,
    /// One viewer of so many inflates every batch for itself.
    pub(crate) verify_every: usize,
    /// Publishing before the window.
    pub(crate) warmup: Duration,
    /// The measured window.
    pub(crate) window: Duration,
    /// Whether to show progress on a terminal.
    pub(crate) progress: bool,
}

/// Runs `plan` against `target`.
pub(crate) fn run(target: &Target, plan: &Plan) -> Result<Outcome> {
    Fanout::join(target, plan)?.publish()
}

/// A run whose viewers have joined; nothing is published yet.
#[derive(Debug)]
pub(crate) struct Fanout<'a> {
    plan: &'a Plan,
    traffic: Traffic,
    server: Option<ProcessUsage>,
    rss_before_bytes: Option<u64>,
}

impl<'a> Fanout<'a> {
    /// Connects all and waits until every verifying viewer has its first state tick.
    pub(crate) fn join(target: &Target, plan: &'a Plan) -> Result<Self> {
        let endpoint = target.endpoint(&plan.stream);
        let server = target.pid().map(ProcessUsage::new);
        let rss_before_bytes = server.as_ref().map(ProcessUsage::rss_bytes).transpose()?;
        let mut traffic = Traffic::new(plan.swarm, plan.viewers, plan.terms, plan.verify_every)?;
        for _ in 0..plan.viewers {
            traffic.add_viewer(&endpoint)?;
        }
        for _ in 0..plan.slow_viewers {
            traffic.add_slow(&endpoint, plan.slow_rcvbuf_bytes)?;
        }
        traffic.add_publishers(&endpoint)?;
        join(&mut traffic)?;
        Ok(Self {
            plan,
            traffic,
            server,
            rss_before_bytes,
        })
    }

    /// Publishes, measures and drains. The viewers stay connected as long as `self`.
    pub(crate) fn publish(&mut self) -> Result<Outcome> {
        let Self { plan, traffic, .. } = self;
        let mut server = self.server.as_mut();
        let pace = Pace::new(plan.rate, plan.swarm.publishers, plan.viewers);
        let window_from = pace.start() + plan.warmup;
        let window_to = window_from + plan.window;
        let ticks_owed = pace.ticks_owed(plan.warmup + plan.window);
        traffic.start(
            pace,
            ticks_owed.unwrap_or(u32::MAX),
            (window_from, window_to),
        );
        turn_until(traffic, window_from)?;

        let mut window = Window::open(traffic, server.as_deref_mut(), self.rss_before_bytes)?;
        let resume_at = plan.slow_resume_after.map(|after| window_from + after);
        measure(
            traffic,
            server.as_deref_mut(),
            &mut window,
            plan,
            resume_at,
            window_to,
        )?;
        window.close(traffic, server)?;
        if ticks_owed.is_none() {
            traffic.stop();
        }
        let published_ticks = drain(traffic, plan, ticks_owed)?;
        Ok(Outcome::new(plan, traffic, &window, published_ticks))
    }
}

fn join(traffic: &mut Traffic) -> Result<()> {
    let deadline = Instant::now() + JOIN_TIMEOUT;
    while !traffic.all_joined() {
        traffic.turn(SAMPLE_EVERY)?;
        if let Some(reason) = traffic.viewers().iter().find_map(|viewer| viewer.closed()) {
            return Err(Failure::new(format!(
                "a viewer was closed as it joined: {reason}"
            )));
        }
        if Instant::now() > deadline {
            let waiting = traffic
                .viewers()
                .iter()
                .filter(|viewer| !viewer.verifier().joined())
                .count();
            return Err(Failure::new(format!(
                "{waiting} viewers got no state tick in 20 s"
            )));
        }
    }
    Ok(())
}

fn turn_until(traffic: &mut Traffic, until: Instant) -> Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        traffic.turn(left.min(SAMPLE_EVERY))?;
    }
}

fn measure(
    traffic: &mut Traffic,
    mut server: Option<&mut ProcessUsage>,
    window: &mut Window,
    plan: &Plan,
    mut resume_at: Option<Instant>,
    until: Instant,
) -> Result<()> {
    let bar = if plan.progress {
        progress_bar(plan.window)?
    } else {
        ProgressBar::hidden()
    };
    let start = until.checked_sub(plan.window).unwrap_or(until);
    while Instant::now() < until {
        let mut next = (Instant::now() + SAMPLE_EVERY).min(until);
        if let Some(at) = resume_at {
            next = next.min(at);
        }
        turn_until(traffic, next)?;
        if resume_at.is_some_and(|at| at <= Instant::now()) {
            traffic.resume_slow()?;
            resume_at = None;
        }
        window.sample(server.as_deref_mut())?;
        bar.set_position(start.elapsed().as_millis() as u64);
        if let Some(reason) = traffic.viewers().iter().find_map(|viewer| viewer.closed()) {
            bar.abandon_with_message(format!("a viewer was closed: {reason}"));
            break;
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn progress_bar(window: Duration) -> Result<ProgressBar> {
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {elapsed} of {len} ms")
        .context("progress bar")?;
    let bar = ProgressBar::new(window.as_millis() as u64).with_style(style);
    bar.set_message("measuring");
    Ok(bar)
}

/// Waits until everything that was published has been accounted for, and says how much that is.
fn drain(traffic: &mut Traffic, plan: &Plan, ticks_owed: Option<u32>) -> Result<u64> {
    let published = |traffic: &Traffic| -> u64 {
        (0..plan.swarm.publishers)
            .map(|publisher| u64::from(traffic.published().newest(publisher)))
            .sum()
    };
    let mut accounted_before = 0;
    let mut quiet_since = Instant::now();
    loop {
        let published_ticks = match ticks_owed {
            Some(ticks) => u64::from(ticks) * plan.swarm.publishers as u64,
            None => published(traffic),
        };
        let frames = published_ticks * plan.swarm.frames_per_tick() as u64;
        let accounted = accounted(traffic);
        if accounted >= frames * plan.viewers as u64 {
            return Ok(published_ticks);
        }
        if accounted > accounted_before {
            quiet_since = Instant::now();
            accounted_before = accounted;
        }
        if quiet_since.elapsed() > DRAIN_QUIET {
            return Ok(published_ticks);
        }
        traffic.turn(Duration::from_millis(20))?;
    }
}

fn accounted(traffic: &Traffic) -> u64 {
    let of_one = |seen: Seen| seen.delivered + seen.conflated + seen.lost;
    traffic
        .viewers()
        .iter()
        .map(|viewer| of_one(viewer.verifier().seen()))
        .sum()
}
