//! What an agent is called.

use std::sync::Arc;

/// A name and a type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// What messages call it, where that is not its name.
    pub agent_id: Option<Arc<str>>,
    /// Its name.
    pub name: Arc<str>,
    /// Its type, if it has one.
    pub kind: Option<Arc<str>>,
}

impl Label {
    /// What messages call the agent.
    pub fn agent(&self) -> &Arc<str> {
        self.agent_id.as_ref().unwrap_or(&self.name)
    }
}
