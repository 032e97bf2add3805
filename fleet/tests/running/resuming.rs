//! A restart loses no work under way, and the clock's own work is done and stored like any other.

use agnt_fleet::agent::{AgentStatus, NUMERIC_ID_MIN, Vitals};
use agnt_fleet::mutation::{NewStage, NewTask, NewWorkflow, TaskChange};
use agnt_fleet::task::{RetryPolicy, TaskStatus};
use agnt_fleet::workflow::{FailureStrategy, WorkflowStatus};
use agnt_fleet::{Fields, Fleet, Mutation};

use super::rig::{Rig, do_it, id, publication, registration};

fn stage(name: &str, dependencies: &[&str]) -> NewStage {
    NewStage {
        name: name.to_owned(),
        agent_type: id(name),
        dependencies: dependencies.iter().map(|it| (*it).to_owned()).collect(),
        timeout_ms: None,
        input: Fields::new(),
    }
}

fn workflow() -> Mutation {
    Mutation::CreateWorkflow(NewWorkflow {
        id: Some(id("w")),
        project_id: None,
        name: None,
        stages: vec![stage("build", &[]), stage("test", &["build"])],
        is_parallel: false,
        failure_strategy: FailureStrategy::StopOnError,
        configuration: Fields::new(),
        priority: None,
        input: Fields::new(),
        metadata: Fields::new(),
        timeout_ms: None,
        source: None,
    })
}

/// Ends the one task that is under way.
fn complete_open_task(fleet: &Fleet) {
    let open: Vec<_> = {
        let tables = fleet.read();
        let open = tables.tasks.iter().filter(|it| !it.status.is_terminal());
        open.cloned().collect()
    };
    let [task] = &open[..] else {
        panic!("{open:?}");
    };
    assert_eq!(task.assigned_agent, Some(id("a")));
    let change = TaskChange {
        status: Some(TaskStatus::Completed),
        ..TaskChange::default()
    };
    let task = task.id.clone();
    do_it(fleet, Mutation::UpdateTask { task, change });
}

#[test]
fn a_workflow_goes_on_across_restarts() {
    let rig = Rig::new();
    let fleet = rig.open();
    do_it(&fleet, registration("a"));
    do_it(&fleet, workflow());
    fleet.close().unwrap();
    let fleet = rig.open();
    complete_open_task(&fleet);
    let head = fleet.head();
    fleet.close().unwrap();
    let fleet = rig.open();
    assert!(fleet.head() >= head);
    complete_open_task(&fleet);
    {
        let tables = fleet.read();
        let workflow = tables.workflows.find("w").unwrap();
        assert_eq!(workflow.status, WorkflowStatus::Completed);
        assert_eq!(tables.agents.find("a").unwrap().tasks_completed, 2);
    }
    let before = fleet.events(None, 0, 1000).unwrap();
    fleet.close().unwrap();
    let fleet = rig.open();
    assert_eq!(fleet.events(None, 0, 1000).unwrap(), before);
}

#[test]
fn an_agents_number_is_never_given_again() {
    let rig = Rig::new();
    let numeric_id = |fleet: &Fleet, name: &str| fleet.read().agents.find(name).unwrap().numeric_id;
    let fleet = rig.open();
    do_it(&fleet, registration("a"));
    do_it(&fleet, registration("b"));
    assert_eq!(numeric_id(&fleet, "b"), NUMERIC_ID_MIN + 1);
    do_it(&fleet, Mutation::RemoveAgent { agent: id("b") });
    fleet.close().unwrap();
    let fleet = rig.open();
    do_it(&fleet, registration("b"));
    assert_eq!(numeric_id(&fleet, "a"), NUMERIC_ID_MIN);
    assert_eq!(numeric_id(&fleet, "b"), NUMERIC_ID_MIN + 2);
}

#[test]
fn silence_is_noticed_unless_a_session_is_open() {
    let rig = Rig::new();
    let fleet = rig.open();
    for name in ["silent", "beating", "attached"] {
        do_it(&fleet, registration(name));
    }
    let attachment = fleet.presence().attach(&id("attached"));
    let status = |name: &str| fleet.read().agents.find(name).unwrap().status;
    rig.clock.advance_ms(80_000);
    let beat = fleet
        .presence()
        .heartbeat(&id("beating"), Vitals::default());
    assert_eq!(beat, Ok(rig.clock.now()));
    rig.clock.advance_ms(20_000);
    do_it(&fleet, publication("x", 0));
    assert_eq!(status("silent"), AgentStatus::Offline);
    assert_eq!(status("beating"), AgentStatus::Idle);
    assert_eq!(status("attached"), AgentStatus::Idle);
    assert_eq!(fleet.stats().sessions, 1);
    drop(attachment);
    rig.clock.advance_ms(100_000);
    do_it(&fleet, publication("x", 0));
    assert_eq!(status("attached"), AgentStatus::Offline);
    // Statuses last; what was heard does not (ruling 59).
    fleet.close().unwrap();
    let fleet = rig.open();
    let status = |name: &str| fleet.read().agents.find(name).unwrap().status;
    assert_eq!(status("silent"), AgentStatus::Offline);
    assert_eq!(fleet.presence().vitals("beating"), None);
}

#[test]
fn the_clock_alone_ends_what_is_due() {
    let mut rig = Rig::new();
    rig.settings.tick_ms = 5;
    let fleet = rig.open();
    let deadline = Some(rig.clock.now().plus_ms(1000));
    do_it(
        &fleet,
        Mutation::CreateTask(NewTask {
            id: Some(id("t")),
            task_type: id("build"),
            priority: None,
            assigned_agent: None,
            workflow_id: None,
            stage: None,
            dependencies: Vec::new(),
            input: Fields::new(),
            metadata: Fields::new(),
            deadline,
            timeout_ms: None,
            retry: RetryPolicy::default(),
            source: None,
        }),
    );
    rig.clock.advance_ms(1001);
    while fleet.read().tasks.find("t").unwrap().status != TaskStatus::Timeout {
        std::thread::yield_now();
    }
    let told = fleet.events(None, 0, 10).unwrap().events;
    let kinds: Vec<_> = told.iter().map(|it| it.kind.event_type()).collect();
    assert_eq!(kinds, ["task.created", "task.failed"]);
}
