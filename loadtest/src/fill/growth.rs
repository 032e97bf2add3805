//! `pages compare`: a full server beside one of a hundredth. Each page of one is followed by the same
//! of the other, so that whatever else the machine does hits both alike.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::SERVER_ARGUMENTS;
use super::census::Census;
use super::list::{LISTS, List};
use super::options::PagesCompareArgs;
use super::population::Population;
use super::program::Program;
use super::reading::{Reading, Took, Which, histogram, note, took};
use super::restart::{Restart, restart};
use super::workforce;
use crate::events::client::Client;
use crate::failure::{Context, Result};
use crate::report::{complain, print, table, write_json};

/// Events that a full server keeps; a small one keeps a hundredth.
const EVENTS_KEPT: u64 = 1_000_000;
/// The least that a server can be told to keep.
const EVENTS_KEPT_MIN: u64 = 1000;

/// A server and its store.
#[derive(Debug)]
struct Colony {
    server: Program,
    folder: PathBuf,
    arguments: Vec<String>,
    census: Census,
}

/// One kind of page of one list on both.
#[derive(Debug, Serialize)]
struct Line {
    list: String,
    which: Which,
    small_total: u64,
    total: u64,
    small_us: Took,
    took_us: Took,
    ratio: f64,
    cpu_ratio: f64,
}

#[derive(Debug, Serialize)]
struct Growth {
    small: Census,
    full: Census,
    lines: Vec<Line>,
    restart: Restart,
}

/// Runs it; true when every page was whole and within the ratio, and nothing was lost by the kill.
pub(crate) fn run(arguments: &PagesCompareArgs) -> Result<bool> {
    let own = tempfile::tempdir().context("a folder for the stores")?;
    let folder = arguments.data_dir.as_deref().unwrap_or(own.path());
    let population = arguments.population.population();
    // A small population has fewer events than that; it forgets some, too.
    let kept = EVENTS_KEPT.min(2 * population.tasks).max(EVENTS_KEPT_MIN);
    let small_kept = (kept / 100).max(EVENTS_KEPT_MIN);
    let small = open(
        arguments,
        &folder.join("small"),
        population.hundredth(),
        small_kept,
    )?;
    let full = open(arguments, &folder.join("full"), population, kept)?;
    let mut lines = Vec::new();
    for list in LISTS {
        lines.extend(compare(list, arguments.samples, &small, &full)?);
    }
    let (program, serve) = (&arguments.spawn, &full.arguments);
    let restart = restart(full.server, program, serve, &full.folder)?;
    let growth = Growth {
        small: small.census,
        full: full.census,
        lines,
        restart,
    };
    show(&growth);
    if let Some(path) = &arguments.json {
        write_json(path, &growth)?;
    }
    Ok(judge(arguments, &growth))
}

/// Starts a server over `folder`, and fills it if it is new.
fn open(
    spawn: &PagesCompareArgs,
    folder: &Path,
    population: Population,
    events_kept: u64,
) -> Result<Colony> {
    let is_new = !folder.exists();
    std::fs::create_dir_all(folder).context(folder.display())?;
    let mut extra = SERVER_ARGUMENTS.map(str::to_owned).to_vec();
    extra.extend(["--events-kept-count".to_owned(), events_kept.to_string()]);
    extra.push(format!("--data-dir={}", folder.display()));
    let arguments = [spawn.spawn_arg.clone(), extra].concat();
    let (server, _) = Program::start(&spawn.spawn, &arguments)?;
    if is_new {
        let filled = workforce::fill(server.origin(), &population)?;
        print(table(&workforce::HEAD, &filled.rows()));
        for text in filled.missing() {
            complain(format!("failed: {text}"));
        }
    }
    Ok(Colony {
        census: Census::take(server.origin())?,
        server,
        folder: folder.to_owned(),
        arguments,
    })
}

fn compare(list: List, samples: u32, small: &Colony, full: &Colony) -> Result<Vec<Line>> {
    let mut to_small = Client::open(small.server.origin())?;
    let mut to_full = Client::open(full.server.origin())?;
    let of_small = Reading::of(list, &mut to_small)?;
    let of_full = Reading::of(list, &mut to_full)?;
    let mut lines = Vec::new();
    for which in Which::ALL {
        let (mut small_us, mut full_us) = (histogram()?, histogram()?);
        let (mut small_cpu, mut full_cpu) = (small.server.usage(), full.server.usage());
        let cpu_before = (small_cpu.cpu_time()?, full_cpu.cpu_time()?);
        for sample in 0..samples {
            for turn in 0..2 {
                if (sample + turn) % 2 == 0 {
                    note(&mut small_us, of_small.read(which, &mut to_small)?);
                } else {
                    note(&mut full_us, of_full.read(which, &mut to_full)?);
                }
            }
        }
        let small_ns = small_cpu.cpu_time()?.since(cpu_before.0).on_cpu_ns;
        let full_ns = full_cpu.cpu_time()?.since(cpu_before.1).on_cpu_ns;
        let (small_us, full_us) = (took(&small_us), took(&full_us));
        lines.push(Line {
            list: list.title(),
            which,
            small_total: of_small.total(),
            total: of_full.total(),
            small_us,
            took_us: full_us,
            ratio: full_us.p50 as f64 / small_us.p50 as f64,
            cpu_ratio: full_ns as f64 / (small_ns as f64).max(1.0),
        });
    }
    Ok(lines)
}

fn show(growth: &Growth) {
    let row = |line: &Line| {
        vec![
            line.list.clone(),
            line.which.name().to_owned(),
            line.small_total.to_string(),
            line.total.to_string(),
            line.small_us.p50.to_string(),
            line.took_us.p50.to_string(),
            format!("{:.2}", line.ratio),
            format!("{:.2}", line.cpu_ratio),
            line.small_us.p99.to_string(),
            line.took_us.p99.to_string(),
        ]
    };
    let head = [
        "list",
        "page",
        "rows, small",
        "full",
        "p50 us, small",
        "full",
        "ratio",
        "CPU ratio",
        "p99 us, small",
        "full",
    ];
    print(table(
        &head,
        &growth.lines.iter().map(row).collect::<Vec<_>>(),
    ));
    let census = |it: &Census| {
        let events = it.events_kept();
        format!(
            "{} agents, {} tasks, {} workflows, {events} events",
            it.agents, it.tasks, it.workflows
        )
    };
    let row = |name: &str, it: &Census| vec![name.to_owned(), census(it)];
    let mut rows = vec![row("small", &growth.small), row("full", &growth.full)];
    rows.extend(growth.restart.rows());
    print(table(&["what", "value"], &rows));
}

/// Says what doesn't hold.
fn judge(arguments: &PagesCompareArgs, growth: &Growth) -> bool {
    let mut held = true;
    for line in &growth.lines {
        if !arguments.counts_only && line.ratio > arguments.ratio_max {
            let (list, which, ratio) = (&line.list, line.which.name(), line.ratio);
            let ratio_max = arguments.ratio_max;
            complain(format!(
                "failed: {list}, {which} page: {ratio:.2} x, allowed {ratio_max}"
            ));
            held = false;
        }
    }
    for complaint in growth.restart.complaints() {
        complain(format!("failed: {complaint}"));
        held = false;
    }
    held
}
