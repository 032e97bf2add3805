//! Lists: which page of which rows.

use std::sync::Arc;

use agnt_fleet::row::{Facet, Row};
use agnt_fleet::table::Table;
use agnt_fleet::{Id, Refusal};
use serde::Serialize;
use serde::ser::SerializeMap;

use crate::limits::{PAGE_LIMIT_DEFAULT, PAGE_LIMIT_MAX};
use crate::query::Query;
use crate::view::Pagination;

/// The last page that may be asked for.
const PAGE_MAX: u64 = u32::MAX as u64;

/// A page of a list, narrowed to rows that have one facet of each group.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Listing {
    page: u64,
    limit: u64,
    groups: Vec<Vec<Facet>>,
}

impl Listing {
    /// Reads which page is asked for.
    pub(crate) fn read(query: &mut Query<'_>) -> Self {
        let page = query.integer("page", 1, PAGE_MAX);
        let limit = query.integer("limit", 1, PAGE_LIMIT_MAX);
        Self {
            page: page.unwrap_or(1),
            limit: limit.unwrap_or(PAGE_LIMIT_DEFAULT),
            groups: Vec::new(),
        }
    }

    /// Narrows the list to rows that have one of these facets, if any were asked for.
    pub(crate) fn narrow(&mut self, facets: Option<Vec<Facet>>) {
        self.groups.extend(facets);
    }

    /// The same for one facet.
    pub(crate) fn narrow_to(&mut self, facet: Option<Facet>) {
        self.narrow(facet.map(|facet| vec![facet]));
    }

    /// The page.
    pub(crate) fn page<R: Row>(&self, table: &Table<R>) -> (Vec<Arc<R>>, Pagination) {
        let skip = (self.page - 1) * self.limit;
        let found = table.page(&self.groups, skip, self.limit as usize);
        (found.rows, self.pagination(found.total))
    }

    /// The page of a list that has at most this row.
    pub(crate) fn page_of_one<R: Row>(&self, row: Option<Arc<R>>) -> (Vec<Arc<R>>, Pagination) {
        let row = row.filter(|row| {
            let mut facets = Vec::new();
            row.facets(&mut |facet| facets.push(facet));
            let mut groups = self.groups.iter();
            groups.all(|group| group.iter().any(|facet| facets.contains(facet)))
        });
        let total = u64::from(row.is_some());
        let row = row.filter(|_| self.page == 1);
        (row.into_iter().collect(), self.pagination(total))
    }

    fn pagination(&self, total: u64) -> Pagination {
        Pagination {
            page: self.page,
            limit: self.limit,
            total,
            total_pages: total.div_ceil(self.limit),
        }
    }
}

/// A page as it is shown: `{"agents": [...], "pagination": {...}}`.
pub(crate) struct ListView<V> {
    /// What its entries are called.
    pub(crate) name: &'static str,
    /// Its entries.
    pub(crate) entries: Vec<V>,
    /// Where in the list it stands.
    pub(crate) pagination: Pagination,
}

impl<V: Serialize> Serialize for ListView<V> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry(self.name, &self.entries)?;
        map.serialize_entry("pagination", &self.pagination)?;
        map.end()
    }
}

/// An id in a path: what can't be one is the id of nothing.
pub(crate) fn path_id(what: &str, text: &str) -> Result<Id, Refusal> {
    Id::new(text).map_err(|_| absent(what, text))
}

/// There is no such thing; the name is repeated up to its bound.
pub(crate) fn absent(what: &str, id: &str) -> Refusal {
    Refusal::not_found(what, crate::body::scalars::clipped(id, 128))
}
