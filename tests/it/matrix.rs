//! Proves for every route and for every message over a socket who may and who may not: nobody, who
//! has an expired token, one by another key, by another algorithm, by none at all, for another
//! audience, with too little scope, of another agent, of another stream, a key of another agent or
//! stream, and the right one.
//!
//! The rows are the server's own tables, so that a route or a message that is new is tried too.

use std::cell::RefCell;
use std::collections::BTreeMap;

use agnt::guard::{Family, Message, Scope};
use agnt::net::api::{Access, OWN_ROUTES};
use agnt_api::routes::{Concern, ROUTES};
use serde_json::{Value, json};

use crate::support::http;
use crate::support::rest::Rest;
use crate::support::server::TestServer;
use crate::support::tokens::{self, Signed, bearer, claims, good, now_s, sign};
use crate::support::wire::{self, Record};
use crate::support::ws::{Client, Message as Heard};

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    None,
    Expired,
    WrongKey,
    WrongAlgorithm,
    NoAlgorithm,
    WrongAudience,
    TooLittleScope,
    AnothersAgent,
    AnotherStream,
    KeyOfAnotherAgent,
    KeyOfAnotherStream,
    Right,
}

/// The right one last: it may remove what the others are refused for.
const COLUMNS: [Column; 12] = [
    Column::None,
    Column::Expired,
    Column::WrongKey,
    Column::WrongAlgorithm,
    Column::NoAlgorithm,
    Column::WrongAudience,
    Column::TooLittleScope,
    Column::AnothersAgent,
    Column::AnotherStream,
    Column::KeyOfAnotherAgent,
    Column::KeyOfAnotherStream,
    Column::Right,
];

/// What a cell must show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cell {
    /// 401.
    Unknown,
    /// 403, or the dialect's word for it.
    Forbidden,
    /// Neither.
    LetIn,
}

const OWN: &str = "agent-own";
const OTHER: &str = "agent-other";

/// No agent is in it.
const ELSEWHERE: &str = "elsewhere";

/// What a row takes.
struct Needs {
    /// One of these is enough; without any it is enough to be somebody.
    scopes: Vec<&'static str>,
    /// Whether one must be the agent that it is about.
    is_own: bool,
    /// Whether it is about the stream of the agents, or about all streams.
    is_of_stream: bool,
    /// What the right one has beside one of the scopes.
    beside: &'static [&'static str],
}

impl Column {
    /// The header line that a request shows.
    fn header(self, stage: &Stage, needs: &Needs) -> String {
        let first = needs.scopes.first().copied().into_iter();
        let scopes: Vec<&str> = first.chain(needs.beside.iter().copied()).collect();
        let scopes = if scopes.is_empty() {
            vec!["read"]
        } else {
            scopes
        };
        let good_claims = claims(OWN, &scopes);
        let changed = |key: &str, value: Value| {
            let mut changed = good_claims.clone();
            changed[key] = value;
            sign(&changed, Signed::Es256)
        };
        bearer(&match self {
            Self::None => return String::new(),
            Self::Expired => {
                let mut old = good_claims.clone();
                old["iat"] = (now_s() - 1000).into();
                old["exp"] = (now_s() - 100).into();
                sign(&old, Signed::Es256)
            }
            Self::WrongKey => sign(&good_claims, Signed::OtherEs256),
            Self::WrongAlgorithm => sign(&good_claims, Signed::Hs256WithPublicKey),
            Self::NoAlgorithm => sign(&good_claims, Signed::None),
            Self::WrongAudience => changed("aud", "another".into()),
            Self::TooLittleScope => {
                let others = Scope::ALL.map(Scope::name).into_iter();
                let others = others.filter(|name| *name != "admin");
                let others: Vec<_> = others.filter(|it| !needs.scopes.contains(it)).collect();
                good(OWN, &others)
            }
            Self::AnothersAgent => good(OTHER, &scopes),
            Self::AnotherStream => changed("agnt_streams", json!([ELSEWHERE])),
            Self::KeyOfAnotherAgent => return stage.key(&scopes, "act_as", OTHER),
            Self::KeyOfAnotherStream => return stage.key(&scopes, "streams", ELSEWHERE),
            Self::Right => sign(&good_claims, Signed::Es256),
        })
    }

    /// What a request must come to.
    fn expected(self, needs: &Needs) -> Cell {
        match self {
            Self::TooLittleScope if !needs.scopes.is_empty() => Cell::Forbidden,
            Self::AnothersAgent | Self::KeyOfAnotherAgent if needs.is_own => Cell::Forbidden,
            Self::AnotherStream | Self::KeyOfAnotherStream if needs.is_of_stream => Cell::Forbidden,
            Self::None
            | Self::Expired
            | Self::WrongKey
            | Self::WrongAlgorithm
            | Self::NoAlgorithm
            | Self::WrongAudience => Cell::Unknown,
            _ => Cell::LetIn,
        }
    }

    /// Whether it comes as the agent that the rows are tried on.
    fn is_own(self) -> bool {
        !matches!(self, Self::AnothersAgent | Self::KeyOfAnotherAgent)
    }
}

/// What the rows are tried on: an agent with a task and a command.
struct Stage {
    server: TestServer,
    command: String,
    task: String,
    numeric_id: u32,
    /// The keys that were made, by what was asked for.
    keys: RefCell<BTreeMap<String, String>>,
}

fn stage() -> Stage {
    let server = tokens::server();
    let mut rest = Rest::to(server.address);
    rest.headers = bearer(&good("operator", &["admin"]));
    for id in [OWN, OTHER] {
        let body = json!({"agent_id": id, "capabilities": ["x"]});
        rest.expect(201, "POST", "/v1/agents", Some(&body));
    }
    let command = json!({"command_type": "pause"});
    let path = format!("/v1/agents/{OWN}/commands");
    let command = rest.expect(202, "POST", &path, Some(&command));
    let task = json!({"type": "analysis", "assigned_agent": OWN});
    let task = rest.expect(201, "POST", "/v1/tasks", Some(&task));
    let row = rest.expect(200, "GET", &format!("/v1/agents/{OWN}"), None);
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    Stage {
        command: text(&command["command_id"]),
        task: text(&task["task_id"]),
        numeric_id: u32::try_from(row["numeric_id"].as_u64().unwrap()).unwrap(),
        keys: RefCell::default(),
        server,
    }
}

impl Stage {
    fn path(&self, pattern: &str) -> String {
        let path = pattern.replace("{agent_id}", OWN);
        let path = path.replace("{command_id}", &self.command);
        let path = path.replace("{task_id}", &self.task);
        let path = path.replace("{*callback_id}", "x").replace('{', "");
        path.replace('}', "")
    }

    /// The header line of a key that is held to one name of that list. Who may do everything speaks for
    /// everyone.
    fn key(&self, scopes: &[&str], list: &str, name: &str) -> String {
        let mut asked = json!({"name": "matrix", "scopes": scopes});
        if list != "act_as" || !scopes.contains(&"admin") {
            asked[list] = json!([name]);
        }
        let make = || {
            let mut rest = Rest::to(self.server.address);
            rest.headers = bearer(&good("operator", &["admin"]));
            let made = rest.expect(201, "POST", "/admin/keys", Some(&asked));
            format!("X-API-Key: {}\r\n", made["key"].as_str().unwrap())
        };
        let mut keys = self.keys.borrow_mut();
        keys.entry(asked.to_string()).or_insert_with(make).clone()
    }

    fn ask(&self, method: &str, target: &str, header: &str, body: Option<&Value>) -> http::Answer {
        let mut rest = Rest::to(self.server.address);
        rest.exchange(method, target, header, body)
    }
}

fn cell(status: u16) -> Cell {
    match status {
        401 => Cell::Unknown,
        403 => Cell::Forbidden,
        _ => Cell::LetIn,
    }
}

#[test]
fn every_route_of_the_dialects_in_every_column() {
    let stage = stage();
    let mut cells = 0;
    for column in COLUMNS {
        for row in &ROUTES {
            let is_own = matches!(
                row.concern,
                Concern::OwnAgent | Concern::Registration | Concern::Answer | Concern::Work
            );
            let needs = Needs {
                scopes: row.scopes.to_vec(),
                is_own,
                is_of_stream: row.concern != Concern::Listing,
                beside: &[],
            };
            let body = match row.concern {
                Concern::Registration => json!({"agent_id": OWN, "capabilities": ["x"]}),
                Concern::Answer => json!({"status": "success"}),
                Concern::Work => json!({"status": "running"}),
                _ => json!({}),
            };
            for prefix in ["", "/v1", "/api/v1"] {
                // Bare `/metrics` is Prometheus', and stands below.
                if prefix.is_empty() && row.path == "/metrics" {
                    continue;
                }
                let target = format!("{prefix}{}", stage.path(row.path));
                let body = (!matches!(row.method.as_str(), "GET" | "DELETE")).then_some(&body);
                let header = column.header(&stage, &needs);
                let answer = stage.ask(row.method.as_str(), &target, &header, body);
                let expected = column.expected(&needs);
                let what = format!("{column:?}: {} {target}: {}", row.method, answer.text());
                assert_eq!(cell(answer.status), expected, "{what}");
                assert_told(&answer, expected, prefix == "/api/v1", &what);
                cells += 1;
            }
        }
    }
    assert_eq!(cells, COLUMNS.len() * (ROUTES.len() * 3 - 1));
}

/// Whether a refusal says so in its dialect.
fn assert_told(answer: &http::Answer, expected: Cell, is_b: bool, what: &str) {
    let code = match (expected, is_b) {
        (Cell::LetIn, _) => return,
        (Cell::Forbidden, _) => "FORBIDDEN",
        (Cell::Unknown, true) => "AUTHENTICATION_FAILED",
        (Cell::Unknown, false) => "UNAUTHORIZED",
    };
    let body: Value = serde_json::from_slice(&answer.body).unwrap();
    let told = body.get("error_code").unwrap_or(&body["error"]["code"]);
    assert_eq!(told, code, "{what}");
    let challenge = answer.header("www-authenticate");
    assert_eq!(challenge.is_some(), expected == Cell::Unknown, "{what}");
}

#[test]
fn every_route_of_the_server_s_own_in_every_column() {
    let stage = stage();
    for column in COLUMNS {
        for row in &OWN_ROUTES {
            let needs = Needs {
                scopes: match row.access {
                    Access::Scope(scope) => vec![scope],
                    Access::Anyone | Access::Known => Vec::new(),
                },
                is_own: false,
                is_of_stream: matches!(row.access, Access::Scope(_)),
                beside: &[],
            };
            let target = stage.path(row.path);
            let body = (row.method.as_str() == "POST").then(|| json!({"x": 1}));
            let header = column.header(&stage, &needs);
            let answer = stage.ask(row.method.as_str(), &target, &header, body.as_ref());
            let expected = match row.access {
                Access::Anyone => Cell::LetIn,
                _ => column.expected(&needs),
            };
            assert_eq!(cell(answer.status), expected, "{column:?}: {target}");
        }
        let needs = Needs {
            scopes: vec!["metrics"],
            is_own: false,
            // They are the server's.
            is_of_stream: false,
            beside: &[],
        };
        let answer = stage.ask("GET", "/metrics", &column.header(&stage, &needs), None);
        assert_eq!(cell(answer.status), column.expected(&needs), "{column:?}");
        for open in [
            "/",
            "/healthz",
            "/readyz",
            "/openapi/v1.json",
            "/asyncapi.json",
            "/docs/",
        ] {
            let answer = stage.ask("GET", open, &column.header(&stage, &needs), None);
            assert_eq!(answer.status, 200, "{column:?}: {open}");
        }
    }
}

/// Ways round the door: other spellings of paths and other methods.
#[test]
fn no_spelling_of_a_path_gets_round_the_door() {
    let stage = stage();
    for target in [
        "/v1/agents",
        "/v1/agents?x=1",
        "/api/v1/agents",
        "/agents",
        "/admin/keys",
        "/admin/keys?x",
        "/admin/keys/x",
        "/metrics",
        "/metrics?x",
        "http://localhost/v1/agents",
        "http://localhost/admin/keys",
        "http://localhost/metrics",
        "/v1/agents/agent-own",
        "/v1/agents/agent%2Down",
    ] {
        for method in ["GET", "HEAD"] {
            let answer = stage.ask(method, target, "", None);
            assert_eq!(answer.status, 401, "{method} {target}");
        }
    }
    for target in [
        "//v1/agents",
        "/v1//agents",
        "/v1/agents/",
        "/v1/./agents",
        "/x/../v1/agents",
        "/%76%31/agents",
        "/V1/agents",
        "/admin/keys/",
        "//admin/keys",
        "/Admin/keys",
        "/metrics/",
        "//metrics",
        "/v1/admin/keys",
    ] {
        let answer = stage.ask("GET", target, "", None);
        assert!(
            [401, 404].contains(&answer.status),
            "{target}: {}",
            answer.status
        );
        assert!(!answer.text().contains(OWN), "{target}");
    }
}

/// A message of that kind that names the agent, and as which agent its session comes.
fn sample(stage: &Stage, message: Message) -> Sample {
    let text = |value: Value| Sample::Text(value.to_string());
    let visual = |payload: Value| {
        let word = message.word();
        text(
            json!({"id": "m-1", "type": word, "timestamp": "2026-01-10T12:00:00Z",
            "payload": payload}),
        )
    };
    let event = |kind: &str, payload: Value| {
        text(json!({"type": "event", "id": "m-1", "event_type": kind, "payload": payload}))
    };
    match message {
        Message::Subscribe => text(json!({"type": "subscribe", "id": "m-1", "topics": ["a.*"]})),
        Message::Unsubscribe => text(json!({"type": "unsubscribe", "id": "m-1"})),
        Message::PublishEvent => {
            text(json!({"type": "publish", "id": "m-1", "topic": "news", "data": 1}))
        }
        Message::Event => event("custom.thing", json!({"a": 1})),
        Message::EventOfStatus => event(
            "agent.status_changed",
            json!({"agent_id": OWN, "new_status": "busy"}),
        ),
        Message::EventOfTask => event(
            "task.progress",
            json!({"agent_id": OWN, "task_id": stage.task}),
        ),
        Message::EventOfMessage => event("message.sent", json!({"target_agent": OWN})),
        Message::Command => text(json!({"type": "command", "id": "m-1",
            "payload": {"agent_id": OWN, "command_type": "pause"}})),
        Message::Request => text(json!({"id": "m-1", "target": OWN, "data": {}})),
        Message::Response => text(json!({"type": "response", "id": "m-1",
            "correlation_id": stage.command, "payload": {"status": "success"}})),
        Message::Heartbeat => text(json!({"type": "heartbeat", "id": "m-1", "payload": {}})),
        Message::Acknowledgement => text(json!({"type": "ack", "id": "m-1"})),
        Message::PeerError => text(json!({"type": "error", "id": "m-1", "payload": {}})),
        Message::Renewal | Message::VisualRenewal => {
            text(json!({"type": "auth.renew", "id": "m-1", "token": "x"}))
        }
        Message::Handshake => Sample::Handshake,
        Message::VersionNegotiate => {
            text(json!({"type": "version.negotiate", "supported": ["1.0.0"], "preferred": "1.0.0"}))
        }
        Message::VisualHeartbeat => text(json!({"type": "heartbeat", "timestamp": 1})),
        Message::ChannelMessage => {
            text(json!({"channel": "c", "sequence": 1, "message": {"a": 1}}))
        }
        Message::AgentStateChanged => visual(json!({"agentId": OWN, "state": "IDLE"})),
        Message::AgentPerformanceUpdate => visual(json!({"agentId": OWN, "metrics": {}})),
        Message::AgentCapabilityUpdate => {
            visual(json!({"agentId": OWN, "action": "add", "capability": {"name": "y"}}))
        }
        Message::MessageSent => visual(json!({"from": {"id": OWN}, "to": [{"id": "x"}]})),
        Message::CoordinationInitiated => {
            visual(json!({"coordinationId": "c", "initiator": OWN, "participants": []}))
        }
        Message::ControlExecute => {
            visual(json!({"targetAgent": OWN, "command": "pause", "parameters": {}}))
        }
        Message::PositionFrame => {
            Sample::Frame(wire::positions(0, &[Record::counted(stage.numeric_id, 1)]))
        }
        Message::StateFrame => Sample::Frame(wire::states(&[(stage.numeric_id, 2)])),
        Message::MetricsFrame => Sample::Frame(wire::metrics(stage.numeric_id, 1)),
        Message::CoordinationFrame => {
            let mut frame = wire::coordination(5);
            frame[20..24].copy_from_slice(&stage.numeric_id.to_le_bytes());
            Sample::Frame(frame)
        }
        // A frame with a channel, which nobody negotiated here.
        Message::ChannelFrame => Sample::Frame(wire::frame(1, 1 << 5, &[1, 0])),
        Message::HeartbeatFrame => Sample::Frame(wire::frame(6, 0, &[])),
        Message::ErrorFrame => Sample::Frame(wire::frame(0xFF, 0, &[1, 0, 0, 0, 0, 0, 0, 0, 0, 0])),
        _ => visual(json!({})),
    }
}

enum Sample {
    Text(String),
    Frame(Vec<u8>),
    /// What opens the session is the message.
    Handshake,
}

/// Opens a session of that family as that agent; the cell if it doesn't come to one.
fn open(stage: &Stage, family: Family, column: Column, header: &str) -> Result<Client, Cell> {
    let (target, is_visual) = match family {
        Family::Agents => (format!("/v1/ws?protocol=status&agent_id={OWN}"), false),
        Family::Visual | Family::Frame => ("/api/control/ws".to_owned(), true),
    };
    let socket = http::open(stage.server.address);
    let upgraded = Client::try_upgrade(socket, &target, header, &[]);
    let mut client = upgraded.map_err(|answer| cell(answer.status))?;
    if is_visual {
        let name = if column.is_own() { OWN } else { "somebody" };
        let handshake = json!({"type": "handshake", "version": "1.0.0", "clientId": name,
            "capabilities": ["binary"]});
        client.send_text(&handshake.to_string());
        let answer = client.json();
        if answer["type"] != "handshake_ack" {
            assert_eq!(answer["payload"]["code"], "AUTH_FAILED", "{answer}");
            return Err(match answer["payload"]["details"]["reason"].as_str() {
                Some("credentials") => Cell::Unknown,
                _ => Cell::Forbidden,
            });
        }
    }
    client.settle();
    Ok(client)
}

/// What a session is told of a message.
fn say(client: &mut Client, sample: &Sample) -> Cell {
    match sample {
        Sample::Text(text) => client.send_text(text),
        Sample::Frame(bytes) => client.send_binary(bytes),
        Sample::Handshake => return Cell::LetIn,
    }
    let answers = client.settle();
    let is_refusal = |heard: &Heard| match heard {
        Heard::Text(text) => {
            let text = text.as_str();
            text.contains("\"FORBIDDEN\"") || text.contains("\"AUTH_FAILED\"")
        }
        _ => false,
    };
    match answers.iter().any(is_refusal) {
        true => Cell::Forbidden,
        false => Cell::LetIn,
    }
}

#[test]
fn every_message_over_a_socket_in_every_column() {
    let stage = stage();
    for column in COLUMNS {
        for message in Message::ALL.iter().copied() {
            let scopes: Vec<_> = message.needs().iter().map(|scope| scope.name()).collect();
            let needs = Needs {
                // A session must be good for something.
                scopes: if message == Message::Handshake {
                    vec!["read", "publish", "control", "agents", "tasks"]
                } else {
                    scopes
                },
                is_own: message.speaks_as_agent() && message != Message::Handshake,
                // Sessions are of the agents' stream. Those of agents are open before anything is said, and
                // a renewal is judged by what it brings.
                is_of_stream: message != Message::Renewal,
                // What an agent tells of itself is brought to the registry, too.
                beside: if message.speaks_as_agent() {
                    &["agents"]
                } else {
                    &[]
                },
            };
            let header = column.header(&stage, &needs);
            let cell = match open(&stage, message.family(), column, &header) {
                Err(cell) => cell,
                // A renewal by nonsense is refused, and the session goes on.
                Ok(_) if matches!(message, Message::Renewal | Message::VisualRenewal) => {
                    Cell::LetIn
                }
                Ok(mut client) => say(&mut client, &sample(&stage, message)),
            };
            assert_eq!(cell, column.expected(&needs), "{column:?}: {message:?}");
        }
    }
}

#[test]
fn a_registered_agent_s_name_is_its_own_in_the_handshake() {
    let stage = stage();
    for (subject, is_let_in) in [(OWN, true), (OTHER, false)] {
        let header = bearer(&good(subject, &["read", "agents"]));
        let socket = http::open(stage.server.address);
        let mut client = Client::upgrade(socket, "/api/control/ws", &header, &[]);
        client.send_text(&json!({"type": "handshake", "clientId": OWN}).to_string());
        let answer = client.json();
        assert_eq!(answer["type"] == "handshake_ack", is_let_in, "{answer}");
        if !is_let_in {
            assert_eq!(answer["payload"]["details"]["reason"], "scope", "{answer}");
            assert_eq!(client.until_close().1, 4403);
        }
    }
}
