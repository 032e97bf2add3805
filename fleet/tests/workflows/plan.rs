//! Workflows to be made, spelled shortly.

use agnt_fleet::mutation::{NewStage, NewWorkflow};
use agnt_fleet::workflow::FailureStrategy;
use agnt_fleet::{Fields, Mutation, Outcome, Refusal};

use crate::swarm::{Swarm, id};

/// A stage of the type `work` with these dependencies, apart by spaces.
pub(crate) fn stage(name: &str, dependencies: &str) -> NewStage {
    NewStage {
        name: name.to_owned(),
        agent_type: id("work"),
        dependencies: dependencies.split_whitespace().map(str::to_owned).collect(),
        timeout_ms: None,
        input: Fields::new(),
    }
}

/// The workflow `w`, whose stages run at once where they can.
pub(crate) fn plan(stages: Vec<NewStage>, failure_strategy: FailureStrategy) -> NewWorkflow {
    NewWorkflow {
        id: Some(id("w")),
        project_id: None,
        name: None,
        stages,
        is_parallel: true,
        failure_strategy,
        configuration: Fields::new(),
        priority: None,
        input: Fields::new(),
        metadata: Fields::new(),
        timeout_ms: None,
        source: None,
    }
}

/// `a`, then `b` and `c`, then `d`.
pub(crate) fn diamond(failure_strategy: FailureStrategy) -> NewWorkflow {
    let stages = vec![
        stage("a", ""),
        stage("b", "a"),
        stage("c", "a"),
        stage("d", "b c"),
    ];
    plan(stages, failure_strategy)
}

/// A swarm with one agent that does everything, in which this workflow has begun.
pub(crate) fn begun(workflow: NewWorkflow) -> Swarm {
    let mut swarm = Swarm::new();
    swarm.register("worker", "work", 10);
    create(&mut swarm, workflow).unwrap();
    swarm
}

pub(crate) fn create(swarm: &mut Swarm, workflow: NewWorkflow) -> Result<Outcome, Refusal> {
    swarm.execute(Mutation::CreateWorkflow(workflow))
}

/// How far the stages of `w` are: `a:completed b:running`.
pub(crate) fn state(swarm: &Swarm) -> String {
    let workflow = swarm.workflow("w");
    let stages = workflow
        .stages
        .iter()
        .map(|stage| format!("{}:{}", stage.name, stage.status.as_str()));
    stages.collect::<Vec<_>>().join(" ")
}
