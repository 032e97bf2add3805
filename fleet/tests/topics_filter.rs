//! A filter passes exactly what meets all its demands: shown against a definition over JSON as it
//! stands, and with values of every kind.

use std::borrow::Cow;

use agnt_fleet::topics::{Filter, Lookup, Subject};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

/// An event, its task and its workflow. Events have a `kind`; a key that begins with `t` is one of
/// tasks, and events without a task can't have it.
struct Chain {
    event: Map<String, Value>,
    task: Option<Map<String, Value>>,
    workflow: Map<String, Value>,
}

impl Subject for Chain {
    fn value(&self, key: &str) -> Lookup<'_> {
        let layers = [Some(&self.event), self.task.as_ref(), Some(&self.workflow)];
        match layers.into_iter().flatten().find_map(|it| it.get(key)) {
            Some(value) => Lookup::Value(Cow::Borrowed(value)),
            None if self.task.is_none() && key.starts_with('t') => Lookup::NotApplicable,
            None => Lookup::Missing,
        }
    }
}

/// The definition: some wanted value of each key is some value that is there.
fn passes(filter: &Map<String, Value>, chain: &Chain) -> bool {
    filter.iter().all(|(key, wanted)| {
        let wanted = listed(wanted);
        let found = chain
            .event
            .get(key)
            .or_else(|| chain.task.as_ref().and_then(|task| task.get(key)))
            .or_else(|| chain.workflow.get(key));
        let Some(found) = found else {
            return wanted.is_empty() || chain.task.is_none() && key.starts_with('t');
        };
        let same = if key == "priority" {
            same_priority
        } else {
            same_value
        };
        let found = listed(found);
        let meets = |wanted| found.iter().any(|found| same(wanted, found));
        wanted.is_empty() || wanted.iter().any(meets)
    })
}

fn listed(value: &Value) -> Vec<Value> {
    let list = value.as_array().cloned();
    list.unwrap_or_else(|| vec![value.clone()])
}

fn same_value(wanted: &Value, found: &Value) -> bool {
    // The numbers of these tests are small, so that floats tell all of them apart.
    match (wanted.as_f64(), found.as_f64()) {
        (Some(wanted), Some(found)) => wanted.total_cmp(&found).is_eq(),
        _ => !found.is_null() && !found.is_object() && !found.is_array() && wanted == found,
    }
}

fn same_priority(wanted: &Value, found: &Value) -> bool {
    let word = |number: f64| match number {
        1.0..=3.0 => "low",
        4.0..=6.0 => "normal",
        7.0..=8.0 => "high",
        9.0..=10.0 => "critical",
        _ => "none",
    };
    let lower = |value: &Value| value.as_str().map(str::to_lowercase);
    let number_of = |lower: &str| match lower {
        "low" => 2.0,
        "normal" => 5.0,
        "high" => 8.0,
        "critical" => 10.0,
        _ => 0.0,
    };
    let found_number = found.as_f64();
    let found_word = lower(found);
    match (wanted.as_f64(), lower(wanted)) {
        (Some(wanted), _) => found_number.or(found_word.as_deref().map(number_of)) == Some(wanted),
        (_, Some(wanted)) => {
            found_word.as_deref().or(found_number.map(word)) == Some(wanted.as_str())
        }
        _ => false,
    }
}

const KEYS: [&str; 5] = ["kind", "task_type", "tag", "project_id", "priority"];

fn scalar() -> impl Strategy<Value = Value> {
    select(vec![
        json!("a"),
        json!("b"),
        json!("A"),
        json!("1"),
        json!(1),
        json!(1.0),
        json!(0.5),
        json!(-3),
        json!(true),
        json!(false),
    ])
}

fn priority() -> impl Strategy<Value = Value> {
    let words = select(vec!["low", "normal", "HIGH", "high", "Critical"]);
    prop_oneof![
        (1..=10_u8).prop_map(Value::from),
        words.prop_map(Value::from)
    ]
}

fn one_or_more(key: &str) -> BoxedStrategy<Value> {
    let one = match key {
        "priority" => priority().boxed(),
        _ => scalar().boxed(),
    };
    let several = vec(one.clone(), 0..4).prop_map(Value::from);
    prop_oneof![one, several].boxed()
}

fn fields(strange: bool) -> impl Strategy<Value = Map<String, Value>> {
    let field = select(KEYS.to_vec()).prop_flat_map(move |key| {
        let odd = select(vec![
            json!(null),
            json!({"a": 1}),
            json!([[1]]),
            json!("urgent"),
        ]);
        let usual = one_or_more(key);
        let value = if strange {
            prop_oneof![5 => usual, 1 => odd].boxed()
        } else {
            usual
        };
        value.prop_map(move |value| (key.to_owned(), value))
    });
    vec(field, 0..4).prop_map(|fields| fields.into_iter().collect())
}

fn json_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 64, 8, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..8).prop_map(Value::from),
            btree_map("priority|[a-c]", inner, 0..8)
                .prop_map(|fields| fields.into_iter().collect::<Value>()),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_filter_passes_as_defined(
        filter in fields(false),
        event in fields(true),
        task in proptest::option::of(fields(true)),
        workflow in fields(true),
    ) {
        let chain = Chain { event, task, workflow };
        let expected = passes(&filter, &chain);
        let filter = Filter::read(&Value::from(filter)).unwrap();
        prop_assert_eq!(filter.passes(&chain), expected);
    }

    #[test]
    fn no_json_is_too_strange(filter in json_value(), event in json_value()) {
        match Filter::read(&filter) {
            Ok(filter) => {
                let event = event.as_object().cloned().unwrap_or_default();
                let chain = Chain { event, task: None, workflow: Map::new() };
                filter.passes(&chain);
            }
            Err(error) => {
                let told = error.to_string();
                prop_assert!(told.starts_with("filters") && told.is_ascii() && !told.contains('\n'));
            }
        }
    }

    #[test]
    fn what_a_filter_was_made_of_passes_it(filter in json_value()) {
        if let Ok(read) = Filter::read(&filter) {
            let event = filter.as_object().cloned().unwrap();
            let chain = Chain { event, task: None, workflow: Map::new() };
            prop_assert!(read.passes(&chain));
        }
    }
}

#[test]
fn numbers_at_the_edge_of_what_floats_tell_apart_differ() {
    for (wanted, found, expected) in [
        ("9007199254740993", "9007199254740992", false),
        ("18446744073709551615", "18446744073709551614", false),
        ("18446744073709551615", "18446744073709551615", true),
        ("-9223372036854775808", "-9223372036854775808.0", true),
        ("1e308", "1e308", true),
    ] {
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let filter = Filter::read(&json!({"tag": read(wanted)})).unwrap();
        let event = Map::from_iter([("tag".to_owned(), read(found))]);
        let chain = Chain {
            event,
            task: None,
            workflow: Map::new(),
        };
        assert_eq!(filter.passes(&chain), expected, "{wanted} {found}");
    }
}
