//! Places in the order of creation: the last one is given, and then creation is refused by name.

use std::sync::Arc;

use agnt_fleet::core::Core;
use agnt_fleet::tables::RowChange;
use agnt_fleet::{Mutation, RefusalKind};

use crate::scene::{Roll, START, Scene, id, patient, registration, task};

/// The place of the newest row, with one place left behind it.
const LAST_BUT_ONE: u32 = u32::MAX - 2;

#[test]
fn after_the_last_place_creation_is_refused_and_the_rest_goes_on() {
    let mut scene = Scene::new();
    let agent = |name: &str| Mutation::RegisterAgent(registration(name, &["build"], 1));
    let job = |name: &str| Mutation::CreateTask(task(name));
    scene.ask(agent("a")).unwrap();
    scene.ask(job("t")).unwrap();
    let mut tables = scene.core.tables().clone();
    let mut old_agent = (**tables.agents.find("a").unwrap()).clone();
    let mut old_task = (**tables.tasks.find("t").unwrap()).clone();
    (old_agent.ordinal, old_task.ordinal) = (LAST_BUT_ONE, LAST_BUT_ONE);
    tables.apply(RowChange::Agent(id("a"), Some(Arc::new(old_agent))));
    tables.apply(RowChange::Task(id("t"), Some(Arc::new(old_task))));
    let mut core = Core::new(patient(), tables, 100, 7);
    core.resume(START);
    core.confirm();
    let roll = Roll::default();
    let mut ask = |mutation| core.execute(mutation, &roll, START.plus_ms(100));
    ask(agent("b")).unwrap();
    ask(job("u")).unwrap();
    for (mutation, noun) in [(agent("c"), "agents"), (job("v"), "tasks")] {
        let refusal = ask(mutation).unwrap_err();
        assert_eq!(refusal.kind, RefusalKind::TooMany);
        let told = format!("{noun}: 4294967295 were created, and no more are possible");
        assert_eq!(refusal.message, told);
    }
    ask(Mutation::RemoveAgent { agent: id("b") }).unwrap();
    let mut tables = core.tables().clone();
    assert_eq!(
        tables.tasks.find("u").map(|task| task.ordinal),
        Some(u32::MAX - 1)
    );
    assert!(tables.agents.find("c").is_none() && tables.tasks.find("v").is_none());
    // A start finds the same end.
    tables.numeric_id_next = 0;
    let mut core = Core::new(patient(), tables, 200, 7);
    core.resume(START);
    let refusal = core
        .execute(job("w"), &roll, START.plus_ms(200))
        .unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::TooMany);
}
