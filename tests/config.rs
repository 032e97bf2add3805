//! Configuration as a user meets it: flags, variables and files given to the real program, which
//! must refuse what is wrong in one line and exit 2, and print what is in effect.

#![allow(
    clippy::unwrap_used,
    reason = "a test may fail at once, its helpers too"
)]

use std::io::Read;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// How long the program may take to end before it counts as hung. No test passes by waiting.
const HUNG_AFTER: Duration = Duration::from_mins(1);

struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// Runs the program to its end, without the variables of whoever runs the tests.
fn agnt(args: &[&str], env: &[(&str, &str)]) -> Ended {
    let mut command = Command::new(env!("CARGO_BIN_EXE_agnt"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("AGNT_") {
            command.env_remove(name);
        }
    }
    command.args(args).envs(env.iter().copied());
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (told, heard) = sync_channel(1);
    let reader = std::thread::spawn(move || {
        let (mut stdout, mut stderr) = (String::new(), String::new());
        err.read_to_string(&mut stderr).unwrap();
        out.read_to_string(&mut stdout).unwrap();
        told.send(()).unwrap_or_default();
        (stdout, stderr)
    });
    let hung = heard.recv_timeout(HUNG_AFTER) == Err(RecvTimeoutError::Timeout);
    if hung {
        child.kill().unwrap();
    }
    let code = child.wait().unwrap().code();
    let (stdout, stderr) = reader.join().unwrap();
    assert!(!hung, "{args:?} did not end: {stdout}{stderr}");
    Ended {
        code,
        stdout,
        stderr,
    }
}

/// Asserts a refusal: exit 2, nothing on standard output, one line that holds each of `parts`.
fn refused(args: &[&str], env: &[(&str, &str)], parts: &[&str]) {
    let Ended {
        code,
        stdout,
        stderr,
    } = agnt(args, env);
    assert_eq!(code, Some(2), "{args:?} {env:?}: {stderr}");
    assert_eq!(stdout, "", "{args:?}");
    assert_eq!(
        stderr.trim_end_matches('\n').lines().count(),
        1,
        "{args:?}: {stderr}"
    );
    for part in parts {
        assert!(stderr.contains(part), "{args:?}: no {part:?} in {stderr}");
    }
}

/// A file of this text in the build's own folder for tests.
fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_bad_flag_variable_or_file_is_one_line_and_exit_2() {
    let wants = ["max_connections", "\"none\"", "a whole number from 1 to"];
    for program in ["serve", "demo"] {
        refused(&[program, "--max-connections", "none"], &[], &wants);
        refused(
            &[program, "--max-connections", "none"],
            &[],
            &["--max-connections"],
        );
        refused(&[program], &[("AGNT_MAX_CONNECTIONS", "none")], &wants);
        refused(
            &[program],
            &[("AGNT_MAX_CONNECTIONS", "none")],
            &["AGNT_MAX_CONNECTIONS"],
        );
        let path = file(
            &format!("bad_{program}.toml"),
            "max_connections = \"none\"\n",
        );
        refused(&[program, "--config", &path], &[], &wants);
        refused(&[program, "--config", &path], &[], &[&path]);
    }
}

#[test]
fn what_does_not_exist_is_named_with_the_nearest() {
    let path = file("unknown.toml", "\nheartbeat_m = 5\n");
    refused(
        &["serve", "--config", &path],
        &[],
        &["heartbeat_m:", "heartbeat_ms", &path],
    );
    refused(
        &["serve", "--heartbeat-m", "5"],
        &[],
        &["--heartbeat-m", "--heartbeat-ms"],
    );
    refused(&["serf"], &[], &["serf", "serve"]);
    refused(
        &["serve", "--config", "no such file.toml"],
        &[],
        &["config", "no such file.toml"],
    );
}

#[test]
fn a_file_that_is_not_toml_is_one_line_with_its_line() {
    let path = file("broken.toml", "loops = 1\nlisten = [\n\n");
    refused(
        &["serve", "--config", &path],
        &[],
        &["is not TOML", "line", &path],
    );
}

#[test]
fn listening_beyond_loopback_says_what_to_set() {
    let wants = [
        "listen",
        "0.0.0.0:0",
        "allow_anonymous",
        "--allow-anonymous",
    ];
    let empty = tempfile::tempdir().unwrap();
    let data = empty.path().join("data");
    let data = data.to_str().unwrap();
    refused(
        &["serve", "--listen", "0.0.0.0:0", "--data-dir", data],
        &[],
        &wants,
    );
    assert!(!std::fs::exists(data).unwrap(), "a refusal makes no store");
    refused(
        &["demo", "--listen", "[::]:0"],
        &[],
        &["listen", "[::]:0", "--allow-anonymous"],
    );
}

#[test]
fn demo_and_replay_refuse_their_own_flags_alike() {
    refused(
        &["demo", "--agents", "0"],
        &[],
        &["agents", "\"0\"", "from 1 to"],
    );
    refused(
        &["demo", "--hz", "x"],
        &[],
        &["hz", "\"x\"", "from 1 to 1000"],
    );
    refused(
        &["replay", "f.csv", "--url", "http://h/"],
        &[],
        &["url", "http://h/", "ws://"],
    );
    refused(&["replay", "--url", "ws://h/"], &[], &["<FILE>"]);
}

#[test]
fn the_printed_configuration_is_the_one_in_effect_and_a_file_itself() {
    let path = file(
        "some.toml",
        "loops = 2\nstreams_max = 2\nfragments_max = 2\n",
    );
    let env = [("AGNT_LOOPS", "3"), ("AGNT_STREAMS_MAX", "3")];
    let args = ["serve", "--print-config", "--config", &path, "--loops", "4"];
    let printed = agnt(&args, &env);
    assert_eq!(printed.code, Some(0), "{}", printed.stderr);
    for line in [
        "loops = 4",
        "streams_max = 3",
        "fragments_max = 2",
        "max_connections = 10000",
    ] {
        assert!(
            printed.stdout.lines().any(|printed| printed == line),
            "{line}"
        );
    }
    let path = file("printed.toml", &printed.stdout);
    let again = agnt(&["demo", "--print-config", "--config", &path], &[]);
    assert_eq!(again.stdout, printed.stdout);
}

#[test]
fn a_check_and_a_start_refuse_the_same_and_neither_makes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    let short = file("short_secret", "short\n");
    let no_pem = file("no_pem", "nothing\n");
    for (flags, parts) in [
        (vec!["--listen", "0.0.0.0:0"], ["listen", "allow_anonymous"]),
        (
            vec!["--listen", "0.0.0.0:0", "--allow-anonymous"],
            ["listen", "--allow-plaintext"],
        ),
        (
            vec!["--max-connections", "9999999"],
            ["max_connections", "9999999"],
        ),
        (vec!["--jwt-key", "missing.pem"], ["jwt_key", "missing.pem"]),
        (vec!["--jwt-key", &no_pem], ["jwt_key", "no_pem"]),
        (
            vec!["--jwt-hs256-secret-file", &short],
            ["jwt_hs256_secret_file", "short_secret"],
        ),
        (
            vec!["--jwt-hs256-secret-file", "/dev/zero"],
            ["jwt_hs256_secret_file", "/dev/zero"],
        ),
        (vec!["--jwks", &no_pem], ["jwks", "no_pem"]),
        (
            vec!["--token-key", "missing.pem"],
            ["token_key", "missing.pem"],
        ),
        (
            vec!["--tls-cert", &no_pem, "--tls-key", &no_pem],
            ["tls_cert", "no_pem"],
        ),
        (
            vec!["--tls-cert", &no_pem, "--tls-key", "/dev/zero"],
            ["tls_cert", "no_pem"],
        ),
        (
            vec!["--tls-self-signed", "--tls-client-ca", "/dev/zero"],
            ["tls_client_ca", "/dev/zero"],
        ),
        (vec!["--config", "/dev/zero"], ["config", "/dev/zero"]),
        (
            vec!["--tls-self-signed", "--tls-client-ca", "missing.pem"],
            ["tls_client_ca", "missing.pem"],
        ),
        (
            vec!["--outbound-hmac-secret-file", &short],
            ["outbound_hmac_secret_file", "32"],
        ),
        (vec!["--data-dir", &no_pem], ["data_dir", "no_pem"]),
    ] {
        let start = [vec!["serve", "--data-dir", data], flags.clone()].concat();
        refused(&start, &[], &parts);
        refused(&[start, vec!["--check-config"]].concat(), &[], &parts);
    }
    let good = agnt(&["serve", "--data-dir", data, "--check-config"], &[]);
    assert_eq!((good.code, good.stderr.as_str()), (Some(0), ""));
    assert!(!std::fs::exists(data).unwrap(), "nothing was made");
    let good = agnt(&["demo", "--check-config"], &[("AGNT_OTHER", "1")]);
    assert_eq!(good.code, Some(0), "{}", good.stderr);
    assert!(good.stderr.contains("AGNT_OTHER"), "a warning is told");
}

#[test]
fn an_address_for_numbers_that_is_taken_is_named_as_what_it_is() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let started = agnt(
        &[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            &address,
            "--data-dir",
            data,
        ],
        &[],
    );
    assert_eq!(started.code, Some(1), "it may be free again");
    let line = format!("metrics_listen: {address} can't be used");
    assert!(started.stderr.contains(&line), "{}", started.stderr);
}

#[test]
fn a_token_that_would_allow_nothing_is_not_made() {
    let secret = file("token_secret", "0123456789abcdef0123456789abcdef\n");
    let base = ["token", "--key", &secret, "--sub", "a"];
    for (flag, flags) in [
        ("--scope", ["--scope", "", "--stream", "main"]),
        ("--stream", ["--scope", "read", "--stream", " ,"]),
    ] {
        refused(&[&base[..], &flags].concat(), &[], &[flag, "at least"]);
    }
    let args = [
        "token",
        "--key",
        "/dev/zero",
        "--sub",
        "a",
        "--scope",
        "read",
    ];
    let endless = agnt(&args, &[]);
    assert_eq!(endless.code, Some(1));
    assert!(endless.stderr.contains("/dev/zero"), "{}", endless.stderr);
}

#[test]
fn help_and_version_go_to_standard_output() {
    for args in [
        &["--help"][..],
        &["--version"],
        &["serve", "--help"],
        &["replay", "--help"],
    ] {
        let Ended {
            code,
            stdout,
            stderr,
        } = agnt(args, &[]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{args:?}");
        assert!(stdout.contains("agnt"), "{args:?}: {stdout}");
    }
}

#[test]
fn a_taken_port_is_exit_1_and_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let Ended {
        code,
        stdout,
        stderr,
    } = agnt(
        &[
            "serve",
            "--listen",
            &address,
            "--data-dir",
            "no such folder",
        ],
        &[],
    );
    assert_eq!(code, Some(1), "{stderr}");
    assert_eq!(stdout, "");
    assert!(
        stderr.contains(&address.rsplit(':').next().unwrap().to_owned()),
        "{stderr}"
    );
}
