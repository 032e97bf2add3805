//! A table: rows by id, in their order of creation, with a bitmap per facet, so that any page of any
//! filtered list costs the same however long the list is.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use roaring::RoaringBitmap;

use crate::Id;
use crate::row::{Facet, Row};

/// Rows of one kind.
#[derive(Clone, Debug)]
pub struct Table<R> {
    rows: HashMap<u32, Arc<R>>,
    ordinals: HashMap<Id, u32>,
    all: RoaringBitmap,
    facets: HashMap<Facet, RoaringBitmap>,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<R> {
    /// Its rows, in order.
    pub rows: Vec<Arc<R>>,
    /// How many rows the whole list has.
    pub total: u64,
}

impl<R> Default for Table<R> {
    fn default() -> Self {
        Self {
            rows: HashMap::new(),
            ordinals: HashMap::new(),
            all: RoaringBitmap::new(),
            facets: HashMap::new(),
        }
    }
}

impl<R: Row> Table<R> {
    /// The row under this id.
    pub fn find(&self, id: &str) -> Option<&Arc<R>> {
        self.rows.get(self.ordinals.get(id)?)
    }

    /// The row with this ordinal.
    pub fn at(&self, ordinal: u32) -> Option<&Arc<R>> {
        self.rows.get(&ordinal)
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// An ordinal above all.
    pub fn ordinal_next(&self) -> u32 {
        self.all.max().map_or(0, |last| last + 1)
    }

    /// All rows, in their order of creation.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<R>> {
        self.all
            .iter()
            .filter_map(|ordinal| self.rows.get(&ordinal))
    }

    /// The rows with this facet, in their order of creation.
    pub fn with(&self, facet: &Facet) -> impl Iterator<Item = &Arc<R>> {
        let ordinals = self.facets.get(facet).into_iter().flatten();
        ordinals.filter_map(|ordinal| self.rows.get(&ordinal))
    }

    /// How many rows have this facet.
    pub fn count(&self, facet: &Facet) -> u64 {
        self.facets.get(facet).map_or(0, RoaringBitmap::len)
    }

    /// Puts a row in the place of what was under its id. Returns that.
    pub fn put(&mut self, row: Arc<R>) -> Option<Arc<R>> {
        let ordinal = row.ordinal();
        let known = self.rows.get_mut(&ordinal);
        if let Some(known) = known.filter(|known| known.id() == row.id())
            && facets(known) == facets(&row)
        {
            return Some(std::mem::replace(known, row));
        }
        let old = self.remove(row.id().as_str());
        row.facets(&mut |facet| {
            self.facets.entry(facet).or_default().insert(ordinal);
        });
        self.all.insert(ordinal);
        self.ordinals.insert(row.id().clone(), ordinal);
        self.rows.insert(ordinal, row);
        old
    }

    /// Takes a row out.
    pub fn remove(&mut self, id: &str) -> Option<Arc<R>> {
        let ordinal = self.ordinals.remove(id)?;
        self.all.remove(ordinal);
        let old = self.rows.remove(&ordinal)?;
        old.facets(&mut |facet| {
            if let Some(ordinals) = self.facets.get_mut(&facet) {
                ordinals.remove(ordinal);
                if ordinals.is_empty() {
                    self.facets.remove(&facet);
                }
            }
        });
        Some(old)
    }

    /// The page of `limit` rows behind the first `skip` of those that have one of the facets of
    /// each group (a group without a facet has no row).
    pub fn page(&self, groups: &[Vec<Facet>], skip: u64, limit: usize) -> Page<R> {
        let list = self.narrow(groups);
        let total = list.len();
        let first = u32::try_from(skip).ok().and_then(|skip| list.select(skip));
        let rows = first.map_or_else(Vec::new, |first| {
            let ordinals = list.range(first..).take(limit);
            ordinals
                .filter_map(|ordinal| self.rows.get(&ordinal).cloned())
                .collect()
        });
        Page { rows, total }
    }

    /// Like [`Table::page`], all of it.
    pub fn select(&self, groups: &[Vec<Facet>]) -> Vec<Arc<R>> {
        let list = self.narrow(groups);
        list.iter()
            .filter_map(|ordinal| self.rows.get(&ordinal).cloned())
            .collect()
    }

    fn narrow(&self, groups: &[Vec<Facet>]) -> Cow<'_, RoaringBitmap> {
        let mut list = Cow::Borrowed(&self.all);
        for (place, group) in groups.iter().enumerate() {
            let mut any: Cow<'_, RoaringBitmap> = Cow::Owned(RoaringBitmap::new());
            for found in group.iter().filter_map(|facet| self.facets.get(facet)) {
                any = match any {
                    none if none.is_empty() => Cow::Borrowed(found),
                    Cow::Borrowed(first) => Cow::Owned(first | found),
                    Cow::Owned(some) => Cow::Owned(some | found),
                };
            }
            list = match place {
                0 => any,
                _ => Cow::Owned(&*list & &*any),
            };
        }
        list
    }
}

fn facets<R: Row>(row: &Arc<R>) -> Vec<Facet> {
    let mut facets = Vec::new();
    row.facets(&mut |facet| facets.push(facet));
    facets
}
