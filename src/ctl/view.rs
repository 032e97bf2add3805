//! What people see of agents, tasks, workflows and events.

use std::fmt::Write;

use serde_json::Value;

use super::plain::{json_line, plain, shortened};
use super::table::table;
use crate::cli::Collection;

/// How much of a cell is shown that is no id.
const CELL_CHARS_MAX: usize = 48;

/// How much is shown of what an event says.
const PAYLOAD_CHARS_MAX: usize = 200;

/// What is said first of a thing.
const FIRST: [&str; 7] = [
    "id",
    "command_id",
    "name",
    "type",
    "command_type",
    "status",
    "status_detail",
];

/// A column: its head, and what stands below it.
type Column = (&'static str, fn(&Value) -> String);

const AGENTS: &[Column] = &[
    ("ID", |agent| cell(agent, "id")),
    ("TYPE", |agent| short(&cell(agent, "type"))),
    ("STATUS", agent_status),
    ("TASKS", |agent| {
        let max = &agent["configuration"]["max_concurrent_tasks"];
        format!("{}/{}", shown(&agent["current_tasks"]), shown(max))
    }),
    ("HEARD", |agent| moment(agent, "last_heartbeat")),
    ("CAPABILITIES", |agent| {
        short(&listed(&agent["capabilities"]))
    }),
];

const TASKS: &[Column] = &[
    ("ID", |task| cell(task, "id")),
    ("TYPE", |task| short(&cell(task, "type"))),
    ("STATUS", |task| cell(task, "status")),
    ("PRIORITY", |task| cell(task, "priority")),
    ("PROGRESS", progress),
    ("AGENT", |task| cell(task, "assigned_agent")),
    ("CREATED", |task| moment(task, "created_at")),
];

const WORKFLOWS: &[Column] = &[
    ("ID", |workflow| cell(workflow, "id")),
    ("NAME", |workflow| short(&cell(workflow, "name"))),
    ("STATUS", |workflow| cell(workflow, "status")),
    ("PROGRESS", progress),
    ("STAGES", |workflow| {
        let stages = workflow["stages"].as_array().map_or(0, Vec::len);
        stages.to_string()
    }),
    ("CREATED", |workflow| moment(workflow, "created_at")),
];

const STAGES: &[Column] = &[
    ("STAGE", |stage| cell(stage, "name")),
    ("TYPE", |stage| short(&cell(stage, "agent_type"))),
    ("STATUS", |stage| cell(stage, "status")),
    ("AFTER", |stage| short(&listed(&stage["dependencies"]))),
    ("TASK", |stage| cell(stage, "task_id")),
    ("ERROR", |stage| short(&cell(stage, "error"))),
];

/// A page of a collection, a line for each member.
pub(super) fn list(of: Collection, page: &Value) -> String {
    let columns = match of {
        Collection::Agents => AGENTS,
        Collection::Tasks => TASKS,
        Collection::Workflows => WORKFLOWS,
    };
    let mut text = lines(columns, &page[of.name()]);
    let number = |name: &str| page["pagination"][name].as_u64().unwrap_or(0);
    if number("total_pages") > 1 {
        let [page, pages, total] = ["page", "total_pages", "total"].map(number);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "page {page} of {pages}, {total} in all");
    }
    text
}

/// One thing, a line for each thing that is known of it; stages are a table of their own.
pub(super) fn record(value: &Value) -> String {
    let fields = value.as_object().into_iter().flatten();
    let mut fields: Vec<_> = fields.filter(|(name, _)| *name != "stages").collect();
    let place = |name: &str| FIRST.iter().position(|first| *first == name);
    fields.sort_by_key(|(name, _)| place(name).unwrap_or(FIRST.len()));
    let rows = fields
        .iter()
        .map(|(name, value)| vec![(*name).clone(), shown(value)]);
    let mut text = table(&rows.collect::<Vec<_>>());
    if let stages @ Value::Array(_) = &value["stages"] {
        text.push('\n');
        text.push_str(&lines(STAGES, stages));
    }
    text
}

/// An event, on a line.
pub(super) fn event(event: &Value) -> String {
    let event = event.get("publication").unwrap_or(event);
    let said = event.get("payload").unwrap_or(&event["data"]);
    let [sequence, topic] = ["sequence", "topic"].map(|name| plain(&cell(event, name)));
    let at = plain(&moment(event, "timestamp"));
    let said = shortened(&json_line(said), PAYLOAD_CHARS_MAX);
    format!("{sequence:>8}  {at}  {topic:<28}  {said}")
}

/// The number of an event.
pub(super) fn sequence(event: &Value) -> Option<u64> {
    let event = event.get("publication").unwrap_or(event);
    event["sequence"].as_u64()
}

/// Which events are not there, on a line.
pub(super) fn gap(gap: &Value) -> String {
    let [from, to, reason] = ["from", "to", "reason"].map(|name| shown(&gap[name]));
    let why = match reason.as_str() {
        "ahead" => "this server has not come so far",
        "retention" => "no longer kept",
        reason => reason,
    };
    plain(&format!("     gap  events {from} to {to}: {why}"))
}

fn lines(columns: &[Column], entries: &Value) -> String {
    let head = columns.iter().map(|(head, _)| (*head).to_owned()).collect();
    let entries = entries.as_array().into_iter().flatten();
    let rows = entries.map(|entry| columns.iter().map(|(_, cell)| cell(entry)).collect());
    table(
        &std::iter::once(head)
            .chain(rows)
            .collect::<Vec<Vec<String>>>(),
    )
}

/// A value as text, all of it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => json_line(other),
    }
}

fn cell(entry: &Value, name: &str) -> String {
    shown(&entry[name])
}

fn short(text: &str) -> String {
    shortened(text, CELL_CHARS_MAX)
}

fn listed(texts: &Value) -> String {
    let texts = texts.as_array().into_iter().flatten();
    match texts.map(shown).collect::<Vec<_>>().join(",") {
        none if none.is_empty() => shown(&Value::Null),
        listed => listed,
    }
}

/// A moment to the second.
fn moment(entry: &Value, name: &str) -> String {
    let text = cell(entry, name);
    match (text.get(..19), text.ends_with('Z')) {
        (Some(seconds), true) => format!("{seconds}Z"),
        _ => text,
    }
}

fn progress(entry: &Value) -> String {
    let percent = entry["progress"].as_f64();
    percent.map_or_else(|| shown(&Value::Null), |percent| format!("{percent:.0}%"))
}

fn agent_status(agent: &Value) -> String {
    let status = agent.get("status_detail").unwrap_or(&agent["status"]);
    match agent["paused"] {
        Value::Bool(true) => format!("{} (paused)", shown(status)),
        _ => shown(status),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_page_says_how_much_there_is() {
        let page = json!({
            "agents": [
                {"id": "a1", "status": "active", "status_detail": "busy", "current_tasks": 2,
                 "configuration": {"max_concurrent_tasks": 5}, "paused": true,
                 "capabilities": ["x", "y\u{1b}"], "last_heartbeat": "2026-01-02T03:04:05.678901Z"},
                {"id": "b", "type": "worker", "status": "offline", "current_tasks": 0,
                 "capabilities": []},
            ],
            "pagination": {"page": 2, "limit": 2, "total": 5, "total_pages": 3},
        });
        let expected = "\
ID  TYPE    STATUS         TASKS  HEARD                 CAPABILITIES
a1  -       busy (paused)  2/5    2026-01-02T03:04:05Z  x,y\\u{1b}
b   worker  offline        0/-    -                     -
page 2 of 3, 5 in all
";
        assert_eq!(list(Collection::Agents, &page), expected);
    }

    #[test]
    fn a_workflow_is_shown_with_its_stages() {
        let workflow = json!({
            "created_at": "now", "status": "failed", "id": "w", "progress": 50,
            "stages": [{"name": "s1", "agent_type": "t", "dependencies": [], "status": "completed"},
                       {"name": "s2", "agent_type": "t", "dependencies": ["s1"], "status": "failed",
                        "task_id": "k", "error": "why"}],
        });
        let expected = "\
id          w
status      failed
created_at  now
progress    50

STAGE  TYPE  STATUS     AFTER  TASK  ERROR
s1     t     completed  -      -     -
s2     t     failed     s1     k     why
";
        assert_eq!(record(&workflow), expected);
        assert_eq!(record(&Value::Null), "");
    }

    #[test]
    fn facts_and_publications_are_lines_alike() {
        let fact = json!({"sequence": 7, "timestamp": "2026-01-02T03:04:05.678901Z",
                          "topic": "agent.registered", "payload": {"agent_id": "a\u{9b}"}});
        let expected = "       7  2026-01-02T03:04:05Z  agent.registered              {\"agent_id\":\"a\\u009b\"}";
        assert_eq!(event(&fact), expected);
        let news = json!({"publication": {"sequence": 8, "topic": "news", "data": 1,
                                          "timestamp": "2026-01-02T03:04:06Z"}});
        assert!(event(&news).ends_with('1'), "{}", event(&news));
        assert_eq!((sequence(&fact), sequence(&news)), (Some(7), Some(8)));
    }

    #[test]
    fn what_is_not_as_expected_is_shown_as_it_is() {
        for odd in [
            json!(null),
            json!([1]),
            json!({"id": [1, {"a": "\u{7}"}], "stages": 3}),
        ] {
            assert!(!event(&odd).contains('\u{7}'));
            assert!(!record(&odd).contains('\u{7}'));
            assert!(!gap(&odd).contains('\u{7}'));
            assert_eq!(list(Collection::Tasks, &odd).lines().count(), 1);
        }
    }
}
