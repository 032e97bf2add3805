//! A bounded map that forgets who was quiet for longest.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The map; see the module. Touching an entry makes it the newest.
#[derive(Debug)]
pub struct Recent<V> {
    entries: HashMap<Arc<str>, Entry<V>>,
    /// Keys by when they were touched, the oldest first.
    by_age: BTreeMap<u64, Arc<str>>,
    touches: u64,
    entries_max: usize,
}

#[derive(Debug)]
struct Entry<V> {
    touched: u64,
    value: V,
}

impl<V> Recent<V> {
    /// An empty map that holds at most so many entries.
    pub fn new(entries_max: usize) -> Self {
        Self {
            entries: HashMap::new(),
            by_age: BTreeMap::new(),
            touches: 0,
            entries_max,
        }
    }

    /// The entry of that key, made if there is none; what had to be forgotten for it comes back.
    pub fn touch(&mut self, key: &str, make: impl FnOnce() -> V) -> (&mut V, Option<V>) {
        self.touches += 1;
        let touched = self.touches;
        let mut forgotten = None;
        let key: Arc<str> = if let Some((key, entry)) = self.entries.get_key_value(key) {
            self.by_age.remove(&entry.touched);
            Arc::clone(key)
        } else {
            if self.entries.len() >= self.entries_max {
                forgotten = self.forget_oldest();
            }
            Arc::from(key)
        };
        self.by_age.insert(touched, Arc::clone(&key));
        let entry = self.entries.entry(key).or_insert_with(|| Entry {
            touched,
            value: make(),
        });
        entry.touched = touched;
        (&mut entry.value, forgotten)
    }

    fn forget_oldest(&mut self) -> Option<V> {
        let (_, key) = self.by_age.pop_first()?;
        self.entries.remove(&key).map(|entry| entry.value)
    }

    /// An entry as it is; it gets no younger.
    pub fn peek(&self, key: &str) -> Option<&V> {
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// The same, to be changed.
    pub fn peek_mut(&mut self, key: &str) -> Option<&mut V> {
        self.entries.get_mut(key).map(|entry| &mut entry.value)
    }

    /// Takes an entry out.
    pub fn remove(&mut self, key: &str) -> Option<V> {
        let entry = self.entries.remove(key)?;
        self.by_age.remove(&entry.touched);
        Some(entry.value)
    }

    /// Every entry, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &V)> {
        let found = self.by_age.values();
        found.filter_map(|key| Some((key, &self.entries.get(key)?.value)))
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.entries.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_that_was_quiet_for_longest_goes() {
        let mut recent = Recent::new(3);
        for (key, value) in [("a", 1), ("b", 2), ("c", 3)] {
            assert_eq!(recent.touch(key, || value), (&mut { value }, None));
        }
        assert_eq!(recent.touch("a", || 9), (&mut 1, None), "touched, not made");
        assert_eq!(recent.peek("b"), Some(&2), "looking at it keeps nobody");
        assert_eq!(recent.touch("d", || 4), (&mut 4, Some(2)));
        let held: Vec<_> = recent
            .iter()
            .map(|(key, value)| (key.as_ref(), *value))
            .collect();
        assert_eq!(held, [("c", 3), ("a", 1), ("d", 4)]);
        assert_eq!((recent.count(), recent.peek("b")), (3, None));
        assert_eq!((recent.remove("a"), recent.remove("a")), (Some(1), None));
        assert_eq!(
            recent.touch("e", || 5),
            (&mut 5, None),
            "there is room again"
        );
    }

    #[test]
    fn it_agrees_with_a_plain_list() {
        let mut recent = Recent::new(8);
        let mut model: Vec<(String, u32)> = Vec::new();
        let mut random = fastrand::Rng::with_seed(3);
        for step in 0..5_000 {
            let key = random.u8(..24).to_string();
            recent.touch(&key, || step);
            let known = model.iter().position(|(name, _)| *name == key);
            let entry = known.map_or((key, step), |at| model.remove(at));
            model.push(entry);
            if model.len() > 8 {
                model.remove(0);
            }
            let held: Vec<_> = recent
                .iter()
                .map(|(key, value)| (key.to_string(), *value))
                .collect();
            assert_eq!(held, model);
        }
    }
}
