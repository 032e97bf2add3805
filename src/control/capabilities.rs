//! What an agent can do, as `agent.capability.update` tells it.

use std::borrow::Cow;

use serde_json::json;

use super::agent_id::agent_id;
use super::fields::Fields;

/// The longest name and category, in bytes.
const NAME_BYTES_MAX: usize = 128;

/// The longest description, in bytes.
const DESCRIPTION_BYTES_MAX: usize = 1024;

/// The most capabilities of one agent.
pub const CAPABILITIES_PER_AGENT_MAX: usize = 64;

/// One capability.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capability {
    /// Its name, unique within the agent.
    pub name: Box<str>,
    /// What it belongs to.
    pub category: Option<Box<str>>,
    /// How well the agent does it, 1 to 10.
    pub level: Option<u8>,
    /// For people.
    pub description: Option<Box<str>>,
}

impl Capability {
    fn read(fields: &Fields<'_>) -> Result<Self, String> {
        let owned = |text: Option<Cow<'_, str>>| text.map(|text| Box::from(text.as_ref()));
        Ok(Self {
            name: Box::from(fields.required_text("name", NAME_BYTES_MAX)?.as_ref()),
            category: owned(fields.text("category", NAME_BYTES_MAX)?),
            level: fields.whole("level", 1..=10)?.map(|level| level as u8),
            description: owned(fields.text("description", DESCRIPTION_BYTES_MAX)?),
        })
    }

    fn to_json(&self) -> serde_json::Value {
        let mut object = json!({ "name": self.name });
        let members = [
            ("category", self.category.as_deref().map(Into::into)),
            ("level", self.level.map(Into::into)),
            ("description", self.description.as_deref().map(Into::into)),
        ];
        for (key, value) in members {
            if let Some(value) = value {
                object[key] = value;
            }
        }
        object
    }
}

/// What is done to a capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The agent has it from now on; `add` and `update` alike, whether it had it or not.
    Set,
    /// The agent no longer has it.
    Remove,
}

/// The capabilities of one agent.
#[derive(Clone, Debug, Default)]
pub struct Capabilities(Vec<Capability>);

impl Capabilities {
    /// Applies an update, and says whether there was room for it.
    pub fn apply(&mut self, action: Action, capability: Capability) -> Result<(), String> {
        let held = self.0.iter().position(|held| held.name == capability.name);
        match (action, held) {
            (Action::Set, Some(at)) => self.0[at] = capability,
            (Action::Set, None) if self.0.len() >= CAPABILITIES_PER_AGENT_MAX => {
                return Err(format!(
                    "payload.capability: the agent has {CAPABILITIES_PER_AGENT_MAX} \
                     capabilities and may have no more"
                ));
            }
            (Action::Set, None) => self.0.push(capability),
            (Action::Remove, Some(at)) => {
                self.0.remove(at);
            }
            (Action::Remove, None) => {}
        }
        Ok(())
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// As a list.
    pub fn to_json(&self) -> serde_json::Value {
        self.0.iter().map(Capability::to_json).collect()
    }
}

/// An `agent.capability.update` of a peer.
#[derive(Debug)]
pub struct CapabilityUpdate<'a> {
    /// Whose capability.
    pub agent: Cow<'a, str>,
    /// What is done.
    pub action: Action,
    /// To which.
    pub capability: Capability,
}

impl<'a> CapabilityUpdate<'a> {
    /// Reads the payload.
    pub fn read(payload: &Fields<'a>) -> Result<Self, String> {
        const ACTIONS: [&str; 3] = ["add", "remove", "update"];
        let action = payload.word("action", &ACTIONS)?;
        let action = action.ok_or_else(|| payload.refused("action", &ACTIONS.join(", ")))?;
        Ok(Self {
            agent: agent_id(payload, "agentId")?,
            action: match action {
                "remove" => Action::Remove,
                _ => Action::Set,
            },
            capability: Capability::read(&payload.required_object("capability")?)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(text: &str) -> Result<(Action, Capability), String> {
        let payload = Fields::of_text("payload", text).expect("an object");
        let update = CapabilityUpdate::read(&payload)?;
        Ok((update.action, update.capability))
    }

    #[test]
    fn the_documents_capability_is_added_changed_and_removed() {
        let mut held = Capabilities::default();
        let text = r#"{"agentId":"agent-001","action":"add","capability":{"name":"advanced_analysis",
            "category":"analysis","level":4,"description":"Advanced data analysis with ML models"}}"#;
        let (action, capability) = update(text).expect("good");
        assert_eq!(held.apply(action, capability), Ok(()));
        assert_eq!(
            held.to_json(),
            json!([{"name":"advanced_analysis","category":"analysis","level":4,
                "description":"Advanced data analysis with ML models"}])
        );
        let (action, capability) =
            update(r#"{"agentId":"a","action":"UPDATE","capability":{"name":"advanced_analysis","level":9}}"#)
                .expect("good");
        assert_eq!(held.apply(action, capability), Ok(()));
        assert_eq!(
            held.to_json(),
            json!([{"name":"advanced_analysis","level":9}])
        );
        let gone = r#"{"agentId":"a","action":"remove","capability":{"name":"advanced_analysis"}}"#;
        for _ in 0..2 {
            let (action, capability) = update(gone).expect("good");
            assert_eq!(held.apply(action, capability), Ok(()));
        }
        assert_eq!(held.count(), 0);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, begins) in [
            (
                r#"{"agentId":"a","action":"grow","capability":{"name":"x"}}"#,
                "payload.action: 'grow' is not allowed; add, remove, update",
            ),
            (
                r#"{"agentId":"a","capability":{"name":"x"}}"#,
                "payload.action: missing",
            ),
            (
                r#"{"agentId":"a","action":"add"}"#,
                "payload.capability: missing",
            ),
            (
                r#"{"agentId":"a","action":"add","capability":{"name":"x","level":11}}"#,
                "payload.capability.level: 11 is not allowed; a whole number from 1 to 10",
            ),
            (
                r#"{"agentId":"a","action":"add","capability":{"level":1}}"#,
                "payload.capability.name: missing",
            ),
        ] {
            let error = update(text).unwrap_err();
            assert!(error.starts_with(begins), "{error}");
        }
    }

    #[test]
    fn an_agent_has_a_bounded_number_of_them() {
        let mut held = Capabilities::default();
        let named = |name: usize| Capability {
            name: name.to_string().into(),
            category: None,
            level: None,
            description: None,
        };
        for name in 0..CAPABILITIES_PER_AGENT_MAX {
            assert_eq!(held.apply(Action::Set, named(name)), Ok(()));
        }
        let error = held.apply(Action::Set, named(64)).unwrap_err();
        assert!(error.contains("64 capabilities"), "{error}");
        assert_eq!(held.apply(Action::Set, named(3)), Ok(()), "it has this one");
        assert_eq!(held.count(), CAPABILITIES_PER_AGENT_MAX);
    }
}
