//! A `graph.update` of a peer: what it says of nodes and edges, checked.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::agent_id::{agent_id, is_agent_id};
use super::fields::{Fields, quoted, text_of};

/// The most entries of each list; a message is too short for more.
const ENTRIES_MAX: usize = 10_000;

/// What a node may say of itself beside its id, in bytes of JSON.
pub const ATTRIBUTES_BYTES_MAX: usize = 1024;

/// The most that a weight or a rate may be, so that frames can hold it too.
const STRENGTH_MAX: f64 = 1e15;

/// The update; what it removes goes before what it adds.
#[derive(Debug)]
pub(super) struct GraphUpdate<'a> {
    pub(super) nodes: Vec<NodeUpdate<'a>>,
    pub(super) edges: Vec<EdgeUpdate<'a>>,
    pub(super) removed_nodes: Vec<Cow<'a, str>>,
    pub(super) removed_edges: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

/// A node, whole.
#[derive(Debug)]
pub(super) struct NodeUpdate<'a> {
    pub(super) id: Cow<'a, str>,
    /// Its other members as JSON, each behind a comma.
    pub(super) attributes: Arc<str>,
}

/// An edge; what isn't said stays as it is.
#[derive(Debug)]
pub(super) struct EdgeUpdate<'a> {
    pub(super) from: Cow<'a, str>,
    pub(super) to: Cow<'a, str>,
    pub(super) weight: Option<f64>,
    pub(super) rate: Option<f64>,
}

impl<'a> GraphUpdate<'a> {
    /// Reads the payload.
    pub(super) fn read(payload: &Fields<'a>) -> Result<Self, String> {
        let objects = |key| payload.objects(key, 0..=ENTRIES_MAX);
        let all = |objects: Option<Vec<Fields<'a>>>| objects.unwrap_or_default().into_iter();
        Ok(Self {
            nodes: all(objects("nodes")?)
                .map(|fields| node(&fields))
                .collect::<Result<_, _>>()?,
            edges: all(objects("edges")?)
                .map(|fields| edge(&fields))
                .collect::<Result<_, _>>()?,
            removed_nodes: ids(payload, "removedNodes")?,
            removed_edges: all(objects("removedEdges")?)
                .map(|fields| ends(&fields))
                .collect::<Result<_, _>>()?,
        })
    }

    /// Every node that must be there: those said, and the ends of edges.
    pub(super) fn node_ids(&self) -> impl Iterator<Item = &str> {
        let ends = self.edges.iter().flat_map(|edge| [&*edge.from, &*edge.to]);
        self.nodes.iter().map(|node| &*node.id).chain(ends)
    }
}

fn ids<'a>(payload: &Fields<'a>, key: &str) -> Result<Vec<Cow<'a, str>>, String> {
    let listed = payload.list(key, 0..=ENTRIES_MAX)?.unwrap_or_default();
    let id = |raw| text_of(raw).filter(|text| is_agent_id(text));
    let read: Option<Vec<_>> = listed.into_iter().map(id).collect();
    read.ok_or_else(|| payload.refused(key, "a list of the ids of nodes"))
}

fn node<'a>(fields: &Fields<'a>) -> Result<NodeUpdate<'a>, String> {
    let id = agent_id(fields, "id")?;
    let others = fields.members().iter().filter(|(name, _)| name != "id");
    let attributes: BTreeMap<_, _> = others.map(|(name, raw)| (name, raw.get())).collect();
    let mut text = String::new();
    for (name, json) in attributes {
        text.push(',');
        text.push_str(&quoted(name));
        text.push(':');
        text.push_str(json);
    }
    if text.len() > ATTRIBUTES_BYTES_MAX {
        let (path, bytes) = (fields.path_of("id"), text.len());
        return Err(format!(
            "{path}: '{id}' has {bytes} bytes beside its id; allowed are {ATTRIBUTES_BYTES_MAX}"
        ));
    }
    Ok(NodeUpdate {
        id,
        attributes: text.into(),
    })
}

fn edge<'a>(fields: &Fields<'a>) -> Result<EdgeUpdate<'a>, String> {
    let (from, to) = ends(fields)?;
    Ok(EdgeUpdate {
        from,
        to,
        weight: fields.number("weight", -STRENGTH_MAX..=STRENGTH_MAX)?,
        rate: fields.number("rate", 0.0..=STRENGTH_MAX)?,
    })
}

/// Where an edge begins and ends; graphs elsewhere say source and target.
fn ends<'a>(fields: &Fields<'a>) -> Result<(Cow<'a, str>, Cow<'a, str>), String> {
    let end = |key: &str, other: &str| match fields.raw(other) {
        Some(_) if fields.raw(key).is_none() => agent_id(fields, other),
        _ => agent_id(fields, key),
    };
    Ok((end("from", "source")?, end("to", "target")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<GraphUpdate<'_>, String> {
        GraphUpdate::read(&Fields::of_text("payload", text)?)
    }

    #[test]
    fn everything_is_read_and_attributes_stay_as_they_came() {
        let update = read(
            r#"{"nodes":[{"label":"x\u0041","id":"a","n":1.50,"n":2.50,"deep":{"k":[1, 2]}}],
                "edges":[{"from":"a","to":"b","weight":-2.5,"rate":0.5},
                    {"source":"b","target":"c"}],
                "removedNodes":["d"],"removedEdges":[{"source":"e","to":"f"}]}"#,
        )
        .expect("good");
        assert_eq!(update.nodes[0].id, "a");
        assert_eq!(
            &*update.nodes[0].attributes,
            r#","deep":{"k":[1, 2]},"label":"x\u0041","n":2.50"#
        );
        let seen: Vec<_> = update
            .edges
            .iter()
            .map(|it| (&*it.from, &*it.to, it.weight))
            .collect();
        assert_eq!(seen, [("a", "b", Some(-2.5)), ("b", "c", None)]);
        assert_eq!(
            (update.edges[0].rate, update.edges[1].rate),
            (Some(0.5), None)
        );
        assert_eq!(update.removed_nodes, ["d"]);
        assert_eq!(update.removed_edges, [("e".into(), "f".into())]);
        let ids: Vec<_> = update.node_ids().collect();
        assert_eq!(ids, ["a", "a", "b", "b", "c"]);
        assert_eq!(read("{}").expect("good").node_ids().count(), 0);
    }

    #[test]
    fn what_is_wrong_is_named_by_its_path() {
        let long = format!(r#"{{"nodes":[{{"id":"a","x":"{}"}}]}}"#, "y".repeat(1018));
        for (text, begins) in [
            (r#"{"nodes":7}"#, "payload.nodes: 7 is not allowed"),
            (
                r#"{"nodes":[{"id":"a"},{}]}"#,
                "payload.nodes[1].id: missing",
            ),
            (r#"{"nodes":[{"id":"a b"}]}"#, "payload.nodes[0].id: 'a b'"),
            (
                r#"{"edges":[{"to":"b"}]}"#,
                "payload.edges[0].from: missing",
            ),
            (
                r#"{"edges":[{"from":"a","target":7}]}"#,
                "payload.edges[0].target: 7",
            ),
            (
                r#"{"edges":[{"from":"a","to":"b","weight":"x"}]}"#,
                "payload.edges[0].weight: 'x' is not allowed; a number from -1000000000000000 to",
            ),
            (
                r#"{"edges":[{"from":"a","to":"b","rate":-1}]}"#,
                "payload.edges[0].rate: -1 is not allowed; a number from 0 to 1000000000000000",
            ),
            (r#"{"removedNodes":["a",""]}"#, "payload.removedNodes: "),
            (
                r#"{"removedEdges":[{"from":"a"}]}"#,
                "payload.removedEdges[0].to: missing",
            ),
            (
                &long,
                "payload.nodes[0].id: 'a' has 1025 bytes beside its id; allowed are 1024",
            ),
        ] {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(begins), "{error}");
        }
    }
}
