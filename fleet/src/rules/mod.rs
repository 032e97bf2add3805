//! The rules: what each mutation and the clock make of the rows.

mod agents;
mod answers;
mod assignment;
mod attempts;
mod checks;
mod commands;
mod silence;
mod stage_graph;
mod stages;
mod sundry;
mod task_change;
mod task_cycle;
mod tasks;
mod telling;
mod verbs;
mod workflows;
mod workload;

use std::sync::Arc;

use crate::core::{Core, Presence};
use crate::{Mutation, Outcome, Refusal};

type Ruling = Result<Outcome, Refusal>;

/// Carries a mutation out; what it did before it failed is undone by the caller.
pub(crate) fn carry_out(core: &mut Core, mutation: Mutation, presence: &dyn Presence) -> Ruling {
    let outcome = dispatch(core, mutation, presence)?;
    assignment::settle(core);
    Ok(refreshed(core, outcome))
}

fn dispatch(core: &mut Core, mutation: Mutation, presence: &dyn Presence) -> Ruling {
    match mutation {
        Mutation::RegisterAgent(registration) => agents::register(core, registration),
        Mutation::UpdateAgent { agent, change } => agents::update(core, &agent, change),
        Mutation::SetAgentStatus {
            agent,
            status,
            reason,
        } => agents::set_status(core, &agent, status, &reason),
        Mutation::RemoveAgent { agent } => agents::remove(core, &agent),
        Mutation::CreateTask(task) => tasks::create(core, task),
        Mutation::UpdateTask { task, change } => task_change::update(core, &task, change),
        Mutation::CancelTask { task, reason } => tasks::cancel(core, &task, reason),
        Mutation::CreateWorkflow(workflow) => workflows::create(core, workflow),
        Mutation::CancelWorkflow { workflow, reason } => workflows::cancel(core, &workflow, reason),
        Mutation::IssueCommand(command) => commands::issue(core, command, presence),
        Mutation::Answer { command, answer } => commands::answer(core, &command, answer),
        Mutation::SettleCallback { command, status } => {
            commands::settle_callback(core, &command, status)
        }
        Mutation::StoreAnswer { path, body } => answers::store(core, path, body),
        Mutation::PutTemplate { id, name, content } => {
            sundry::put_template(core, id, name, content)
        }
        Mutation::RemoveTemplate { id } => sundry::remove_template(core, &id),
        Mutation::Publish {
            topic,
            data,
            source,
        } => sundry::publish(core, topic, data, source),
        Mutation::Alert {
            severity,
            component,
            message,
            details,
        } => sundry::alert(core, severity, component, message, details),
        Mutation::PutKey { id, bytes } => sundry::put_key(core, id, bytes),
        Mutation::RemoveKey { id } => Ok(sundry::remove_key(core, id)),
    }
}

/// An outcome with its row as it is after all that followed.
fn refreshed(core: &Core, mut outcome: Outcome) -> Outcome {
    let tables = &core.tables;
    match &mut outcome {
        Outcome::Agent { agent, .. } => {
            refresh(agent, tables.agents.find(agent.id.as_str()));
        }
        Outcome::Task { task, .. } => refresh(task, tables.tasks.find(task.id.as_str())),
        Outcome::Workflow { workflow, .. } => {
            refresh(workflow, tables.workflows.find(workflow.id.as_str()));
        }
        Outcome::Command { command } => {
            refresh(command, tables.commands.find(command.id.as_str()));
        }
        Outcome::Template { .. } | Outcome::Event { .. } | Outcome::Done => {}
    }
    outcome
}

fn refresh<R>(row: &mut Arc<R>, newest: Option<&Arc<R>>) {
    if let Some(newest) = newest.map(Arc::clone) {
        *row = newest;
    }
}

/// Does what is due.
pub(crate) fn tick(core: &mut Core, presence: &dyn Presence) {
    silence::tick(core, presence);
    tasks::tick(core);
    workflows::tick(core);
    commands::tick(core);
    assignment::settle(core);
}

/// Takes up after a start what was under way.
pub(crate) fn resume(core: &mut Core) {
    silence::resume(core);
    workflows::resume(core);
    assignment::settle(core);
}
