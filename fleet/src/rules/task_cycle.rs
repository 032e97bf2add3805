//! A cycle of tasks that would wait for each other for ever.
//!
//! Tasks may name others that come later, so that a new one may close a cycle.

use std::collections::HashMap;

use crate::core::Core;
use crate::{Id, Refusal, RefusalKind};

/// How many tasks are looked at. A cycle that is longer is not found: its tasks are held until
/// somebody cancels one, or their deadlines come.
const WALK_MAX: usize = 10_000;

/// Whether a new task with these dependencies closes no cycle.
pub(super) fn check_acyclic(core: &Core, new: &Id, dependencies: &[Id]) -> Result<(), Refusal> {
    if dependencies.contains(new) {
        return Err(cycle(&[new.clone(), new.clone()]));
    }
    if !core.schedule.has_dependents(new) {
        return Ok(());
    }
    // Each task that was found, and the one that depends on it.
    let mut found: HashMap<&Id, &Id> = HashMap::new();
    let mut ahead: Vec<&Id> = Vec::new();
    for id in dependencies {
        found.insert(id, new);
        ahead.push(id);
    }
    while let Some(id) = ahead.pop() {
        let task = core.tables.tasks.find(id.as_str());
        let open = task.filter(|task| !task.status.is_terminal());
        for dependency in open.into_iter().flat_map(|task| &task.dependencies) {
            if dependency == new {
                return Err(cycle(&path(new, id, &found)));
            }
            if found.len() < WALK_MAX && !found.contains_key(dependency) {
                found.insert(dependency, id);
                ahead.push(dependency);
            }
        }
    }
    Ok(())
}

/// From `new` over its dependencies to `last`, which depends on it.
fn path(new: &Id, last: &Id, found: &HashMap<&Id, &Id>) -> Vec<Id> {
    let mut path = vec![new.clone()];
    let mut id = last;
    while id != new {
        path.push(id.clone());
        match found.get(id) {
            Some(dependent) => id = dependent,
            None => break,
        }
    }
    path.push(new.clone());
    path.reverse();
    path
}

fn cycle(path: &[Id]) -> Refusal {
    let names: Vec<&str> = path.iter().map(Id::as_str).collect();
    let message = format!("dependencies: a cycle of tasks, {}", names.join(" -> "));
    Refusal::new(RefusalKind::Unprocessable, message).with("cycle", names)
}
