//! Workflows: made, called off, listed.

use std::sync::Arc;

use agnt_fleet::row::Facet;
use agnt_fleet::workflow::{Workflow, WorkflowStatus};
use agnt_fleet::{Mutation, Refusal};

use super::tasks::reason;
use super::{Call, Doing};
use crate::body::read_workflow;
use crate::content::read_object;
use crate::limits::WAIT_MS_DEFAULT;
use crate::list::{ListView, Listing, absent};
use crate::query::Query;
use crate::step::Show;
use crate::view::WorkflowView;

/// The statuses of workflows as filters, for people.
const STATUSES: &str = "running, completed, failed, cancelled or timeout";

pub(super) fn list(call: &Call<'_>) -> Doing {
    let mut query = Query::read(call.request.query)?;
    let mut listing = Listing::read(&mut query);
    let statuses = query.words("status", WorkflowStatus::parse, STATUSES);
    listing.narrow(statuses.map(|all| all.into_iter().map(Facet::WorkflowStatus).collect()));
    let project = query.label("project_id");
    listing.narrow_to(project.map(|project| Facet::Project(project.into())));
    query.end()?;
    let (workflows, pagination) = listing.page(&call.fleet.read().workflows);
    let entries = workflows.iter().map(|workflow| WorkflowView::new(workflow));
    call.list(&ListView {
        name: "workflows",
        entries: entries.collect(),
        pagination,
    })
}

/// With `?wait=true` the answer waits for the end, as long as the workflow's own `timeout` allows
/// (ruling 60).
pub(super) fn create(call: &Call<'_>) -> Doing {
    let mut query = Query::read(call.request.query)?;
    let is_awaited = query.boolean("wait").unwrap_or(false);
    query.end()?;
    let workflow = read_workflow(read_object(call.request)?, call.source())?;
    let show = match is_awaited {
        true => Show::WorkflowAtItsEnd(workflow.timeout_ms.unwrap_or(WAIT_MS_DEFAULT)),
        false => Show::Workflow,
    };
    call.mutate(Mutation::CreateWorkflow(workflow), show)
}

pub(super) fn show(call: &Call<'_>) -> Doing {
    let workflow = find(call)?;
    Ok(call.answer(&WorkflowView::new(&workflow)))
}

pub(super) fn cancel(call: &Call<'_>) -> Doing {
    let workflow = find(call)?;
    let reason = reason(call)?;
    let mutation = Mutation::CancelWorkflow {
        workflow: workflow.id.clone(),
        reason: reason.clone(),
    };
    call.mutate(mutation, Show::WorkflowCancellation(reason))
}

/// The workflow that the path names.
fn find(call: &Call<'_>) -> Result<Arc<Workflow>, Refusal> {
    let id = &call.parameters[0];
    let found = call.fleet.read().workflows.find(id).cloned();
    found.ok_or_else(|| absent("workflow", id))
}
