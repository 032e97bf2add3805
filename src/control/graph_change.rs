//! What a graph tells of itself: all of it, a part of it, or what changed; as JSON and as frames.

use std::io::Write;
use std::sync::Arc;

use agnt_codec::{EDGES_PER_FRAME_MAX, Edge, EdgeBatch, Emit, Flags};

use super::fields::number_json;
use crate::domain::time;

/// A node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GraphNode {
    /// Its id, which needs no escape in JSON.
    pub id: Arc<str>,
    /// Its other members as JSON, each behind a comma.
    pub attributes: Arc<str>,
}

/// An edge.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphEdge {
    /// Where it begins.
    pub from: Arc<str>,
    /// Where it ends.
    pub to: Arc<str>,
    /// How strong it is: the count of messages, unless somebody said otherwise.
    pub weight: f64,
    /// Messages a second.
    pub rate: f64,
}

/// How a change goes together with what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GraphScope {
    /// `graph.delta`: it goes on from what is known.
    Delta,
    /// `graph.snapshot`: what is known is void.
    Snapshot {
        /// Counts the parts from 1; only the first makes void what is known.
        part: u32,
        /// Whether another part follows.
        has_more: bool,
    },
}

/// The change: nodes and edges as they are now, and those that are gone.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphChange {
    /// What it goes on from.
    pub scope: GraphScope,
    /// Nodes, each whole.
    pub nodes: Vec<GraphNode>,
    /// Edges, each whole.
    pub edges: Vec<GraphEdge>,
    /// Nodes that are gone, after all their edges.
    pub gone_nodes: Vec<Arc<str>>,
    /// Edges that are gone.
    pub gone_edges: Vec<(Arc<str>, Arc<str>)>,
}

impl GraphChange {
    pub(super) fn new(scope: GraphScope) -> Self {
        Self {
            scope,
            nodes: Vec::new(),
            edges: Vec::new(),
            gone_nodes: Vec::new(),
            gone_edges: Vec::new(),
        }
    }

    /// How many nodes and edges it tells of.
    pub fn items(&self) -> usize {
        self.nodes.len() + self.edges.len() + self.gone_nodes.len() + self.gone_edges.len()
    }

    /// Its message's type.
    pub fn kind(&self) -> &'static str {
        match self.scope {
            GraphScope::Delta => "graph.delta",
            GraphScope::Snapshot { .. } => "graph.snapshot",
        }
    }

    /// Appends the message. A snapshot has the sequence of the last message that it holds.
    pub fn write_text(&self, sequence: u64, out: &mut Vec<u8>) {
        let (id, now, kind) = (uuid::Uuid::now_v7(), time::iso_8601(), self.kind());
        // Writing to a vector does not fail, here and below.
        let _ = write!(out, r#"{{"id":"{id}","type":"{kind}","timestamp":"{now}""#);
        let _ = write!(out, r#","sequence":{sequence},"payload":{{"#);
        list(out, "nodes", &self.nodes, |node, out| {
            let GraphNode { id, attributes } = node;
            let _ = write!(out, r#"{{"id":"{id}"{attributes}}}"#);
        });
        out.push(b',');
        list(out, "edges", &self.edges, |edge, out| {
            let GraphEdge { from, to, .. } = edge;
            let (weight, rate) = (number(edge.weight), number(edge.rate));
            let _ = write!(
                out,
                r#"{{"from":"{from}","to":"{to}","weight":{weight},"rate":{rate}}}"#
            );
        });
        match self.scope {
            GraphScope::Delta => {
                out.push(b',');
                list(out, "removedNodes", &self.gone_nodes, |id, out| {
                    let _ = write!(out, r#""{id}""#);
                });
                out.push(b',');
                list(out, "removedEdges", &self.gone_edges, |(from, to), out| {
                    let _ = write!(out, r#"{{"from":"{from}","to":"{to}"}}"#);
                });
            }
            GraphScope::Snapshot {
                part: 1,
                has_more: false,
            } => {}
            GraphScope::Snapshot { part, has_more } => {
                let _ = write!(out, r#","part":{part},"more":{has_more}"#);
            }
        }
        out.extend_from_slice(b"}}");
    }

    /// The edges whose two ends have numeric ids, as `EDGE_BATCH` frames. An edge that is gone has
    /// the weight NaN. A snapshot's have KEYFRAME, and there is one even if it is empty; a delta
    /// without such edges has none.
    pub fn frames(&self, numeric_id: impl Fn(&str) -> Option<u32>) -> Vec<Vec<u8>> {
        let both = |from: &str, to: &str| Some((numeric_id(from)?, numeric_id(to)?));
        let gone = self.gone_edges.iter().filter_map(|(from, to)| {
            let (from, to) = both(from, to)?;
            Some(Edge::new(from, to, f32::NAN, 0.0))
        });
        let there = self.edges.iter().filter_map(|edge| {
            let (from, to) = both(&edge.from, &edge.to)?;
            Some(Edge::new(from, to, edge.weight as f32, edge.rate as f32))
        });
        let records: Vec<Edge> = gone.chain(there).collect();
        let (kept, is_key, has_more) = match self.scope {
            GraphScope::Delta => (Flags::NONE, false, false),
            GraphScope::Snapshot { has_more, .. } => (Flags::KEYFRAME, true, has_more),
        };
        let mut chunks: Vec<&[Edge]> = records.chunks(EDGES_PER_FRAME_MAX).collect();
        if chunks.is_empty() && is_key {
            chunks.push(&[]);
        }
        let last = chunks.len().saturating_sub(1);
        let chunks = chunks.into_iter().enumerate();
        let frames = chunks.filter_map(|(at, records)| {
            let flags = match at < last || has_more {
                true => kept.with(Flags::MORE),
                false => kept,
            };
            let batch = EdgeBatch { records };
            let mut frame = vec![0; batch.encoded_bytes()];
            // The records fit into a frame, and the flags are a frame's own.
            batch.emit(flags, &mut frame).ok().map(|_| frame)
        });
        frames.collect()
    }
}

fn list<T>(out: &mut Vec<u8>, key: &str, items: &[T], write_item: impl Fn(&T, &mut Vec<u8>)) {
    let _ = write!(out, r#""{key}":["#);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_item(item, out);
    }
    out.push(b']');
}

/// A number as JSON; counts without a fraction.
fn number(number: f64) -> String {
    /// Whole numbers are exact below this.
    const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < WHOLE_MAX {
        (number as i64).to_string()
    } else {
        number_json(number)
    }
}

#[cfg(test)]
#[path = "tests/graph_change.rs"]
mod tests;
