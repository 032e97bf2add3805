//! A server that takes part in a comparison, and how to start it.

use std::env;
use std::path::Path;

use serde::Serialize;

use crate::cli::{CompareArgs, SCOPES, serve_arguments};
use crate::failure::{Context, Failure, Result};
use crate::target::Target;

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Contender {
    /// The program of `--spawn`.
    Agnt,
    /// The same behind a guard: everyone has an API key, all limits count.
    AgntGuarded,
    /// The program of `--other`.
    Other,
    /// The reference.
    Floor,
    /// The reference once more: what its ratio differs from 1 is noise.
    FloorControl,
    /// hyper and fastwebsockets.
    Fastws,
    /// axum.
    Axum,
    /// axum, tuned.
    AxumTuned,
}

const ALL: [Contender; 8] = [
    Contender::Floor,
    Contender::FloorControl,
    Contender::Agnt,
    Contender::AgntGuarded,
    Contender::Other,
    Contender::Fastws,
    Contender::Axum,
    Contender::AxumTuned,
];

impl Contender {
    /// Its name in options and tables.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Agnt => "agnt",
            Self::AgntGuarded => "agnt-guarded",
            Self::Other => "other",
            Self::Floor => "floor",
            Self::FloorControl => "floor-control",
            Self::Fastws => "fastws",
            Self::Axum => "axum",
            Self::AxumTuned => "axum-tuned",
        }
    }

    /// The one of that name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        let found = ALL.into_iter().find(|contender| contender.name() == name);
        found.ok_or_else(|| {
            let all = ALL.map(Self::name).join(", ");
            Failure::new(format!("{name}: expected one of {all}"))
        })
    }

    /// Those that the options ask for; without a word all whose program is known.
    pub(crate) fn chosen(arguments: &CompareArgs) -> Result<Vec<Self>> {
        for name in &arguments.servers {
            Self::named(name)?;
        }
        let named = |contender: &Self| {
            arguments
                .servers
                .iter()
                .any(|name| name == contender.name())
        };
        let known = |contender: &Self| match contender {
            Self::Agnt | Self::AgntGuarded => arguments.spawn.is_some(),
            Self::Other => arguments.other.is_some(),
            _ => true,
        };
        let chosen: Vec<Self> = if arguments.servers.is_empty() {
            ALL.into_iter().filter(known).collect()
        } else {
            ALL.into_iter().filter(named).collect()
        };
        match chosen.iter().find(|&contender| !known(contender)) {
            Some(Self::Agnt | Self::AgntGuarded) => {
                Err(Failure::new("--servers agnt needs --spawn PROGRAM"))
            }
            Some(_) => Err(Failure::new("--servers other needs --other PROGRAM")),
            None => Ok(chosen),
        }
    }

    /// Whether the comparison fails with it: the servers under test, not the baselines.
    pub(crate) fn must_hold(self) -> bool {
        matches!(
            self,
            Self::Agnt | Self::AgntGuarded | Self::Other | Self::Floor | Self::FloorControl
        )
    }

    /// Starts it on a free port.
    pub(crate) fn start(self, arguments: &CompareArgs) -> Result<Target> {
        let given = |program: &Option<std::path::PathBuf>| {
            let program = program.clone().ok_or_else(|| Failure::new("no program"))?;
            Target::spawn(&program, &serve_arguments(&arguments.spawn_arg, &[]))
        };
        match self {
            Self::Agnt => given(&arguments.spawn),
            Self::AgntGuarded => {
                let program = arguments.spawn.as_ref();
                let program = program.ok_or_else(|| Failure::new("no program"))?;
                let serve = serve_arguments(&arguments.spawn_arg, &[]);
                Target::spawn_guarded(program, &serve, SCOPES)
            }
            Self::Other => given(&arguments.other),
            Self::Floor | Self::FloorControl => own(&["floor"]),
            Self::Fastws | Self::Axum | Self::AxumTuned => {
                own(&["baseline", "--kind", self.name()])
            }
        }
    }
}

/// Starts this very program as a server that ends with it.
fn own(command: &[&str]) -> Result<Target> {
    let program = env::current_exe().context("this program")?;
    let arguments = command
        .iter()
        .chain(&["--listen", "127.0.0.1:0", "--until-stdin-closes"]);
    let arguments: Vec<String> = arguments.map(|&argument| argument.to_owned()).collect();
    Target::spawn(Path::new(&program), &arguments)
}
