//! Tables against a plain list: what is found, counted and shown on each page is what a walk over
//! all rows finds.

#![allow(
    clippy::unwrap_used,
    reason = "a test fails at once, its scaffolding too"
)]

use std::collections::BTreeMap;
use std::sync::Arc;

use agnt_fleet::row::{Facet, Row};
use agnt_fleet::table::Table;
use agnt_fleet::{Id, PriorityWord};
use proptest::prelude::*;

#[derive(Clone, Debug, PartialEq)]
struct Sample {
    id: Id,
    ordinal: u32,
    kind: u8,
    tags: Vec<u8>,
    version: u32,
}

impl Row for Sample {
    fn id(&self) -> &Id {
        &self.id
    }

    fn ordinal(&self) -> u32 {
        self.ordinal
    }

    fn facets(&self, each: &mut dyn FnMut(Facet)) {
        each(kind(self.kind));
        for number in &self.tags {
            each(tag(*number));
        }
        if self.version % 2 == 1 {
            each(Facet::PriorityWord(PriorityWord::High));
        }
    }
}

fn kind(number: u8) -> Facet {
    Facet::Type(format!("kind-{number}").into())
}

fn tag(number: u8) -> Facet {
    Facet::Capability(format!("tag-{number}").into())
}

fn name(number: u8) -> Id {
    Id::new(&format!("row-{number}")).unwrap()
}

#[derive(Clone, Debug)]
enum Step {
    Put { name: u8, kind: u8, tags: Vec<u8> },
    Remove { name: u8 },
}

fn step() -> impl Strategy<Value = Step> {
    let put = (0..40u8, 0..3u8, prop::collection::vec(0..4u8, 0..4));
    prop_oneof![
        3 => put.prop_map(|(name, kind, tags)| Step::Put { name, kind, tags }),
        1 => (0..40u8).prop_map(|name| Step::Remove { name }),
    ]
}

fn groups() -> impl Strategy<Value = Vec<Vec<Facet>>> {
    let facet = prop_oneof![
        (0..4u8).prop_map(kind),
        (0..5u8).prop_map(tag),
        Just(Facet::PriorityWord(PriorityWord::High)),
    ];
    prop::collection::vec(prop::collection::vec(facet, 0..3), 0..3)
}

fn has(row: &Sample, facet: &Facet) -> bool {
    let mut is_found = false;
    row.facets(&mut |one| is_found |= one == *facet);
    is_found
}

proptest! {
    #[test]
    fn a_table_is_a_list_with_filters(
        steps in prop::collection::vec(step(), 0..120),
        filters in prop::collection::vec((groups(), 0..50u64, 0..20usize), 1..8),
    ) {
        let mut table: Table<Sample> = Table::default();
        let mut plain: BTreeMap<u32, Arc<Sample>> = BTreeMap::new();
        let mut ordinal_next = 0;
        for (version, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put { name: number, kind, tags } => {
                    let id = name(number);
                    let known = plain.values().find(|row| row.id == id).cloned();
                    let ordinal = known.as_ref().map_or(ordinal_next, |row| row.ordinal);
                    ordinal_next = ordinal_next.max(ordinal + 1);
                    let version = version as u32;
                    let row = Arc::new(Sample { id, ordinal, kind, tags, version });
                    prop_assert_eq!(table.put(Arc::clone(&row)), known);
                    plain.insert(ordinal, row);
                }
                Step::Remove { name: number } => {
                    let id = name(number);
                    let known = plain.values().find(|row| row.id == id).cloned();
                    prop_assert_eq!(table.remove(id.as_str()), known.clone());
                    known.map(|row| plain.remove(&row.ordinal));
                }
            }
        }
        prop_assert_eq!(table.len(), plain.len());
        prop_assert_eq!(table.is_empty(), plain.is_empty());
        prop_assert!(table.iter().eq(plain.values()));
        let above_all = plain.keys().last().map_or(0, |last| last + 1);
        prop_assert_eq!(table.ordinal_next(), above_all);
        for row in plain.values() {
            prop_assert_eq!(table.find(row.id.as_str()), Some(row));
            prop_assert_eq!(table.at(row.ordinal), Some(row));
        }
        for (groups, skip, limit) in filters {
            let matches = |row: &&Arc<Sample>| {
                groups.iter().all(|group| group.iter().any(|facet| has(row, facet)))
            };
            let expected: Vec<_> = plain.values().filter(matches).cloned().collect();
            prop_assert_eq!(&table.select(&groups), &expected);
            let page = table.page(&groups, skip, limit);
            prop_assert_eq!(page.total, expected.len() as u64);
            let slice: Vec<_> = expected.into_iter().skip(skip as usize).take(limit).collect();
            prop_assert_eq!(page.rows, slice);
            for facet in groups.iter().flatten() {
                let with: Vec<_> = plain.values().filter(|row| has(row, facet)).collect();
                prop_assert_eq!(table.count(facet), with.len() as u64);
                prop_assert_eq!(table.with(facet).collect::<Vec<_>>(), with);
            }
        }
    }
}
