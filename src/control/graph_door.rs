//! The graph as a session gets it when it comes: all of it, and where the changes go on.

use super::graph_snapshot::SnapshotPlace;
use super::hub::Hub;
use crate::engine::{Call, Lane};

/// The most nodes and edges in one message.
const ITEMS_PER_MESSAGE_MAX: usize = 4_000;

/// The graph at a moment. Who reads the lanes behind the sequences misses nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct GraphSnapshot {
    /// `graph.snapshot` messages; several, if the graph is large.
    pub texts: Vec<String>,
    /// `EDGE_BATCH` frames.
    pub frames: Vec<Vec<u8>>,
    /// The last message of the lane of JSON that is in it.
    pub sequence_json: u64,
    /// The last frame of the binary lane that is in it.
    pub sequence_binary: u64,
}

impl Hub {
    /// The graph as it is now.
    pub fn graph_snapshot(&self, call: Call) -> GraphSnapshot {
        let (parts, sequence_json, sequence_binary) = self.round(call, |round| {
            let mut parts = Vec::new();
            let mut place = Some(SnapshotPlace::default());
            while let Some(from) = place {
                let part;
                (part, place) = round.state.graph.snapshot_part(from, ITEMS_PER_MESSAGE_MAX);
                parts.push(part);
            }
            let last = |lane| round.stream.last_sequence(lane);
            (parts, last(Lane::GraphJson), last(Lane::GraphBinary))
        });
        // Writing takes its time; nobody waits for it.
        let texts = parts.iter().map(|part| {
            let mut text = Vec::new();
            part.write_text(sequence_json, &mut text);
            String::from_utf8(text).unwrap_or_default()
        });
        let numeric_id = |agent: &str| self.stream().numeric_id_of(agent);
        let frames = parts.iter().flat_map(|part| part.frames(numeric_id));
        GraphSnapshot {
            texts: texts.collect(),
            frames: frames.collect(),
            sequence_json,
            sequence_binary,
        }
    }
}
