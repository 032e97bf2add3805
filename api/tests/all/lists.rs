//! Lists, their filters and their pages against a plain filter over plain vectors.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::rig::Rig;

const STATUSES: [&str; 6] = ["idle", "busy", "error", "offline", "starting", "stopping"];
const TYPES: [&str; 3] = ["builder", "tester", "code_generation"];
const CAPABILITIES: [&str; 3] = ["python", "text, and more", "ünïcode"];
const WORDS: [&str; 4] = ["low", "normal", "high", "critical"];

#[derive(Clone, Debug)]
struct Plain {
    id: String,
    status: usize,
    of_type: Option<usize>,
    capabilities: Vec<usize>,
}

fn plain() -> impl Strategy<Value = Vec<Plain>> {
    let one = (
        0..STATUSES.len(),
        proptest::option::of(0..TYPES.len()),
        proptest::collection::btree_set(0..CAPABILITIES.len(), 1..3),
    );
    proptest::collection::vec(one, 0..40).prop_map(|all| {
        let number =
            |(place, (status, of_type, capabilities)): (usize, (usize, Option<usize>, _))| Plain {
                id: format!("agent-{}", 1000 - place),
                status,
                of_type,
                capabilities: Vec::from_iter::<std::collections::BTreeSet<usize>>(capabilities),
            };
        all.into_iter().enumerate().map(number).collect()
    })
}

fn ids<'a>(list: &'a Value, name: &str, id: &str) -> Vec<&'a str> {
    let entries = list[name].as_array().unwrap();
    entries
        .iter()
        .map(|entry| entry[id].as_str().unwrap())
        .collect()
}

fn filled(agents: &[Plain]) -> Rig {
    let rig = Rig::new();
    for agent in agents {
        let capabilities = agent.capabilities.iter().map(|at| CAPABILITIES[*at]);
        let mut body = json!({
            "agent_id": agent.id,
            "capabilities": capabilities.collect::<Vec<_>>(),
        });
        if let Some(of_type) = agent.of_type {
            body["type"] = TYPES[of_type].into();
        }
        rig.post("/v1/agents", &body).expect(201);
        let status = json!({"status": STATUSES[agent.status]});
        rig.put(&format!("/v1/agents/{}", agent.id), &status)
            .expect(200);
    }
    rig
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn agents(
        agents in plain(),
        statuses in proptest::collection::vec(0..=STATUSES.len(), 0..3),
        of_type in proptest::option::of(0..TYPES.len()),
        capability in proptest::option::of(0..CAPABILITIES.len()),
        page in 1u64..5,
        limit in 1u64..12,
    ) {
        let rig = filled(&agents);
        // One more than there are is `active`: idle or busy.
        let has_status = |agent: &&Plain| {
            statuses.is_empty()
                || statuses.iter().any(|asked| match *asked {
                    6 => agent.status < 2,
                    asked => agent.status == asked,
                })
        };
        let expected: Vec<_> = agents
            .iter()
            .filter(has_status)
            .filter(|agent| of_type.is_none() || agent.of_type == of_type)
            .filter(|agent| capability.is_none_or(|asked| agent.capabilities.contains(&asked)))
            .map(|agent| agent.id.as_str())
            .collect();
        let mut query = vec![format!("page={page}&limit={limit}")];
        if !statuses.is_empty() {
            let word = |at: &usize| STATUSES.get(*at).copied().unwrap_or("active");
            let words: Vec<_> = statuses.iter().map(word).collect();
            query.push(format!("status={}", words.join(",")));
        }
        if let Some(of_type) = of_type {
            query.push(format!("type={}", TYPES[of_type]));
        }
        if let Some(capability) = capability {
            let encoded = CAPABILITIES[capability].replace(' ', "+").replace(',', "%2C");
            query.push(format!("capability={encoded}"));
        }
        let query = query.join("&");
        let total = expected.len() as u64;
        let pagination = json!({
            "page": page, "limit": limit, "total": total, "total_pages": total.div_ceil(limit),
        });
        let skip = usize::try_from((page - 1) * limit).unwrap();
        let shown: Vec<_> = expected.into_iter().skip(skip).take(limit as usize).collect();
        for (prefix, id) in [("", "agent_id"), ("/v1", "agent_id"), ("/api/v1", "id")] {
            let list = rig.get(&format!("{prefix}/agents?{query}")).json(200);
            prop_assert_eq!(ids(&list, "agents", id), shown.clone());
            prop_assert_eq!(&list["pagination"], &pagination);
        }
    }

    #[test]
    fn tasks(
        tasks in proptest::collection::vec((0..3usize, 1..=10u64, 0..3usize, any::<bool>()), 0..40),
        of_type in proptest::option::of(0..3usize),
        words in proptest::collection::vec(0..4usize, 0..3),
        agent in proptest::option::of(0..3usize),
        is_cancelled in proptest::option::of(any::<bool>()),
        page in 1u64..4,
    ) {
        let rig = Rig::new();
        for (place, (of_type, priority, agent, is_cancelled)) in tasks.iter().enumerate() {
            let body = json!({
                "id": format!("t-{place}"), "type": TYPES[*of_type], "priority": priority,
                "assigned_agent": format!("a-{agent}"),
            });
            rig.post("/api/v1/tasks", &body).expect(201);
            if *is_cancelled {
                rig.delete(&format!("/api/v1/tasks/t-{place}")).expect(200);
            }
        }
        let word_of = |level: u64| match level { 1..=3 => 0, 4..=6 => 1, 7..=8 => 2, _ => 3 };
        let expected: Vec<_> = tasks
            .iter()
            .enumerate()
            .filter(|(_, task)| of_type.is_none_or(|asked| task.0 == asked))
            .filter(|(_, task)| words.is_empty() || words.contains(&word_of(task.1)))
            .filter(|(_, task)| agent.is_none_or(|asked| task.2 == asked))
            .filter(|(_, task)| is_cancelled.is_none_or(|asked| task.3 == asked))
            .map(|(place, _)| format!("t-{place}"))
            .collect();
        let mut query = vec![format!("page={page}&limit=7")];
        if let Some(of_type) = of_type {
            query.push(format!("type={}", TYPES[of_type]));
        }
        if !words.is_empty() {
            let words: Vec<_> = words.iter().map(|at| WORDS[*at]).collect();
            query.push(format!("priority={}", words.join(",").to_uppercase()));
        }
        if let Some(agent) = agent {
            query.push(format!("agent_id=a-{agent}"));
        }
        if let Some(is_cancelled) = is_cancelled {
            query.push(match is_cancelled {
                true => "status=cancelled".to_owned(),
                false => "status=pending,running".to_owned(),
            });
        }
        let list = rig.get(&format!("/api/v1/tasks?{}", query.join("&"))).json(200);
        let skip = usize::try_from((page - 1) * 7).unwrap();
        let shown: Vec<_> = expected.iter().skip(skip).take(7).map(String::as_str).collect();
        prop_assert_eq!(ids(&list, "tasks", "id"), shown);
        prop_assert_eq!(list["pagination"]["total"].as_u64(), Some(expected.len() as u64));
    }
}

#[test]
fn an_agent_is_found_by_its_number() {
    let rig = Rig::new();
    let mut numbers = Vec::new();
    for nth in 0..40 {
        let id = format!("agent-{nth}");
        let capability = CAPABILITIES[nth % 3];
        let body = json!({"agent_id": id, "capabilities": [capability]});
        let answer = rig.post("/v1/agents", &body).json(201);
        numbers.push((id, answer["numeric_id"].as_u64().unwrap()));
    }
    for (id, _) in numbers.iter().step_by(5) {
        rig.delete(&format!("/v1/agents/{id}")).expect(204);
    }
    for (nth, (id, number)) in numbers.iter().enumerate() {
        let list = rig
            .get(&format!("/v1/agents?numeric_id={number}"))
            .json(200);
        let found = ids(&list, "agents", "agent_id");
        let expected: &[&str] = match nth % 5 {
            0 => &[],
            _ => &[id],
        };
        assert_eq!(found, expected);
        assert_eq!(list["pagination"]["total"], expected.len());
    }
    let (_, number) = numbers[1];
    for (query, count) in [
        ("&capability=python", 0),
        ("&stream=main&status=idle", 1),
        ("&stream=other", 0),
        ("&page=2", 0),
    ] {
        let list = rig.get(&format!("/v1/agents?numeric_id={number}{query}"));
        let list = list.json(200);
        assert_eq!(ids(&list, "agents", "agent_id").len(), count, "{query}");
    }
    for wrong in ["x", "-1", "4294967296", ""] {
        rig.get(&format!("/v1/agents?numeric_id={wrong}"))
            .expect(400);
    }
}
