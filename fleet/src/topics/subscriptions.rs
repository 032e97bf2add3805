//! Who subscribed to what, arranged so that a topic finds its subscribers without asking each.

use std::collections::{BTreeSet, HashMap};

use super::pattern::{Pattern, Step};
use super::topic::Topic;

/// Subscribers by pattern, as a tree with a step of the patterns on each edge.
///
/// A topic of s segments visits at most 2^(s+1)-1 nodes, since each node is left by the segment
/// itself, by `*` or by both; and never more nodes than there are. So `*.*.*.*` from 10,000
/// subscribers costs five nodes and 10,000 keys, all patterns that a topic of four segments can
/// match are found in 31 nodes, and only those who hold 65,536 patterns of 16 segments each make a
/// topic visit 131,071. Beside that, it costs what it finds. A node takes some 270 bytes and is
/// gone with its last subscriber.
#[derive(Clone, Debug)]
pub struct Subscriptions<K> {
    root: Node<K>,
    limits: SubscriptionLimits,
    count: usize,
    nodes: usize,
}

/// How many subscriptions there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionLimits {
    /// The most pairs of a pattern and a subscriber.
    pub subscriptions_max: usize,
    /// The most nodes: steps of patterns, shared beginnings counted once.
    pub nodes_max: usize,
}

/// Why a subscription was refused. Nothing of it is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubscriptionsFull {
    /// There are as many subscriptions as there may be.
    #[error("subscriptions: there are {0}; no more are allowed")]
    Subscriptions(usize),
    /// The pattern has more new steps than there is room for.
    #[error("subscriptions: this pattern needs too many new steps; {0} are allowed over all")]
    Nodes(usize),
}

#[derive(Clone, Debug)]
struct Node<K> {
    /// Behind a segment that was named.
    named: HashMap<Box<str>, Box<Self>>,
    /// Behind `*`.
    one: Option<Box<Self>>,
    /// Whose pattern ends here.
    here: BTreeSet<K>,
    /// Whose pattern goes on with one segment or more, whatever they are.
    rest: BTreeSet<K>,
}

impl Default for SubscriptionLimits {
    /// A million each: 300 MB at worst.
    fn default() -> Self {
        Self {
            subscriptions_max: 1_000_000,
            nodes_max: 1_000_000,
        }
    }
}

impl<K: Copy + Ord> Subscriptions<K> {
    /// Nobody yet, and never more than those.
    pub fn new(limits: SubscriptionLimits) -> Self {
        Self {
            root: Node::new(),
            limits,
            count: 0,
            nodes: 0,
        }
    }

    /// How many pairs of a pattern and a subscriber there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether nobody subscribed to anything.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// How many nodes are held, the root not counted.
    pub fn nodes(&self) -> usize {
        self.nodes
    }

    /// Subscribes `key`; whether it hadn't been to this pattern.
    pub fn insert(&mut self, pattern: &Pattern, key: K) -> Result<bool, SubscriptionsFull> {
        let limits = self.limits;
        let new_nodes = match self.root.find(pattern) {
            Found::Subscribers(keys) if keys.contains(&key) => return Ok(false),
            Found::Subscribers(_) => 0,
            Found::Missing(nodes) => nodes,
        };
        if self.count >= limits.subscriptions_max {
            return Err(SubscriptionsFull::Subscriptions(limits.subscriptions_max));
        }
        if new_nodes > limits.nodes_max - self.nodes {
            return Err(SubscriptionsFull::Nodes(limits.nodes_max));
        }
        self.root.grow(pattern).insert(key);
        self.nodes += new_nodes;
        self.count += 1;
        Ok(true)
    }

    /// Ends the subscription of `key` to this pattern; whether there was one.
    pub fn remove(&mut self, pattern: &Pattern, key: K) -> bool {
        let removed = self.root.remove(&mut pattern.steps(), key);
        if let Some(nodes) = removed {
            self.nodes -= nodes;
            self.count -= 1;
        }
        removed.is_some()
    }

    /// Replaces what is in `found` by those with a pattern that matches: ascending, each once.
    pub fn matching(&self, topic: &Topic, found: &mut Vec<K>) {
        self.matching_any(&[topic], found);
    }

    /// The same for an event of several names, one of which is enough.
    pub fn matching_any(&self, names: &[&Topic], found: &mut Vec<K>) {
        found.clear();
        let mut sets = 0;
        for topic in names {
            self.root.visit(Some(topic.as_str()), &mut |subscribers| {
                sets += usize::from(!subscribers.is_empty());
                found.extend(subscribers);
            });
        }
        if sets > 1 {
            // Each set is ascending already, and this sort merges what is.
            found.sort();
            found.dedup();
        }
    }
}

/// Where a pattern leads.
enum Found<'a, K> {
    /// To those who subscribed to it, if only formerly.
    Subscribers(&'a BTreeSet<K>),
    /// Nowhere; so many nodes are missing.
    Missing(usize),
}

impl<K: Copy + Ord> Node<K> {
    fn new() -> Self {
        Self {
            named: HashMap::new(),
            one: None,
            here: BTreeSet::new(),
            rest: BTreeSet::new(),
        }
    }

    fn is_empty(&self) -> bool {
        let ends = self.here.is_empty() && self.rest.is_empty();
        ends && self.named.is_empty() && self.one.is_none()
    }

    fn find(&self, pattern: &Pattern) -> Found<'_, K> {
        let mut node = self;
        let mut steps = pattern.steps();
        while let Some(step) = steps.next() {
            let next = match step {
                Step::Rest => return Found::Subscribers(&node.rest),
                Step::One => node.one.as_deref(),
                Step::Exactly(word) => node.named.get(word).map(|next| &**next),
            };
            let Some(next) = next else {
                let behind = steps.filter(|step| *step != Step::Rest);
                return Found::Missing(1 + behind.count());
            };
            node = next;
        }
        Found::Subscribers(&node.here)
    }

    /// The subscribers of a pattern, with all nodes on the way to them.
    fn grow(&mut self, pattern: &Pattern) -> &mut BTreeSet<K> {
        let fresh = || Box::new(Self::new());
        let mut node = self;
        for step in pattern.steps() {
            node = match step {
                Step::Rest => return &mut node.rest,
                Step::One => node.one.get_or_insert_with(fresh),
                Step::Exactly(word) => node.named.entry(word.into()).or_insert_with(fresh),
            };
        }
        &mut node.here
    }

    /// Removes a key and the nodes that are empty without it; how many those are, or none if the
    /// key wasn't there.
    fn remove<'a>(&mut self, steps: &mut impl Iterator<Item = Step<'a>>, key: K) -> Option<usize> {
        match steps.next() {
            None => self.here.remove(&key).then_some(0),
            Some(Step::Rest) => self.rest.remove(&key).then_some(0),
            Some(Step::One) => {
                let next = self.one.as_mut()?;
                let gone = next.remove(steps, key)?;
                if !next.is_empty() {
                    return Some(gone);
                }
                self.one = None;
                Some(gone + 1)
            }
            Some(Step::Exactly(word)) => {
                let next = self.named.get_mut(word)?;
                let gone = next.remove(steps, key)?;
                if !next.is_empty() {
                    return Some(gone);
                }
                self.named.remove(word);
                if 4 * self.named.len() < self.named.capacity() {
                    self.named.shrink_to(2 * self.named.len());
                }
                Some(gone + 1)
            }
        }
    }

    /// Shows the subscribers of all patterns that match, once for each node that is looked at;
    /// `remaining` is the topic from here on. As deep as the topic has segments.
    fn visit<'a>(&'a self, remaining: Option<&str>, show: &mut impl FnMut(&'a BTreeSet<K>)) {
        let Some(remaining) = remaining else {
            return show(&self.here);
        };
        show(&self.rest);
        let (segment, remaining) = match remaining.split_once('.') {
            Some((segment, remaining)) => (segment, Some(remaining)),
            None => (remaining, None),
        };
        if let Some(next) = self.named.get(segment) {
            next.visit(remaining, show);
        }
        if let Some(next) = &self.one {
            next.visit(remaining, show);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Pattern, SubscriptionLimits, Subscriptions, SubscriptionsFull, Topic};

    fn pattern(text: &str) -> Pattern {
        Pattern::parse(text).unwrap()
    }

    fn matching(subscriptions: &Subscriptions<u32>, names: &[&str]) -> Vec<u32> {
        let names: Vec<Topic> = names.iter().map(|it| Topic::parse(it).unwrap()).collect();
        let mut found = vec![u32::MAX];
        subscriptions.matching_any(&names.iter().collect::<Vec<_>>(), &mut found);
        found
    }

    fn visited(subscriptions: &Subscriptions<u32>, topic: &str) -> usize {
        let mut nodes = 0;
        subscriptions.root.visit(Some(topic), &mut |_| nodes += 1);
        nodes
    }

    fn subscribed<'a>(all: impl IntoIterator<Item = (&'a str, u32)>) -> Subscriptions<u32> {
        let mut subscriptions = Subscriptions::new(SubscriptionLimits::default());
        for (text, key) in all {
            assert_eq!(subscriptions.insert(&pattern(text), key), Ok(true));
        }
        subscriptions
    }

    #[test]
    fn each_key_is_found_once_and_in_order() {
        let subscriptions = subscribed([
            ("task.*.completed", 3),
            ("task.x.completed", 3),
            ("task.x.completed", 1),
            ("task.>", 2),
            (">", 3),
            ("task.completed", 4),
            ("task.completed", 2),
        ]);
        let found = |names| matching(&subscriptions, names);
        assert_eq!(found(&["task.x.completed"]), [1, 2, 3]);
        assert_eq!(found(&["task.x.completed", "task.completed"]), [1, 2, 3, 4]);
        assert_eq!(found(&["agent.registered"]), [3]);
        assert_eq!(found(&["task"]), [3]);
        assert!(found(&[]).is_empty());
    }

    #[test]
    fn what_is_removed_leaves_nothing() {
        let all = [
            ("a.b.c", 1),
            ("a.b.c", 2),
            ("a.*.c", 1),
            ("a.>", 1),
            ("a", 9),
        ];
        let mut subscriptions = subscribed(all);
        assert_eq!((subscriptions.len(), subscriptions.nodes()), (5, 5));
        assert_eq!(subscriptions.insert(&pattern("a.**"), 1), Ok(false));
        for (text, key) in [
            ("a.b", 1),
            ("a.b.c", 3),
            ("a.b.c.d", 1),
            ("a.*", 1),
            (">", 1),
        ] {
            assert!(!subscriptions.remove(&pattern(text), key), "{text}");
        }
        for (text, key) in all {
            assert!(subscriptions.remove(&pattern(text), key), "{text}");
            assert!(!subscriptions.remove(&pattern(text), key), "{text}");
        }
        assert_eq!((subscriptions.len(), subscriptions.nodes()), (0, 0));
        assert!(subscriptions.is_empty() && subscriptions.root.is_empty());
        assert_eq!(subscriptions.root.named.capacity(), 0);
    }

    #[test]
    fn what_is_over_a_limit_is_refused_whole() {
        let limits = SubscriptionLimits {
            subscriptions_max: 2,
            nodes_max: 4,
        };
        let mut subscriptions = Subscriptions::new(limits);
        assert_eq!(subscriptions.insert(&pattern("a.b.c"), 1), Ok(true));
        let refused = subscriptions.insert(&pattern("a.x.>"), 1);
        assert_eq!(refused, Ok(true));
        assert_eq!(
            subscriptions.insert(&pattern("a"), 1),
            Err(SubscriptionsFull::Subscriptions(2))
        );
        assert_eq!(subscriptions.insert(&pattern("a.b.c"), 1), Ok(false));
        assert!(subscriptions.remove(&pattern("a.x.>"), 1));
        assert_eq!(
            subscriptions.insert(&pattern("a.x.y.**"), 1),
            Err(SubscriptionsFull::Nodes(4))
        );
        assert_eq!((subscriptions.len(), subscriptions.nodes()), (1, 3));
        assert_eq!(subscriptions.insert(&pattern("a.>"), 1), Ok(true));
    }

    #[test]
    fn a_hundred_times_as_many_subscriptions_cost_no_more_nodes() {
        let visits = [1_000, 100_000].map(|count| {
            let mut subscriptions = subscribed([("task.*.completed", 0), ("task.>", 1)]);
            for key in 2..count {
                let text = format!("task.kind_{key}.completed");
                assert_eq!(subscriptions.insert(&pattern(&text), key), Ok(true));
            }
            let topic = "task.kind_7.completed";
            assert_eq!(matching(&subscriptions, &[topic]), [0, 1, 7]);
            visited(&subscriptions, topic)
        });
        // The root, `task`, the kind and `*`, and `completed` behind both.
        assert_eq!(visits, [6, 6]);
    }

    #[test]
    fn the_worst_patterns_stay_within_the_bound() {
        let stars = subscribed((0..10_000).map(|key| ("*.*.*.*", key)));
        assert_eq!((stars.nodes(), visited(&stars, "a.b.c.d")), (4, 5));
        assert_eq!(matching(&stars, &["a.b.c.d"]).len(), 10_000);

        // Every pattern that matches these topics, and as many that only begin like it.
        for segments in [1_u32, 4, 10] {
            let mut subscriptions = subscribed([]);
            for choice in 0..2_u32.pow(segments) {
                let steps = (0..segments).map(|at| ["a", "*"][(choice >> at & 1) as usize]);
                let text = steps.collect::<Vec<_>>().join(".");
                assert_eq!(subscriptions.insert(&pattern(&text), choice), Ok(true));
                let text = format!("{text}.b");
                assert_eq!(subscriptions.insert(&pattern(&text), choice), Ok(true));
            }
            let topic = vec!["a"; segments as usize].join(".");
            assert_eq!(visited(&subscriptions, &topic), (2 << segments) - 1);
            let found = matching(&subscriptions, &[&topic]);
            assert!(found.into_iter().eq(0..2_u32.pow(segments)));
        }
    }
}
