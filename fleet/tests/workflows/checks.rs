//! What is no workflow, and how that is said.

use agnt_fleet::core::CoreSettings;
use agnt_fleet::mutation::{NewStage, NewWorkflow};
use agnt_fleet::workflow::FailureStrategy;
use agnt_fleet::{Mutation, Refusal, RefusalKind};
use serde_json::json;

use crate::plan::{create, plan, stage};
use crate::swarm::{Swarm, fields, id};

/// Stages with their dependencies.
type Listed<'a> = &'a [(&'a str, &'a str)];

fn refusal_of(stages: Vec<NewStage>) -> Refusal {
    let mut swarm = Swarm::new();
    let refusal = create(&mut swarm, plan(stages, FailureStrategy::StopOnError)).unwrap_err();
    assert!(swarm.core.tables().workflows.is_empty());
    assert!(swarm.events.is_empty());
    refusal
}

#[test]
fn a_circle_is_named_in_the_order_of_the_work() {
    let cases: [(Listed<'_>, &[&str]); 4] = [
        (&[("a", "a")], &["a", "a"]),
        (&[("a", "b"), ("b", "a")], &["a", "b", "a"]),
        // a before b before c before a; x leads in, y out.
        (
            &[("x", ""), ("a", "c x"), ("b", "a"), ("c", "b"), ("y", "c")],
            &["a", "b", "c", "a"],
        ),
        // Two circles: the one that the first listed stage waits for.
        (
            &[("p", "q"), ("q", "p"), ("r", "s"), ("s", "r")],
            &["p", "q", "p"],
        ),
    ];
    for (stages, cycle) in cases {
        let stages = stages.iter().map(|(name, before)| stage(name, before));
        let refusal = refusal_of(stages.collect());
        assert_eq!(refusal.kind, RefusalKind::Unprocessable);
        assert_eq!(refusal.details["cycle"], json!(cycle));
        assert!(
            refusal.message.ends_with(&cycle.join(" -> ")),
            "{}",
            refusal.message
        );
    }
}

#[test]
fn a_circle_of_a_thousand_stages_is_found() {
    let stages = (0..1000).map(|n| stage(&format!("s{n}"), &format!("s{}", (n + 999) % 1000)));
    let refusal = refusal_of(stages.collect());
    let cycle = refusal.details["cycle"].as_array().unwrap();
    assert_eq!(cycle.len(), 1001);
    assert_eq!(cycle[1], "s1");
}

#[test]
fn unknown_stages_and_names_given_twice_are_named() {
    let refusal = refusal_of(vec![stage("a", ""), stage("b", "a c")]);
    assert_eq!(refusal.kind, RefusalKind::Unprocessable);
    assert_eq!(refusal.issues[0].field, "stages[1].dependencies[1]");
    assert!(refusal.message.contains("\"b\"") && refusal.message.contains("\"c\""));

    let refusal = refusal_of(vec![stage("a", ""), stage("b", ""), stage("a", "b")]);
    assert_eq!(refusal.kind, RefusalKind::Unprocessable);
    assert_eq!(refusal.issues[0].field, "stages[2].name");
    assert!(refusal.message.contains("stages[0]"));
}

#[test]
fn numbers_and_lengths_have_their_bounds() {
    let many = |count: usize| (0..count).map(|n| stage(&format!("s{n}"), "")).collect();
    let mut slow = stage("a", "");
    slow.timeout_ms = Some(0);
    let mut tangled: Vec<NewStage> = many(200);
    for stage in &mut tangled[100..] {
        stage.dependencies = (0..101).map(|n| format!("s{}", n % 100)).collect();
    }
    for (stages, field) in [
        (many(0), "stages"),
        (many(1001), "stages"),
        (vec![stage("", "")], "stages[0].name"),
        (
            vec![stage("a", ""), stage(&"x".repeat(129), "")],
            "stages[1].name",
        ),
        (vec![stage("a\nb", "")], "stages[0].name"),
        (vec![slow], "stages[0].timeout"),
        (tangled, "stages"),
    ] {
        let refusal = refusal_of(stages);
        assert_eq!(refusal.kind, RefusalKind::Invalid);
        assert_eq!(refusal.issues[0].field, field);
    }
    let mut swarm = Swarm::new();
    // Characters are counted, not bytes.
    let stages: Vec<NewStage> = (0..1000)
        .map(|n| stage(&format!("{n}{}", "ä".repeat(124)), ""))
        .collect();
    create(&mut swarm, plan(stages, FailureStrategy::StopOnError)).unwrap();
    assert_eq!(swarm.core.tables().tasks.len(), 1000);

    let large = json!({ "text": "x".repeat(64 << 10) });
    let template = || plan(vec![stage("a", "")], FailureStrategy::StopOnError);
    for (workflow, field) in [
        (
            NewWorkflow {
                input: fields(large.clone()),
                ..template()
            },
            "input",
        ),
        (
            NewWorkflow {
                metadata: fields(large.clone()),
                ..template()
            },
            "metadata",
        ),
        (
            NewWorkflow {
                configuration: fields(large),
                ..template()
            },
            "configuration",
        ),
        (
            NewWorkflow {
                name: Some(String::new()),
                ..template()
            },
            "name",
        ),
        (
            NewWorkflow {
                project_id: Some("x\0".to_owned()),
                ..template()
            },
            "project_id",
        ),
        (
            NewWorkflow {
                timeout_ms: Some(0),
                ..template()
            },
            "timeout",
        ),
    ] {
        let refusal = create(&mut swarm, workflow).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::Invalid);
        assert_eq!(refusal.issues[0].field, field);
    }
}

#[test]
fn an_id_is_given_once_and_caps_hold() {
    let mut swarm = Swarm::with(CoreSettings {
        workflows_max: 2,
        ..CoreSettings::default()
    });
    let named = |name: Option<&str>| NewWorkflow {
        id: name.map(id),
        ..plan(vec![stage("a", "")], FailureStrategy::StopOnError)
    };
    create(&mut swarm, named(Some("w"))).unwrap();
    let refusal = create(&mut swarm, named(Some("w"))).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict);
    create(&mut swarm, named(None)).unwrap();
    let ids = swarm
        .core
        .tables()
        .workflows
        .iter()
        .map(|row| row.id.is_uuid());
    assert_eq!(ids.collect::<Vec<_>>(), [false, true]);
    let refusal = create(&mut swarm, named(None)).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::TooMany);
    assert_eq!(refusal.details["cap"], "workflows_max");
}

#[test]
fn once_there_are_templates_an_unknown_one_is_refused() {
    let naming = |template: &str| NewWorkflow {
        id: None,
        input: fields(json!({ "template_id": template })),
        ..plan(vec![stage("a", "")], FailureStrategy::StopOnError)
    };
    let mut swarm = Swarm::new();
    create(&mut swarm, naming("express-api")).unwrap();
    let put = Mutation::PutTemplate {
        id: id("react-crud-template"),
        name: None,
        content: fields(json!({})),
    };
    swarm.execute(put).unwrap();
    create(&mut swarm, naming("react-crud-template")).unwrap();
    let refusal = create(&mut swarm, naming("express-api")).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::UnknownTemplate);
    assert_eq!(refusal.details["template_id"], "express-api");
}
