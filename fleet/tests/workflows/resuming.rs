//! After a start a running workflow goes on from its rows, also from rows that no run of this
//! server leaves behind.

use std::sync::Arc;

use agnt_fleet::tables::{RowChange, Tables};
use agnt_fleet::workflow::{FailureStrategy, Stage, StageStatus, Workflow, WorkflowStatus};
use serde_json::json;

use crate::plan::{begun, diamond, state};
use crate::swarm::{Swarm, id};

/// A start over rows in which the workflow `w` is changed.
fn restart_with(swarm: &mut Swarm, change: impl FnOnce(&mut Workflow)) {
    swarm.restart_with(|tables: &mut Tables| {
        let mut workflow = (**tables.workflows.find("w").unwrap()).clone();
        change(&mut workflow);
        tables.apply(RowChange::Workflow(id("w"), Some(Arc::new(workflow))));
    });
}

#[test]
fn a_start_changes_nothing_of_what_is_under_way() {
    let mut swarm = begun(diamond(FailureStrategy::StopOnError));
    swarm.complete(&swarm.stage_task("w", "a").id, json!({}));
    swarm.told();
    let before = swarm.workflow("w");
    for _ in 0..3 {
        swarm.restart();
    }
    assert_eq!(swarm.workflow("w"), before);
    assert_eq!(swarm.core.tables().tasks.len(), 3);
    assert!(swarm.told().is_empty());
}

#[test]
fn a_stage_that_is_ready_and_was_not_begun_begins() {
    let mut swarm = begun(diamond(FailureStrategy::StopOnError));
    swarm.complete(&swarm.stage_task("w", "a").id, json!({}));
    restart_with(&mut swarm, |workflow| {
        let stage = &mut workflow.stages[1];
        *stage = Stage {
            status: StageStatus::Pending,
            task_id: None,
            started_at: None,
            ..stage.clone()
        };
    });
    assert_eq!(state(&swarm), "a:completed b:running c:running d:pending");
    for stage in ["b", "c", "d"] {
        swarm.complete(&swarm.stage_task("w", stage).id, json!({}));
    }
    assert_eq!(swarm.workflow("w").status, WorkflowStatus::Completed);
}

#[test]
fn a_stage_whose_task_ended_or_is_gone_ends_too() {
    let mut swarm = begun(diamond(FailureStrategy::Continue));
    let first = swarm.stage_task("w", "a").id.clone();
    swarm.complete(&first, json!({}));
    let gone = swarm.stage_task("w", "c").id.clone();
    swarm.restart_with(|tables| {
        let mut workflow = (**tables.workflows.find("w").unwrap()).clone();
        workflow.stages[1].task_id = Some(first);
        tables.apply(RowChange::Workflow(id("w"), Some(Arc::new(workflow))));
        tables.apply(RowChange::Task(gone, None));
    });
    assert_eq!(state(&swarm), "a:completed b:completed c:failed d:skipped");
    let workflow = swarm.workflow("w");
    assert_eq!(workflow.status, WorkflowStatus::Completed);
    let error = workflow.stage("c").unwrap().error.as_deref();
    assert_eq!(error, Some("its task is gone"));
}
