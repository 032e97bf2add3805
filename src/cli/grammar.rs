//! Subcommands, flags and their help, as clap is told them. Every value is a text here.

use clap::{Arg, ArgAction, Command};

use super::ctl_grammar::ctl_command;
use super::tls::{authorities_flag, certificate_flags};
use super::token::token_command;
use crate::config::{Config, Rule, SETTINGS, Setting};

/// The whole command line.
pub(super) fn command_line() -> Command {
    let agents = value_flag("agents", "N", "Agents in the flock.").default_value("2000");
    let hz = value_flag("hz", "HZ", "Ticks a second.").default_value("60");
    Command::new("agnt")
        .version(env!("CARGO_PKG_VERSION"))
        .about(env!("CARGO_PKG_DESCRIPTION"))
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args_override_self(true)
        .subcommand(server_command("serve", "Runs the server"))
        .subcommand(
            server_command("demo", "Runs the server with a flock that publishes to it")
                .args([agents, hz])
                .args(certificate_flags()),
        )
        .subcommand(replay_command())
        .subcommand(ctl_command())
        .subcommand(key_command())
        .subcommand(token_command())
        .subcommand(backup_command())
        .subcommand(check_command())
}

/// A subcommand with every setting as a flag.
fn server_command(name: &'static str, about: &'static str) -> Command {
    Command::new(name)
        .about(about)
        .args_override_self(true)
        .after_help("Order: flag over environment variable over configuration file over default.")
        .arg(value_flag(
            "config",
            "FILE",
            "TOML file with any of the settings below as keys.",
        ))
        .arg(switch(
            "print-config",
            "Prints the configuration in effect as TOML and ends.",
        ))
        .arg(switch(
            "check-config",
            "Reads the configuration from all its sources and the files that it names, says whether a \
             server would start with it, and ends.",
        ))
        .args(SETTINGS.iter().map(setting_flag))
}

fn setting_flag(setting: &'static Setting) -> Arg {
    let Setting {
        flag,
        value_name,
        rule,
        help,
        ..
    } = *setting;
    let (default, variable) = (setting.toml(&Config::default()), setting.environment());
    let flag = value_flag(flag, value_name, "").help(format!(
        "{} [{rule}] [default: {default}] [env: {variable}]",
        help.trim()
    ));
    match rule {
        Rule::Switch => flag
            .num_args(0..=1)
            .require_equals(true)
            .default_missing_value("true"),
        _ => flag,
    }
}

fn replay_command() -> Command {
    Command::new("replay")
        .about("Publishes recorded trajectories")
        .args_override_self(true)
        .args([
            Arg::new("file").value_name("FILE").required(true).help(
                "CSV or CSV.gz: t_ms,agent_id,name,x,y,z,vx,vy,vz (metres, metres a second).",
            ),
            value_flag(
                "url",
                "WS_URL",
                "Server: ws://HOST:PORT/PATH or wss://HOST:PORT/PATH.",
            )
            .required(true),
            authorities_flag(),
            value_flag(
                "stream",
                "NAME",
                "Stream to publish to, instead of the URL's.",
            ),
            value_flag(
                "key",
                "KEY",
                "API key or token of the scope publish [env: AGNT_KEY, AGNT_TOKEN]",
            ),
            value_flag("speed", "X", "Times as fast as recorded.").default_value("1"),
            value_flag(
                "hz",
                "HZ",
                "Ticks a second; 0 for only the recorded points.",
            )
            .default_value("60"),
            switch("loop", "Begins again at the end."),
            switch("align", "Starts every agent at t = 0."),
            value_flag("log", "FILE", "Writes every published record to this file."),
            value_flag("type", "TYPE", "Type that the agents are announced with.")
                .default_value("agent"),
        ])
        .args(certificate_flags())
}

fn key_command() -> Command {
    let named = |name, help| Arg::new(name).value_name("ID").required(true).help(help);
    let create = Command::new("create")
        .about("Makes an API key and prints it, once")
        .args([
            value_flag("name", "NAME", "What the key is called.").required(true),
            value_flag(
                "scopes",
                "SCOPES",
                "What it allows, with commas between: read, publish, control, agents, tasks, \
                 metrics, or admin for everything.",
            )
            .required(true),
            value_flag(
                "stream",
                "NAMES",
                "Streams that it is for, with commas between; all without it.",
            ),
            value_flag(
                "act-as",
                "IDS",
                "Agents that it speaks for, with commas between; all without it.",
            ),
        ]);
    let revoke = Command::new("revoke")
        .about("Ends a key at once and for good")
        .arg(named("id", "The key's id, as `agnt key list` shows it."));
    let list = Command::new("list").about("Shows all keys, without their secrets");
    Command::new("key")
        .about("Makes, shows and ends API keys. The first key ends that everyone may do everything")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommands([create, list, revoke].map(placed))
}

fn backup_command() -> Command {
    let file = Arg::new("file")
        .value_name("FILE")
        .required(true)
        .help("Where the copy is written; a file that is there is left alone.");
    placed(
        Command::new("backup")
            .about("Copies the store as it is at this moment, also while the server runs")
            .arg(file),
    )
}

fn check_command() -> Command {
    Command::new("check")
        .about("Checks every page, row and event of a store or a backup that no server uses")
        .arg(
            Arg::new("file")
                .value_name("FILE")
                .required(true)
                .help("The store, agnt.redb in the data directory, or a backup of it."),
        )
}

/// A subcommand that works at a running server or at its store.
fn placed(command: Command) -> Command {
    let command = command.args_override_self(true).args(certificate_flags());
    command.args([
        value_flag(
            "url",
            "URL",
            "A running server, http://HOST:PORT or https://HOST:PORT, which is asked.",
        ),
        authorities_flag(),
        value_flag(
            "key",
            "KEY",
            "An API key or a token of the scope admin to ask it with [env: AGNT_KEY, AGNT_TOKEN]",
        ),
        value_flag(
            "data-dir",
            "DIR",
            "Without --url: the directory of a server that doesn't run [default: ./agnt-data] \
             [env: AGNT_DATA_DIR]",
        ),
    ])
}

/// A flag with a value.
pub(super) fn value_flag(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    // A negative number is a value for its rule to judge, not an unknown flag.
    Arg::new(name)
        .long(name)
        .value_name(value_name)
        .help(help)
        .allow_negative_numbers(true)
}

/// A flag without one.
pub(super) fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .help(help)
        .action(ArgAction::SetTrue)
}
