//! What a graph tells, against JSON and bytes made by hand.

use serde_json::{Value, json};

use super::*;

fn edge(from: &str, to: &str, weight: f64, rate: f64) -> GraphEdge {
    GraphEdge {
        from: from.into(),
        to: to.into(),
        weight,
        rate,
    }
}

fn text(change: &GraphChange, sequence: u64) -> Value {
    let mut out = Vec::new();
    change.write_text(sequence, &mut out);
    serde_json::from_slice(&out).expect("JSON")
}

fn numeric(id: &str) -> Option<u32> {
    id.parse().ok()
}

#[test]
fn a_delta_says_what_is_and_what_is_gone() {
    let change = GraphChange {
        nodes: vec![GraphNode {
            id: "a".into(),
            attributes: r#","label":"A \" b""#.into(),
        }],
        edges: vec![edge("a", "b", 3.0, 0.3), edge("b", "a", 0.5, 1e20)],
        gone_nodes: vec!["c".into(), "d".into()],
        gone_edges: vec![("c".into(), "d".into())],
        ..GraphChange::new(GraphScope::Delta)
    };
    let message = text(&change, 7);
    assert_eq!(
        (&message["type"], &message["sequence"]),
        (&json!("graph.delta"), &json!(7))
    );
    assert!(message["id"].is_string() && message["timestamp"].is_string());
    assert_eq!(
        message["payload"],
        json!({ "nodes": [{ "id": "a", "label": "A \" b" }],
            "edges": [{ "from": "a", "to": "b", "weight": 3, "rate": 0.3 },
                { "from": "b", "to": "a", "weight": 0.5, "rate": 1e20 }],
            "removedNodes": ["c", "d"], "removedEdges": [{ "from": "c", "to": "d" }] })
    );
    assert_eq!(change.items(), 6);
}

#[test]
fn a_snapshot_is_whole_or_says_which_part_it_is() {
    let scope = |part, has_more| GraphScope::Snapshot { part, has_more };
    let message = text(&GraphChange::new(scope(1, false)), 0);
    assert_eq!(message["type"], "graph.snapshot");
    assert_eq!(message["payload"], json!({ "nodes": [], "edges": [] }));
    let message = text(&GraphChange::new(scope(2, true)), 0);
    assert_eq!(
        message["payload"],
        json!({ "nodes": [], "edges": [], "part": 2, "more": true })
    );
}

#[test]
fn frames_hold_the_edges_between_numeric_ids() {
    let change = GraphChange {
        edges: vec![edge("7", "258", 3.0, 0.5), edge("7", "named", 1.0, 0.0)],
        gone_edges: vec![("1".into(), "2".into()), ("named".into(), "7".into())],
        ..GraphChange::new(GraphScope::Delta)
    };
    let by_hand = [
        b"AGNT\x11\x00\x24\x00".as_slice(),
        &[2, 0, 0, 0],
        &[1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0xC0, 0x7F, 0, 0, 0, 0],
        &[7, 0, 0, 0, 2, 1, 0, 0, 0, 0, 0x40, 0x40, 0, 0, 0, 0x3F],
    ]
    .concat();
    assert_eq!(change.frames(numeric), [by_hand]);
    assert!(
        change.frames(|_| None).is_empty(),
        "a delta of nothing is nothing"
    );
    let snapshot = GraphChange::new(GraphScope::Snapshot {
        part: 1,
        has_more: false,
    });
    assert_eq!(
        snapshot.frames(numeric),
        [b"AGNT\x11\x10\x04\x00\x00\x00\x00\x00"]
    );
}

#[test]
fn a_snapshot_of_many_edges_is_several_frames_of_which_the_last_says_so() {
    let edges = (0..10_000).map(|from: u32| edge(&from.to_string(), "1", 1.0, 0.0));
    let change = |has_more| GraphChange {
        edges: edges.clone().collect(),
        ..GraphChange::new(GraphScope::Snapshot { part: 1, has_more })
    };
    for (has_more, last_flags) in [(false, 0x10), (true, 0x18)] {
        let frames = change(has_more).frames(numeric);
        let lengths: Vec<usize> = frames.iter().map(Vec::len).collect();
        assert_eq!(lengths, [4_095, 4_095, 1_810].map(|count| 12 + 16 * count));
        let flags: Vec<u8> = frames.iter().map(|frame| frame[5]).collect();
        assert_eq!(
            flags,
            [0x18, 0x18, last_flags],
            "KEYFRAME, and MORE before the last"
        );
        assert_eq!(frames[1][12..16], 4_095_u32.to_le_bytes());
    }
}
