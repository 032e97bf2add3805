//! Proves that `agnt ctl` does what it says, as the server's own API tells afterwards; that events
//! followed across a restart have no hole and no repeat; that refusals are told with their code and end
//! with 1, wrong usage with 2; and that no foreign name reaches a terminal raw.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use serde_json::{Value, json};

use crate::support::program::{Ended, Program};
use crate::support::rest::Rest;
use crate::support::server::TestServer;
use crate::support::{PATIENCE, eventually};

/// Runs it to its end.
fn ctl(address: SocketAddr, args: &[&str]) -> Ended {
    let url = format!("http://{address}");
    Program::start(&[&["ctl", "--url", &url], args].concat()).wait()
}

/// What it says to people when all is well.
fn text(address: SocketAddr, args: &[&str]) -> String {
    let ended = ctl(address, args);
    assert_eq!(ended.code, Some(0), "{args:?}: {}", ended.stderr);
    assert_eq!(ended.stderr, "", "{args:?}");
    ended.stdout
}

/// What it says to programs when all is well.
fn document(address: SocketAddr, args: &[&str]) -> Value {
    let text = text(address, &[&["--json"], args].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{args:?}: {error}: {text}"))
}

/// What it says when it is refused.
fn refusal(address: SocketAddr, args: &[&str]) -> String {
    let ended = ctl(address, args);
    assert_eq!(ended.code, Some(1), "{args:?}: {}", ended.stdout);
    assert_eq!(ended.stdout, "", "{args:?}");
    ended.stderr
}

/// The program while it runs: its lines as they come.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(address: SocketAddr, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_agnt"))
            .args(["ctl", "--url", &format!("http://{address}")])
            .args(args)
            .env_remove("AGNT_KEY")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = sync_channel(1000);
        // Ends with the program's output, or once the test listens no more: then the pipe breaks.
        thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    fn line(&self) -> String {
        self.lines.recv_timeout(PATIENCE).unwrap()
    }

    fn value(&self) -> Value {
        serde_json::from_str(&self.line()).unwrap()
    }

    /// The same, its lines read by nobody any more.
    fn unread(mut self) -> Self {
        self.lines = sync_channel(0).1;
        self
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status();
        assert!(sent.unwrap().success(), "the program has ended already");
    }

    /// How it ends, and what it says beside its output.
    fn end(mut self) -> (Option<i32>, String) {
        let status = eventually("the program ends", || self.child.try_wait().unwrap());
        let stderr = std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap();
        (status.code(), stderr)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has usually ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn publish(rest: &mut Rest, topic: &str, data: &Value) {
    let body = json!({"topic": topic, "data": data});
    rest.expect(202, "POST", "/api/v1/events", Some(&body));
}

#[test]
fn agents_are_registered_listed_shown_and_removed() {
    let server = TestServer::start();
    let (mut rest, address) = (Rest::to(server.address), server.address);
    let made = "agents register a-1 --capability x,y --capability z --type worker --max-tasks 3";
    let made = document(address, &made.split(' ').collect::<Vec<_>>());
    assert_eq!(made, rest.expect(200, "GET", "/api/v1/agents/a-1", None));
    assert_eq!(made["capabilities"], json!(["x", "y", "z"]));
    assert_eq!(made["configuration"]["max_concurrent_tasks"], 3);
    for number in 2..5 {
        let body = json!({"agent_id": format!("a-{number}"), "capabilities": ["x"]});
        rest.expect(201, "POST", "/v1/agents", Some(&body));
    }
    let table = text(address, &["agents"]);
    let lines: Vec<_> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    assert!(lines[0].starts_with("ID "), "{table}");
    let words: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!(words, ["a-1", "worker", "idle", "0/3", "-", "x,y,z"]);
    let filtered = ["agents", "--capability", "y", "--status", "idle,busy"];
    assert_eq!(text(address, &filtered).lines().count(), 2);
    let page = ["agents", "list", "--page", "2", "--limit", "1"];
    let told = rest.expect(200, "GET", "/api/v1/agents?page=2&limit=1", None);
    assert_eq!(document(address, &page), told);
    assert!(text(address, &page).ends_with("page 2 of 4, 4 in all\n"));
    let shown = text(address, &["agents", "show", "a-1"]);
    assert!(
        shown.lines().any(|line| line.starts_with("registered_at ")),
        "{shown}"
    );
    assert_eq!(
        document(address, &["agents", "remove", "a-1"]),
        json!({"id": "a-1", "status": "removed"})
    );
    rest.expect(404, "GET", "/api/v1/agents/a-1", None);
}

#[test]
fn tasks_are_created_listed_shown_and_cancelled() {
    let server = TestServer::start();
    let (mut rest, address) = (Rest::to(server.address), server.address);
    text(address, &["agents", "register", "a", "--capability", "x"]);
    let made = document(
        address,
        &[
            "tasks",
            "create",
            "--type",
            "x",
            "--agent",
            "a",
            "--priority",
            "9",
            "--id",
            "t",
            "--payload",
            r#"{"path": "b c"}"#,
        ],
    );
    assert_eq!(made["input_data"], json!({"path": "b c"}));
    assert_eq!(
        (&made["priority"], &made["priority_level"]),
        (&json!("critical"), &json!(9))
    );
    let task = rest.expect(200, "GET", "/api/v1/tasks/t", None);
    assert_eq!(task["assigned_agent"], "a");
    assert_eq!(document(address, &["tasks", "show", "t"]), task);
    text(
        address,
        &["tasks", "create", "--type", "y", "--priority", "low"],
    );
    let listed = |args: &[&str]| text(address, args).lines().count() - 1;
    assert_eq!(listed(&["tasks"]), 2);
    assert_eq!(listed(&["tasks", "--agent", "a", "--type", "x"]), 1);
    assert_eq!(
        listed(&["tasks", "--priority", "low", "--status", "pending"]),
        1
    );
    assert_eq!(listed(&["tasks", "--workflow", "w"]), 0);
    let cancelled = document(address, &["tasks", "cancel", "t", "--reason", "a & b"]);
    assert_eq!(
        (&cancelled["status"], &cancelled["reason"]),
        (&json!("cancelled"), &json!("a & b"))
    );
    let again = refusal(address, &["tasks", "cancel", "t"]);
    assert!(again.starts_with("error: CONFLICT (409): "), "{again}");
}

#[test]
fn workflows_are_started_from_a_file_shown_and_cancelled() {
    let server = TestServer::start();
    let (mut rest, address) = (Rest::to(server.address), server.address);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("workflow.json");
    let workflow = json!({"id": "w", "name": "Two", "project_id": "p", "stages": [
        {"name": "first", "agent_type": "x"},
        {"name": "second", "agent_type": "y", "dependencies": ["first"]},
    ]});
    std::fs::write(&file, workflow.to_string()).unwrap();
    let file = file.to_str().unwrap();
    let made = document(address, &["workflows", "create", file]);
    assert_eq!(made["id"], "w");
    let shown = text(address, &["workflows", "show", "w"]);
    let second = shown.lines().last().unwrap().split_whitespace();
    assert_eq!(
        second.collect::<Vec<_>>(),
        ["second", "y", "pending", "first", "-", "-"]
    );
    let table = text(
        address,
        &["workflows", "--project", "p", "--status", "running"],
    );
    let words: Vec<_> = table.lines().nth(1).unwrap().split_whitespace().collect();
    assert_eq!(words[..5], ["w", "Two", "running", "0%", "2"], "{table}");
    let cancelled = text(address, &["workflows", "cancel", "w"]);
    assert!(cancelled.contains("cancelled"), "{cancelled}");
    assert_eq!(
        rest.expect(200, "GET", "/api/v1/workflows/w", None)["status"],
        "cancelled"
    );
    let again = refusal(address, &["workflows", "create", file]);
    assert!(again.starts_with("error: CONFLICT (409): "), "{again}");
}

#[test]
fn events_are_shown_page_by_page() {
    let server = TestServer::with(|config| config.rate_limit = 0);
    let (mut rest, address) = (Rest::to(server.address), server.address);
    for number in 0..1100 {
        let topic = if number % 100 == 0 { "rare" } else { "often.x" };
        publish(&mut rest, topic, &json!(number));
    }
    let events = |args: &[&str]| -> Vec<u64> {
        let text = text(address, &[&["events", "--json"], args].concat());
        let events = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        let sequence = |event: Value| event["publication"]["sequence"].as_u64().unwrap();
        events.map(sequence).collect()
    };
    let rare: Vec<u64> = (0..11).map(|hundred| hundred * 100 + 1).collect();
    assert_eq!(events(&["--topic", "rare"]), rare);
    assert_eq!(events(&["--topic", "rare", "--after", "900"]), [901, 1001]);
    // The pipe of a program that isn't read yet takes some 64 KiB: fewer events than two pages have.
    let mut all = Running::start(address, &["events", "--limit", "1100"]);
    for sequence in 1..=1100 {
        let line = all.line();
        assert!(
            line.trim_start().starts_with(&format!("{sequence}  20")),
            "{line}"
        );
    }
    assert_eq!(all.child.wait().unwrap().code(), Some(0));
    let first = ctl(address, &["events", "--limit", "2"]);
    assert_eq!((first.code, first.stdout.lines().count()), (Some(0), 2));
    assert_eq!(first.stderr, "there are more: --after 2\n");
    let ahead = document(address, &["events", "--after", "2000"]);
    assert_eq!(
        ahead,
        json!({"gap": {"from": 1101, "to": 2000, "reason": "ahead"}})
    );
}

#[test]
fn followed_events_have_no_hole_and_no_repeat_across_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let (program, address) = Program::serve(&["--data-dir", data]);
    let mut rest = Rest::to(address);
    publish(&mut rest, "before", &json!(0));
    let args = [
        "events", "--follow", "--json", "--after", "0", "--topic", "news.>",
    ];
    let following = Running::start(address, &args);
    for number in 0..5 {
        publish(&mut rest, "news.x", &json!(number));
        let news = &following.value()["publication"];
        assert_eq!(
            (&news["data"], &news["sequence"]),
            (&json!(number), &json!(number + 2))
        );
    }
    program.crash();
    let listen = address.to_string();
    let (_program, address) = Program::serve(&["--data-dir", data, "--listen", &listen]);
    let mut rest = Rest::to(address);
    for number in 5..10 {
        publish(&mut rest, "news.x", &json!(number));
        publish(&mut rest, "other", &json!(number));
    }
    for number in 5..10 {
        assert_eq!(following.value()["publication"]["data"], number);
    }
    following.signal("INT");
    let (code, stderr) = following.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("connected again after event 6"), "{stderr}");
}

#[test]
fn following_begins_now_and_ends_after_as_many_as_asked_for() {
    let server = TestServer::with(|config| config.rate_limit = 0);
    let mut rest = Rest::to(server.address);
    publish(&mut rest, "old", &json!(0));
    let following = Running::start(server.address, &["events", "--follow", "--limit", "2"]);
    // It shows what follows its own beginning, of which nobody is told: so again and again.
    let first = eventually("a line comes", || {
        publish(&mut rest, "new", &json!(1));
        following.lines.try_recv().ok()
    });
    assert!(first.contains("  new "), "{first}");
    publish(&mut rest, "new", &json!(1));
    assert!(following.line().contains("  new "));
    assert_eq!(following.end(), (Some(0), String::new()));
    let args = [
        "events", "--follow", "--json", "--after", "90000", "--limit", "1",
    ];
    let gap = Running::start(server.address, &args);
    assert_eq!(gap.value()["gap"]["reason"], "ahead");
    publish(&mut rest, "new", &json!(2));
    assert_eq!(gap.value()["publication"]["data"], 2);
    assert_eq!(gap.end().0, Some(0));
}

#[test]
fn where_nobody_reads_it_ends_quietly() {
    let server = TestServer::with(|config| config.rate_limit = 0);
    let mut rest = Rest::to(server.address);
    for number in 0..3 {
        publish(&mut rest, "news", &json!(number));
    }
    let following = Running::start(server.address, &["events", "--follow", "--after", "0"]);
    assert!(following.line().contains("news"));
    let mut following = following.unread();
    let status = eventually("the program ends", || {
        publish(&mut rest, "news", &json!(4));
        following.child.try_wait().unwrap()
    });
    assert_eq!(status.code(), Some(0));
    assert_eq!(following.end(), (Some(0), String::new()));
}

#[test]
fn commands_are_given_and_their_answers_waited_for() {
    let server = TestServer::start();
    let address = server.address;
    let mut rest = Rest::to(address);
    text(address, &["agents", "register", "a", "--capability", "x"]);
    let given = document(
        address,
        &[
            "command",
            "a",
            "dance",
            "--payload",
            r#"{"steps": 3}"#,
            "--timeout-ms",
            "600000",
        ],
    );
    let id = given["command_id"].as_str().unwrap();
    let target = format!("/api/v1/agents/a/commands/{id}");
    let command = rest.expect(200, "GET", &target, None);
    assert_eq!(
        (&command["command_type"], &command["payload"]),
        (&json!("dance"), &json!({"steps": 3}))
    );
    let answer = |rest: &mut Rest, body: &Value| {
        let open = "/api/v1/agents/a/commands?status=accepted&limit=100";
        let newest = eventually("the command is there", || {
            let listed = rest.expect(200, "GET", open, None);
            listed["commands"].as_array().unwrap().get(1).cloned()
        });
        let target = format!(
            "/api/v1/commands/{}/response",
            newest["command_id"].as_str().unwrap()
        );
        rest.expect(200, "POST", &target, Some(body));
    };
    let waiting = Running::start(address, &["command", "a", "execute", "--wait", "--json"]);
    answer(
        &mut rest,
        &json!({"status": "success", "data": {"done": true}}),
    );
    assert_eq!(waiting.line(), "{");
    let (code, stderr) = waiting.end();
    assert_eq!(code, Some(0), "{stderr}");
    let waiting = Running::start(address, &["command", "a", "execute", "--wait"]);
    answer(
        &mut rest,
        &json!({"status": "error", "errors": [{"message": "no floor"}]}),
    );
    let lines: Vec<_> = waiting.lines.iter().collect();
    assert!(
        lines.iter().any(|line| line.contains("no floor")),
        "{lines:?}"
    );
    let (code, stderr) = waiting.end();
    assert_eq!(code, Some(1));
    assert!(stderr.contains("is not completed but failed"), "{stderr}");
    let late = ctl(
        address,
        &["command", "a", "execute", "--wait", "--timeout-ms", "1000"],
    );
    assert_eq!(late.code, Some(1), "{}", late.stdout);
    assert!(
        late.stderr.contains("is not completed but timeout"),
        "{}",
        late.stderr
    );
}

#[test]
fn refusals_end_with_1_and_say_what_is_allowed() {
    let server = TestServer::start();
    let address = server.address;
    let absent = refusal(address, &["agents", "show", "nobody"]);
    assert!(
        absent.starts_with("error: NOT_FOUND (404): there is no agent"),
        "{absent}"
    );
    assert!(absent.contains("\n  resource: agent\n"), "{absent}");
    let odd = refusal(address, &["tasks", "--status", "odd"]);
    assert!(
        odd.contains("VALIDATION_ERROR (400)") && odd.contains("cancelled"),
        "{odd}"
    );
    let escaping = refusal(address, &["agents", "remove", "../tasks/x"]);
    assert!(escaping.contains("(4"), "{escaping}");
    let topic = refusal(
        address,
        &["events", "--follow", "--topic", "a..b", "--after", "0"],
    );
    assert!(topic.contains("VALIDATION_ERROR (400)"), "{topic}");
    let told = refusal(address, &["--json", "agents", "show", "nobody"]);
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["error"]["code"], "NOT_FOUND");
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for args in [&["agents"][..], &["events", "--follow"]] {
        let unreachable = refusal(closed, args);
        assert!(unreachable.contains("can't be reached"), "{unreachable}");
        assert!(unreachable.contains("--url"), "{unreachable}");
    }
}

#[test]
fn keys_are_shown_to_the_server_and_to_nobody_else() {
    let server = TestServer::start();
    let address = server.address;
    let body = json!({"name": "test", "scopes": ["read", "agents"]});
    let made = Rest::to(address).expect(201, "POST", "/admin/keys", Some(&body));
    let key = made["key"].as_str().unwrap();
    let refused = refusal(address, &["agents"]);
    assert!(
        refused.contains("(401)") && refused.contains("AGNT_KEY"),
        "{refused}"
    );
    text(address, &["agents", "--key", key]);
    text(
        address,
        &["agents", "register", "a", "--capability", "x", "--key", key],
    );
    let following = [
        "events", "--follow", "--after", "0", "--limit", "1", "--key", key,
    ];
    assert!(text(address, &following).contains("agent.registered"));
    let forbidden = refusal(address, &["--key", key, "tasks", "create", "--type", "x"]);
    assert!(
        forbidden.contains("FORBIDDEN (403)") && forbidden.contains("tasks"),
        "{forbidden}"
    );
    assert!(!forbidden.contains(key));
    let by_environment = Command::new(env!("CARGO_BIN_EXE_agnt"))
        .args(["ctl", "agents", "--url", &format!("http://{address}")])
        .env("AGNT_KEY", key)
        .output()
        .unwrap();
    assert_eq!(by_environment.status.code(), Some(0));
}

#[test]
fn wrong_usage_ends_with_2_before_anybody_is_asked() {
    let address = SocketAddr::from(([127, 0, 0, 1], 9));
    let cases: [(&[&str], &str); 12] = [
        (&[], "requires a subcommand"),
        (&["agents", "dance"], "dance"),
        (&["agents", "show"], "ID"),
        (&["agents", "show", ""], "id"),
        (&["agents", "register", "a"], "--capability"),
        (&["agents", "--page", "0"], "a whole number from 1"),
        (&["tasks", "create"], "--type"),
        (
            &["tasks", "create", "--type", "x", "--payload", "[1]"],
            "a JSON object",
        ),
        (
            &["tasks", "create", "--type", "x", "--payload", "{"],
            "a JSON object",
        ),
        (&["workflows", "create", "/dev/null/none"], "a JSON object"),
        (&["events", "--after", "-1"], "a whole number from 0"),
        (&["agents", "--url", "ws://h:1"], "https://HOST:PORT"),
    ];
    for (args, expected) in cases {
        let ended = ctl(address, args);
        assert_eq!(
            (ended.code, ended.stdout.as_str()),
            (Some(2), ""),
            "{args:?}"
        );
        assert!(
            ended.stderr.contains(expected),
            "{args:?}: {}",
            ended.stderr
        );
    }
    let secret = ctl(address, &["agents", "--key", "a secret"]);
    assert_eq!(secret.code, Some(2));
    assert!(!secret.stderr.contains("a secret"), "{}", secret.stderr);
    let mut child = Command::new(env!("CARGO_BIN_EXE_agnt"))
        .args(["ctl", "workflows", "create", "-"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"{\"stages\": ")
        .unwrap();
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(2));
}

#[test]
fn no_foreign_name_reaches_a_terminal_raw() {
    let server = TestServer::start();
    let address = server.address;
    let mut rest = Rest::to(address);
    let turning = "a\u{202e}b";
    let agent = json!({"id": "a", "name": turning, "capabilities": [turning], "type": turning,
                       "metadata": {"note\u{9b}31m": "\u{1b}]0;title\u{7}\r"}});
    rest.expect(201, "POST", "/api/v1/agents", Some(&agent));
    publish(
        &mut rest,
        "news",
        &json!({"\u{1b}[2J": "\u{9b}31m\u{7f}\u{85}\u{2066}"}),
    );
    let commands: [&[&str]; 4] = [
        &["agents"],
        &["agents", "show", "a"],
        &["events"],
        &["events", "--follow", "--after", "0", "--limit", "2"],
    ];
    for command in commands {
        for json in [&[][..], &["--json"]] {
            let shown = text(address, &[command, json].concat());
            let is_raw =
                |it: char| it != '\n' && it.is_control() || ('\u{202a}'..='\u{2069}').contains(&it);
            assert_eq!(shown.find(is_raw), None, "{command:?}: {shown:?}");
            assert!(shown.contains("\\u"), "{command:?}: {shown}");
        }
    }
    let shown = document(address, &["agents", "show", "a"]);
    assert_eq!(shown, rest.expect(200, "GET", "/api/v1/agents/a", None));
}
