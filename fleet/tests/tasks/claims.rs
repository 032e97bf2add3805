//! Claims: agents that look for tasks themselves, and who may say what of a task.

use agnt_fleet::agent::AgentStatus;
use agnt_fleet::mutation::{NewTask, TaskChange};
use agnt_fleet::task::TaskStatus::{self, Completed, Failed, Pending, Running};
use agnt_fleet::{Refusal, RefusalKind};

use crate::scene::{Scene, becomes, id, task};

fn by(agent: &str, status: TaskStatus) -> TaskChange {
    TaskChange {
        agent: Some(id(agent)),
        ..becomes(status)
    }
}

fn conflict(answer: Result<std::sync::Arc<agnt_fleet::task::Task>, Refusal>) -> Refusal {
    let refusal = answer.unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Conflict, "{refusal:?}");
    refusal
}

#[test]
fn who_claims_a_task_has_it_and_nobody_else() {
    let mut scene = Scene::new();
    scene.register("a", &["other"], 2);
    scene.register("b", &["other"], 2);
    scene.create(task("t"));
    scene.told();
    let task = scene.change("t", by("a", Running)).unwrap();
    assert_eq!(task.assigned_agent, Some(id("a")));
    let told = scene.told();
    let expected = ["t assigned to a", "a busy: task started", "t started by a"];
    assert_eq!(told, expected);
    for status in [Running, Completed, Failed, Pending] {
        let refusal = conflict(scene.change("t", by("b", status)));
        assert_eq!(refusal.details["agent_id"], "a");
    }
    scene.change("t", by("a", Completed)).unwrap();
    assert_eq!(scene.agent("a").tasks_completed, 1);
}

#[test]
fn what_is_assigned_or_meant_for_another_cannot_be_claimed() {
    let mut scene = Scene::new();
    scene.register("a", &["build"], 1);
    scene.register("b", &["other"], 1);
    scene.create(task("assigned"));
    assert_eq!(scene.holder("assigned").as_deref(), Some("a"));
    conflict(scene.change("assigned", by("b", Running)));
    scene.create(NewTask {
        assigned_agent: Some(id("nobody")),
        ..task("meant")
    });
    let refusal = conflict(scene.change("meant", by("b", Completed)));
    assert_eq!(refusal.details["agent_id"], "nobody");
}

#[test]
fn nobody_claims_more_than_it_takes() {
    let mut scene = Scene::new();
    scene.register("a", &["other"], 1);
    for name in ["one", "two", "three"] {
        scene.create(task(name));
    }
    scene.change("one", by("a", Running)).unwrap();
    conflict(scene.change("two", by("a", Running)));
    scene.change("one", by("a", Completed)).unwrap();
    scene.set_status("a", AgentStatus::Stopping);
    conflict(scene.change("two", by("a", Running)));
    // That it speaks shows that it is there, whatever was thought of it.
    scene.set_status("a", AgentStatus::Offline);
    scene.change("two", by("a", Completed)).unwrap();
    let refusal = scene.change("three", by("c", Running)).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotFound);
}

#[test]
fn without_a_name_a_client_may_say_what_became_of_a_task_that_nobody_has() {
    let mut scene = Scene::new();
    scene.create(task("t"));
    scene.told();
    let task = scene.becomes("t", Running);
    assert_eq!((task.assigned_agent.as_ref(), task.attempt), (None, 1));
    scene.becomes("t", Completed);
    assert_eq!(scene.told(), ["t started by nobody", "t completed"]);
}
