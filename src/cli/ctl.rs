//! The arguments of `agnt ctl`.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::Read;

use agnt_outbound::Tls;
use clap::ArgMatches;
use serde_json::{Map, Value, json};

use super::place::server_url;
use super::tls::TlsWords;
use super::{CliError, credential, text};
use crate::config::{Rule, one_line};

/// What a server takes of a body, in bytes; more is not read from a file.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// The largest number of an event, and what counts are bound by.
const NUMBER_MAX: u64 = i64::MAX as u64;

/// How many events are shown if nobody says.
const EVENTS_LIMIT: u64 = 100;

/// How many sessions are shown if nobody says.
const VIEWERS_LIMIT: u64 = 20;

/// How often a server is looked at if nobody says, in milliseconds.
const LOOK_EVERY_MS: u64 = 1000;

/// What `agnt ctl` is to do, and where.
#[derive(Clone, PartialEq)]
pub struct CtlArgs {
    /// The server, `http://HOST:PORT` or `https://HOST:PORT`.
    pub url: String,
    /// The API key to show, if any.
    pub key: Option<String>,
    /// How TLS is spoken, if it is.
    pub tls: Tls,
    /// Whether programs read what comes.
    pub is_json: bool,
    /// What to do.
    pub action: CtlAction,
}

/// What a server has many of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Collection {
    /// Agents.
    Agents,
    /// Tasks.
    Tasks,
    /// Workflows.
    Workflows,
}

/// What to do.
#[derive(Clone, Debug, PartialEq)]
pub enum CtlAction {
    /// Show a page of a collection.
    List {
        /// Which one.
        of: Collection,
        /// Parameters of the query, with their values.
        filters: Vec<(&'static str, String)>,
    },
    /// Show one member.
    Show {
        /// Of which collection.
        of: Collection,
        /// Which one.
        id: String,
    },
    /// Make a member.
    Create {
        /// Of which collection.
        of: Collection,
        /// What it is made of.
        body: Value,
    },
    /// Remove an agent, cancel a task or a workflow.
    End {
        /// Of which collection.
        of: Collection,
        /// Which one.
        id: String,
        /// Why, if somebody says.
        reason: Option<String>,
    },
    /// Show what happened.
    Events(EventsArgs),
    /// Show who is connected, the slowest first.
    Viewers {
        /// How many.
        limit: u64,
    },
    /// Show how the server fares.
    Top(TopArgs),
    /// Tell an agent to do something.
    Command {
        /// Whom.
        agent: String,
        /// What, as the body of the request.
        body: Value,
        /// Whether to wait for the answer.
        wait: bool,
    },
}

/// How the server is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopArgs {
    /// Whether one look is enough.
    pub once: bool,
    /// Milliseconds between two looks.
    pub every_ms: u64,
}

/// Which events are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventsArgs {
    /// The pattern of their topics; without it all.
    pub topic: Option<String>,
    /// The number after which they begin.
    pub after: Option<u64>,
    /// How many at most.
    pub limit: u64,
    /// Whether to go on as they come.
    pub follow: bool,
}

impl Collection {
    /// What it is called in addresses and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Tasks => "tasks",
            Self::Workflows => "workflows",
        }
    }

    /// The flags that lists filter by, each with its parameter of the query.
    fn filters(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Agents => &[
                ("status", "status"),
                ("capability", "capability"),
                ("type", "type"),
                ("stream", "stream"),
            ],
            Self::Tasks => &[
                ("status", "status"),
                ("type", "type"),
                ("agent", "agent_id"),
                ("workflow", "workflow_id"),
                ("priority", "priority"),
            ],
            Self::Workflows => &[("status", "status"), ("project", "project_id")],
        }
    }
}

impl CtlArgs {
    /// Judges what clap has split, beside the environment `env`.
    pub(super) fn read(
        matches: &ArgMatches,
        env: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, CliError> {
        let action = match matches.subcommand() {
            Some(("agents", matches)) => member(Collection::Agents, matches)?,
            Some(("tasks", matches)) => member(Collection::Tasks, matches)?,
            Some(("workflows", matches)) => member(Collection::Workflows, matches)?,
            Some(("events", matches)) => CtlAction::Events(events(matches)?),
            Some(("command", matches)) => command(matches)?,
            Some(("viewers", matches)) => CtlAction::Viewers {
                limit: number(matches, "limit", 1)?.unwrap_or(VIEWERS_LIMIT),
            },
            Some(("top", matches)) => CtlAction::Top(TopArgs {
                once: matches.get_flag("once"),
                every_ms: number(matches, "every-ms", 100)?.unwrap_or(LOOK_EVERY_MS),
            }),
            _ => {
                let allowed = "no subcommand; allowed: agents, tasks, workflows, events, command, \
                               viewers, top";
                return Err(CliError::mistake(allowed));
            }
        };
        let url = server_url(text(matches, "url").unwrap_or_default())?;
        let (mut key, mut tls) = (text(matches, "key"), TlsWords::of(matches));
        for (name, value) in env {
            tls.hear(&name, &value)?;
            if key.is_none() {
                key = credential(&name, &value)?;
            }
        }
        if let Some(key) = key
            .as_ref()
            .filter(|key| key.contains(|it: char| !it.is_ascii_graphic()))
        {
            let allowed = "what `agnt key create` or `agnt token` printed";
            return Err(CliError::bad_flag(
                "key",
                "*".repeat(key.chars().count()),
                allowed,
            ));
        }
        Ok(Self {
            url,
            key: key.filter(|key| !key.is_empty()),
            tls: tls.tls()?,
            is_json: matches.get_flag("json"),
            action,
        })
    }
}

/// What is to be done with a collection or with one of its members.
fn member(of: Collection, matches: &ArgMatches) -> Result<CtlAction, CliError> {
    match matches.subcommand() {
        Some(("show", matches)) => {
            let id = id(matches)?;
            Ok(CtlAction::Show { of, id })
        }
        Some(("remove" | "cancel", matches)) => Ok(CtlAction::End {
            of,
            id: id(matches)?,
            reason: match of {
                Collection::Agents => None,
                Collection::Tasks | Collection::Workflows => text(matches, "reason"),
            },
        }),
        Some(("register", matches)) => {
            let body = agent_body(matches)?;
            Ok(CtlAction::Create { of, body })
        }
        Some(("create", matches)) => {
            let body = match of {
                Collection::Workflows => object_of_file(&text(matches, "file").unwrap_or_default()),
                Collection::Tasks | Collection::Agents => task_body(matches),
            };
            Ok(CtlAction::Create { of, body: body? })
        }
        Some((_, matches)) => list(of, matches),
        None => list(of, matches),
    }
}

fn list(of: Collection, matches: &ArgMatches) -> Result<CtlAction, CliError> {
    let given = of.filters().iter();
    let given = given.filter_map(|&(flag, name)| Some((name, text(matches, flag)?)));
    let mut filters: Vec<_> = given.collect();
    for name in ["page", "limit"] {
        let number = number(matches, name, 1)?;
        filters.extend(number.map(|number| (name, number.to_string())));
    }
    Ok(CtlAction::List { of, filters })
}

fn agent_body(matches: &ArgMatches) -> Result<Value, CliError> {
    let given = matches.get_many::<String>("capability").into_iter();
    let capabilities = given.flatten().flat_map(|listed| listed.split(','));
    let capabilities: Vec<_> = capabilities.map(str::trim).collect();
    let mut body = Map::new();
    body.insert("id".to_owned(), json!(id(matches)?));
    body.insert("capabilities".to_owned(), json!(capabilities));
    for name in ["type", "name"] {
        body.extend(text(matches, name).map(|value| (name.to_owned(), json!(value))));
    }
    if let Some(tasks_max) = number(matches, "max-tasks", 1)? {
        let configuration = json!({"max_concurrent_tasks": tasks_max});
        body.insert("configuration".to_owned(), configuration);
    }
    Ok(body.into())
}

fn task_body(matches: &ArgMatches) -> Result<Value, CliError> {
    let mut body = Map::new();
    for (flag, name) in [("type", "type"), ("agent", "assigned_agent"), ("id", "id")] {
        body.extend(text(matches, flag).map(|value| (name.to_owned(), json!(value))));
    }
    if let Some(priority) = text(matches, "priority") {
        let level = priority.parse::<u64>();
        let priority = level.map_or_else(|_| json!(priority), |level| json!(level));
        body.insert("priority".to_owned(), priority);
    }
    body.extend(payload(matches)?.map(|payload| ("input_data".to_owned(), payload)));
    Ok(body.into())
}

fn command(matches: &ArgMatches) -> Result<CtlAction, CliError> {
    let mut body = Map::new();
    let verb = text(matches, "verb").unwrap_or_default();
    body.insert("command_type".to_owned(), json!(verb));
    body.extend(payload(matches)?.map(|payload| ("payload".to_owned(), payload)));
    let timeout_ms = number(matches, "timeout-ms", 1)?;
    body.extend(timeout_ms.map(|timeout_ms| ("timeout_ms".to_owned(), json!(timeout_ms))));
    Ok(CtlAction::Command {
        agent: named(matches, "agent")?,
        body: body.into(),
        wait: matches.get_flag("wait"),
    })
}

fn events(matches: &ArgMatches) -> Result<EventsArgs, CliError> {
    let follow = matches.get_flag("follow");
    let unsaid = if follow { NUMBER_MAX } else { EVENTS_LIMIT };
    Ok(EventsArgs {
        topic: text(matches, "topic"),
        after: number(matches, "after", 0)?,
        limit: number(matches, "limit", 1)?.unwrap_or(unsaid),
        follow,
    })
}

fn id(matches: &ArgMatches) -> Result<String, CliError> {
    named(matches, "id")
}

/// An id, which is part of an address and so never empty.
fn named(matches: &ArgMatches, argument: &'static str) -> Result<String, CliError> {
    let id = text(matches, argument).unwrap_or_default();
    if id.is_empty() {
        let line = format!("{argument}: \"\" is not allowed; allowed: an id");
        return Err(CliError::mistake(&line));
    }
    Ok(id)
}

fn number(matches: &ArgMatches, flag: &'static str, min: u64) -> Result<Option<u64>, CliError> {
    let max = NUMBER_MAX;
    let rule = Rule::Whole { min, max };
    let Some(text) = text(matches, flag) else {
        return Ok(None);
    };
    let number = rule.number(&text);
    let number = number.ok_or_else(|| CliError::bad_flag(flag, text, &rule.to_string()));
    number.map(Some)
}

fn payload(matches: &ArgMatches) -> Result<Option<Value>, CliError> {
    let Some(text) = text(matches, "payload") else {
        return Ok(None);
    };
    match object(&text) {
        Ok(payload) => Ok(Some(payload)),
        Err(why) => {
            let allowed = format!("a JSON object, as in {{\"path\": \"x\"}} ({why})");
            Err(CliError::bad_flag("payload", text, &allowed))
        }
    }
}

/// The object that a file, or standard input, holds.
fn object_of_file(path: &str) -> Result<Value, CliError> {
    let wrong = |why: &str| {
        let path = one_line(path);
        let bound = FILE_BYTES_MAX;
        CliError::mistake(&format!(
            "file: \"{path}\" is not allowed ({why}); allowed: a JSON object of at most {bound} bytes"
        ))
    };
    let mut bytes = Vec::new();
    let read = match path {
        "-" => std::io::stdin()
            .lock()
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut bytes),
        path => {
            File::open(path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        }
    };
    read.map_err(|error| wrong(&error.to_string()))?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(wrong("it is longer"));
    }
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8"))?;
    object(&text).map_err(|why| wrong(&why))
}

/// The JSON object that `text` is, or why it is none.
fn object(text: &str) -> Result<Value, String> {
    let value: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if value.is_object() {
        Ok(value)
    } else {
        Err("it is JSON, but no object".to_owned())
    }
}

/// Shows everything but the key.
impl fmt::Debug for CtlArgs {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("CtlArgs")
            .field("url", &self.url)
            .field("is_json", &self.is_json)
            .field("action", &self.action)
            .finish_non_exhaustive()
    }
}
