//! The lists of the API and what each is filtered by: one value of each filter, more where it has few.

/// A list, perhaps narrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct List {
    /// Its name in paths and answers.
    pub(crate) name: &'static str,
    /// `filter=value`, as it stands in a URL, or nothing.
    pub(crate) filter: &'static str,
}

const fn list(name: &'static str, filter: &'static str) -> List {
    List { name, filter }
}

/// In the place of a workflow's id, which the server makes.
pub(crate) const SOME_WORKFLOW: &str = "workflow_id=";

/// All that are read.
pub(crate) const LISTS: [List; 29] = [
    list("agents", ""),
    list("agents", "status=active"),
    list("agents", "status=idle"),
    list("agents", "status=busy"),
    list("agents", "status=error"),
    list("agents", "capability=skill-3"),
    list("agents", "capability=rare"),
    list("agents", "type=kind-3"),
    list("agents", "stream=load-1"),
    list("tasks", ""),
    list("tasks", "status=pending"),
    list("tasks", "status=in_progress"),
    list("tasks", "status=completed"),
    list("tasks", "status=failed"),
    list("tasks", "status=cancelled"),
    list("tasks", "status=timeout"),
    list("tasks", "type=testing"),
    list("tasks", "agent_id=load-7"),
    list("tasks", SOME_WORKFLOW),
    list("tasks", "priority=high"),
    list("workflows", ""),
    list("workflows", "status=running"),
    list("workflows", "status=completed"),
    list("workflows", "status=cancelled"),
    list("workflows", "project_id=project-3"),
    list("events", ""),
    list("events", "topic=load.7.7"),
    list("events", "topic=load.%3E"),
    list("events", "topic=task.*.created"),
];

impl List {
    /// Its name as people read it.
    pub(crate) fn title(self) -> String {
        let filter = self.filter.trim_end_matches('=');
        let filter = filter.replace("%3E", ">");
        format!("{} {filter}", self.name).trim_end().to_owned()
    }
}
