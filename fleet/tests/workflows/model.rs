//! Random graphs against a plain model: what a stage must be follows from the graph and from the
//! answers that were given so far, worked out anew at each step.

use std::collections::BTreeMap;

use agnt_fleet::EventKind;
use agnt_fleet::mutation::NewWorkflow;
use agnt_fleet::workflow::{FailureStrategy, StageStatus, WorkflowStatus};
use proptest::prelude::*;
use serde_json::json;

use crate::plan::{begun, plan, stage};
use crate::swarm::Swarm;

/// A graph whose stages are listed in any order; edges lead from lower to higher `rank`.
#[derive(Clone, Debug)]
struct Graph {
    /// The stages that each waits for, by place in the list.
    before: Vec<Vec<usize>>,
    is_parallel: bool,
    strategy: FailureStrategy,
    /// Which stages succeed.
    succeeds: Vec<bool>,
    /// Which of those that run answers next.
    picks: Vec<prop::sample::Index>,
}

fn graphs() -> impl Strategy<Value = Graph> {
    (1..9_usize).prop_flat_map(|count| {
        let ranks = Just((0..count).collect::<Vec<_>>()).prop_shuffle();
        let edges = prop::collection::vec(prop::bool::weighted(0.4), count * count);
        let strategy = prop_oneof![
            Just(FailureStrategy::StopOnError),
            Just(FailureStrategy::Continue)
        ];
        let succeeds = prop::collection::vec(prop::bool::weighted(0.8), count);
        let picks = prop::collection::vec(any::<prop::sample::Index>(), count);
        (ranks, edges, any::<bool>(), strategy, succeeds, picks).prop_map(
            move |(ranks, edges, is_parallel, strategy, succeeds, picks)| {
                let leads =
                    |from: usize, to: usize| ranks[from] < ranks[to] && edges[from * count + to];
                let before = |to: usize| (0..count).filter(|from| leads(*from, to)).collect();
                Graph {
                    before: (0..count).map(before).collect(),
                    is_parallel,
                    strategy,
                    succeeds,
                    picks,
                }
            },
        )
    })
}

impl Graph {
    fn workflow(&self) -> NewWorkflow {
        let name = |place: &usize| format!("s{place}");
        let stages = self.before.iter().enumerate().map(|(place, before)| {
            let before: Vec<String> = before.iter().map(name).collect();
            stage(&name(&place), &before.join(" "))
        });
        NewWorkflow {
            is_parallel: self.is_parallel,
            ..plan(stages.collect(), self.strategy)
        }
    }

    /// What the stages and the workflow must be after these answers.
    fn expected(&self, answers: &BTreeMap<usize, bool>) -> (Vec<StageStatus>, WorkflowStatus) {
        let count = self.before.len();
        let has_failed = answers.values().any(|is_success| !is_success);
        let is_stopped = has_failed && self.strategy == FailureStrategy::StopOnError;
        // As many rounds as there are stages carry every failure to all that wait for it.
        let mut is_lost: Vec<bool> = (0..count)
            .map(|place| answers.get(&place) == Some(&false))
            .collect();
        for _ in 0..count {
            for place in 0..count {
                is_lost[place] |= self.before[place].iter().any(|before| is_lost[*before]);
            }
        }
        let may_run = |place: &usize| {
            !answers.contains_key(place)
                && self.before[*place]
                    .iter()
                    .all(|before| answers.get(before) == Some(&true))
        };
        let mut running: Vec<usize> = (0..count).filter(may_run).collect();
        if !self.is_parallel {
            running.truncate(1);
        }
        let stages: Vec<StageStatus> = (0..count)
            .map(|place| match answers.get(&place) {
                Some(true) => StageStatus::Completed,
                Some(false) => StageStatus::Failed,
                None if is_stopped && self.ran(place, answers) => StageStatus::Cancelled,
                None if is_stopped || is_lost[place] => StageStatus::Skipped,
                None if running.contains(&place) => StageStatus::Running,
                None => StageStatus::Pending,
            })
            .collect();
        let is_over = stages.iter().all(|stage| stage.is_terminal());
        let workflow = match (is_stopped, is_over) {
            (true, _) => WorkflowStatus::Failed,
            (false, true) => WorkflowStatus::Completed,
            (false, false) => WorkflowStatus::Running,
        };
        (stages, workflow)
    }

    /// Whether a stage without an answer had begun when the failure came that stopped all.
    fn ran(&self, place: usize, answers: &BTreeMap<usize, bool>) -> bool {
        self.is_parallel
            && self.before[place]
                .iter()
                .all(|before| answers.get(before) == Some(&true))
    }
}

fn actual(swarm: &Swarm) -> (Vec<StageStatus>, WorkflowStatus) {
    let workflow = swarm.workflow("w");
    let stages = workflow.stages.iter().map(|stage| stage.status);
    (stages.collect(), workflow.status)
}

/// Runs a graph to its end, with a restart after each step if `restarts`.
fn run(graph: &Graph, restarts: bool) -> Result<Vec<StageStatus>, TestCaseError> {
    let mut swarm = begun(graph.workflow());
    let mut answers = BTreeMap::new();
    for pick in &graph.picks {
        if restarts {
            swarm.restart();
        }
        prop_assert_eq!(actual(&swarm), graph.expected(&answers));
        let running: Vec<usize> = actual(&swarm)
            .0
            .iter()
            .enumerate()
            .filter(|(_, status)| **status == StageStatus::Running)
            .map(|(place, _)| place)
            .collect();
        if running.is_empty() {
            break;
        }
        let place = *pick.get(&running);
        let task = swarm.stage_task("w", &format!("s{place}"));
        match graph.succeeds[place] {
            true => swarm.complete(&task.id, json!({ "place": place })),
            false => swarm.fail(&task.id, "as planned"),
        }
        answers.insert(place, graph.succeeds[place]);
    }
    if restarts {
        swarm.restart();
    }
    prop_assert_eq!(actual(&swarm), graph.expected(&answers));
    check_end(&swarm)?;
    Ok(actual(&swarm).0)
}

/// At the end nothing is open, each stage had one task and one end that was told, and the events
/// are numbered without a gap.
fn check_end(swarm: &Swarm) -> Result<(), TestCaseError> {
    let workflow = swarm.workflow("w");
    prop_assert!(workflow.status.is_terminal());
    let tasks = &swarm.core.tables().tasks;
    prop_assert!(tasks.iter().all(|task| task.status.is_terminal()));
    let begun = workflow
        .stages
        .iter()
        .filter(|stage| stage.task_id.is_some());
    prop_assert_eq!(begun.count(), tasks.len());
    let mut ends = BTreeMap::new();
    for (sequence, event) in (1..).zip(&swarm.events) {
        prop_assert_eq!(event.sequence, sequence);
        if let EventKind::WorkflowStageCompleted { stage, .. } = &event.kind {
            *ends.entry(stage.clone()).or_insert(0) += 1;
        }
    }
    prop_assert_eq!(ends.len(), workflow.stages.len());
    prop_assert!(ends.values().all(|count| *count == 1));
    Ok(())
}

proptest! {
    #[test]
    fn stages_follow_the_plain_model_and_all_end(graph in graphs()) {
        let without = run(&graph, false)?;
        let with_restarts = run(&graph, true)?;
        prop_assert_eq!(without, with_restarts);
    }
}
