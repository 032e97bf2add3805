//! A graph as a whole, in one part or in several.

use super::graph_change::{GraphChange, GraphScope};
use super::graph_table::{Edge, GraphTable, Node};

/// Where the next part of a snapshot begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPlace {
    part: u32,
    node: usize,
    edge: usize,
}

impl Default for SnapshotPlace {
    fn default() -> Self {
        Self {
            part: 1,
            node: 0,
            edge: 0,
        }
    }
}

/// A part of at most so many nodes and edges, nodes first, and where the next begins.
pub(super) fn part(
    table: &GraphTable,
    place: SnapshotPlace,
    items_max: usize,
) -> (GraphChange, Option<SnapshotPlace>) {
    let items_max = items_max.max(1);
    let ahead = |(slot, _): &(usize, &Node)| *slot >= place.node;
    let mut nodes = table.nodes.iter().filter(ahead).map(|(slot, _)| slot);
    let node_slots: Vec<usize> = nodes.by_ref().take(items_max).collect();
    let has_more_nodes = nodes.next().is_some();

    let ahead = |(slot, _): &(usize, &Edge)| *slot >= place.edge;
    let mut edges = table.edges.iter().filter(ahead).map(|(slot, _)| slot);
    let room = match has_more_nodes {
        true => 0,
        false => items_max - node_slots.len(),
    };
    let edge_slots: Vec<usize> = edges.by_ref().take(room).collect();
    let has_more = has_more_nodes || edges.next().is_some();

    let past = |slots: &[usize], from: usize| slots.last().map_or(from, |last| last + 1);
    let next = SnapshotPlace {
        part: place.part + 1,
        node: past(&node_slots, place.node),
        edge: past(&edge_slots, place.edge),
    };
    let mut change = GraphChange::new(GraphScope::Snapshot {
        part: place.part,
        has_more,
    });
    let node_slots = node_slots.into_iter();
    change.nodes = node_slots.map(|slot| table.told_node(slot)).collect();
    let edge_slots = edge_slots.into_iter();
    change.edges = edge_slots.map(|slot| table.told_edge(slot)).collect();
    (change, has_more.then_some(next))
}
