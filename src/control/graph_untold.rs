//! What changed in a graph and has not been told.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::changed_slots::ChangedSlots;
use super::graph_change::{GraphChange, GraphScope};
use super::graph_table::GraphTable;

/// Nodes and edges that are to be told. Those that are there are slots; those that are gone are
/// ids, and never ids of something that is there.
#[derive(Debug, Default)]
pub(super) struct GraphUntold {
    nodes: ChangedSlots,
    edges: ChangedSlots,
    gone_nodes: BTreeSet<Arc<str>>,
    gone_edges: BTreeSet<(Arc<str>, Arc<str>)>,
    /// More went than is remembered, so the next change begins anew.
    begins_anew: bool,
}

impl GraphUntold {
    /// A node that is there changed.
    pub(super) fn node(&mut self, slot: usize) {
        self.nodes.insert(slot);
    }

    /// An edge that is there changed.
    pub(super) fn edge(&mut self, slot: usize) {
        self.edges.insert(slot);
    }

    /// A node came, or came back.
    pub(super) fn new_node(&mut self, slot: usize, id: &Arc<str>) {
        self.gone_nodes.remove(id);
        self.nodes.insert(slot);
    }

    /// An edge came, or came back.
    pub(super) fn new_edge(&mut self, slot: usize, ends: &(Arc<str>, Arc<str>)) {
        self.gone_edges.remove(ends);
        self.edges.insert(slot);
    }

    /// A node went.
    pub(super) fn gone_node(&mut self, slot: usize, id: Arc<str>) {
        self.nodes.remove(slot);
        if !self.begins_anew {
            self.gone_nodes.insert(id);
        }
    }

    /// An edge went.
    pub(super) fn gone_edge(&mut self, slot: usize, ends: (Arc<str>, Arc<str>)) {
        self.edges.remove(slot);
        if !self.begins_anew {
            self.gone_edges.insert(ends);
        }
    }

    /// Where more went than a graph may hold, it is shorter to tell all of it anew.
    pub(super) fn bound(&mut self, table: &GraphTable, nodes_max: usize, edges_max: usize) {
        if self.gone_nodes.len() > nodes_max || self.gone_edges.len() > edges_max {
            self.gone_nodes.clear();
            self.gone_edges.clear();
            self.begins_anew = true;
            table.nodes.iter().for_each(|(slot, _)| self.node(slot));
            table.edges.iter().for_each(|(slot, _)| self.edge(slot));
        }
    }

    /// Takes at most so much to be told: nodes before their edges, and edges that are gone before
    /// their nodes.
    pub(super) fn take(&mut self, table: &GraphTable, items_max: usize) -> Option<GraphChange> {
        let mut change = GraphChange::new(GraphScope::Delta);
        if std::mem::take(&mut self.begins_anew) {
            change.scope = GraphScope::Snapshot {
                part: 1,
                has_more: false,
            };
        }
        let slots = self.nodes.take(items_max).into_iter();
        change.nodes = slots.map(|slot| table.told_node(slot)).collect();
        let room = items_max - change.items();
        change.gone_edges = take_first(&mut self.gone_edges, room);
        let room = items_max - change.items();
        let slots = self.edges.take(room).into_iter();
        change.edges = slots.map(|slot| table.told_edge(slot)).collect();
        let room = items_max - change.items();
        change.gone_nodes = take_first(&mut self.gone_nodes, room);
        let has_news = change.items() > 0 || change.scope != GraphScope::Delta;
        has_news.then_some(change)
    }
}

fn take_first<T: Ord>(set: &mut BTreeSet<T>, items_max: usize) -> Vec<T> {
    std::iter::from_fn(|| set.pop_first())
        .take(items_max)
        .collect()
}
