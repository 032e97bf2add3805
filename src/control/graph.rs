//! Who talks to whom in one stream: nodes, and edges with a weight and a rate.
//!
//! An edge comes from `message.sent`, which counts in its weight and its rate (messages a second
//! over the last ten), or from `graph.update`, which says them. What changed is kept until it is
//! told: [`Graph::tick`] hands it out as a delta of bounded size. A delta says how things are, not
//! how they differ, so that applying it twice or on top of a newer snapshot does no harm.
//!
//! Invariants: whoever applies a snapshot and all deltas behind it has the graph; nodes, edges and
//! what waits to be told are bounded; an update is applied whole or not at all.
//!
//! It has no lock and no clock: time moves by whole seconds, with the calls that pass it in.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Instant;

use super::fields::Fields;
use super::graph_change::GraphChange;
use super::graph_snapshot::{self, SnapshotPlace};
use super::graph_table::GraphTable;
use super::graph_untold::GraphUntold;
use super::graph_update::{EdgeUpdate, GraphUpdate, NodeUpdate};
use super::refusal::Refusal;

/// The bounds of a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GraphBounds {
    /// Most nodes.
    pub nodes_max: usize,
    /// Most edges.
    pub edges_max: usize,
    /// An edge that nobody spoke of for so long goes, and a node without edges.
    pub idle_s: u64,
    /// Most nodes and edges in one delta; what is left is told with the next.
    pub delta_items_max: usize,
}

impl Default for GraphBounds {
    fn default() -> Self {
        Self {
            nodes_max: 10_000,
            edges_max: 100_000,
            idle_s: 300,
            // A delta's edges fit into one frame.
            delta_items_max: 4_000,
        }
    }
}

/// The graph; see the module.
#[derive(Debug, Default)]
pub struct Graph {
    bounds: GraphBounds,
    table: GraphTable,
    untold: GraphUntold,
    /// Edges with messages of late: their rate falls by itself.
    counting: BTreeSet<usize>,
    /// When second 0 began.
    began: Option<Instant>,
    second: u64,
    refused: u64,
}

impl Graph {
    /// An empty graph.
    pub fn new(bounds: GraphBounds) -> Self {
        Self {
            bounds,
            ..Self::default()
        }
    }

    /// How many nodes and edges there are.
    pub fn size(&self) -> (usize, usize) {
        (self.table.nodes.len(), self.table.edges.len())
    }

    /// How many messages found no room.
    pub fn refused(&self) -> u64 {
        self.refused
    }

    /// One agent told another something. Says whether there was room for it.
    pub fn note_message(&mut self, from: &str, to: &str, now: Instant) -> bool {
        self.advance(now);
        if self.table.find_edge(from, to).is_none() && !self.has_room_between(from, to) {
            self.refused += 1;
            return false;
        }
        let (from, to) = (self.node(from), self.node(to));
        let slot = self.edge(from, to, 0.0);
        let edge = &mut self.table.edges[slot];
        edge.window.advance(self.second);
        edge.window.count();
        edge.weight += 1.0;
        edge.said_rate = None;
        edge.seen_rate = edge.window.rate();
        self.counting.insert(slot);
        self.untold.edge(slot);
        true
    }

    /// Whether there is room for a new edge and those of its ends that are new.
    fn has_room_between(&self, from: &str, to: &str) -> bool {
        let is_new = |id: &str| usize::from(self.table.find_node(id).is_none());
        let new_nodes = match from == to {
            true => is_new(from),
            false => is_new(from) + is_new(to),
        };
        let (nodes, edges) = self.size();
        edges < self.bounds.edges_max && nodes + new_nodes <= self.bounds.nodes_max
    }

    /// Applies the payload of a `graph.update`, or nothing of it. What it removes goes first.
    pub fn update(&mut self, payload: &Fields<'_>, now: Instant) -> Result<(), Refusal> {
        let update = GraphUpdate::read(payload)?;
        self.advance(now);
        self.check_room(&update)?;
        for (from, to) in &update.removed_edges {
            if let Some(slot) = self.table.find_edge(from, to) {
                self.remove_edge(slot);
            }
        }
        for id in &update.removed_nodes {
            if let Some(slot) = self.table.find_node(id) {
                self.remove_node(slot);
            }
        }
        for node in &update.nodes {
            self.apply_node(node);
        }
        for edge in &update.edges {
            self.apply_edge(edge);
        }
        Ok(())
    }

    /// What the update removes is not counted as room for what it adds.
    fn check_room(&self, update: &GraphUpdate<'_>) -> Result<(), Refusal> {
        let check = |what: &str, new: usize, there: usize, most: usize| {
            let text = format!(
                "payload.{what}: {new} are new beside the {there} that there are; {what}_max \
                 allows {most}"
            );
            match there + new > most {
                true => Err(Refusal::bound(text)),
                false => Ok(()),
            }
        };
        let is_new = |id: &&str| self.table.find_node(id).is_none();
        let new_nodes: HashSet<&str> = update.node_ids().filter(is_new).collect();
        let ends = update.edges.iter().map(|edge| (&*edge.from, &*edge.to));
        let is_new = |(from, to): &(&str, &str)| self.table.find_edge(from, to).is_none();
        let new_edges: HashSet<(&str, &str)> = ends.filter(is_new).collect();
        let (nodes, edges) = self.size();
        check("nodes", new_nodes.len(), nodes, self.bounds.nodes_max)?;
        check("edges", new_edges.len(), edges, self.bounds.edges_max)
    }

    fn apply_node(&mut self, update: &NodeUpdate<'_>) {
        let slot = self.node(&update.id);
        let node = &mut self.table.nodes[slot];
        if node.attributes != update.attributes {
            node.attributes = Arc::clone(&update.attributes);
            self.untold.node(slot);
        }
    }

    fn apply_edge(&mut self, update: &EdgeUpdate<'_>) {
        let (from, to) = (self.node(&update.from), self.node(&update.to));
        let slot = self.edge(from, to, 1.0);
        let edge = &mut self.table.edges[slot];
        let before = (edge.weight, edge.rate());
        edge.weight = update.weight.unwrap_or(edge.weight);
        edge.said_rate = update.rate.or(edge.said_rate);
        if (edge.weight, edge.rate()) != before {
            self.untold.edge(slot);
        }
    }

    /// An agent got a numeric id: its edges are told again, now that frames can hold them.
    pub fn note_numeric_id(&mut self, agent: &str) {
        let node = self.table.find_node(agent);
        for slot in node.into_iter().flat_map(|node| self.table.edges_of(node)) {
            self.untold.edge(slot);
        }
    }

    /// What is to be told, if anything: at most as much as a delta may hold. To be called about ten
    /// times a second.
    pub fn tick(&mut self, now: Instant) -> Option<GraphChange> {
        self.advance(now);
        self.untold.take(&self.table, self.bounds.delta_items_max)
    }

    /// All of it, as it is at this moment; deltas from now on go on from it.
    pub fn snapshot(&self) -> GraphChange {
        self.snapshot_part(SnapshotPlace::default(), usize::MAX).0
    }

    /// A part of it of at most so many nodes and edges, and where the next begins. Parts may be
    /// made at different times, if behind the last come all deltas since the first was made.
    pub fn snapshot_part(
        &self,
        place: SnapshotPlace,
        items_max: usize,
    ) -> (GraphChange, Option<SnapshotPlace>) {
        graph_snapshot::part(&self.table, place, items_max)
    }

    /// Moves to the second of `now`: rates fall, and what was idle for too long goes.
    fn advance(&mut self, now: Instant) {
        let began = *self.began.get_or_insert(now);
        let second = now.saturating_duration_since(began).as_secs();
        if second > self.second {
            self.second = second;
            self.lower_rates();
            self.remove_idle();
        }
    }

    fn lower_rates(&mut self) {
        let (second, edges, untold) = (self.second, &mut self.table.edges, &mut self.untold);
        self.counting.retain(|slot| {
            let edge = &mut edges[*slot];
            let before = edge.rate();
            edge.window.advance(second);
            edge.seen_rate = edge.window.rate();
            if edge.rate().to_bits() != before.to_bits() {
                untold.edge(*slot);
            }
            !edge.window.is_empty()
        });
    }

    fn remove_idle(&mut self) {
        let (second, idle_s) = (self.second, self.bounds.idle_s);
        let is_idle = |active_at: u64| second - active_at >= idle_s;
        let edges = self.table.edges.iter();
        let idle = edges.filter(|(_, edge)| is_idle(edge.active_at));
        for slot in idle.map(|(slot, _)| slot).collect::<Vec<_>>() {
            self.remove_edge(slot);
        }
        // Who speaks of an edge speaks of its ends, so these have no edge any more.
        let nodes = self.table.nodes.iter();
        let idle = nodes.filter(|(_, node)| is_idle(node.active_at));
        for slot in idle.map(|(slot, _)| slot).collect::<Vec<_>>() {
            self.remove_node(slot);
        }
    }

    /// The node of that id, which somebody speaks of now; it is made if it isn't there.
    fn node(&mut self, id: &str) -> usize {
        let slot = self.table.find_node(id).unwrap_or_else(|| {
            let id: Arc<str> = Arc::from(id);
            let slot = self.table.add_node(Arc::clone(&id));
            self.untold.new_node(slot, &id);
            slot
        });
        self.table.nodes[slot].active_at = self.second;
        slot
    }

    /// The edge between two nodes, which somebody speaks of now; it is made with `weight` if it
    /// isn't there.
    fn edge(&mut self, from: usize, to: usize, weight: f64) -> usize {
        let found = self.table.find_between(from, to);
        let slot = found.unwrap_or_else(|| {
            let slot = self.table.add_edge(from, to, weight);
            self.untold.new_edge(slot, &self.table.ends(slot));
            slot
        });
        self.table.edges[slot].active_at = self.second;
        slot
    }

    fn remove_edge(&mut self, slot: usize) {
        self.counting.remove(&slot);
        let ends = self.table.remove_edge(slot);
        self.untold.gone_edge(slot, ends);
        self.bound_untold();
    }

    /// Removes a node and its edges.
    fn remove_node(&mut self, slot: usize) {
        for edge in self.table.edges_of(slot).collect::<Vec<_>>() {
            self.remove_edge(edge);
        }
        let id = self.table.remove_node(slot);
        self.untold.gone_node(slot, id);
        self.bound_untold();
    }

    fn bound_untold(&mut self) {
        let GraphBounds {
            nodes_max,
            edges_max,
            ..
        } = self.bounds;
        self.untold.bound(&self.table, nodes_max, edges_max);
    }
}

#[cfg(test)]
#[path = "tests/graph.rs"]
mod tests;

#[cfg(test)]
#[path = "tests/graph_model.rs"]
mod model;
