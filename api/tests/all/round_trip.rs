//! What is written through one dialect, read and written back through the other, and read again
//! has lost nothing.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::rig::Rig;

fn json_value() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        // Numbers that are written and read back to the last bit.
        any::<i32>().prop_map(|number| Value::from(f64::from(number) / 8.0)),
        ".{0,12}".prop_map(Value::from),
    ];
    scalar.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            object(inner).prop_map(Value::from),
        ]
    })
}

fn object(values: impl Strategy<Value = Value>) -> impl Strategy<Value = Map<String, Value>> {
    let named = proptest::collection::btree_map("x_[a-zA-Z_é ]{0,8}", values, 0..4);
    named.prop_map(|fields| fields.into_iter().collect())
}

fn label() -> impl Strategy<Value = String> {
    "[^\\p{C}]{1,40}"
}

fn id() -> impl Strategy<Value = String> {
    "[A-Za-z0-9_-]{1,40}".prop_filter("reserved", |id| id != "ws" && id != "register")
}

/// Takes fields that belong to the row and not to what was written.
fn without(mut view: Value, names: &[&str]) -> Value {
    for name in names {
        view.as_object_mut().unwrap().remove(*name);
    }
    view
}

/// Adds what is given to a body.
fn set(body: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    if let Some(value) = value {
        body[name] = value.into();
    }
}

prop_compose! {
    fn agent_in_a()(
        id in id(),
        capabilities in proptest::collection::btree_set(label(), 1..5),
        max_tasks in proptest::option::of(1u32..=100_000),
        metadata in proptest::option::of(object(json_value())),
        other in object(json_value()),
        configuration in proptest::option::of(object(json_value())),
        texts in proptest::array::uniform4(proptest::option::of(label())),
        stream in proptest::option::of(id()),
    ) -> Value {
        let mut body = Value::Object(other);
        body["agent_id"] = id.into();
        body["capabilities"] = Value::from_iter(capabilities);
        set(&mut body, "max_tasks", max_tasks);
        // A field may stand in one place only.
        let metadata = metadata.map(|metadata: Map<String, Value>| {
            let is_free = |(key, _): &(String, Value)| body.get(key.as_str()).is_none();
            metadata.into_iter().filter(is_free).collect::<Map<_, _>>()
        });
        set(&mut body, "metadata", metadata);
        set(&mut body, "configuration", configuration);
        for (name, text) in ["type", "name", "version", "health_check_url"].into_iter().zip(texts) {
            set(&mut body, name, text);
        }
        set(&mut body, "stream", stream);
        body
    }
}

prop_compose! {
    fn task_in_b()(
        id in id(),
        task_type in id(),
        priority in prop_oneof![
            Just(json!("critical")), Just(json!("low")), (1..=10u8).prop_map(Value::from)
        ],
        ids in proptest::array::uniform2(proptest::option::of(id())),
        input in object(json_value()),
        metadata in object(json_value()),
        dependencies in proptest::collection::vec(id().prop_map(|id| format!("d-{id}").chars().take(128).collect::<String>()), 0..3),
        timeout_ms in proptest::option::of(1..=31_536_000_000u64),
        deadline in proptest::option::of(1_800_000_000..4_000_000_000u64),
        retry in proptest::option::of((1..=100u32, prop_oneof![
            Just("exponential"), Just("linear"), Just("fixed")
        ])),
    ) -> Value {
        let mut body = json!({
            "id": id, "type": task_type, "priority": priority, "input_data": input,
            "metadata": metadata, "dependencies": dependencies,
        });
        for (name, id) in ["assigned_agent", "parent_workflow_id"].into_iter().zip(ids) {
            set(&mut body, name, id);
        }
        set(&mut body, "timeout", timeout_ms.map(|ms| ms as f64 / 1000.0));
        let at = |seconds: u64| agnt_fleet::Timestamp::from_micros(seconds * 1_000_000).to_string();
        set(&mut body, "deadline", deadline.map(at));
        if let Some((attempts, backoff)) = retry {
            body["retry_policy"] = json!({"max_attempts": attempts, "backoff_strategy": backoff});
        }
        body
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn an_agent(body in agent_in_a()) {
        let rig = Rig::new();
        rig.post("/v1/agents", &body).expect(201);
        let id = body["agent_id"].as_str().unwrap();
        let (path_a, path_b) = (format!("/v1/agents/{id}"), format!("/api/v1/agents/{id}"));
        let first_a = rig.get(&path_a).json(200);
        for (name, value) in body.as_object().unwrap() {
            let shown = first_a.get(name).or_else(|| first_a["metadata"].get(name));
            let is_empty = value.as_object().is_some_and(Map::is_empty);
            prop_assert!(shown == Some(value) || is_empty || name == "metadata", "{} {:?}", name, shown);
        }
        let first_b = rig.get(&path_b).json(200);
        prop_assert_eq!(&first_b["metadata"], &first_a["metadata"]);
        // Read through B, written back through B, and through A.
        rig.put(&path_b, &first_b).expect(200);
        prop_assert_eq!(&rig.get(&path_a).json(200), &first_a);
        rig.put(&path_a, &first_a).expect(200);
        prop_assert_eq!(&rig.get(&path_b).json(200), &first_b);
        rig.post("/api/v1/agents/register", &first_b).expect(200);
        prop_assert_eq!(&rig.get(&path_a).json(200), &first_a);
        // The same agent under another name, made from what B showed.
        let mut copy = first_b.clone();
        copy["id"] = "copy-of-it-with-a-longer-name-than-any-other".into();
        rig.post("/api/v1/agents/register", &copy).expect(201);
        let copied = rig.get("/v1/agents/copy-of-it-with-a-longer-name-than-any-other").json(200);
        let own = ["agent_id", "numeric_id", "registered_at"];
        prop_assert_eq!(without(copied, &own), without(first_a, &own));
    }

    #[test]
    fn a_task(body in task_in_b(), note in json_value()) {
        let rig = Rig::new();
        rig.post("/api/v1/tasks", &body).expect(201);
        let id = body["id"].as_str().unwrap();
        let (path_a, path_b) = (format!("/v1/tasks/{id}"), format!("/api/v1/tasks/{id}"));
        let first_b = rig.get(&path_b).json(200);
        for (name, value) in body.as_object().unwrap() {
            let is_same = match name.as_str() {
                "priority" if value.is_number() => &first_b["priority_level"] == value,
                "timeout" => first_b["timeout"].as_f64() == value.as_f64(),
                "metadata" | "input_data" => true,
                _ => &first_b[name] == value,
            };
            prop_assert!(is_same, "{}: {} {}", name, value, first_b[name]);
        }
        let first_a = rig.get(&path_a).json(200);
        // Changed through one, seen through the other; all else as it was.
        let change = json!({"metadata": {"note": note}, "priority": first_b["priority"]});
        rig.patch(&path_b, &change).expect(200);
        let second_a = rig.get(&path_a).json(200);
        prop_assert_eq!(&second_a["metadata"]["note"], &note);
        prop_assert_eq!(&second_a["priority"], &first_a["priority"]);
        let changing = ["metadata", "updated_at"];
        prop_assert_eq!(without(second_a.clone(), &changing), without(first_a, &changing));
        // What was read is written back whole; only the state, which does not go to itself, is not.
        let whole = without(second_a.clone(), &["status", "progress", "assigned_agent"]);
        rig.patch(&path_a, &whole).expect(200);
        let unchanged = rig.get(&path_a).json(200);
        prop_assert_eq!(without(unchanged, &["updated_at"]), without(second_a.clone(), &["updated_at"]));
        // The same task under another id: from what A showed through B, and the other way round.
        let own = ["task_id", "external_id", "id", "created_at", "updated_at"];
        let mut copy = second_a.clone();
        copy["external_id"] = "copy-of-it-with-a-longer-name-than-any-other".into();
        let copied = rig.post("/api/v1/tasks", &copy).json(201);
        let shown = rig.get(&path_b).json(200);
        prop_assert_eq!(without(copied.clone(), &own), without(shown, &own));
        let mut again = copied;
        again["id"] = "another-copy-of-it-with-a-longer-name-than-any".into();
        let again = rig.post("/v1/tasks", &again).json(201);
        prop_assert_eq!(without(again, &own), without(second_a, &own));
    }
}
