//! The house rules, held by a test: layers, lengths, words that belong in few places, dead files.
//!
//! The tables say what is allowed; `checks` says how it is found, and is itself tried on sources
//! made up to break each rule. The table of layers is that of `ARCHITECTURE.md`.

#[path = "tidy/architecture.rs"]
mod architecture;
#[path = "tidy/checks.rs"]
mod checks;
#[path = "tidy/modules.rs"]
mod modules;
#[path = "tidy/source.rs"]
mod source;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use checks::{Ban, Layer};
use source::Source;

/// Every module of `src`, lowest first, and what it may import. A module may name those above
/// it in the table at most.
const LAYERS: &[Layer] = &[
    Layer {
        module: "domain",
        below: &[],
    },
    Layer {
        module: "telemetry",
        below: &["domain"],
    },
    Layer {
        module: "guard",
        below: &["domain", "telemetry"],
    },
    Layer {
        module: "engine",
        below: &["domain", "telemetry"],
    },
    Layer {
        module: "control",
        below: &["domain", "telemetry", "engine"],
    },
    Layer {
        module: "relay",
        below: &["domain", "telemetry", "guard", "engine", "control"],
    },
    Layer {
        module: "dialect",
        below: &["domain", "guard", "engine", "control", "relay"],
    },
    Layer {
        module: "net",
        below: &[
            "domain",
            "telemetry",
            "guard",
            "engine",
            "control",
            "relay",
            "dialect",
        ],
    },
    Layer {
        module: "publish",
        below: &["domain"],
    },
    Layer {
        module: "config",
        below: &["domain"],
    },
    Layer {
        module: "cli",
        below: &["domain", "guard", "config"],
    },
    Layer {
        module: "server",
        below: &[
            "domain",
            "telemetry",
            "guard",
            "engine",
            "control",
            "relay",
            "dialect",
            "net",
            "publish",
            "config",
        ],
    },
    Layer {
        module: "admin",
        below: &["domain", "guard", "relay", "cli", "server"],
    },
    Layer {
        module: "ctl",
        below: &["config", "cli", "admin"],
    },
    Layer {
        module: "main",
        below: &[
            "domain",
            "telemetry",
            "engine",
            "net",
            "publish",
            "config",
            "cli",
            "server",
            "admin",
            "ctl",
        ],
    },
];

/// Words of code, and the few places for them in the server and the codec.
const BANS: &[Ban] = &[
    Ban {
        word: "flume",
        instead: "bounded queues come from engine::queue",
        in_tests: false,
        allowed: &["src/engine/queue.rs"],
    },
    Ban {
        word: "unbounded",
        instead: "every queue has a bound",
        in_tests: false,
        allowed: &[],
    },
    Ban {
        word: "println!",
        instead: "standard output carries what main prints; the rest is tracing's",
        in_tests: false,
        allowed: &["src/main.rs"],
    },
    Ban {
        word: "print!",
        instead: "standard output carries what main prints; the rest is tracing's",
        in_tests: false,
        allowed: &["src/main.rs"],
    },
    Ban {
        word: "Instant::now",
        instead: "who calls passes the time in, so that tests can",
        in_tests: true,
        allowed: &[
            "src/domain/time.rs",
            // The encoder's thread, which nobody calls.
            "src/engine/encoding/bell.rs",
            "src/engine/encoding/encoder.rs",
            "src/net/event_loop/",
            "src/net/http.rs",
            "src/net/opening.rs",
            "src/publish/",
            "src/server/",
            // Looks at a server from outside.
            "src/ctl/",
        ],
    },
    Ban {
        word: "thread::sleep",
        instead: "wait for readiness or a deadline; a thread that sleeps serves nobody",
        in_tests: true,
        allowed: &["src/publish/"],
    },
    Ban {
        word: "mpsc::channel",
        instead: "every queue has a bound",
        in_tests: true,
        // Tokio's, which have one.
        allowed: &["src/net/body.rs", "src/relay/outlet.rs"],
    },
    Ban {
        word: "SystemTime::now",
        instead: "the wall clock is read by domain::time",
        in_tests: true,
        allowed: &["src/domain/time.rs"],
    },
];

/// Words that no Rust file holds, not even in a comment: what they announce is done or dropped.
const UNFINISHED: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("unimplemented", "!"),
    concat!("todo", "!"),
    concat!("dbg", "!"),
];

/// Places of one machine, which no text file names.
const MACHINE_PATHS: [&str; 3] = [
    concat!("/wo", "rk/"),
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
];

/// Names that say nothing about what is in a file.
const EMPTY_NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "misc"];

const FILE_LINES_MAX: usize = 500;
const FUNCTION_LINES_MAX: usize = 90;

/// Folders of the crates' own code, where every rule holds.
const CRATES: [&str; 10] = [
    "src/",
    "codec/src/",
    "encoding/src/",
    "store/src/",
    "fleet/src/",
    "api/src/",
    "outbound/src/",
    "credentials/src/",
    "shared_rate/src/",
    "loadtest/src/",
];

/// Folders that are not part of the repository.
const FOREIGN: [&str; 9] = [
    "target",
    ".git",
    "node_modules",
    "__pycache__",
    ".tools",
    "artifacts",
    "coverage",
    "agnt-data",
    ".venv",
];

/// Text files larger than this are data and are not searched.
const TEXT_BYTES_MAX: u64 = 1 << 20;

#[test]
fn imports_point_downward() {
    let mut problems = each(&sources("src/"), |source| {
        [
            checks::upward_imports(source, LAYERS),
            checks::climbing_imports(source),
        ]
        .concat()
    });
    for (index, layer) in LAYERS.iter().enumerate() {
        let above = LAYERS[index..].iter().map(|above| above.module);
        let upward = above.filter(|above| layer.below.contains(above));
        problems.extend(upward.map(|above| format!("the table lets {} see {above}", layer.module)));
    }
    let modules = sources("src/");
    let exists = |layer: &&Layer| {
        modules
            .iter()
            .any(|source| checks::module_of(&source.path) == Some(layer.module))
    };
    let stale = LAYERS.iter().filter(|layer| !exists(layer));
    problems.extend(stale.map(|layer| format!("the table's {} does not exist", layer.module)));
    none(&problems);
}

#[test]
fn words_are_where_they_belong() {
    let mut sources = sources("src/");
    sources.extend(self::sources("codec/src/"));
    none(&each(&sources, |source| checks::banned_words(source, BANS)));
}

#[test]
fn files_and_functions_are_short() {
    none(&each(&own_sources(), |source| {
        let mut problems = checks::long_functions(source, FUNCTION_LINES_MAX);
        problems.extend(checks::long_file(source, FILE_LINES_MAX));
        problems
    }));
}

#[test]
fn files_say_what_they_are() {
    none(&each(&own_sources(), |source| {
        let mut problems = Vec::from_iter(checks::missing_module_doc(source));
        let name = Path::new(&source.path)
            .file_stem()
            .and_then(|stem| stem.to_str());
        if name.is_some_and(|name| EMPTY_NAMES.contains(&name)) {
            problems.push(format!("{}: name the noun that it holds", source.path));
        }
        problems
    }));
}

#[test]
fn every_file_is_reached_from_its_root() {
    let mut problems = Vec::new();
    for folder in CRATES {
        let sources = sources(folder);
        let mut all_reached = BTreeSet::new();
        for root in ["lib.rs", "main.rs"].map(|file| format!("{folder}{file}")) {
            if sources.iter().any(|source| source.path == root) {
                let (reached, wrong) = modules::reached(&root, &sources);
                all_reached.extend(reached);
                problems.extend(wrong);
            }
        }
        let dead = sources
            .iter()
            .filter(|source| !all_reached.contains(&source.path));
        problems.extend(dead.map(|source| format!("{}: no mod declares it", source.path)));
    }
    none(&problems);
}

#[test]
fn nothing_is_left_unfinished() {
    none(&each(&sources(""), |source| {
        let mut problems = checks::commented_code(source);
        for word in UNFINISHED {
            let found = checks::words(&source.text, word);
            problems.extend(found.map(|at| {
                format!(
                    "{}:{}: {word}",
                    source.path,
                    Source::line_of(&source.text, at)
                )
            }));
        }
        problems
    }));
}

#[test]
fn no_text_names_a_place_of_one_machine() {
    let mut problems = Vec::new();
    for path in files("") {
        let Ok(text) = std::fs::read_to_string(root().join(&path)) else {
            continue;
        };
        for word in MACHINE_PATHS {
            let found = checks::words(&text, word);
            // `a/home/b` is a path below something, not a place of its own.
            let absolute =
                found.filter(|&at| !text[..at].ends_with(|it: char| it.is_alphanumeric()));
            problems.extend(
                absolute.map(|at| format!("{path}:{}: {word}", Source::line_of(&text, at))),
            );
        }
    }
    none(&problems);
}

#[test]
fn the_architecture_is_the_one_that_is_told() {
    let document = std::fs::read_to_string(root().join("ARCHITECTURE.md"));
    let document = document.expect("ARCHITECTURE.md");
    let layers: Vec<_> = LAYERS
        .iter()
        .map(|layer| (layer.module, layer.below))
        .collect();
    // A folder's mod.rs opens it, lib.rs holds the list of modules, and tests go with what they test.
    let is_told = |path: &String| {
        !path.ends_with("/mod.rs")
            && path != "src/lib.rs"
            && !path.ends_with("/tests.rs")
            && !path.contains("/tests/")
    };
    let sources = sources("src/").into_iter().chain(sources("codec/src/"));
    let files: Vec<_> = sources.map(|source| source.path).filter(is_told).collect();
    none(
        &[
            architecture::layers_that_differ(&document, &layers),
            architecture::files_that_differ(&document, &files),
            architecture::close_reasons_that_differ(&document),
        ]
        .concat(),
    );
}

fn each(sources: &[Source], check: impl Fn(&Source) -> Vec<String>) -> Vec<String> {
    assert!(!sources.is_empty(), "no sources were found");
    sources.iter().flat_map(check).collect()
}

fn none(problems: &[String]) {
    assert!(
        problems.is_empty(),
        "{} problems:\n{}",
        problems.len(),
        problems.join("\n")
    );
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn own_sources() -> Vec<Source> {
    CRATES.iter().flat_map(|folder| sources(folder)).collect()
}

/// The Rust files below `folder`.
fn sources(folder: &str) -> Vec<Source> {
    let rust = files(folder).into_iter().filter(|path| {
        Path::new(path)
            .extension()
            .is_some_and(|extension| extension == "rs")
    });
    let read = |path: String| {
        let text = std::fs::read_to_string(root().join(&path)).ok()?;
        Some(Source::new(&path, &text))
    };
    rust.filter_map(read).collect()
}

/// The files below `folder`, as paths from the repository's root, in order.
fn files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut waiting = vec![root().join(folder)];
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = std::fs::read_dir(&folder) else {
            continue;
        };
        for entry in entries.flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let Ok(about) = entry.metadata() else {
                continue;
            };
            if about.is_dir() && !FOREIGN.iter().any(|foreign| name == *foreign) {
                waiting.push(path);
            } else if about.is_file() && about.len() <= TEXT_BYTES_MAX {
                let inner = path.strip_prefix(root()).unwrap_or(&path);
                files.push(inner.to_string_lossy().replace('\\', "/"));
            }
        }
    }
    files.sort();
    files
}
