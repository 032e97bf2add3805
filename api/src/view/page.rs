//! Where in a list a page stands.

use serde::Serialize;

/// Where in a list a page stands (decision M19).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Pagination {
    /// Which page, from 1.
    pub(crate) page: u64,
    /// How many entries a page has.
    pub(crate) limit: u64,
    /// How many entries there are.
    pub(crate) total: u64,
    /// How many pages.
    pub(crate) total_pages: u64,
}
