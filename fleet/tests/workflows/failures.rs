//! What becomes of a workflow when something of it fails: by its strategy, by the clock, by a cap.

use agnt_fleet::core::CoreSettings;
use agnt_fleet::mutation::{NewStage, NewWorkflow};
use agnt_fleet::task::TaskStatus;
use agnt_fleet::workflow::{FailureStrategy, StageStatus, WorkflowStatus};
use agnt_fleet::{EventKind, Fields, Mutation, RefusalKind};
use serde_json::json;

use crate::plan::{begun, create, diamond, plan, stage, state};
use crate::swarm::{Swarm, id};

/// A diamond whose first stage is completed, so that both arms run.
fn with_both_arms_running(strategy: FailureStrategy) -> Swarm {
    let mut swarm = begun(diamond(strategy));
    swarm.complete(&swarm.stage_task("w", "a").id, json!({}));
    for stage in ["b", "c"] {
        swarm.begin(&swarm.stage_task("w", stage).id);
    }
    swarm.events.clear();
    swarm
}

/// The ends of stages that were told, with their status.
fn told_ends(swarm: &Swarm) -> Vec<(String, StageStatus)> {
    let ends = swarm.events.iter().filter_map(|event| match &event.kind {
        EventKind::WorkflowStageCompleted {
            stage,
            stage_status,
            ..
        } => Some((stage.clone(), *stage_status)),
        _ => None,
    });
    ends.collect()
}

#[test]
fn stop_on_error_cancels_what_runs_and_skips_the_rest() {
    let mut swarm = with_both_arms_running(FailureStrategy::StopOnError);
    swarm.fail(&swarm.stage_task("w", "b").id, "no disk");
    assert_eq!(state(&swarm), "a:completed b:failed c:cancelled d:skipped");
    let workflow = swarm.workflow("w");
    assert_eq!(workflow.status, WorkflowStatus::Failed);
    assert_eq!(workflow.error.as_deref(), Some("stage b failed: no disk"));
    assert_eq!(workflow.failed_stages().collect::<Vec<_>>(), ["b"]);
    assert_eq!(swarm.stage_task("w", "c").status, TaskStatus::Cancelled);
    let ends = [
        ("b".to_owned(), StageStatus::Failed),
        ("c".to_owned(), StageStatus::Cancelled),
        ("d".to_owned(), StageStatus::Skipped),
    ];
    assert_eq!(told_ends(&swarm), ends);
    assert_eq!(swarm.told().last().unwrap(), "workflow.failed");
}

#[test]
fn continue_skips_what_depends_on_the_failure_and_goes_on() {
    let mut swarm = with_both_arms_running(FailureStrategy::Continue);
    swarm.fail(&swarm.stage_task("w", "b").id, "no disk");
    assert_eq!(state(&swarm), "a:completed b:failed c:running d:skipped");
    assert_eq!(swarm.workflow("w").status, WorkflowStatus::Running);
    swarm.complete(&swarm.stage_task("w", "c").id, json!({}));
    let workflow = swarm.workflow("w");
    assert_eq!(workflow.status, WorkflowStatus::Completed);
    assert_eq!(workflow.failed_stages().collect::<Vec<_>>(), ["b"]);
    assert_eq!(
        workflow.stage("d").unwrap().error.as_deref(),
        Some("stage b was not completed")
    );
}

#[test]
fn retry_tries_a_stage_three_times() {
    for succeeds_at in [1, 2, 3, 4] {
        let mut swarm = begun(diamond(FailureStrategy::Retry));
        for attempt in 1..=3 {
            let task = swarm.stage_task("w", "a");
            swarm.begin(&task.id);
            assert_eq!(swarm.task(task.id.as_str()).attempt, attempt);
            match attempt == succeeds_at {
                true => swarm.complete(&task.id, json!({})),
                false => swarm.fail(&task.id, "once more"),
            }
            if attempt == succeeds_at {
                break;
            }
            // The longest wait before the third attempt is 2 s.
            swarm.pass_s(3);
        }
        let expected = match succeeds_at {
            4 => "a:failed b:skipped c:skipped d:skipped",
            _ => "a:completed b:running c:running d:pending",
        };
        assert_eq!(state(&swarm), expected, "{succeeds_at}");
    }
}

#[test]
fn a_stage_whose_task_is_cancelled_was_cancelled() {
    let mut swarm = with_both_arms_running(FailureStrategy::StopOnError);
    let task = swarm.stage_task("w", "b").id.clone();
    let cancel = Mutation::CancelTask {
        task,
        reason: Some("by hand".to_owned()),
    };
    swarm.execute(cancel).unwrap();
    assert_eq!(
        state(&swarm),
        "a:completed b:cancelled c:cancelled d:skipped"
    );
    let workflow = swarm.workflow("w");
    assert_eq!(workflow.status, WorkflowStatus::Failed);
    assert!(
        workflow
            .error
            .as_ref()
            .unwrap()
            .starts_with("stage b was cancelled")
    );
}

#[test]
fn a_stage_that_takes_too_long_fails() {
    let stages = vec![NewStage {
        timeout_ms: Some(5000),
        ..stage("a", "")
    }];
    let mut swarm = begun(plan(stages, FailureStrategy::StopOnError));
    swarm.begin(&swarm.stage_task("w", "a").id);
    swarm.pass_s(4);
    assert_eq!(state(&swarm), "a:running");
    swarm.pass_s(2);
    assert_eq!(state(&swarm), "a:failed");
    assert_eq!(swarm.stage_task("w", "a").status, TaskStatus::Timeout);
    assert_eq!(swarm.workflow("w").status, WorkflowStatus::Failed);
}

#[test]
fn a_workflow_that_takes_too_long_times_out_with_its_tasks() {
    let mut swarm = begun(NewWorkflow {
        timeout_ms: Some(10_000),
        ..diamond(FailureStrategy::Continue)
    });
    swarm.pass_s(5);
    swarm.complete(&swarm.stage_task("w", "a").id, json!({}));
    swarm.restart();
    swarm.pass_s(4);
    assert_eq!(swarm.workflow("w").status, WorkflowStatus::Running);
    swarm.pass_s(2);
    let workflow = swarm.workflow("w");
    assert_eq!(workflow.status, WorkflowStatus::Timeout);
    assert_eq!(workflow.error.as_deref(), Some("not done within 10000 ms"));
    assert_eq!(
        state(&swarm),
        "a:completed b:cancelled c:cancelled d:cancelled"
    );
    assert_eq!(swarm.stage_task("w", "b").status, TaskStatus::Cancelled);
    assert_eq!(swarm.told().last().unwrap(), "workflow.failed");
}

#[test]
fn a_workflow_whose_first_task_is_one_too_many_leaves_nothing_behind() {
    let mut swarm = Swarm::with(CoreSettings {
        tasks_max: 1,
        ..CoreSettings::default()
    });
    let two_at_once = || {
        plan(
            vec![stage("a", ""), stage("b", "")],
            FailureStrategy::Continue,
        )
    };
    let refusal = create(&mut swarm, two_at_once()).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::TooMany);
    assert!(swarm.core.tables().workflows.is_empty());
    assert!(swarm.core.tables().tasks.is_empty());
    assert!(swarm.events.is_empty());
    assert_eq!(swarm.core.sequence_next(), 1);
}

#[test]
fn a_later_task_that_is_one_too_many_fails_its_stage_alone() {
    let mut swarm = Swarm::with(CoreSettings {
        tasks_max: 2,
        ..CoreSettings::default()
    });
    let stages = vec![
        stage("a", ""),
        stage("b", ""),
        stage("c", "a"),
        stage("d", "c"),
    ];
    create(&mut swarm, plan(stages, FailureStrategy::Continue)).unwrap();
    let answered = swarm.stage_task("w", "a");
    swarm.complete(&answered.id, json!({}));
    assert_eq!(
        swarm.task(answered.id.as_str()).status,
        TaskStatus::Completed
    );
    assert_eq!(state(&swarm), "a:completed b:running c:failed d:skipped");
    assert_eq!(told_ends(&swarm).len(), 3);
    swarm.complete(&swarm.stage_task("w", "b").id, json!({}));
    assert_eq!(swarm.workflow("w").status, WorkflowStatus::Completed);
}

#[test]
fn outputs_that_are_too_much_together_fail_the_stage() {
    let names: Vec<String> = (0..9).map(|n| format!("s{n}")).collect();
    let mut stages: Vec<NewStage> = names.iter().map(|name| stage(name, "")).collect();
    stages.push(stage("sum", &names.join(" ")));
    let mut swarm = begun(plan(stages, FailureStrategy::StopOnError));
    let mebibyte = "x".repeat(1 << 20);
    for name in &names {
        swarm.complete(&swarm.stage_task("w", name).id, json!({ "text": mebibyte }));
    }
    let workflow = swarm.workflow("w");
    assert_eq!(workflow.stage("sum").unwrap().status, StageStatus::Failed);
    assert!(workflow.error.as_ref().unwrap().contains("8388608 bytes"));
}

#[test]
fn the_failure_of_the_first_of_a_thousand_skips_all_others() {
    // Listed from the last to the first.
    let name = |n: usize| format!("s{n}");
    let stages = (0..1000).rev().map(|n| match n {
        0 => stage(&name(0), ""),
        _ => stage(&name(n), &name(n - 1)),
    });
    let mut swarm = begun(plan(stages.collect(), FailureStrategy::Continue));
    swarm.fail(&swarm.stage_task("w", "s0").id, "no disk");
    let workflow = swarm.workflow("w");
    assert_eq!(workflow.status, WorkflowStatus::Completed);
    let is_skipped = |name: String| {
        let stage = workflow.stage(&name).unwrap();
        stage.status == StageStatus::Skipped && stage.error.is_some()
    };
    assert!((1..1000).all(|n| is_skipped(name(n))));
    assert_eq!(told_ends(&swarm).len(), 1000);
}

#[test]
fn ended_workflows_are_forgotten_when_their_time_is_over() {
    let mut swarm = Swarm::with(CoreSettings {
        terminal_kept_ms: Some(60_000),
        ..CoreSettings::default()
    });
    swarm.register("worker", "work", 10);
    let stages = || vec![stage("a", ""), stage("b", "a")];
    create(&mut swarm, plan(stages(), FailureStrategy::StopOnError)).unwrap();
    let other = NewWorkflow {
        id: Some(id("v")),
        metadata: Fields::new(),
        ..plan(stages(), FailureStrategy::StopOnError)
    };
    create(&mut swarm, other).unwrap();
    for workflow in ["w", "v"] {
        swarm.complete(&swarm.stage_task(workflow, "a").id, json!({ "n": 1 }));
    }
    swarm.complete(&swarm.stage_task("w", "b").id, json!({}));
    swarm.pass_s(50);
    assert_eq!(swarm.core.tables().workflows.len(), 2);
    swarm.pass_s(20);
    let tables = swarm.core.tables();
    assert!(tables.workflows.find("w").is_none());
    assert!(
        tables
            .tasks
            .iter()
            .all(|task| task.workflow_id == Some(id("v")))
    );
    // The other is under way, and what its first stage made is kept for as long as it is.
    let task = swarm.stage_task("v", "a");
    assert_eq!(task.output.as_ref().unwrap()["n"], 1);
}
