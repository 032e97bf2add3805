//! A template: something that tasks and requests may name instead of spelling it out.

use serde::{Deserialize, Serialize};

use crate::row::{Facet, Row};
use crate::{Fields, Id, Timestamp};

/// A template, as it is stored. While there is none, every `template_id` is accepted (ruling 39).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Template {
    /// Its id.
    pub id: Id,
    /// Its place in the order of creation.
    pub ordinal: u32,
    /// What people call it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// What it holds, for those who ask.
    #[serde(default, skip_serializing_if = "Fields::is_empty")]
    pub content: Fields,
    /// When it was made.
    pub created_at: Timestamp,
}

impl Row for Template {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ordinal(&self) -> u32 {
        self.ordinal
    }

    fn facets(&self, _each: &mut dyn FnMut(Facet)) {}
}
