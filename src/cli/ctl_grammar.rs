//! The words of `agnt ctl`, as clap is told them. Every value is a text here.

use clap::{Arg, Command};

use super::grammar::{switch, value_flag};
use super::tls::{authorities_flag, certificate_flags};

/// Where a server is looked for that nobody named: where `agnt serve` listens by default.
const STANDARD_URL: &str = "http://127.0.0.1:8080";

/// More flags than any subcommand has of its own.
const FLAGS_MAX: usize = 100;

/// The subcommand with all below it.
pub(super) fn ctl_command() -> Command {
    Command::new("ctl")
        .about("Shows and changes the agents, tasks and workflows of a running server")
        .after_help("It ends with 0 if it is done, 1 if it is refused or failed, 2 if it was asked wrongly.")
        .args_override_self(true)
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(everywhere())
        .subcommands([
            agents(),
            tasks(),
            workflows(),
            events_command(),
            agent_command(),
            viewers_command(),
            top_command(),
        ])
}

fn viewers_command() -> Command {
    Command::new("viewers")
        .about("Shows the sessions that are furthest behind")
        .args_override_self(true)
        .arg(value_flag("limit", "N", "How many [default: 20]"))
}

fn top_command() -> Command {
    Command::new("top")
        .about("Shows how the server fares, again and again")
        .args_override_self(true)
        .args([
            switch("once", "Looks once and ends."),
            value_flag(
                "every-ms",
                "MS",
                "Milliseconds between two looks [default: 1000]",
            ),
        ])
}

/// The flags that every subcommand has, behind its own in its help.
fn everywhere() -> [Arg; 6] {
    let url = value_flag(
        "url",
        "URL",
        "The server, http://HOST:PORT or https://HOST:PORT.",
    );
    let key = value_flag("key", "KEY", "An API key to ask it with [env: AGNT_KEY]");
    let json = switch(
        "json",
        "Writes JSON for programs: one document, or a line for each event.",
    );
    let [certificate, certificate_key] = certificate_flags();
    let url = url.default_value(STANDARD_URL);
    [
        url,
        key,
        authorities_flag(),
        certificate,
        certificate_key,
        json,
    ]
    .map(|flag| flag.global(true).display_order(FLAGS_MAX))
}

/// A collection: by itself, and as `list`, it is listed; `others` work at one of its members.
fn collection(
    name: &'static str,
    about: &'static str,
    filters: &[(&'static str, &'static str, &'static str)],
    others: impl IntoIterator<Item = Command>,
) -> Command {
    let paging = [
        ("page", "N", "Which page."),
        ("limit", "N", "Entries on a page."),
    ];
    let flags = || {
        let all = filters.iter().chain(&paging);
        all.map(|&(flag, value_name, help)| value_flag(flag, value_name, help))
    };
    let list = Command::new("list").about("Lists them, a page at a time");
    Command::new(name)
        .about(about)
        .args_override_self(true)
        .args_conflicts_with_subcommands(true)
        .args(flags())
        .subcommand(list.args_override_self(true).args(flags()))
        .subcommands(others)
}

fn agents() -> Command {
    let register = on_one("register", "Registers an agent, or registers it anew").args([
        value_flag(
            "capability",
            "CAPABILITY",
            "What it can do; again, or with commas between, for several.",
        )
        .required(true)
        .action(clap::ArgAction::Append),
        value_flag("type", "TYPE", "What kind of agent it is."),
        value_flag("name", "NAME", "What people call it."),
        value_flag("max-tasks", "N", "How many tasks it may have at once."),
    ]);
    let filters = [
        (
            "status",
            "STATUS",
            "Only those of this status; several with commas between.",
        ),
        ("capability", "CAPABILITY", "Only those that can do this."),
        ("type", "TYPE", "Only those of this type."),
        (
            "stream",
            "STREAM",
            "Only those that are drawn in this swarm.",
        ),
    ];
    let others = [
        on_one("show", "Shows an agent"),
        register,
        on_one("remove", "Removes an agent"),
    ];
    collection(
        "agents",
        "Lists agents; shows, registers, removes one",
        &filters,
        others,
    )
}

fn tasks() -> Command {
    let create = Command::new("create").about("Makes a task").args([
        value_flag("type", "TYPE", "What kind of task it is.").required(true),
        value_flag(
            "agent",
            "ID",
            "Whose it is; without it, whoever can do it and has room.",
        ),
        value_flag(
            "priority",
            "PRIORITY",
            "low, normal, high, critical, or 1 to 10.",
        ),
        value_flag("payload", "JSON", "What to work on: a JSON object."),
        value_flag("id", "ID", "Its id; without it the server makes one."),
    ]);
    let filters = [
        (
            "status",
            "STATUS",
            "Only those of this status; several with commas between.",
        ),
        ("type", "TYPE", "Only those of this type."),
        ("agent", "ID", "Only those of this agent."),
        ("workflow", "ID", "Only those of this workflow."),
        ("priority", "PRIORITY", "Only those of this priority."),
    ];
    let others = [
        on_one("show", "Shows a task"),
        create.args_override_self(true),
        cancel("Cancels a task"),
    ];
    collection(
        "tasks",
        "Lists tasks; shows, creates, cancels one",
        &filters,
        others,
    )
}

fn workflows() -> Command {
    let create = Command::new("create").about("Starts a workflow").arg(
        Arg::new("file")
            .value_name("FILE")
            .required(true)
            .help("What it is made of, as JSON; - for standard input."),
    );
    let filters = [
        (
            "status",
            "STATUS",
            "Only those of this status; several with commas between.",
        ),
        ("project", "ID", "Only those of this project."),
    ];
    let others = [
        on_one("show", "Shows a workflow and its stages"),
        create,
        cancel("Cancels a workflow and its tasks"),
    ];
    collection(
        "workflows",
        "Lists workflows; shows, starts, cancels one",
        &filters,
        others,
    )
}

fn events_command() -> Command {
    Command::new("events")
        .about("Shows what happened, and with --follow what happens")
        .args_override_self(true)
        .args([
            value_flag(
                "topic",
                "PATTERN",
                "Only these: * is one segment, > at the end is one or more.",
            ),
            value_flag(
                "after",
                "N",
                "Only those after this number; without it all that are kept, with --follow only \
                 what happens from now on.",
            ),
            value_flag(
                "limit",
                "N",
                "Ends after this many [default: 100, with --follow never]",
            ),
            switch(
                "follow",
                "Goes on as events come, and connects again when the server has gone.",
            ),
        ])
}

fn agent_command() -> Command {
    Command::new("command")
        .about("Tells an agent to do something")
        .args_override_self(true)
        .args([
            Arg::new("agent")
                .value_name("AGENT")
                .required(true)
                .help("Its id."),
            Arg::new("verb")
                .value_name("VERB")
                .required(true)
                .help("What to do: execute, stop, pause, resume, configure, shutdown, or a word of the agent's own."),
            value_flag("payload", "JSON", "With what: a JSON object."),
            value_flag("timeout-ms", "MS", "How long its answer is waited for [default: 30000]")
                .alias("timeout_ms"),
            switch("wait", "Waits for its answer and shows it; one that isn't good is a failure."),
        ])
}

fn cancel(about: &'static str) -> Command {
    on_one("cancel", about).arg(value_flag("reason", "TEXT", "Why."))
}

/// A subcommand that works at one member of a collection.
fn on_one(name: &'static str, about: &'static str) -> Command {
    let id = Arg::new("id")
        .value_name("ID")
        .required(true)
        .help("Its id.");
    Command::new(name)
        .about(about)
        .args_override_self(true)
        .arg(id)
}
