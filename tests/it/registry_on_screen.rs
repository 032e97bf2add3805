//! Proves that a registered agent and a dot on the screen are one thing: who registers over plain
//! HTTP is seen by those who watch the stream, in frames and in JSON, with every change until it is
//! removed; also by those who come later, after a restart, and however many agents there are.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use crate::support::rest::Rest;
use crate::support::server::TestServer;
use crate::support::wire::{
    Frame, GONE, KEYFRAME, PERFORMANCE_METRICS, POSITION_UPDATE, Record, STATE_BATCH, u32_at,
    u64_at,
};
use crate::support::ws::{Client, Message};
use crate::support::{eventually, swarm};

/// The states of document C's frames.
const OFFLINE: u8 = 0;
const IDLE: u8 = 2;
const BUSY: u8 = 3;
const PAUSED: u8 = 6;

/// The first number that the server gives.
const FIRST_NUMBER: u32 = 0x1000_0000;

/// All that a viewer was shown so far.
struct Screen {
    client: Client,
    dots: swarm::Swarm,
    /// Newest states.
    states: BTreeMap<u32, u8>,
    /// What metadata came with states.
    metadata: BTreeMap<u32, Value>,
    /// Frames of states that came live.
    state_frames: usize,
    /// Payloads of metrics.
    metrics: Vec<Vec<u8>>,
    /// Events and messages in JSON, each once.
    told: Vec<Value>,
}

impl Screen {
    /// A viewer of both protocols that wants to know everything.
    fn of(server: &TestServer, stream: &str) -> Self {
        let mut client = server.connect(&format!("stream={stream}"));
        let capabilities = ["binary", "json", "state-metadata", "agent-index"];
        client.shake_hands(&capabilities, Some("viewer"));
        Self {
            client,
            dots: swarm::Swarm::default(),
            states: BTreeMap::new(),
            metadata: BTreeMap::new(),
            state_frames: 0,
            metrics: Vec::new(),
            told: Vec::new(),
        }
    }

    fn take(&mut self) {
        for message in self.client.settle() {
            match message {
                Message::Binary(bytes) => self.take_frame(&Frame::read(&bytes)),
                Message::Text(text) => self.told.push(serde_json::from_str(&text).unwrap()),
                other => panic!("neither a frame nor text: {other:?}"),
            }
        }
    }

    fn take_frame(&mut self, frame: &Frame) {
        match frame.kind {
            POSITION_UPDATE => self.dots.apply(&frame.records()),
            STATE_BATCH => {
                self.state_frames += usize::from(!frame.has(KEYFRAME));
                for (id, state, metadata) in frame.states() {
                    self.states.insert(id, state);
                    if let Some(text) = metadata {
                        let metadata = serde_json::from_str(&text).unwrap();
                        self.metadata.insert(id, metadata);
                    }
                }
            }
            PERFORMANCE_METRICS => self.metrics.push(frame.payload.clone()),
            _ => panic!("{frame:?}"),
        }
    }

    /// Takes what comes until `look` finds something.
    fn until<T>(&mut self, what: &str, look: impl Fn(&Self) -> Option<T>) -> T {
        eventually(what, || {
            self.take();
            look(self)
        })
    }

    /// Waits until the agent of that number is in that state.
    fn until_state(&mut self, id: u32, state: u8) {
        let what = format!("{id} turns to {state}");
        self.until(&what, |screen| {
            (screen.states.get(&id) == Some(&state)).then_some(())
        });
    }

    fn all(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let told = self.told.iter().filter(move |one| one["type"] == kind);
        told.map(|one| &one["payload"])
    }

    /// Waits for a message of this kind.
    fn until_told(&mut self, kind: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        self.until(kind, |screen| {
            screen.all(kind).find(|one| is_it(one)).cloned()
        })
    }

    /// What the index and its changes say of an agent by now.
    fn entry(&self, agent: &str) -> Option<Value> {
        let entries = self.all("agent.index");
        let entries = entries.flat_map(|index| index["agents"].as_array().unwrap());
        entries
            .filter(|entry| entry["agentId"] == agent)
            .last()
            .cloned()
    }
}

fn register(rest: &mut Rest, agent: &str, stream: &str) -> u32 {
    let registration = json!({
        "id": agent, "type": "code_generator", "name": format!("The {agent}"),
        "capabilities": ["rust", "c"], "stream": stream, "configuration": {"max_concurrent_tasks": 3},
    });
    let target = "/api/v1/agents/register";
    let answer = rest.expect(201, "POST", target, Some(&registration));
    u32::try_from(answer["numeric_id"].as_u64().unwrap()).unwrap()
}

#[test]
fn who_registers_is_seen_with_every_change_until_it_is_removed() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let mut screen = Screen::of(&server, "main");
    let id = register(&mut rest, "gen-1", "main");
    assert_eq!(id, FIRST_NUMBER);
    screen.until_state(id, IDLE);
    let called = json!({"agentId": "gen-1", "name": "The gen-1", "type": "code_generator"});
    assert_eq!(screen.metadata[&id], called);
    let turned = screen.until_told("agent.state.changed", |_| true);
    let expected = json!({
        "agentId": "gen-1", "numericId": id, "newState": "IDLE", "reason": "registered",
    });
    assert_eq!(turned, expected);
    let entry = screen.until("an entry", |screen| screen.entry("gen-1"));
    let mut expected = called.clone();
    expected["numericId"] = id.into();
    expected["capabilities"] = json!([{"name": "rust"}, {"name": "c"}]);
    assert_eq!(entry, expected);
    screen.until("a dot", |screen| {
        screen
            .dots
            .agents
            .get(&id)
            .map(|dot| assert!(!dot.is_gone()))
    });

    let change = json!({"capabilities": ["rust", "zig"], "name": "Other"});
    rest.expect(200, "PUT", "/api/v1/agents/gen-1", Some(&change));
    for (action, name) in [("add", "zig"), ("remove", "c")] {
        let expected = json!({"agentId": "gen-1", "action": action, "capability": {"name": name}});
        screen.until_told("agent.capability.update", |told| *told == expected);
    }
    let entry = screen.until("a new name", |screen| {
        screen
            .entry("gen-1")
            .filter(|entry| entry["name"] == "Other")
    });
    assert_eq!(
        entry["capabilities"],
        json!([{"name": "rust"}, {"name": "zig"}])
    );
    assert_eq!(screen.metadata[&id]["name"], "Other");

    let error = json!({"status": "error"});
    rest.expect(200, "PUT", "/api/v1/agents/gen-1", Some(&error));
    let turned = screen.until_told("agent.state.changed", |told| told["newState"] == "ERROR");
    assert_eq!(turned["previousState"], "IDLE");
    assert!(turned["reason"].is_string(), "{turned}");
    screen.until_state(id, 4);

    rest.expect(204, "DELETE", "/api/v1/agents/gen-1", None);
    let removed = screen.until_told("agent.removed", |_| true);
    assert_eq!(removed, json!({"agentId": "gen-1", "numericId": id}));
    screen.until("no dot", |screen| {
        (!screen.dots.agents.contains_key(&id)).then_some(())
    });
    let mut late = Screen::of(&server, "main");
    late.until_told("agent.index", |index| index["agents"] == json!([]));
    assert!(late.states.is_empty() && late.dots.agents.is_empty());
}

/// A removal in frames is NaN, bit by bit, for who knows document C alone.
#[test]
fn the_bytes_are_those_of_document_c() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let mut viewer = server.viewer("main");
    assert_eq!(swarm::state_tick(&mut viewer), []);
    let id = register(&mut rest, "gen-1", "main");
    let mut frames = [viewer.binary(), viewer.binary()].map(|bytes| Frame::read(&bytes));
    frames.sort_by_key(|frame| frame.kind);
    let dot = frames[0].records();
    assert_eq!((dot.len(), dot[0].id, dot[0].is_gone()), (1, id, false));
    assert_eq!(frames[1].states(), [(id, IDLE, None)], "the bare six bytes");
    rest.expect(204, "DELETE", "/v1/agents/gen-1", None);
    let gone = Record {
        id,
        bits: [GONE, 0, 0, 0, 0, 0],
    };
    assert_eq!(swarm::next_tick(&mut viewer).records, [gone]);
}

#[test]
fn work_turns_an_agent_and_a_command_pauses_it() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let mut screen = Screen::of(&server, "main");
    let id = register(&mut rest, "gen-1", "main");
    screen.until_state(id, IDLE);
    let task = json!({"type": "analysis", "agent_id": "gen-1", "priority": "high"});
    let task = rest.expect(201, "POST", "/api/v1/tasks", Some(&task));
    let target = format!("/api/v1/tasks/{}", task["id"].as_str().unwrap());
    let sent = screen.until_told("message.sent", |_| true);
    let expected = json!({
        "messageId": task["id"], "from": {"id": "agnt"}, "to": [{"id": "gen-1"}],
        "messageType": "TASK", "priority": "HIGH",
        "content": {"taskId": task["id"], "taskType": "analysis"},
    });
    assert_eq!(sent, expected);
    for status in ["in_progress", "completed"] {
        let change = json!({"status": status, "agent_id": "gen-1"});
        rest.expect(200, "PATCH", &target, Some(&change));
    }
    screen.until("both turns", |screen| {
        let turns = screen.all("agent.state.changed");
        let turns: Vec<_> = turns.map(|turn| turn["newState"].clone()).collect();
        (turns == ["IDLE", "EXECUTING", "IDLE"]).then_some(())
    });
    let pause = json!({"command_type": "pause"});
    let target = "/v1/agents/gen-1/commands";
    rest.expect(202, "POST", target, Some(&pause));
    screen.until_state(id, PAUSED);
    let turned = screen.until_told("agent.state.changed", |told| told["newState"] == "PAUSED");
    assert_eq!(
        (&turned["previousState"], &turned["reason"]),
        (&json!("IDLE"), &json!("paused"))
    );
    assert_ne!(BUSY, PAUSED);
}

#[test]
fn heartbeats_are_metrics() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let mut screen = Screen::of(&server, "main");
    let id = register(&mut rest, "gen-1", "main");
    let heartbeat = json!({
        "agent_id": "gen-1", "status": "idle",
        "resource_usage": {"cpu_percent": 25.0, "memory_mb": 1000},
    });
    let target = "/v1/agents/gen-1/heartbeat";
    rest.expect(200, "POST", target, Some(&heartbeat));
    let figures = screen.until("figures", |screen| screen.metrics.first().cloned());
    let float = |at| f32::from_bits(u32_at(&figures, at));
    assert_eq!(figures.len(), 28, "one record and no count");
    assert_eq!((u32_at(&figures, 0), u32_at(&figures, 4)), (id, 0));
    assert_eq!((float(8), float(12), float(16)), (1.0, 0.0, 25.0));
    assert_eq!(u64_at(&figures, 20), 1_000_000_000);
    let told = screen.until_told("agent.performance.update", |_| true);
    assert_eq!(
        (&told["agentId"], &told["numericId"]),
        (&json!("gen-1"), &json!(id))
    );
    assert_eq!(told["metrics"]["resourceUtilization"], 0.25, "{told}");
    let bare = json!({"agent_id": "gen-1", "status": "idle"});
    rest.expect(200, "POST", target, Some(&bare));
    screen.take();
    assert_eq!(
        screen.metrics.len(),
        1,
        "a heartbeat without figures is none"
    );
    let mut late = Screen::of(&server, "main");
    late.until("figures of the state", |screen| {
        screen.metrics.first().cloned()
    });
}

#[test]
fn who_comes_later_finds_them_whether_the_stream_was_watched_or_not() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let first = register(&mut rest, "gen-1", "north");
    let second = register(&mut rest, "gen-2", "south");
    for (stream, agent, id) in [("north", "gen-1", first), ("south", "gen-2", second)] {
        for _ in 0..2 {
            let mut viewer = server.viewer(stream);
            let dots = swarm::state_tick(&mut viewer);
            assert_eq!(dots.iter().map(|dot| dot.id).collect::<Vec<_>>(), [id]);
            let frame = Frame::read(&viewer.binary());
            assert_eq!(
                (frame.flags, frame.states()),
                (KEYFRAME, vec![(id, IDLE, None)])
            );
            assert_eq!(viewer.settle(), [], "and nothing of the other stream");
        }
        let mut screen = Screen::of(&server, stream);
        let entry = screen.until("an entry", |screen| screen.entry(agent));
        assert_eq!(entry["numericId"], id);
    }
    assert_eq!(swarm::state_tick(&mut server.viewer("main")), []);
}

#[test]
fn a_move_to_another_stream_is_seen_on_both() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    let (mut north, mut south) = (Screen::of(&server, "north"), Screen::of(&server, "south"));
    let id = register(&mut rest, "gen-1", "north");
    north.until_state(id, IDLE);
    let again = json!({
        "id": "gen-1", "type": "code_generator", "capabilities": ["rust"], "stream": "south",
    });
    rest.expect(200, "POST", "/api/v1/agents/register", Some(&again));
    north.until("no dot", |screen| {
        (!screen.dots.agents.contains_key(&id)).then_some(())
    });
    south.until_state(id, IDLE);
    south.until("a dot", |screen| screen.dots.agents.get(&id).map(|_| ()));
}

#[test]
fn they_are_there_after_a_restart_and_outlive_silence() {
    let data = tempfile::tempdir().unwrap();
    let start = || {
        TestServer::with(|config| {
            config.data_dir = data.path().to_owned();
            config.agent_ttl_s = 1;
        })
    };
    let server = start();
    let mut rest = Rest::to(server.address);
    let id = register(&mut rest, "gen-1", "main");
    let offline = json!({"status": "offline"});
    rest.expect(200, "PUT", "/api/v1/agents/gen-1", Some(&offline));
    drop(rest);
    drop(server);
    let server = start();
    let mut screen = Screen::of(&server, "main");
    screen.until_state(id, OFFLINE);
    // An agent that nobody answers for goes after that silence; its end is what is waited for.
    let mut publisher = server.publisher("main");
    eventually("the other", || {
        let other = [Record::counted(5, 1)];
        publisher.send_binary(&crate::support::wire::positions(0, &other));
        screen.take();
        screen.dots.agents.get(&5).map(|_| ())
    });
    screen.until("its end", |screen| {
        (!screen.dots.agents.contains_key(&5)).then_some(())
    });
    assert!(
        screen.dots.agents.contains_key(&id),
        "the registered one stays"
    );
    assert_eq!(screen.states[&id], OFFLINE);
    let next = register(&mut Rest::to(server.address), "gen-2", "main");
    assert!(next > id);
    screen.until_state(next, IDLE);
}

#[test]
fn messages_between_agents_are_edges_and_those_of_nobody_are_not() {
    let server = TestServer::start();
    let mut rest = Rest::to(server.address);
    for agent in ["gen-1", "gen-2"] {
        register(&mut rest, agent, "main");
    }
    let mut screen = Screen::of(&server, "main");
    let mut graph = Client::connect(server.address, "/api/graph/ws?protocols=json");
    let target = "/v1/agents/gen-2/message";
    let nameless = json!({"text": "hello"});
    rest.expect(202, "POST", target, Some(&nameless));
    let sent = screen.until_told("message.sent", |_| true);
    assert_eq!(sent["from"]["id"], "agnt", "{sent}");
    let mut agent = Client::connect(server.address, "/api/v1/ws?agent_id=gen-1");
    let request = json!({"request": {
        "id": "req-1", "type": "analyze", "target": "gen-2", "data": {}, "timeout": 30,
    }});
    let mut asked = Client::connect(server.address, "/api/v1/ws?agent_id=gen-2");
    for session in [&mut agent, &mut asked] {
        session.settle();
    }
    agent.send_text(&request.to_string());
    let sent = screen.until_told("message.sent", |sent| sent["messageType"] == "REQUEST");
    assert_eq!(
        (&sent["from"]["id"], &sent["to"]),
        (&json!("gen-1"), &json!([{"id": "gen-2"}]))
    );
    let edges = eventually("an edge", || {
        let edges: Vec<Value> = graph
            .settle()
            .iter()
            .filter_map(|message| match message {
                Message::Text(text) => serde_json::from_str::<Value>(text).ok(),
                _ => None,
            })
            .flat_map(|message| {
                message["payload"]["edges"]
                    .as_array()
                    .cloned()
                    .unwrap_or_default()
            })
            .collect();
        (!edges.is_empty()).then_some(edges)
    });
    let text = serde_json::to_string(&edges).unwrap();
    assert!(text.contains("gen-1") && text.contains("gen-2"), "{text}");
    assert!(!text.contains("\"agnt\""), "{text}");
}

#[test]
fn ten_thousand_registrations_are_few_frames_and_none_is_lost() {
    const AGENTS: usize = 10_000;
    let server = TestServer::with(|config| config.rate_limit = 0);
    let mut screen = Screen::of(&server, "main");
    screen.take();
    let address = server.address;
    let registering: Vec<_> = (0..8)
        .map(|part| {
            std::thread::spawn(move || {
                let mut rest = Rest::to(address);
                for nth in (part..AGENTS).step_by(8) {
                    let registration =
                        json!({"agent_id": format!("a{nth}"), "capabilities": ["x"]});
                    rest.expect(201, "POST", "/v1/agents", Some(&registration));
                }
            })
        })
        .collect();
    while !registering.iter().all(std::thread::JoinHandle::is_finished) {
        screen.take();
    }
    screen.until("all of them", |screen| {
        (screen.states.len() == AGENTS && screen.dots.agents.len() == AGENTS).then_some(())
    });
    for registering in registering {
        registering.join().unwrap();
    }
    let numbers = FIRST_NUMBER..FIRST_NUMBER + AGENTS as u32;
    assert!(screen.states.keys().copied().eq(numbers.clone()));
    assert!(screen.dots.agents.keys().copied().eq(numbers));
    let names = |screen: &Screen| -> BTreeSet<String> {
        let names = screen.metadata.values();
        names
            .map(|one| one["agentId"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(names(&screen).len(), AGENTS);
    assert!(screen.state_frames < AGENTS, "{}", screen.state_frames);
    screen.until("each turn", |screen| {
        (screen.all("agent.state.changed").count() == AGENTS).then_some(())
    });
    let mut late = Screen::of(&server, "main");
    late.until("the whole state", |screen| {
        (screen.states.len() == AGENTS && screen.dots.agents.len() == AGENTS).then_some(())
    });
    assert_eq!(names(&late), names(&screen));
}
