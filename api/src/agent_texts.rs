//! The JSON of agents that are asked for again and again: written once, kept while it holds.
//!
//! A text holds as long as the very row and the very vitals that it was written of: both are made
//! anew by every change, and never changed in place. A slot refers to them weakly, so that they can
//! go, and so that no other row ever lies where they lay while it looks.

use std::sync::{Arc, PoisonError, RwLock, Weak};

use agnt_fleet::agent::{Agent, Vitals};
use bytes::Bytes;

use crate::dialect::Dialect;

/// How many texts are kept at most, a power of two.
const SLOTS: usize = 4096;

/// The longest text that is kept: all of them take 16 MiB at most.
const TEXT_BYTES_MAX: usize = 4096;

/// The texts; see the module. A text's slot follows from the agent's number, and the last one that
/// was written stays in it.
#[derive(Debug)]
pub struct AgentTexts {
    slots: Box<[RwLock<Option<Kept>>]>,
}

#[derive(Debug)]
struct Kept {
    agent: Weak<Agent>,
    vitals: Option<Weak<Vitals>>,
    dialect: Dialect,
    text: Bytes,
}

impl AgentTexts {
    /// The text of this agent with these vitals, which `write` writes if it isn't kept.
    pub(crate) fn text<E>(
        &self,
        dialect: Dialect,
        agent: &Arc<Agent>,
        vitals: Option<&Arc<Vitals>>,
        write: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let place =
            agent.numeric_id as usize % (SLOTS / 2) * 2 + usize::from(dialect == Dialect::B);
        let slot = &self.slots[place];
        let kept = slot.read().unwrap_or_else(PoisonError::into_inner);
        let found = kept.as_ref();
        if let Some(kept) = found.filter(|kept| kept.is_of(dialect, agent, vitals)) {
            return Ok(kept.text.clone());
        }
        drop(kept);
        let text = write()?;
        if text.len() <= TEXT_BYTES_MAX {
            let kept = Kept {
                agent: Arc::downgrade(agent),
                vitals: vitals.map(Arc::downgrade),
                dialect,
                text: text.clone(),
            };
            let mut slot = slot.write().unwrap_or_else(PoisonError::into_inner);
            let old = slot.replace(kept);
            drop(slot);
            drop(old);
        }
        Ok(text)
    }
}

impl Default for AgentTexts {
    fn default() -> Self {
        Self {
            slots: (0..SLOTS).map(|_| RwLock::default()).collect(),
        }
    }
}

impl Kept {
    fn is_of(&self, dialect: Dialect, agent: &Arc<Agent>, vitals: Option<&Arc<Vitals>>) -> bool {
        let has_vitals = match (&self.vitals, vitals) {
            (None, None) => true,
            (Some(kept), Some(given)) => kept.as_ptr() == Arc::as_ptr(given),
            _ => false,
        };
        has_vitals && self.dialect == dialect && self.agent.as_ptr() == Arc::as_ptr(agent)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use agnt_fleet::Timestamp;
    use serde_json::json;

    use super::*;

    fn agent(numeric_id: u32) -> Arc<Agent> {
        let row = json!({
            "id": "a", "ordinal": 1, "numeric_id": numeric_id, "stream": "s", "capabilities": [],
            "max_tasks": 5, "status": "idle", "registered_at": Timestamp::from_micros(1),
            "updated_at": Timestamp::from_micros(1), "current_tasks": 0,
            "last_assigned_at": Timestamp::from_micros(1),
        });
        Arc::new(serde_json::from_value(row).unwrap())
    }

    #[test]
    fn a_text_is_written_again_for_another_row_other_vitals_and_another_dialect() {
        let texts = AgentTexts::default();
        let written = Cell::new(0_u8);
        let ask = |dialect, agent: &_, vitals: Option<&_>, len: usize| {
            let text = texts.text(dialect, agent, vitals, || {
                written.set(written.get() + 1);
                Ok::<_, ()>(Bytes::from(vec![written.get(); len]))
            });
            text.unwrap()[0]
        };
        let (mut row, mut vitals) = (agent(7), Arc::new(Vitals::default()));
        assert_eq!(ask(Dialect::A, &row, None, 9), 1);
        assert_eq!(ask(Dialect::A, &row, None, 9), 1);
        assert_eq!(ask(Dialect::B, &row, None, 9), 2);
        assert_eq!(ask(Dialect::A, &row, Some(&vitals), 9), 3);
        assert_eq!(ask(Dialect::A, &row, Some(&vitals), 9), 3);
        vitals = Arc::new(Vitals::clone(&vitals));
        assert_eq!(ask(Dialect::A, &row, Some(&vitals), 9), 4);
        // A row that is changed where it lies, as far as that is possible, is another one as well.
        Arc::make_mut(&mut row).max_tasks = 6;
        assert_eq!(ask(Dialect::A, &row, Some(&vitals), 9), 5);
        assert_eq!(ask(Dialect::B, &row, None, TEXT_BYTES_MAX + 1), 6);
        assert_eq!(ask(Dialect::B, &row, None, TEXT_BYTES_MAX + 1), 7);
        // Two that share a slot take turns.
        let other = agent(7 + SLOTS as u32);
        assert_eq!(ask(Dialect::A, &other, None, 9), 8);
        assert_eq!(ask(Dialect::A, &other, None, 9), 8);
        assert_eq!(ask(Dialect::A, &row, Some(&vitals), 9), 9);
    }
}
