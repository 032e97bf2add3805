//! What a member wants of a channel's content.

use std::collections::HashSet;

use super::agent_id::is_agent_id;
use super::envelope::ID_BYTES_MAX;
use super::fields::{Fields, text_of};

/// The most agents that a filter names.
const AGENTS_MAX: usize = 256;

/// The most message types that a filter names.
const TYPES_MAX: usize = 64;

/// Agents and message types: one of each list, where the list has any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChannelFilter {
    agents: HashSet<Box<str>>,
    types: HashSet<Box<str>>,
}

impl ChannelFilter {
    /// Reads `{"agentIds":[...],"types":[...]}`; an empty list asks for nothing.
    pub(super) fn read(fields: &Fields<'_>) -> Result<Self, String> {
        let agents = texts(fields, "agentIds", AGENTS_MAX, is_agent_id)?;
        let types = texts(fields, "types", TYPES_MAX, |text| {
            (1..=ID_BYTES_MAX).contains(&text.len())
        })?;
        Ok(Self { agents, types })
    }

    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty() && self.types.is_empty()
    }

    /// Whether a message of that type about these agents passes. One about no agent at all, such as
    /// `system.metrics`, can't be told apart by agents.
    pub fn passes(&self, kind: &str, agents: &[&str]) -> bool {
        let has_type = self.types.is_empty() || self.types.contains(kind);
        let has_agent = self.agents.is_empty()
            || agents.is_empty()
            || agents.iter().any(|agent| self.agents.contains(*agent));
        has_type && has_agent
    }
}

fn texts(
    fields: &Fields<'_>,
    key: &str,
    entries_max: usize,
    allows: impl Fn(&str) -> bool,
) -> Result<HashSet<Box<str>>, String> {
    let mut found = HashSet::new();
    for raw in fields.list(key, 0..=entries_max)?.unwrap_or_default() {
        let text = text_of(raw).filter(|text| allows(text));
        let Some(text) = text else {
            let what = match key {
                "agentIds" => "the ids of agents",
                _ => "the types of messages",
            };
            return Err(fields.refused(key, &format!("a list of {what}")));
        };
        found.insert(Box::from(&*text));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(text: &str) -> Result<ChannelFilter, String> {
        ChannelFilter::read(&Fields::of_text("filter", text).expect("an object"))
    }

    #[test]
    fn one_of_each_list_is_enough_and_each_list_counts() {
        let both = filter(r#"{"agentIds":["a","b"],"types":["t","u"]}"#).expect("good");
        for (kind, agents, expected) in [
            ("t", &["b"][..], true),
            ("u", &["x", "a"], true),
            ("t", &["x"], false),
            ("v", &["a"], false),
            ("t", &[], true),
        ] {
            assert_eq!(both.passes(kind, agents), expected, "{kind} {agents:?}");
        }
        assert!(
            filter(r#"{"agentIds":[]}"#)
                .expect("good")
                .passes("v", &["x"])
        );
        assert!(filter("{}").expect("good").is_empty() && !both.is_empty());
    }

    #[test]
    fn what_is_wrong_is_named() {
        let many = vec!["\"a\""; 257].join(",");
        for (text, begins) in [
            (r#"{"agentIds":"a"}"#.to_owned(), "filter.agentIds: 'a'"),
            (r#"{"agentIds":["a b"]}"#.to_owned(), "filter.agentIds: "),
            (
                format!(r#"{{"agentIds":[{many}]}}"#),
                "filter.agentIds: 257",
            ),
            (r#"{"types":[7]}"#.to_owned(), "filter.types: [7]"),
            (r#"{"types":[""]}"#.to_owned(), "filter.types: "),
        ] {
            let error = filter(&text).expect_err(&text);
            assert!(error.starts_with(begins), "{error}");
        }
    }
}
