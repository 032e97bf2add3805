//! Topics beside what they must not cost: subscribers found among 1,000 and among 100,000, and a
//! page of events among 10,000 and among 1,000,000.

#![allow(
    missing_docs,
    reason = "criterion's macros make public items without docs"
)]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that can't go on has failed"
)]

use std::borrow::Cow;
use std::hint::black_box;

use agnt_fleet::topics::{
    EventIndex, Filter, Lookup, Pattern, Subject, SubscriptionLimits, Subscriptions, Topic,
};
use criterion::{Criterion, criterion_group, criterion_main};
use serde_json::{Value, json};

fn subscribed(texts: impl IntoIterator<Item = String>) -> Subscriptions<u32> {
    let mut subscriptions = Subscriptions::new(SubscriptionLimits::default());
    for (key, text) in (0..).zip(texts) {
        let pattern = Pattern::parse(&text).unwrap();
        subscriptions.insert(&pattern, key).unwrap();
    }
    subscriptions
}

/// The subscribers of one topic, ten of them, among more and more others.
fn matching(criterion: &mut Criterion) {
    let topic = Topic::parse("task.code_generation.completed").unwrap();
    let mut group = criterion.benchmark_group("ten subscribers of a topic");
    for count in [1_000, 100_000] {
        let ten = (0..10).map(|at| {
            let patterns = ["task.*.completed", "task.code_generation.>"];
            patterns[at % patterns.len()].to_owned()
        });
        let others = (10..count).map(|at| format!("task.kind_{at}.completed"));
        let subscriptions = subscribed(ten.chain(others));
        let mut found = Vec::new();
        group.bench_function(format!("among {count}"), |bencher| {
            bencher.iter(|| {
                subscriptions.matching(black_box(&topic), &mut found);
                assert_eq!(found.len(), 10);
            });
        });
    }
    group.finish();
}

/// What the worst patterns cost.
fn worst(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("the worst patterns");
    let mut found = Vec::new();
    let stars = subscribed((0..10_000).map(|_| "*.*.*.*".to_owned()));
    let topic = Topic::parse("a.b.c.d").unwrap();
    group.bench_function("10,000 times *.*.*.*", |bencher| {
        bencher.iter(|| stars.matching(black_box(&topic), &mut found));
    });
    for (segments, ends) in [(4, ["a", "*"]), (16, ["a", "*"]), (16, ["b", "b"])] {
        let every = (0..1_u32 << segments).map(|choice| {
            let words = (0..segments).map(|at| {
                let choices = if at == segments - 1 { ends } else { ["a", "*"] };
                choices[(choice >> at & 1) as usize]
            });
            words.collect::<Vec<_>>().join(".")
        });
        let subscriptions = subscribed(every);
        let topic = Topic::parse(&vec!["a"; segments as usize].join(".")).unwrap();
        subscriptions.matching(&topic, &mut found);
        let name = format!(
            "every pattern of {segments} segments, {} match",
            found.len()
        );
        group.bench_function(name, |bencher| {
            bencher.iter(|| subscriptions.matching(black_box(&topic), &mut found));
        });
    }
    group.finish();
}

/// A page of 100 from the middle of more and more events.
fn page(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a page of 100 events");
    for count in [10_000, 1_000_000_u64] {
        for topics in [20, 4_000] {
            let names: Vec<Topic> = (0..topics)
                .map(|at| Topic::parse(&format!("task.kind_{at}.completed")).unwrap())
                .collect();
            let mut index = EventIndex::new(4_096);
            for sequence in 1..=count {
                index.push(sequence, &names[sequence as usize % names.len()]);
            }
            for text in ["task.kind_7.completed", "task.*.completed"] {
                let pattern = Pattern::parse(text).unwrap();
                let name = format!("{text} of {count}, {topics} topics");
                group.bench_function(name, |bencher| {
                    bencher.iter(|| index.candidates_after(black_box(&pattern), count / 2, 100));
                });
            }
        }
    }
    group.finish();
}

struct Facts(Value);

impl Subject for Facts {
    fn value(&self, key: &str) -> Lookup<'_> {
        self.0
            .get(key)
            .map_or(Lookup::Missing, |value| Lookup::Value(Cow::Borrowed(value)))
    }
}

/// The filter of a usual subscription, and the largest one.
fn filter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a filter");
    let facts = Facts(json!({"priority": 8, "project_id": "proj-456"}));
    let many: Vec<String> = (0..255).map(|at| format!("proj-{at}")).collect();
    for (name, json) in [
        (
            "of two keys",
            json!({"priority": ["high", "critical"], "project_id": "proj-456"}),
        ),
        (
            "of 256 values",
            json!({"priority": "high", "project_id": many}),
        ),
    ] {
        let filter = Filter::read(&json).unwrap();
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(&filter).passes(black_box(&facts)));
        });
    }
    group.finish();
}

criterion_group!(benches, matching, worst, page, filter);
criterion_main!(benches);
