//! Subcommands, flags and their help, as clap is told them. Every value is a text here.

use clap::{Arg, ArgAction, Command};

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
                .args([agents, hz]),
        )
        .subcommand(replay_command())
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
            value_flag("url", "WS_URL", "Server: ws://HOST:PORT/PATH.").required(true),
            value_flag(
                "stream",
                "NAME",
                "Stream to publish to, instead of the URL's.",
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
}

fn value_flag(name: &'static str, value_name: &'static str, help: &'static str) -> Arg {
    // A negative number is a value for its rule to judge, not an unknown flag.
    Arg::new(name)
        .long(name)
        .value_name(value_name)
        .help(help)
        .allow_negative_numbers(true)
}

fn switch(name: &'static str, help: &'static str) -> Arg {
    Arg::new(name)
        .long(name)
        .help(help)
        .action(ArgAction::SetTrue)
}
