//! Command lines as a user types them, each with what must come of it.

use std::ffi::OsString;

use agnt_outbound::Tls;

use super::{CliError, Command, Invocation, KeyAction, Place, parse};
use crate::guard::{KeyOrder, Scope};

fn run_with(args: &[&str], env: &[(&str, &str)]) -> Result<Invocation, CliError> {
    let args = ["agnt"].iter().chain(args).map(OsString::from);
    let env = env
        .iter()
        .map(|(name, value)| (OsString::from(name), OsString::from(value)));
    parse(args, env)
}

fn run(args: &[&str]) -> Command {
    run_with(args, &[]).unwrap().command
}

/// The single line of a mistake.
fn mistake(args: &[&str]) -> String {
    let CliError { code, text } = run_with(args, &[]).unwrap_err();
    assert_eq!(code, 2, "{text}");
    assert!(!text.contains('\n'), "more than one line: {text}");
    text
}

#[test]
fn serve_takes_every_setting_as_a_flag() {
    let Command::Serve(config) = run(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--max-connections=5",
        "--allow-anonymous",
    ]) else {
        panic!("serve is Serve");
    };
    assert_eq!(config.listen.port(), 0);
    assert_eq!(config.max_connections, 5);
    assert!(config.allow_anonymous);
}

#[test]
fn a_switch_can_be_turned_off_over_the_environment() {
    let env = [("AGNT_ALLOW_ANONYMOUS", "true")];
    for (args, want) in [
        (&["serve"][..], true),
        (&["serve", "--allow-anonymous=false"], false),
        (
            &["serve", "--allow-anonymous=false", "--allow-anonymous"],
            true,
        ),
    ] {
        let Command::Serve(config) = run_with(args, &env).unwrap().command else {
            panic!("serve is Serve");
        };
        assert_eq!(config.allow_anonymous, want, "{args:?}");
    }
}

#[test]
fn demo_has_its_documented_defaults() {
    let Command::Demo { agents, hz, .. } = run(&["demo"]) else {
        panic!("demo is Demo")
    };
    assert_eq!((agents, hz), (2000, 60));
    let Command::Demo {
        config,
        agents,
        hz,
        has_data_dir: false,
        shown: None,
    } = run(&["demo", "--agents", "5", "--hz=10", "--loops", "3"])
    else {
        panic!("demo is Demo");
    };
    assert_eq!((agents, hz, config.loops), (5, 10, 3));
    assert!(mistake(&["demo", "--agents", "1000001"]).contains("from 1 to 1000000"));
    assert!(mistake(&["demo", "--hz", "-1"]).contains("hz: \"-1\""));
}

#[test]
fn replay_takes_its_flags() {
    let Command::Replay(replay) = run(&[
        "replay",
        "a.csv.gz",
        "--url",
        "ws://[::1]:1/agents/ws?stream=x",
        "--stream",
        "y",
        "--speed",
        "20",
        "--hz",
        "0",
        "--loop",
        "--align",
        "--log",
        "out",
        "--type",
        "plane",
    ]) else {
        panic!("replay is Replay");
    };
    assert_eq!(replay.file.to_str(), Some("a.csv.gz"));
    assert_eq!(replay.url, "ws://[::1]:1/agents/ws?stream=x");
    assert_eq!(replay.stream.unwrap().as_str(), "y");
    assert_eq!(replay.speed.to_bits(), 20f64.to_bits());
    assert_eq!((replay.hz, replay.repeat, replay.align), (0, true, true));
    assert_eq!(replay.log.unwrap().to_str(), Some("out"));
    assert_eq!(replay.agent_type, "plane");
    let Command::Replay(plain) = run(&["replay", "a.csv", "--url", "ws://h/p"]) else {
        panic!("replay is Replay");
    };
    assert_eq!(plain.speed.to_bits(), 1f64.to_bits());
    assert_eq!((plain.hz, plain.repeat, plain.align), (60, false, false));
    assert_eq!((plain.stream, plain.log), (None, None));
}

#[test]
fn replay_refuses_bad_values_in_one_line() {
    for (flag, value) in [
        ("--url", "http://h/p"),
        ("--url", "ws:///p"),
        ("--stream", "a b"),
        ("--speed", "0"),
        ("--speed", "NaN"),
        ("--speed", "-1"),
        ("--speed", "inf"),
        ("--hz", "1.5"),
        ("--hz", "1001"),
    ] {
        let line = mistake(&["replay", "f", "--url", "ws://h/p", flag, value]);
        assert!(line.contains(value) && line.contains("allowed"), "{line}");
        assert!(line.contains(flag.trim_start_matches('-')), "{line}");
    }
    assert!(mistake(&["replay", "f"]).contains("--url <WS_URL>"));
}

#[test]
fn a_bad_setting_is_one_line() {
    assert_eq!(
        mistake(&["serve", "--loops", "no\nne"]),
        "error: loops: \"no\\nne\" from flag --loops is not allowed; allowed: a whole number from \
         1 to 1024, or 0 for one per core but one, at least one"
    );
}

#[test]
fn an_unknown_flag_is_one_line_with_the_nearest() {
    let line = mistake(&["serve", "--max-conections", "5"]);
    assert!(
        line.contains("'--max-conections'") && line.contains("'--max-connections'"),
        "{line}"
    );
    assert!(mistake(&["serv"]).contains("'serve'"));
    assert!(mistake(&["serve", "--listen"]).contains("--listen <ADDR:PORT>"));
}

#[test]
fn help_and_version_are_no_mistakes() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["serve", "--help"],
        &["replay", "--help"],
    ] {
        assert_eq!(run_with(args, &[]).unwrap_err().code, 0, "{args:?}");
    }
    let help = run_with(&["demo", "--help"], &[]).unwrap_err().text;
    for setting in crate::config::SETTINGS {
        assert!(
            help.contains(&format!("--{}", setting.flag)),
            "{}",
            setting.flag
        );
        assert!(help.contains(&setting.environment()), "{}", setting.flag);
    }
    let bare = run_with(&[], &[]).unwrap_err();
    assert!(
        bare.code == 2 && bare.text.contains("serve"),
        "{}",
        bare.text
    );
}

#[test]
fn print_config_prints_what_is_in_effect() {
    let env = [("AGNT_LOOPS", "7")];
    for command in ["serve", "demo"] {
        let asked = run_with(&[command, "--print-config", "--listen=[::1]:9"], &env).unwrap();
        let Command::PrintConfig(toml) = asked.command else {
            panic!("a print is asked for")
        };
        assert!(toml.contains("\nlisten = \"[::1]:9\"\n"), "{toml}");
        assert!(toml.contains("\nloops = 7\n"), "{toml}");
    }
}

#[test]
fn a_config_file_that_is_not_there_is_named() {
    let line = mistake(&["serve", "--config", "no-such-file.toml"]);
    assert!(
        line.starts_with("error: config: \"no-such-file.toml\" cannot be read"),
        "{line}"
    );
}

#[test]
fn warnings_reach_the_caller() {
    let invocation = run_with(&["serve"], &[("AGNT_LOOP", "7"), ("LANG", "C")]).unwrap();
    assert_eq!(invocation.warnings.len(), 1);
    assert!(invocation.warnings[0].contains("AGNT_LOOPS"));
}

#[cfg(unix)]
#[test]
fn what_is_not_utf8_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let bad = || OsString::from_vec(vec![b'a', 0xff, b'\n']);
    let args = ["agnt", "serve"].map(OsString::from);
    let error = parse(
        args.into_iter(),
        [("AGNT_DATA_DIR".into(), bad())].into_iter(),
    );
    let text = error.unwrap_err().text;
    assert!(
        text.starts_with("error: AGNT_DATA_DIR: ") && !text.contains('\n'),
        "{text}"
    );
    let args = ["agnt".into(), "serve".into(), "--data-dir".into(), bad()];
    assert_eq!(
        parse(args.into_iter(), std::iter::empty())
            .unwrap_err()
            .code,
        2
    );
    let others = [(bad(), bad())];
    parse(
        ["agnt", "serve"].map(OsString::from).into_iter(),
        others.into_iter(),
    )
    .unwrap();
}

#[test]
fn a_demo_knows_whether_its_data_is_to_stay() {
    for (args, env, want) in [
        (&["demo"][..], &[][..], false),
        (&["demo", "--data-dir", "./agnt-data"], &[], true),
        (&["demo"], &[("AGNT_DATA_DIR", "here")], true),
    ] {
        let Command::Demo { has_data_dir, .. } = run_with(args, env).unwrap().command else {
            panic!("demo is Demo");
        };
        assert_eq!(has_data_dir, want, "{args:?} {env:?}");
    }
}

#[test]
fn keys_are_made_shown_and_ended_at_a_server_or_its_store() {
    let here = Place::Store("./agnt-data".into());
    let mut order = KeyOrder::new("ci", [Scope::Agents, Scope::Tasks]);
    let args = ["key", "create", "--name", "ci", "--scopes", "agents, tasks"];
    let (action, place) = (KeyAction::Create(order.clone()), here.clone());
    assert_eq!(run(&args), Command::Key { action, place });
    let narrowed = [&args[..], &["--stream", "a, b", "--act-as", "agent-1"]].concat();
    order.streams = Some(vec!["a".to_owned(), "b".to_owned()]);
    order.act_as = Some(vec!["agent-1".to_owned()]);
    let (action, place) = (KeyAction::Create(order), here.clone());
    assert_eq!(run(&narrowed), Command::Key { action, place });
    let command = run(&["key", "list", "--data-dir", "d"]);
    let place = Place::Store("d".into());
    let action = KeyAction::List;
    assert_eq!(command, Command::Key { action, place });
    let url = "http://127.0.0.1:8080";
    let args = ["key", "revoke", "k1", "--url", url];
    let env = [("AGNT_KEY", "agnt_x"), ("AGNT_DATA_DIR", "d")];
    let place = Place::Server {
        url: url.to_owned(),
        key: Some("agnt_x".to_owned()),
        tls: Tls::default(),
    };
    let id = "k1".to_owned();
    let action = KeyAction::Revoke { id };
    let command = run_with(&args, &env).unwrap().command;
    assert_eq!(command, Command::Key { action, place });
    assert!(mistake(&["key", "create", "--name", "x", "--scopes", "root"]).contains("'root'"));
    assert!(mistake(&["key", "list", "--url", "127.0.0.1:8080"]).contains("http://HOST:PORT"));
    let both = ["key", "list", "--url", url, "--data-dir", "d"];
    assert!(mistake(&both).contains("one of them"));
}

#[test]
fn a_backup_and_a_check_name_their_file() {
    let place = Place::Store("d".into());
    let file = "copy.redb".into();
    let command = run_with(&["backup", "copy.redb"], &[("AGNT_DATA_DIR", "d")]);
    assert_eq!(command.unwrap().command, Command::Backup { file, place });
    let file = "copy.redb".into();
    assert_eq!(run(&["check", "copy.redb"]), Command::Check { file });
    assert!(mistake(&["check"]).contains("<FILE>"));
}
