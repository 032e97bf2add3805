//! Nodes and edges of a graph, each in a slot of its own, and how they hang together.
//!
//! Invariant: no edge lacks an end.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use slab::Slab;

use super::graph_change::{GraphEdge, GraphNode};
use super::rate_window::RateWindow;

/// An agent, or whatever an update names.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: Arc<str>,
    /// Its other members as JSON, each behind a comma.
    pub(super) attributes: Arc<str>,
    /// The second at which somebody last spoke of it.
    pub(super) active_at: u64,
}

/// That one tells another something.
#[derive(Debug)]
pub(super) struct Edge {
    /// The slot of the node where it begins.
    pub(super) from: usize,
    /// The slot of the node where it ends.
    pub(super) to: usize,
    pub(super) weight: f64,
    /// What an update said; a message makes the rate a measured one again.
    pub(super) said_rate: Option<f64>,
    pub(super) window: RateWindow,
    /// The measured rate when it was last looked at.
    pub(super) seen_rate: f64,
    /// The second at which somebody last spoke of it.
    pub(super) active_at: u64,
}

impl Edge {
    pub(super) fn rate(&self) -> f64 {
        self.said_rate.unwrap_or(self.seen_rate)
    }
}

/// The table; see the module.
#[derive(Debug, Default)]
pub(super) struct GraphTable {
    pub(super) nodes: Slab<Node>,
    pub(super) edges: Slab<Edge>,
    node_of: HashMap<Arc<str>, usize>,
    edge_of: HashMap<(usize, usize), usize>,
    /// Each node with each of its edges, from either end.
    incident: BTreeSet<(usize, usize)>,
}

impl GraphTable {
    pub(super) fn find_node(&self, id: &str) -> Option<usize> {
        self.node_of.get(id).copied()
    }

    pub(super) fn find_edge(&self, from: &str, to: &str) -> Option<usize> {
        let ends = (self.find_node(from)?, self.find_node(to)?);
        self.edge_of.get(&ends).copied()
    }

    /// The edge between two nodes by their slots.
    pub(super) fn find_between(&self, from: usize, to: usize) -> Option<usize> {
        self.edge_of.get(&(from, to)).copied()
    }

    pub(super) fn add_node(&mut self, id: Arc<str>) -> usize {
        let slot = self.nodes.insert(Node {
            id: Arc::clone(&id),
            attributes: Arc::from(""),
            active_at: 0,
        });
        self.node_of.insert(id, slot);
        slot
    }

    pub(super) fn add_edge(&mut self, from: usize, to: usize, weight: f64) -> usize {
        let slot = self.edges.insert(Edge {
            from,
            to,
            weight,
            said_rate: None,
            window: RateWindow::default(),
            seen_rate: 0.0,
            active_at: 0,
        });
        self.edge_of.insert((from, to), slot);
        self.incident.insert((from, slot));
        self.incident.insert((to, slot));
        slot
    }

    /// Removes an edge, and says between whom it was.
    pub(super) fn remove_edge(&mut self, slot: usize) -> (Arc<str>, Arc<str>) {
        let ends = self.ends(slot);
        let edge = self.edges.remove(slot);
        self.edge_of.remove(&(edge.from, edge.to));
        self.incident.remove(&(edge.from, slot));
        self.incident.remove(&(edge.to, slot));
        ends
    }

    /// Removes a node whose edges are gone, and says which it was.
    pub(super) fn remove_node(&mut self, slot: usize) -> Arc<str> {
        let node = self.nodes.remove(slot);
        self.node_of.remove(&node.id);
        node.id
    }

    /// The edges that begin or end at a node.
    pub(super) fn edges_of(&self, node: usize) -> impl Iterator<Item = usize> {
        let range = self.incident.range((node, 0)..=(node, usize::MAX));
        range.map(|(_, edge)| *edge)
    }

    /// The ids of an edge's ends.
    pub(super) fn ends(&self, slot: usize) -> (Arc<str>, Arc<str>) {
        let edge = &self.edges[slot];
        let id = |node: usize| Arc::clone(&self.nodes[node].id);
        (id(edge.from), id(edge.to))
    }

    /// A node as it is told.
    pub(super) fn told_node(&self, slot: usize) -> GraphNode {
        let node = &self.nodes[slot];
        GraphNode {
            id: Arc::clone(&node.id),
            attributes: Arc::clone(&node.attributes),
        }
    }

    /// An edge as it is told.
    pub(super) fn told_edge(&self, slot: usize) -> GraphEdge {
        let (from, to) = self.ends(slot);
        let edge = &self.edges[slot];
        GraphEdge {
            from,
            to,
            weight: edge.weight,
            rate: edge.rate(),
        }
    }
}
