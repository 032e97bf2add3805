//! Agents: they register, are changed, and go.

use agnt_fleet::agent::{AgentStatus, NUMERIC_ID_MIN, status_for_active};
use agnt_fleet::core::CoreSettings;
use agnt_fleet::mutation::{AgentChange, NewTask, Registration};
use agnt_fleet::task::TaskStatus::{Completed, Pending, Running};
use agnt_fleet::{EventKind, Mutation, Outcome, Refusal, RefusalKind};
use serde_json::json;

use crate::scene::{Scene, becomes, fields, id, patient, registration, task};

/// Document B, "Register Agent".
fn of_document_b() -> Registration {
    Registration {
        agent_type: Some("code_generation".into()),
        name: Some("Code Generator".into()),
        version: Some("1.0.0".into()),
        health_check_url: Some("http://agent-001:8080/health".into()),
        configuration: fields(json!({"supported_frameworks": ["express", "fastapi", "react"]})),
        may_refresh: true,
        ..registration("agent-001", &["javascript", "python", "react"], 5)
    }
}

fn refused(scene: &mut Scene, registration: Registration) -> Refusal {
    scene
        .ask(Mutation::RegisterAgent(registration))
        .unwrap_err()
}

#[test]
fn an_agent_comes_idle_with_a_number_of_its_own() {
    let mut scene = Scene::new();
    let Ok(Outcome::Agent { agent, is_new }) = scene.ask(Mutation::RegisterAgent(of_document_b()))
    else {
        panic!("refused");
    };
    assert!(is_new);
    assert_eq!(agent.status, AgentStatus::Idle);
    assert_eq!(agent.numeric_id, NUMERIC_ID_MIN);
    assert_eq!(agent.stream, "main");
    assert_eq!(agent.max_tasks, 5);
    assert_eq!(
        scene.register("b", &["x"], 1).numeric_id,
        NUMERIC_ID_MIN + 1
    );
    assert_eq!(scene.told(), ["agent-001 registered", "b registered"]);
}

#[test]
fn a_number_is_never_given_again() {
    let mut scene = Scene::new();
    let mut seen = Vec::new();
    for _ in 0..4 {
        seen.push(scene.register("a", &["x"], 1).numeric_id);
        scene.ask(Mutation::RemoveAgent { agent: id("a") }).unwrap();
        scene.restart(patient());
    }
    let expected: Vec<u32> = (0..4).map(|count| NUMERIC_ID_MIN + count).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_known_agent_is_refreshed_if_that_is_wished_and_else_a_conflict() {
    let mut scene = Scene::new();
    scene.ask(Mutation::RegisterAgent(of_document_b())).unwrap();
    let again = Registration {
        may_refresh: false,
        ..of_document_b()
    };
    let refusal = refused(&mut scene, again);
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    assert_eq!(refusal.details["agent_id"], "agent-001");

    scene.set_status("agent-001", AgentStatus::Offline);
    scene.told();
    let again = Registration {
        name: None,
        version: Some("1.1.0".into()),
        configuration: fields(json!({"temperature": 1})),
        stream: Some("swarm-2".into()),
        may_refresh: true,
        ..registration("agent-001", &["rust"], 7)
    };
    let before = scene.agent("agent-001");
    let outcome = scene.ask(Mutation::RegisterAgent(again)).unwrap();
    let agent = scene.agent("agent-001");
    assert_eq!(
        outcome,
        Outcome::Agent {
            agent: agent.clone(),
            is_new: false
        }
    );
    assert_eq!(agent.name.as_deref(), Some("Code Generator"));
    assert_eq!(agent.version.as_deref(), Some("1.1.0"));
    assert_eq!(agent.capabilities, ["rust"]);
    assert_eq!((agent.max_tasks, agent.status), (7, AgentStatus::Idle));
    assert_eq!(agent.stream, "swarm-2");
    assert_eq!(agent.numeric_id, before.numeric_id);
    assert_eq!(agent.registered_at, before.registered_at);
    let expected =
        json!({"supported_frameworks": ["express", "fastapi", "react"], "temperature": 1});
    assert_eq!(agent.configuration, fields(expected));
    let told = scene.told();
    assert_eq!(
        told,
        [
            "agent-001 registered again",
            "agent-001 idle: registered again"
        ]
    );
}

#[test]
fn what_does_not_fit_is_refused_by_its_name() {
    let mut scene = Scene::new();
    let refusal = refused(&mut scene, registration("a", &[], 1));
    assert_eq!(refusal.message, "Agent must have at least one capability");
    assert_eq!(refusal.issues[0].field, "capabilities");

    for name in ["ws", "register"] {
        let refusal = refused(&mut scene, registration(name, &["x"], 1));
        assert_eq!(refusal.kind, RefusalKind::Conflict);
    }
    let long = "x".repeat(129);
    let many: Vec<String> = (0..257).map(|number| number.to_string()).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let huge = fields(json!({"x": "x".repeat(64 << 10)}));
    let base = || registration("a", &["x"], 1);
    let bad = [
        (registration("a", &["x", ""], 1), "capabilities[1]"),
        (registration("a", &[&long], 1), "capabilities[0]"),
        (registration("a", &["a\nb"], 1), "capabilities[0]"),
        (registration("a", &many, 1), "capabilities"),
        (registration("a", &["x"], 0), "max_tasks"),
        (registration("a", &["x"], 100_001), "max_tasks"),
        (
            Registration {
                stream: Some("a b".into()),
                ..base()
            },
            "stream",
        ),
        (
            Registration {
                agent_type: Some(long.clone()),
                ..base()
            },
            "type",
        ),
        (
            Registration {
                name: Some("\u{0}".into()),
                ..base()
            },
            "name",
        ),
        (
            Registration {
                version: Some(String::new()),
                ..base()
            },
            "version",
        ),
        (
            Registration {
                health_check_url: Some("u".repeat(2049)),
                ..base()
            },
            "health_check_url",
        ),
        (
            Registration {
                configuration: huge.clone(),
                ..base()
            },
            "configuration",
        ),
        (
            Registration {
                metadata: huge,
                ..base()
            },
            "metadata",
        ),
    ];
    for (registration, field) in bad {
        let refusal = refused(&mut scene, registration);
        assert_eq!(refusal.kind, RefusalKind::Invalid, "{field}");
        assert_eq!(refusal.issues[0].field, field);
    }
    let fits = registration("a", &many[..256], 100_000);
    scene.ask(Mutation::RegisterAgent(fits)).unwrap();
}

#[test]
fn there_are_no_more_agents_than_the_cap() {
    let settings = CoreSettings {
        agents_max: 2,
        ..patient()
    };
    let mut scene = Scene::with(settings, 1);
    scene.register("a", &["x"], 1);
    scene.register("b", &["x"], 1);
    let refusal = refused(&mut scene, registration("c", &["x"], 1));
    assert_eq!(refusal.kind, RefusalKind::TooMany);
    assert_eq!(refusal.details["cap"], "agents_max");
    assert_eq!(refusal.details["max"], 2);
}

#[test]
fn capabilities_are_added_and_removed_one_by_one() {
    let mut scene = Scene::new();
    scene.register("a", &["x", "y"], 1);
    let mut change = |added: &[&str], removed: &[&str]| {
        let texts = |given: &[&str]| given.iter().map(ToString::to_string).collect();
        let change = AgentChange {
            capabilities_added: texts(added),
            capabilities_removed: texts(removed),
            ..AgentChange::default()
        };
        let refusal = scene.change_agent("a", change).err();
        (
            scene.agent("a").capabilities.clone(),
            refusal.map(|it| it.kind),
        )
    };
    let held = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(change(&["z", "x"], &[]), (held(&["x", "y", "z"]), None));
    assert_eq!(change(&[], &["y", "unheard-of"]), (held(&["x", "z"]), None));
    assert_eq!(change(&["y"], &["x", "z"]), (held(&["y"]), None));
    // One is the least that an agent can do.
    assert_eq!(
        change(&[], &["y"]),
        (held(&["y"]), Some(RefusalKind::Invalid))
    );
}

#[test]
fn a_change_merges_and_tells_what_capabilities_came_and_went() {
    let mut scene = Scene::new();
    scene.ask(Mutation::RegisterAgent(of_document_b())).unwrap();
    scene.heard();
    let change = AgentChange {
        capabilities: Some(vec!["python".into(), "rust".into()]),
        configuration: fields(json!({"supported_frameworks": null, "n": 2})),
        metadata: fields(json!({"rack": 4})),
        status: Some(AgentStatus::Error),
        ..AgentChange::default()
    };
    scene.change_agent("agent-001", change.clone()).unwrap();
    let agent = scene.agent("agent-001");
    assert_eq!(agent.configuration, fields(json!({"n": 2})));
    assert_eq!(agent.metadata, fields(json!({"rack": 4})));
    assert_eq!(agent.status, AgentStatus::Error);
    let heard = scene.heard();
    let [updated, status] = &heard[..] else {
        panic!("{heard:?}");
    };
    assert_eq!(
        updated.kind,
        EventKind::AgentUpdated {
            agent_id: id("agent-001"),
            capabilities_added: vec!["rust".into()],
            capabilities_removed: vec!["javascript".into(), "react".into()],
        }
    );
    assert_eq!(status.kind.event_type(), "agent.status_changed");
    // The same once more changes nothing, and is not told.
    scene.change_agent("agent-001", change).unwrap();
    assert_eq!(scene.heard(), []);
    let refusal = scene.change_agent("nobody", AgentChange::default());
    assert_eq!(refusal.unwrap_err().kind, RefusalKind::NotFound);
}

#[test]
fn it_is_busy_while_it_has_work_that_it_began() {
    assert_eq!(status_for_active(0), AgentStatus::Idle);
    assert_eq!(status_for_active(3), AgentStatus::Busy);
    let mut scene = Scene::new();
    scene.register("a", &["build"], 2);
    scene.create(task("one"));
    scene.create(task("two"));
    assert_eq!(scene.agent("a").status, AgentStatus::Idle);
    scene.becomes("one", Running);
    assert_eq!(scene.agent("a").status, AgentStatus::Busy);
    scene.becomes("one", Completed);
    assert_eq!(scene.agent("a").status, AgentStatus::Busy);
    scene.becomes("two", Completed);
    assert_eq!(scene.agent("a").status, AgentStatus::Idle);
    // What it says of itself stays.
    scene.create(task("three"));
    scene.becomes("three", Running);
    scene.set_status("a", AgentStatus::Stopping);
    scene.becomes("three", Completed);
    assert_eq!(scene.agent("a").status, AgentStatus::Stopping);
}

#[test]
fn any_status_follows_any_and_is_told_if_it_is_another() {
    for from in AgentStatus::ALL {
        for to in AgentStatus::ALL {
            let mut scene = Scene::new();
            scene.register("a", &["x"], 1);
            scene.set_status("a", from);
            scene.told();
            scene.set_status("a", to);
            assert_eq!(scene.agent("a").status, to);
            let told = scene.told();
            match from == to {
                true => assert!(told.is_empty()),
                false => assert_eq!(told, [format!("a {}: said so", to.as_str())]),
            }
        }
    }
}

#[test]
fn what_a_removed_agent_had_waits_for_its_name_or_goes_to_others() {
    let mut scene = Scene::new();
    scene.register("a", &["build"], 5);
    scene.create(task("any"));
    scene.create(NewTask {
        assigned_agent: Some(id("a")),
        ..task("own")
    });
    scene.becomes("any", Running);
    scene.becomes("own", Running);
    scene.register("b", &["build"], 5);
    scene.told();
    scene.ask(Mutation::RemoveAgent { agent: id("a") }).unwrap();
    let told = scene.told();
    assert_eq!(
        told,
        [
            "a removed",
            "any retried: agent a was removed",
            "own retried: agent a was removed",
            "any assigned to b",
        ]
    );
    let own = scene.task("own");
    assert_eq!((own.status, own.attempt), (Pending, 0));
    assert_eq!(own.assigned_agent, None);
    scene.register("a", &["other"], 1);
    assert_eq!(scene.holder("own").as_deref(), Some("a"));
    assert_eq!(scene.change("own", becomes(Running)).unwrap().attempt, 1);
    let refusal = scene.ask(Mutation::RemoveAgent { agent: id("c") });
    assert_eq!(refusal.unwrap_err().kind, RefusalKind::NotFound);
}
