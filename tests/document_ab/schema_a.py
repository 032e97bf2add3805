"""Document A's schemas, as its own OpenAPI text has them: a judge that the server doesn't know."""

from pathlib import Path

import jsonschema
import yaml

from failed import Failed

SOURCE = yaml.safe_load((Path(__file__).parent.parent / "openapi" / "source_a.yaml").read_text())
FORMATS = jsonschema.FormatChecker(formats=["date-time", "uuid"])

# The document names these and defines them nowhere; what they hold is said by their names alone.
PAGINATION = {
    "type": "object",
    "required": ["page", "limit", "total", "total_pages"],
    "properties": {name: {"type": "integer"} for name in ("page", "limit", "total", "total_pages")},
}
UNDEFINED = {
    "AgentRegistrationResponse": {
        "type": "object",
        "required": ["agent_id", "registered_at"],
        "properties": {"registered_at": {"type": "string", "format": "date-time"}},
    },
    "AgentListResponse": {
        "type": "object",
        "required": ["agents", "pagination"],
        "properties": {
            "agents": {"type": "array", "items": {"$ref": "#/components/schemas/Agent"}},
            "pagination": PAGINATION,
        },
    },
    "TaskListResponse": {
        "type": "object",
        "required": ["tasks", "pagination"],
        "properties": {
            "tasks": {"type": "array", "items": {"$ref": "#/components/schemas/Task"}},
            "pagination": PAGINATION,
        },
    },
    "AgentStatus": {
        "type": "object",
        "required": ["agent_id", "status", "current_tasks", "max_tasks"],
        "properties": {
            "status": {"enum": ["idle", "busy", "error", "offline", "starting", "stopping"]},
            "resource_usage": {"$ref": "#/components/schemas/ResourceUsage"},
        },
    },
    "CommandResponse": {
        "type": "object",
        "required": ["command_id", "agent_id", "status", "accepted_at"],
        "properties": {
            "status": {"const": "accepted"},
            "accepted_at": {"type": "string", "format": "date-time"},
        },
    },
    "TaskCancellation": {
        "type": "object",
        "required": ["task_id", "status", "cancelled_at"],
        "properties": {
            "status": {"const": "cancelled"},
            "cancelled_at": {"type": "string", "format": "date-time"},
        },
    },
}
COMPONENTS = {"schemas": {**SOURCE["components"]["schemas"], **UNDEFINED}}


def check(name, value):
    """Fails with all that is wrong if the value isn't of this schema."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": COMPONENTS}
    validator = jsonschema.Draft202012Validator(schema, format_checker=FORMATS)
    wrong = "; ".join(
        f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)
    )
    if wrong:
        raise Failed(f"no {name} of document A: {wrong}"[:400])


def enumerated(name, field):
    """The words that the document allows there."""
    return SOURCE["components"]["schemas"][name]["properties"][field]["enum"]
