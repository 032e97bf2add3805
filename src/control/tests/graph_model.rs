//! The graph beside a plain model: whoever joined at any point, and applied what came since, has
//! what the model has, in JSON and in frames.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const NAMES: [&str; 6] = ["1", "2", "3", "x", "y", "z"];

/// The numeric id of a name in frames; some have none.
fn numeric(name: &str) -> Option<u32> {
    name.parse().ok()
}

#[derive(Clone, Debug)]
enum Step {
    Message(usize, usize),
    Update(Value),
    Wait(u64),
    Tick,
    Join(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let name = || (0..NAMES.len()).prop_map(|name| NAMES[name]);
    let node = (name(), option::of(0..3)).prop_map(|(id, label)| match label {
        Some(label) => json!({ "id": id, "label": label }),
        None => json!({ "id": id }),
    });
    let pair = || (name(), name()).prop_map(|(from, to)| json!({ "from": from, "to": to }));
    let edge = (pair(), option::of(0..3), option::of(0..3)).prop_map(|(mut edge, weight, rate)| {
        edge["weight"] = weight.into();
        edge["rate"] = rate.into();
        edge
    });
    let update = (
        vec(node, 0..3),
        vec(edge, 0..3),
        vec(name(), 0..2),
        vec(pair(), 0..3),
    );
    prop_oneof![
        6 => (0..NAMES.len(), 0..NAMES.len()).prop_map(|(from, to)| Step::Message(from, to)),
        4 => update.prop_map(|(nodes, edges, removed_nodes, removed_edges)| Step::Update(json!({
            "nodes": nodes, "edges": edges,
            "removedNodes": removed_nodes, "removedEdges": removed_edges,
        }))),
        3 => prop_oneof![1..3_000_u64, 1..40_000_u64].prop_map(Step::Wait),
        4 => Just(Step::Tick),
        2 => prop_oneof![1..8_usize, Just(usize::MAX)].prop_map(Step::Join),
    ]
}

type Pair = (String, String);

fn pair_of(value: &Value) -> Pair {
    let end = |key: &str| value[key].as_str().expect("an id").to_owned();
    (end("from"), end("to"))
}

/// An edge: every message's second stays written down.
#[derive(Debug, Default)]
struct ModelEdge {
    weight: f64,
    said_rate: Option<f64>,
    messages: Vec<u64>,
    active_at: u64,
}

#[derive(Debug, Default)]
struct Model {
    nodes: BTreeMap<String, (Value, u64)>,
    edges: BTreeMap<Pair, ModelEdge>,
    second: u64,
}

impl Model {
    fn advance(&mut self, second: u64, bounds: GraphBounds) {
        if second <= self.second {
            return;
        }
        self.second = second;
        self.edges
            .retain(|_, edge| second - edge.active_at < bounds.idle_s);
        let has_edge = |id: &str| self.edges.keys().any(|(from, to)| from == id || to == id);
        self.nodes
            .retain(|id, (_, active_at)| second - *active_at < bounds.idle_s || has_edge(id));
    }

    fn speak_of(&mut self, id: &str) {
        let node = self.nodes.entry(id.to_owned());
        node.or_insert_with(|| (json!({ "id": id }), 0)).1 = self.second;
    }

    fn fits(&self, ids: &[String], pairs: &[Pair], bounds: GraphBounds) -> bool {
        let mut nodes: Vec<&String> = self.nodes.keys().chain(ids).collect();
        let mut edges: Vec<&Pair> = self.edges.keys().chain(pairs).collect();
        nodes.sort();
        nodes.dedup();
        edges.sort();
        edges.dedup();
        nodes.len() <= bounds.nodes_max && edges.len() <= bounds.edges_max
    }

    fn message(&mut self, from: &str, to: &str, bounds: GraphBounds) -> bool {
        let pair = (from.to_owned(), to.to_owned());
        let ids = [from.to_owned(), to.to_owned()];
        if !self.fits(&ids, std::slice::from_ref(&pair), bounds) {
            return false;
        }
        for id in &ids {
            self.speak_of(id);
        }
        let edge = self.edges.entry(pair).or_default();
        edge.weight += 1.0;
        edge.said_rate = None;
        edge.messages.push(self.second);
        edge.active_at = self.second;
        true
    }

    fn update(&mut self, update: &Value, bounds: GraphBounds) -> bool {
        let list = |key: &str| update[key].as_array().expect("a list").clone();
        let pairs: Vec<Pair> = list("edges").iter().map(pair_of).collect();
        let ids = list("nodes")
            .iter()
            .map(|node| node["id"].as_str().expect("an id").to_owned())
            .chain(
                pairs
                    .iter()
                    .flat_map(|(from, to)| [from.clone(), to.clone()]),
            )
            .collect::<Vec<_>>();
        if !self.fits(&ids, &pairs, bounds) {
            return false;
        }
        for gone in list("removedEdges") {
            self.edges.remove(&pair_of(&gone));
        }
        for gone in list("removedNodes") {
            let gone = gone.as_str().expect("an id");
            self.nodes.remove(gone);
            self.edges
                .retain(|(from, to), _| from != gone && to != gone);
        }
        for node in list("nodes") {
            let id = node["id"].as_str().expect("an id").to_owned();
            self.nodes.insert(id, (node, self.second));
        }
        for said in list("edges") {
            let pair = pair_of(&said);
            for id in [&pair.0, &pair.1] {
                self.speak_of(id);
            }
            let edge = self.edges.entry(pair).or_insert_with(|| ModelEdge {
                weight: 1.0,
                ..ModelEdge::default()
            });
            edge.weight = said["weight"].as_f64().unwrap_or(edge.weight);
            edge.said_rate = said["rate"].as_f64().or(edge.said_rate);
            edge.active_at = self.second;
        }
        true
    }

    fn view(&self) -> View {
        let rate = |edge: &ModelEdge| {
            let of_late = edge.messages.iter().filter(|at| **at + 10 > self.second);
            edge.said_rate.unwrap_or(of_late.count() as f64 / 10.0)
        };
        let edges = self.edges.iter();
        let nodes = self.nodes.iter();
        View {
            nodes: nodes
                .map(|(id, (node, _))| (id.clone(), node.clone()))
                .collect(),
            edges: edges
                .map(|(pair, edge)| (pair.clone(), (edge.weight, rate(edge))))
                .collect(),
        }
    }
}

/// What one who reads JSON knows.
#[derive(Clone, Debug, Default, PartialEq)]
struct View {
    nodes: BTreeMap<String, Value>,
    edges: BTreeMap<Pair, (f64, f64)>,
}

impl View {
    fn apply(&mut self, text: &[u8]) {
        let message: Value = serde_json::from_slice(text).expect("JSON");
        let payload = &message["payload"];
        if message["type"] == "graph.snapshot" && payload["part"].as_u64().unwrap_or(1) == 1 {
            *self = Self::default();
        }
        let list = |key: &str| payload[key].as_array().cloned().unwrap_or_default();
        for node in list("nodes") {
            let id = node["id"].as_str().expect("an id").to_owned();
            self.nodes.insert(id, node);
        }
        for edge in list("edges") {
            let number = |key: &str| edge[key].as_f64().expect("a number");
            self.edges
                .insert(pair_of(&edge), (number("weight"), number("rate")));
        }
        for gone in list("removedEdges") {
            self.edges.remove(&pair_of(&gone));
        }
        for gone in list("removedNodes") {
            self.nodes.remove(gone.as_str().expect("an id"));
        }
    }
}

/// What one who reads frames knows.
#[derive(Clone, Debug, Default, PartialEq)]
struct FrameView {
    edges: BTreeMap<(u32, u32), (f32, f32)>,
    /// Whether a snapshot has begun and its last frame has not come.
    is_in_snapshot: bool,
}

impl FrameView {
    fn apply(&mut self, frames: &[Vec<u8>]) {
        for frame in frames {
            assert_eq!((&frame[..5], frame.len() % 16), (&b"AGNT\x11"[..], 12));
            let (is_key, has_more) = (frame[5] & 0x10 > 0, frame[5] & 0x08 > 0);
            if is_key && !self.is_in_snapshot {
                self.edges.clear();
            }
            self.is_in_snapshot = is_key && has_more;
            for record in frame[12..].chunks(16) {
                let word = |at: usize| {
                    let bytes = record[at..at + 4].try_into().expect("four bytes");
                    u32::from_le_bytes(bytes)
                };
                let (weight, rate) = (f32::from_bits(word(8)), f32::from_bits(word(12)));
                if weight.is_nan() {
                    self.edges.remove(&(word(0), word(4)));
                } else {
                    self.edges.insert((word(0), word(4)), (weight, rate));
                }
            }
        }
    }

    /// What frames can hold of a view.
    fn of(view: &View) -> Self {
        let edges = view
            .edges
            .iter()
            .filter_map(|((from, to), (weight, rate))| {
                let strength = (*weight as f32, *rate as f32);
                Some(((numeric(from)?, numeric(to)?), strength))
            });
        Self {
            edges: edges.collect(),
            is_in_snapshot: false,
        }
    }
}

/// Somebody who joined. Until the last part of the snapshot has come, what changes waits.
struct Reader {
    /// Whether the snapshot came in one part: then no edge is ever known without its ends.
    is_whole: bool,
    view: View,
    frame_view: FrameView,
    next_part: Option<(SnapshotPlace, usize)>,
    waiting: Vec<GraphChange>,
}

impl Reader {
    fn join(graph: &Graph, items_max: usize) -> Self {
        let mut reader = Self {
            is_whole: items_max == usize::MAX,
            view: View::default(),
            frame_view: FrameView::default(),
            next_part: Some((SnapshotPlace::default(), items_max)),
            waiting: Vec::new(),
        };
        reader.take_part(graph);
        reader
    }

    fn take(&mut self, change: &GraphChange) {
        let mut text = Vec::new();
        change.write_text(1, &mut text);
        self.view.apply(&text);
        let mut ends = self.view.edges.keys().flat_map(|(from, to)| [from, to]);
        assert!(!self.is_whole || ends.all(|end| self.view.nodes.contains_key(end)));
        self.frame_view.apply(&change.frames(numeric));
    }

    fn take_part(&mut self, graph: &Graph) {
        if let Some((place, items_max)) = self.next_part {
            let (part, next) = graph.snapshot_part(place, items_max);
            self.take(&part);
            self.next_part = next.map(|place| (place, items_max));
        }
        if self.next_part.is_none() {
            for change in std::mem::take(&mut self.waiting) {
                self.take(&change);
            }
        }
    }
}

fn tick(graph: &mut Graph, readers: &mut [Reader], now: Instant) -> bool {
    let change = graph.tick(now);
    for reader in readers {
        reader.waiting.extend(change.clone());
        reader.take_part(graph);
    }
    let items = change.as_ref().map_or(0, GraphChange::items);
    assert!(items <= graph.bounds.delta_items_max);
    change.is_some()
}

fn payload(update: &Value) -> Box<serde_json::value::RawValue> {
    serde_json::value::to_raw_value(update).expect("JSON")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn who_joins_at_any_point_and_applies_what_comes_has_the_graph(
        steps in vec(step(), 0..80),
        nodes_max in 3..7_usize,
        edges_max in 2..20_usize,
        delta_items_max in 1..9_usize,
    ) {
        let bounds = GraphBounds { nodes_max, edges_max, idle_s: 60, delta_items_max };
        let (mut graph, start) = (Graph::new(bounds), Instant::now());
        graph.tick(start);
        let (mut model, mut readers, mut now_ms) = (Model::default(), Vec::new(), 0);
        for step in steps {
            let now = start + Duration::from_millis(now_ms);
            match step {
                Step::Message(from, to) => {
                    model.advance(now_ms / 1000, bounds);
                    let (from, to) = (NAMES[from], NAMES[to]);
                    let has_room = graph.note_message(from, to, now);
                    prop_assert_eq!(has_room, model.message(from, to, bounds));
                }
                Step::Update(update) => {
                    model.advance(now_ms / 1000, bounds);
                    let raw = payload(&update);
                    let fields = Fields::read("payload", &raw).expect("an object");
                    let applied = graph.update(&fields, now).is_ok();
                    prop_assert_eq!(applied, model.update(&update, bounds));
                }
                Step::Wait(ms) => now_ms += ms,
                Step::Tick => {
                    model.advance(now_ms / 1000, bounds);
                    tick(&mut graph, &mut readers, now);
                }
                Step::Join(items_max) => readers.push(Reader::join(&graph, items_max)),
            }
        }
        model.advance(now_ms / 1000, bounds);
        let now = start + Duration::from_millis(now_ms);
        readers.push(Reader::join(&graph, usize::MAX));
        while tick(&mut graph, &mut readers, now)
            || readers.iter().any(|reader| reader.next_part.is_some())
        {}
        readers.push(Reader::join(&graph, usize::MAX));
        let expected = model.view();
        for reader in &readers {
            prop_assert_eq!(&reader.view, &expected);
            prop_assert_eq!(&reader.frame_view, &FrameView::of(&expected));
        }
    }
}
