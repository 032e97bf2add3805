//! The graph of a workflow's stages: which wait for which, whether they go in a circle, which may
//! begin, and which never can.

use std::collections::HashMap;

use super::checks::{LABEL_CHARACTERS_MAX, check_duration_if_any, check_label};
use crate::mutation::NewStage;
use crate::workflow::{Stage, StageStatus};
use crate::{Refusal, RefusalKind};

/// How many stages a workflow may have.
const STAGES_MAX: usize = 1000;

/// How many dependencies its stages may name together: what looking at all of them costs is paid
/// again at the end of each stage.
const DEPENDENCIES_MAX: usize = 10_000;

/// The graph; a stage is its place in the list of stages.
#[derive(Debug)]
pub(super) struct StageGraph {
    /// The stages that each waits for.
    dependencies: Vec<Vec<usize>>,
    /// The stages that wait for each.
    dependents: Vec<Vec<usize>>,
}

impl StageGraph {
    /// The graph of stages to be made, all of them checked.
    pub(super) fn checked(stages: &[NewStage]) -> Result<Self, Refusal> {
        if stages.is_empty() || stages.len() > STAGES_MAX {
            let issue = format!("has {} stages; 1 to {STAGES_MAX} are allowed", stages.len());
            return Err(Refusal::invalid("stages", issue));
        }
        for (place, stage) in stages.iter().enumerate() {
            check_label(&format!("stages[{place}].name"), &stage.name)?;
            check_duration_if_any(&format!("stages[{place}].timeout"), stage.timeout_ms)?;
        }
        let names = stages.iter().map(|stage| stage.name.as_str());
        let places = unique_places(names)?;
        let dependency_count: usize = stages.iter().map(|stage| stage.dependencies.len()).sum();
        if dependency_count > DEPENDENCIES_MAX {
            let issue = format!(
                "name {dependency_count} dependencies together; at most {DEPENDENCIES_MAX} are allowed"
            );
            return Err(Refusal::invalid("stages", issue));
        }
        check_known(stages, &places)?;
        let lists = stages.iter().map(|stage| stage.dependencies.as_slice());
        let graph = Self::linked(&places, lists);
        match graph.cycle() {
            Some(cycle) => Err(cycle_refusal(stages, &cycle)),
            None => Ok(graph),
        }
    }

    /// The graph of stages that were checked when they were made.
    pub(super) fn of(stages: &[Stage]) -> Self {
        let names = stages.iter().enumerate();
        let places = names
            .map(|(place, stage)| (stage.name.as_str(), place))
            .collect();
        let lists = stages.iter().map(|stage| stage.dependencies.as_slice());
        Self::linked(&places, lists)
    }

    fn linked<'a>(
        places: &HashMap<&str, usize>,
        lists: impl ExactSizeIterator<Item = &'a [String]>,
    ) -> Self {
        let mut dependents = vec![Vec::new(); lists.len()];
        let dependencies = lists
            .enumerate()
            .map(|(place, names)| {
                let found = names.iter().filter_map(|name| places.get(name.as_str()));
                let before: Vec<usize> = found.copied().collect();
                for dependency in &before {
                    dependents[*dependency].push(place);
                }
                before
            })
            .collect();
        Self {
            dependencies,
            dependents,
        }
    }

    /// The stages that this one waits for.
    pub(super) fn before(&self, place: usize) -> &[usize] {
        &self.dependencies[place]
    }

    /// Pending stages all of whose dependencies are completed, as listed.
    pub(super) fn ready(&self, stages: &[Stage]) -> Vec<usize> {
        let is_completed = |place: &usize| stages[*place].status == StageStatus::Completed;
        (0..stages.len())
            .filter(|place| stages[*place].status == StageStatus::Pending)
            .filter(|place| self.dependencies[*place].iter().all(is_completed))
            .collect()
    }

    /// Pending stages that wait for one that ended otherwise than completed, directly or through
    /// others; each with that which it waits for, and behind it.
    pub(super) fn doomed(&self, stages: &[Stage]) -> Vec<(usize, usize)> {
        let is_lost =
            |stage: &Stage| stage.status.is_terminal() && stage.status != StageStatus::Completed;
        let mut lost: Vec<usize> = (0..stages.len())
            .filter(|place| is_lost(&stages[*place]))
            .collect();
        let mut is_found = vec![false; stages.len()];
        let mut doomed = Vec::new();
        while let Some(place) = lost.pop() {
            for dependent in &self.dependents[place] {
                let is_pending = stages[*dependent].status == StageStatus::Pending;
                if is_pending && !std::mem::replace(&mut is_found[*dependent], true) {
                    doomed.push((*dependent, place));
                    lost.push(*dependent);
                }
            }
        }
        doomed
    }

    /// A circle, in the order in which its stages would run: each is a dependency of the next, and
    /// the last of the first.
    fn cycle(&self) -> Option<Vec<usize>> {
        let mut waits_for: Vec<usize> = self.dependencies.iter().map(Vec::len).collect();
        let mut free: Vec<usize> = (0..waits_for.len())
            .filter(|place| waits_for[*place] == 0)
            .collect();
        while let Some(place) = free.pop() {
            for dependent in &self.dependents[place] {
                waits_for[*dependent] -= 1;
                if waits_for[*dependent] == 0 {
                    free.push(*dependent);
                }
            }
        }
        // What is left waits for something that is left: going back, one comes round.
        let is_left = |place: &usize| waits_for[*place] > 0;
        let mut place = (0..waits_for.len()).find(is_left)?;
        let mut way = Vec::new();
        let mut step_of = vec![None; waits_for.len()];
        while step_of[place].is_none() {
            step_of[place] = Some(way.len());
            way.push(place);
            place = self.dependencies[place].iter().copied().find(is_left)?;
        }
        let mut cycle = way.split_off(step_of[place]?);
        cycle.reverse();
        // It begins with the stage that is listed first.
        let first = (0..cycle.len()).min_by_key(|step| cycle[*step])?;
        cycle.rotate_left(first);
        Some(cycle)
    }
}

fn unique_places<'a>(
    names: impl Iterator<Item = &'a str>,
) -> Result<HashMap<&'a str, usize>, Refusal> {
    let mut places = HashMap::new();
    for (place, name) in names.enumerate() {
        if let Some(other) = places.insert(name, place) {
            let issue = format!("{name:?} is the name of stages[{other}], too; each has its own");
            return Err(impossible(&format!("stages[{place}].name"), issue));
        }
    }
    Ok(places)
}

fn check_known(stages: &[NewStage], places: &HashMap<&str, usize>) -> Result<(), Refusal> {
    for (place, stage) in stages.iter().enumerate() {
        for (nth, dependency) in stage.dependencies.iter().enumerate() {
            if places.contains_key(dependency.as_str()) {
                continue;
            }
            let shown: String = dependency.chars().take(LABEL_CHARACTERS_MAX).collect();
            let issue = format!(
                "stage {:?} depends on {shown:?}, which is no stage of this workflow",
                stage.name
            );
            let field = format!("stages[{place}].dependencies[{nth}]");
            return Err(impossible(&field, issue));
        }
    }
    Ok(())
}

/// What is well written, and can't be done (ruling 46).
fn impossible(field: &str, issue: String) -> Refusal {
    Refusal {
        kind: RefusalKind::Unprocessable,
        ..Refusal::invalid(field, issue)
    }
}

fn cycle_refusal(stages: &[NewStage], cycle: &[usize]) -> Refusal {
    let round = cycle.iter().chain(cycle.first());
    let names: Vec<&str> = round.map(|place| stages[*place].name.as_str()).collect();
    let message = format!(
        "the stages wait for each other in a circle: {}",
        names.join(" -> ")
    );
    Refusal::new(RefusalKind::Unprocessable, message).with("cycle", names)
}
