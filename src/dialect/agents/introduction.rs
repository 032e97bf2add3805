//! What the request of a WebSocket says of its session.

use agnt_fleet::{Fields, Id};
use percent_encoding::percent_decode_str;

use crate::relay::Speech;

/// The channels of document A (`?protocol=`, ruling 51).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocols {
    /// All events.
    pub events: bool,
    /// Commands and their answers.
    pub commands: bool,
    /// Changes of agents' status.
    pub status: bool,
}

impl Protocols {
    /// Reads a comma list of `events`, `commands`, `status`.
    fn parse(text: &str) -> Result<Self, String> {
        let mut found = Self::default();
        for word in text.split(',').map(str::trim) {
            match word {
                "events" => found.events = true,
                "commands" => found.commands = true,
                "status" => found.status = true,
                other => {
                    let other = other.escape_debug();
                    return Err(format!(
                        "protocol: '{other}' is not allowed; events, commands, status or a comma list of them"
                    ));
                }
            }
        }
        Ok(found)
    }

    /// The topics that they stand for.
    pub fn topics(self) -> Vec<&'static str> {
        let all = [
            (self.events, "**"),
            (self.commands && !self.events, "command.>"),
            (self.status && !self.events, "agent.status_changed"),
        ];
        let chosen = all.into_iter().filter(|(is_chosen, _)| *is_chosen);
        chosen.map(|(_, topic)| topic).collect()
    }
}

/// What a request says of its session; see the module.
#[derive(Clone, Debug)]
pub struct AgentIntroduction {
    /// What it speaks until it says otherwise.
    pub speech: Speech,
    /// The channels that document A's path opens by itself; none where it opens none.
    pub protocols: Option<Protocols>,
    /// The agent that it acts as, from `agent_id=`.
    pub agent: Option<Id>,
}

impl AgentIntroduction {
    /// Reads the query of a path whose speech is `speech`; keys of other dialects are left alone.
    pub fn read(speech: Speech, query: &str) -> Result<Self, String> {
        let mut found = Self {
            speech,
            protocols: (speech == Speech::A).then(|| Protocols {
                events: true,
                ..Protocols::default()
            }),
            agent: None,
        };
        for pair in query.split('&') {
            let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8_lossy();
            match key {
                "protocol" => found.protocols = Some(Protocols::parse(&value)?),
                "agent_id" => {
                    let agent = Id::new(&value).map_err(|error| format!("agent_id: it {error}"))?;
                    found.agent = Some(agent);
                }
                _ => {}
            }
        }
        Ok(found)
    }

    /// What a request at a path of the visualisation protocol says, where nothing is opened by
    /// itself; what it asks for there is another dialect's business.
    pub fn at_visual_path(query: &str) -> Self {
        let named = query
            .split('&')
            .find_map(|pair| pair.strip_prefix("agent_id="));
        let named = named.map(|value| percent_decode_str(value).decode_utf8_lossy());
        Self {
            speech: Speech::B,
            protocols: None,
            agent: named.and_then(|named| Id::new(&named).ok()),
        }
    }
}

/// A text among fields, if it is one.
pub(super) fn text_of<'a>(fields: &'a Fields, key: &str) -> Option<&'a str> {
    fields.get(key).and_then(serde_json::Value::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_chooses_channels_and_the_agent() {
        let read = |query| AgentIntroduction::read(Speech::A, query);
        let plain = read("").unwrap();
        assert!(plain.protocols.unwrap().events && plain.agent.is_none());
        let chosen = read("protocol=commands%2Cstatus&agent_id=a-1&stream=x").unwrap();
        let protocols = chosen.protocols.unwrap();
        assert_eq!(protocols.topics(), ["command.>", "agent.status_changed"]);
        let all = read("protocol=events,commands,status").unwrap();
        assert_eq!(all.protocols.unwrap().topics(), ["**"]);
        assert_eq!(chosen.agent.unwrap().as_str(), "a-1");
        assert!(read("protocol=video").unwrap_err().contains("'video'"));
        assert!(read("agent_id=a%20b").unwrap_err().starts_with("agent_id"));
        let other = AgentIntroduction::read(Speech::B, "").unwrap();
        assert!(
            other.protocols.is_none(),
            "document B's path opens nothing by itself"
        );
    }
}
