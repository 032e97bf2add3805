//! Registered agents as a hub tells of them, by a registry of the tests' own.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use agnt_codec::{AgentMetrics, StateCode};
use serde_json::{Value, json};

use super::super::registry::{News, Registered, Registry, Turn};
use super::super::rig::{Rig, message};
use crate::control::SessionPath;
use crate::domain::StreamName;
use crate::engine::Lane;

const FIRST: u32 = 0x1000_0000;

#[derive(Clone, Debug)]
struct Row {
    id: String,
    numeric_id: u32,
    stream: &'static str,
    state: StateCode,
    capabilities: Vec<String>,
}

impl Registered for Row {
    fn id(&self) -> &str {
        &self.id
    }
    fn numeric_id(&self) -> u32 {
        self.numeric_id
    }
    fn stream(&self) -> &str {
        self.stream
    }
    fn name(&self) -> Option<&str> {
        Some("The one")
    }
    fn kind(&self) -> Option<&str> {
        None
    }
    fn state(&self) -> StateCode {
        self.state
    }
    fn capabilities(&self) -> &[String] {
        &self.capabilities
    }
}

/// The registry: rows, and who is to be told of again.
#[derive(Debug, Default)]
struct Rows {
    rows: Mutex<BTreeMap<String, Row>>,
    reminded: Mutex<usize>,
}

impl Rows {
    fn put(&self, row: Row) {
        self.rows.lock().expect("whole").insert(row.id.clone(), row);
    }

    fn change(&self, agent: &str, change: impl FnOnce(&mut Row)) {
        change(
            self.rows
                .lock()
                .expect("whole")
                .get_mut(agent)
                .expect("known"),
        );
    }
}

impl Registry for Rows {
    fn of_stream(&self, stream: &StreamName) -> Vec<Arc<dyn Registered>> {
        let rows = self.rows.lock().expect("whole");
        let here = rows.values().filter(|row| row.stream == stream.as_str());
        here.map(|row| Arc::new(row.clone()) as Arc<dyn Registered>)
            .collect()
    }

    fn find(&self, agents: &[&str]) -> Vec<Option<Arc<dyn Registered>>> {
        let rows = self.rows.lock().expect("whole");
        let find = |agent: &&str| Some(Arc::new(rows.get(*agent)?.clone()) as Arc<dyn Registered>);
        agents.iter().map(find).collect()
    }

    fn metrics(&self, _agents: &[&dyn Registered]) -> Vec<AgentMetrics> {
        Vec::new()
    }

    fn remind(&self, agents: &[Arc<dyn Registered>]) {
        *self.reminded.lock().expect("whole") += agents.len();
    }
}

fn row(nth: u32) -> Row {
    Row {
        id: format!("gen-{nth}"),
        numeric_id: FIRST + nth,
        stream: "main",
        state: StateCode::IDLE,
        capabilities: vec!["rust".to_owned()],
    }
}

fn news(agent: &str) -> News {
    News {
        agent: agent.to_owned(),
        ..News::default()
    }
}

fn turn(before: StateCode, state: StateCode, reason: &str) -> Turn {
    Turn {
        before,
        state,
        reason: reason.to_owned(),
    }
}

/// Kind and payload of what was told.
fn payloads(told: &[Value], kind: &str) -> Vec<Value> {
    let told = told.iter().filter(|one| one["type"] == kind);
    told.map(|one| one["payload"].clone()).collect()
}

#[test]
fn each_turn_is_told_once_with_its_reason_and_what_is_known_is_not() {
    let (rig, rows) = (Rig::new(), Rows::default());
    let mut events = rig.reader(Lane::EventsJson);
    rows.put(row(1));
    let mut registered = news("gen-1");
    registered.is_new = true;
    rig.hub.follow(&rows, &[registered], rig.call());
    rig.hub.follow(&rows, &[news("gen-1")], rig.call());
    let states = payloads(&events.json(&rig), "agent.state.changed");
    let expected = json!({
        "agentId": "gen-1", "numericId": FIRST + 1, "newState": "IDLE", "reason": "registered",
    });
    assert_eq!(states, [expected]);
    let mut busy = news("gen-1");
    let turns = [
        turn(StateCode::IDLE, StateCode::BUSY, "task t-1"),
        turn(StateCode::BUSY, StateCode::IDLE, "no task left"),
    ];
    busy.turns = turns.to_vec();
    rig.hub.follow(&rows, &[busy.clone()], rig.call());
    let states = payloads(&events.json(&rig), "agent.state.changed");
    let told: Vec<_> = states
        .iter()
        .map(|one| (&one["previousState"], &one["newState"], &one["reason"]))
        .collect();
    let texts = ["IDLE", "EXECUTING", "task t-1", "no task left"].map(|text| json!(text));
    let [idle, executing, task, none] = &texts;
    assert_eq!(told, [(idle, executing, task), (executing, idle, none)]);
    // The agent's own session was first: the registry says the same a moment later.
    let agent = rig.join("gen-1", SessionPath::Visualisation);
    let own = r#"{"agentId":"gen-1","newState":"EXECUTING"}"#;
    rig.tell(&agent, &message("agent.state.changed", "m-1", own));
    assert_eq!(events.json(&rig).len(), 1);
    rig.tell(
        &agent,
        &message(
            "agent.state.changed",
            "m-2",
            &own.replace("EXECUTING", "ERROR"),
        ),
    );
    assert_eq!(events.json(&rig).len(), 1);
    rows.change("gen-1", |row| row.state = StateCode::ERROR);
    busy.turns[1] = turn(StateCode::BUSY, StateCode::ERROR, "its own word");
    rig.hub.follow(&rows, &[busy], rig.call());
    assert_eq!(events.json(&rig), Vec::<Value>::new());
}

#[test]
fn capabilities_are_told_by_their_difference_and_no_session_is_echoed() {
    let (rig, rows) = (Rig::new(), Arc::new(Rows::default()));
    rows.put(row(1));
    rig.hubs.look_into(rows.clone(), rig.now);
    let mut events = rig.reader(Lane::EventsJson);
    rig.hub.agent_index(rig.call());
    let agent = rig.join("gen-1", SessionPath::Visualisation);
    let own = r#"{"agentId":"gen-1","action":"add","capability":{"name":"c","level":4}}"#;
    rig.tell(&agent, &message("agent.capability.update", "m-1", own));
    assert_eq!(events.json(&rig).len(), 1);
    let now = ["c", "zig"].map(str::to_owned).to_vec();
    rows.change("gen-1", |row| row.capabilities = now);
    rig.hub.follow(rows.as_ref(), &[news("gen-1")], rig.call());
    let told = payloads(&events.json(&rig), "agent.capability.update");
    let update =
        |action, name| json!({"agentId":"gen-1","action":action,"capability":{"name":name}});
    assert_eq!(told, [update("add", "zig"), update("remove", "rust")]);
    let (texts, _) = rig.hub.agent_index(rig.call());
    let index: Value = serde_json::from_str(&texts[0]).expect("JSON");
    let expected = json!([{
        "agentId": "gen-1", "name": "The one", "numericId": FIRST + 1,
        "capabilities": [{"name": "c", "level": 4}, {"name": "zig"}],
    }]);
    assert_eq!(
        index["payload"]["agents"], expected,
        "with all that was told"
    );
}

#[test]
fn who_went_and_came_again_has_another_number() {
    let (rig, rows) = (Rig::new(), Rows::default());
    rig.join("viewer", SessionPath::Visualisation);
    rows.put(row(1));
    rig.hub.follow(&rows, &[news("gen-1")], rig.call());
    rig.hub.agent_index(rig.call());
    rig.tick();
    let mut index = rig.reader(Lane::AgentIndex);
    index.json(&rig);
    rows.change("gen-1", |row| row.numeric_id = FIRST + 2);
    rig.hub.follow(&rows, &[news("gen-1")], rig.call());
    let told = index.json(&rig);
    let removed = json!({"agentId": "gen-1", "numericId": FIRST + 1});
    assert_eq!(payloads(&told, "agent.removed"), [removed]);
    assert_eq!(
        told[0]["type"], "agent.removed",
        "before the new one is named"
    );
    let named = &payloads(&told, "agent.index")[0]["agents"][0];
    assert_eq!(named["numericId"], FIRST + 2);
    assert_eq!(rig.hub.stream().numeric_id_of("gen-1"), Some(FIRST + 2));
    rows.change("gen-1", |row| row.state = StateCode::BUSY);
    let mut events = rig.reader(Lane::EventsJson);
    rig.hub.release(&rows, &["gen-1"], rig.call());
    rig.hub.follow(&rows, &[news("gen-1")], rig.call());
    let states = payloads(&events.json(&rig), "agent.state.changed");
    assert_eq!(states[0]["newState"], "EXECUTING", "it is still here");
    rows.change("gen-1", |row| row.stream = "other");
    rig.hub.release(&rows, &["gen-1", "gen-9"], rig.call());
    let told = payloads(&index.json(&rig), "agent.removed");
    assert_eq!(told[0]["numericId"], FIRST + 2);
}

#[test]
fn a_hub_that_is_opened_knows_them_and_is_forgotten_with_them() {
    let (mut rig, rows) = (Rig::new(), Rows::default());
    rows.put(Row {
        stream: "other",
        ..row(1)
    });
    rig.hubs.look_into(Arc::new(rows), rig.now);
    let name = StreamName::parse("other").expect("a name");
    let hub = rig.hubs.open(&name, rig.now).expect("room");
    assert!(hub.stream().knows_agent(FIRST + 1));
    drop(hub);
    rig.hubs.sweep(rig.now);
    rig.advance_ms(31_000);
    rig.hubs.sweep(rig.now);
    assert!(rig.hubs.find(&name).is_none(), "who comes finds them anew");
    let hub = rig.hubs.open(&name, rig.now).expect("room");
    assert!(hub.stream().knows_agent(FIRST + 1));
}
