//! What is read of the fleet to answer.

use std::sync::{Arc, RwLockReadGuard};

use agnt_fleet::Id;
use agnt_fleet::agent::Vitals;
use agnt_fleet::tables::Tables;

use crate::agent_texts::AgentTexts;

/// The fleet, as those see it who only read.
pub trait FleetView {
    /// All committed rows. Held for a look at them, never while something is written out.
    fn read(&self) -> RwLockReadGuard<'_, Tables>;

    /// What an agent last said of itself.
    fn vitals(&self, agent: &Id) -> Option<Arc<Vitals>>;

    /// The texts of agents that are kept, if any are.
    fn agent_texts(&self) -> Option<&AgentTexts> {
        None
    }

    /// Whether the sender of callbacks may call that URL, which is no path of this server.
    fn may_call(&self, url: &str) -> bool;

    /// How requests were answered so far.
    fn response_figures(&self) -> ResponseFigures;
}

/// How requests were answered.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ResponseFigures {
    /// How long an answer took on average, in ms.
    pub average_response_ms: f64,
    /// The share of answers with a status of 500 or more, 0 to 1.
    pub error_rate: f64,
}
