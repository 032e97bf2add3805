//! Topics find exactly the subscribers whose patterns match, whatever was subscribed and ended
//! before: shown against a definition over lists of words and a plain list of subscriptions.

use std::collections::BTreeSet;

use agnt_fleet::topics::{Pattern, SubscriptionLimits, Subscriptions, Topic};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The definition: a pattern's first word against a topic's first word, then the others.
fn matches(pattern: &[&str], topic: &[&str]) -> bool {
    match (pattern, topic) {
        ([], []) => true,
        (["**" | ">"], topic) => !topic.is_empty(),
        (["*", pattern @ ..], [_, topic @ ..]) => matches(pattern, topic),
        ([word, pattern @ ..], [segment, topic @ ..]) => word == segment && matches(pattern, topic),
        _ => false,
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split('.').collect()
}

fn topic(segments_max: usize) -> impl Strategy<Value = String> {
    let segment = select(vec!["a", "b", "task", "completed", "a-1", "_"]);
    vec(segment, 1..=segments_max).prop_map(|segments| segments.join("."))
}

fn pattern(segments_max: usize) -> impl Strategy<Value = String> {
    let step = select(vec!["a", "b", "task", "completed", "*", "*"]);
    let end = select(vec!["", "", ".**", ".>"]);
    let steps = vec(step, 1..segments_max).prop_map(|steps| steps.join("."));
    let whole = (steps, end).prop_map(|(steps, end)| steps + end);
    prop_oneof![9 => whole, 1 => Just(">".to_owned())]
}

/// What a text has to be, said without the code under test.
fn is_topic(text: &str) -> bool {
    let allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
    let segments = words(text);
    let is_segment = |it: &&str| !it.is_empty() && it.chars().all(|it| allowed.contains(it));
    text.len() <= 255 && segments.len() <= 16 && segments.iter().all(is_segment)
}

fn is_pattern(text: &str) -> bool {
    let mut steps = words(text);
    let last = steps.pop().map(|step| match step {
        "**" | ">" => "x",
        step => step,
    });
    let steps = steps.into_iter().chain(last);
    let literal: Vec<_> = steps.map(|it| if it == "*" { "x" } else { it }).collect();
    text.len() <= 255 && is_topic(&literal.join("."))
}

#[derive(Clone, Debug)]
enum Act {
    Subscribe(String, u8),
    End(String, u8),
    EndSome(usize),
    Publish(String, String),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (pattern(5), 0..6_u8).prop_map(|(pattern, key)| Act::Subscribe(pattern, key)),
        1 => (pattern(3), 0..6_u8).prop_map(|(pattern, key)| Act::End(pattern, key)),
        2 => any::<usize>().prop_map(Act::EndSome),
        4 => (topic(5), topic(3)).prop_map(|(topic, alias)| Act::Publish(topic, alias)),
    ]
}

/// One way to write each pattern, so that those that equal are one subscription.
fn canonical(pattern: &str) -> String {
    pattern.replace("**", ">")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_pattern_matches_as_defined(pattern in pattern(6), topic in topic(7)) {
        let expected = matches(&words(&pattern), &words(&topic));
        let (pattern, topic) = (Pattern::parse(&pattern).unwrap(), Topic::parse(&topic).unwrap());
        prop_assert_eq!(pattern.matches(&topic), expected);
    }

    #[test]
    fn subscribers_are_those_whose_patterns_match(acts in vec(act(), 1..120)) {
        let mut subscriptions = Subscriptions::new(SubscriptionLimits::default());
        let mut plain: BTreeSet<(String, u8)> = BTreeSet::new();
        let mut found = Vec::new();
        for act in acts {
            match act {
                Act::Subscribe(text, key) => {
                    let is_new = subscriptions.insert(&Pattern::parse(&text).unwrap(), key);
                    prop_assert_eq!(is_new, Ok(plain.insert((canonical(&text), key))));
                }
                Act::End(text, key) => {
                    let was_there = subscriptions.remove(&Pattern::parse(&text).unwrap(), key);
                    prop_assert_eq!(was_there, plain.remove(&(canonical(&text), key)));
                }
                Act::EndSome(at) if !plain.is_empty() => {
                    let (text, key) = plain.iter().nth(at % plain.len()).cloned().unwrap();
                    prop_assert!(subscriptions.remove(&Pattern::parse(&text).unwrap(), key));
                    plain.remove(&(text, key));
                }
                Act::EndSome(_) => {}
                Act::Publish(topic, alias) => {
                    let expected: BTreeSet<u8> = plain
                        .iter()
                        .filter(|(pattern, _)| {
                            let pattern = words(pattern);
                            matches(&pattern, &words(&topic)) || matches(&pattern, &words(&alias))
                        })
                        .map(|(_, key)| *key)
                        .collect();
                    let names = [&topic, &alias].map(|name| Topic::parse(name).unwrap());
                    subscriptions.matching_any(&[&names[0], &names[1]], &mut found);
                    prop_assert!(found.iter().eq(&expected), "{:?} {:?}", found, expected);
                }
            }
            prop_assert_eq!(subscriptions.len(), plain.len());
            let beginnings: BTreeSet<Vec<&str>> = plain
                .iter()
                .flat_map(|(text, _)| {
                    let mut steps = words(text);
                    steps.retain(|step| *step != ">");
                    (1..=steps.len()).map(|length| steps[..length].to_vec()).collect::<Vec<_>>()
                })
                .collect();
            prop_assert_eq!(subscriptions.nodes(), beginnings.len());
        }
    }

    #[test]
    fn any_text_is_judged_by_the_rule(text in "[a-c.*>é \\-]{0,12}|(\\*\\.|a\\.){10,20}>?|[.ab]{250,260}") {
        prop_assert_eq!(Topic::parse(&text).is_ok(), is_topic(&text));
        prop_assert_eq!(Pattern::parse(&text).is_ok(), is_pattern(&text));
    }

    #[test]
    fn no_text_is_too_strange(text in any::<String>()) {
        for told in [
            Topic::parse(&text).err().map(|error| error.to_string()),
            Pattern::parse(&text).err().map(|error| error.to_string()),
        ].into_iter().flatten() {
            prop_assert!(told.is_ascii() && !told.contains('\n'), "{}", told);
        }
    }
}

/// The subscription of document B, by its own words.
#[test]
fn the_documents_subscription_hears_the_documents_publication() {
    let mut subscriptions = Subscriptions::new(SubscriptionLimits::default());
    for text in [
        "task.*.completed",
        "workflow.stage_completed",
        "system.alerts",
    ] {
        let pattern = Pattern::parse(text).unwrap();
        assert_eq!(subscriptions.insert(&pattern, "orchestrator-001"), Ok(true));
    }
    for (text, expected) in [
        ("task.code_generation.completed", 1),
        ("workflow.stage_completed", 1),
        ("system.alert", 1),
        ("task.code_generation.failed", 0),
        ("workflow.started", 0),
    ] {
        let topic = Topic::parse(text).unwrap();
        let alias = topic.alias();
        let names: Vec<&Topic> = [&topic].into_iter().chain(&alias).collect();
        let mut found = Vec::new();
        subscriptions.matching_any(&names, &mut found);
        assert_eq!(found.len(), expected, "{text}");
    }
}
