//! Ordered sets by key; a key without a set is no key.

use std::borrow::Borrow;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Sets by key.
#[derive(Debug, PartialEq)]
pub(super) struct Groups<K: Eq + Hash, V: Ord>(HashMap<K, BTreeSet<V>>);

impl<K: Eq + Hash, V: Ord> Default for Groups<K, V> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<K: Eq + Hash, V: Ord> Groups<K, V> {
    /// The set under a key, which is never empty.
    pub(super) fn find<Q>(&self, key: &Q) -> Option<&BTreeSet<V>>
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        self.0.get(key)
    }

    /// Adds to the set under a key.
    pub(super) fn insert<Q>(&mut self, key: &Q, value: V)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ToOwned<Owned = K> + ?Sized,
    {
        match self.0.get_mut(key) {
            Some(set) => {
                set.insert(value);
            }
            None => {
                self.0.insert(key.to_owned(), BTreeSet::from([value]));
            }
        }
    }

    /// Takes out of the set under a key.
    pub(super) fn remove<Q>(&mut self, key: &Q, value: &V)
    where
        K: Borrow<Q>,
        Q: Eq + Hash + ?Sized,
    {
        if let Some(set) = self.0.get_mut(key) {
            set.remove(value);
            if set.is_empty() {
                self.0.remove(key);
            }
        }
    }

    /// How many keys there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All keys with their sets, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&K, &BTreeSet<V>)> {
        self.0.iter()
    }
}
