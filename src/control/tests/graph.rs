//! The graph by example: what counts, what is refused, what goes.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;

use super::*;
use crate::control::graph_change::GraphScope;

fn update(graph: &mut Graph, text: &str, now: Instant) -> Result<(), Refusal> {
    let raw: Box<RawValue> = serde_json::from_str(text).expect("JSON");
    let payload = Fields::read("payload", &raw).expect("an object");
    graph.update(&payload, now)
}

/// The edges of a change as `from>to weight rate`.
fn edges(change: Option<&GraphChange>) -> Vec<String> {
    let edges = change.into_iter().flat_map(|change| &change.edges);
    let told = edges.map(|edge| format!("{}>{} {} {}", edge.from, edge.to, edge.weight, edge.rate));
    told.collect()
}

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

#[test]
fn messages_count_in_weight_and_rate_and_the_rate_falls_by_itself() {
    let (mut graph, start) = (Graph::default(), Instant::now());
    for second in [0, 0, 4] {
        assert!(graph.note_message("a", "b", after(start, second)));
    }
    let delta = graph.tick(after(start, 4)).expect("news");
    assert_eq!(edges(Some(&delta)), ["a>b 3 0.3"]);
    assert_eq!(delta.nodes.len(), 2);
    assert_eq!(
        graph.tick(after(start, 9)),
        None,
        "all three are within the last ten seconds"
    );
    let delta = graph.tick(after(start, 10));
    assert_eq!(edges(delta.as_ref()), ["a>b 3 0.1"]);
    let delta = graph.tick(after(start, 14));
    assert_eq!(edges(delta.as_ref()), ["a>b 3 0"]);
    assert_eq!(graph.tick(after(start, 299)), None);
}

#[test]
fn an_update_says_weight_and_rate_until_a_message_measures_again() {
    let (mut graph, start) = (Graph::default(), Instant::now());
    let text =
        r#"{"edges":[{"from":"a","to":"b","weight":2.5,"rate":9},{"source":"b","target":"a"}]}"#;
    update(&mut graph, text, start).expect("room");
    let delta = graph.tick(start);
    assert_eq!(edges(delta.as_ref()), ["a>b 2.5 9", "b>a 1 0"]);
    update(&mut graph, text, after(start, 1)).expect("room");
    assert_eq!(graph.tick(after(start, 1)), None, "nothing is new");
    graph.note_message("a", "b", after(start, 2));
    let delta = graph.tick(after(start, 2));
    assert_eq!(edges(delta.as_ref()), ["a>b 3.5 0.1"]);
}

#[test]
fn what_nobody_speaks_of_for_five_minutes_goes() {
    let (mut graph, start) = (Graph::default(), Instant::now());
    graph.note_message("a", "b", start);
    update(&mut graph, r#"{"nodes":[{"id":"d","label":"D"}]}"#, start).expect("room");
    graph.note_message("b", "c", after(start, 100));
    graph.tick(after(start, 100));
    let delta = graph.tick(after(start, 300)).expect("news");
    assert_eq!(delta.gone_edges, [("a".into(), "b".into())]);
    assert_eq!(
        delta.gone_nodes,
        ["a", "d"].map(Arc::<str>::from),
        "b has another edge"
    );
    let delta = graph.tick(after(start, 400)).expect("news");
    assert_eq!(delta.gone_edges, [("b".into(), "c".into())]);
    assert_eq!(graph.size(), (0, 0));
}

#[test]
fn a_node_goes_with_its_edges() {
    let (mut graph, start) = (Graph::default(), Instant::now());
    for (from, to) in [("a", "b"), ("b", "a"), ("a", "a"), ("b", "c")] {
        graph.note_message(from, to, start);
    }
    update(&mut graph, r#"{"removedNodes":["a","nobody"]}"#, start).expect("room");
    assert_eq!(graph.size(), (2, 1));
    let delta = graph.tick(start).expect("news");
    assert_eq!(edges(Some(&delta)), ["b>c 1 0.1"]);
    assert_eq!(
        (delta.gone_edges.len(), &delta.gone_nodes[..]),
        (3, &["a".into()][..])
    );
    // What is removed and said in one update is there.
    let text = r#"{"removedNodes":["b"],"edges":[{"from":"b","to":"c","weight":5}]}"#;
    update(&mut graph, text, start).expect("room");
    let delta = graph.tick(start).expect("news");
    assert_eq!(edges(Some(&delta)), ["b>c 5 0"]);
    assert!(delta.gone_nodes.is_empty() && delta.gone_edges.is_empty());
}

#[test]
fn beyond_the_bounds_messages_are_counted_and_updates_refused_whole() {
    let bounds = GraphBounds {
        nodes_max: 3,
        edges_max: 2,
        ..GraphBounds::default()
    };
    let (mut graph, start) = (Graph::new(bounds), Instant::now());
    assert!(graph.note_message("a", "b", start) && graph.note_message("a", "c", start));
    assert!(graph.note_message("a", "b", start), "it is there");
    assert!(!graph.note_message("b", "a", start) && !graph.note_message("a", "d", start));
    assert_eq!((graph.refused(), graph.size()), (2, (3, 2)));
    let text = r#"{"removedEdges":[{"from":"a","to":"b"}],"nodes":[{"id":"x"},{"id":"x"}]}"#;
    let refusal = update(&mut graph, text, start).expect_err("full");
    assert_eq!(
        refusal.to_string(),
        "RATE_LIMIT_EXCEEDED: payload.nodes: 1 are new beside the 3 that there are; nodes_max \
         allows 3"
    );
    let text = r#"{"edges":[{"from":"c","to":"b"},{"from":"c","to":"b"},{"from":"a","to":"b"}]}"#;
    let refusal = update(&mut graph, text, start).expect_err("full");
    assert!(
        refusal.text.starts_with("payload.edges: 1 are new"),
        "{refusal}"
    );
    assert_eq!(graph.size(), (3, 2), "nothing of either was applied");
    let refusal = update(&mut graph, r#"{"nodes":[{"id":""}]}"#, start).expect_err("no id");
    assert_eq!(refusal.code.name(), "INVALID_MESSAGE");
}

#[test]
fn where_more_went_than_is_remembered_the_graph_is_told_anew() {
    let bounds = GraphBounds {
        nodes_max: 4,
        edges_max: 4,
        ..GraphBounds::default()
    };
    let (mut graph, start) = (Graph::new(bounds), Instant::now());
    graph.note_message("stays", "too", start);
    graph.tick(start);
    for round in 0..5 {
        let text = format!(r#"{{"nodes":[{{"id":"n{round}"}}]}}"#);
        update(&mut graph, &text, start).expect("room");
        let text = format!(r#"{{"removedNodes":["n{round}"]}}"#);
        update(&mut graph, &text, start).expect("room");
    }
    let anew = graph.tick(start).expect("news");
    let scope = GraphScope::Snapshot {
        part: 1,
        has_more: false,
    };
    assert_eq!(anew.scope, scope);
    assert_eq!((anew.nodes.len(), anew.items()), (2, 3));
    assert_eq!(graph.tick(start), None);
}

#[test]
fn edges_are_told_again_when_an_end_gets_its_number() {
    let (mut graph, start) = (Graph::default(), Instant::now());
    graph.note_message("a", "b", start);
    graph.note_message("b", "c", start);
    graph.note_message("c", "d", start);
    graph.tick(start);
    graph.note_numeric_id("b");
    graph.note_numeric_id("nobody");
    let delta = graph.tick(start);
    assert_eq!(edges(delta.as_ref()), ["a>b 1 0.1", "b>c 1 0.1"]);
}

#[test]
fn a_snapshot_in_parts_is_the_snapshot() {
    let (mut graph, start) = (Graph::default(), Instant::now());
    for from in 0..7 {
        graph.note_message(&format!("n{from}"), "hub", start);
    }
    update(&mut graph, r#"{"removedNodes":["n0","n3"]}"#, start).expect("room");
    let whole = graph.snapshot();
    assert_eq!((whole.nodes.len(), whole.edges.len()), (6, 5));
    for items_max in 1..14 {
        let (mut nodes, mut edges, mut parts) = (Vec::new(), Vec::new(), 0);
        let mut next = Some(SnapshotPlace::default());
        while let Some(place) = next {
            let (part, place) = graph.snapshot_part(place, items_max);
            parts += 1;
            let scope = GraphScope::Snapshot {
                part: parts,
                has_more: place.is_some(),
            };
            assert_eq!(part.scope, scope);
            assert!((1..=items_max).contains(&part.items()), "{items_max}");
            nodes.extend(part.nodes);
            edges.extend(part.edges);
            next = place;
        }
        assert_eq!((&nodes, &edges), (&whole.nodes, &whole.edges));
        assert_eq!(parts as usize, 11_usize.div_ceil(items_max));
    }
}
