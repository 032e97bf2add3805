#!/usr/bin/env python3
"""Makes docs/openapi/v1.json and docs/openapi/api-v1.json: the same operations in both dialects.

    make_openapi.py           writes the files
    make_openapi.py --check   writes nothing; exit 1 if they aren't what would be written

Document A's own OpenAPI text, tests/openapi/source_a.yaml, lies under the first: what it says stays
as it is, and ours is laid over it.
"""

import dataclasses
import json
import pathlib
import sys
import types

import yaml

import examples_a
import examples_b
import schemas_a
import schemas_b
from operations import TAGS, operations
from overlay import overlay
from parameters import IDEMPOTENCY_KEY, LAST_EVENT_ID
from prose import DESCRIPTION_A, DESCRIPTION_B
from responses import headers, name_of, rate_headers, responses
from shapes import callback_path, ident, one_of, refer, uuid

HERE = pathlib.Path(__file__).resolve().parent
FOLDER = HERE.parents[1] / "docs" / "openapi"
JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
SCOPES = "x-agnt-scopes"
# A heartbeat is said anew each time, and takes no Idempotency-Key.
NOT_REPEATED = ("sendHeartbeat",)
WS_PROTOCOLS = ["events", "commands", "status"]


@dataclasses.dataclass(frozen=True)
class Dialect:
    """One of the two documents: its words, its examples, what lies under it."""

    file: str
    is_b: bool
    base: str
    description: str
    schemas: dict
    examples: types.ModuleType
    source: dict

    def parameter(self, name):
        """A parameter of a path: document A writes it in camel case."""
        if self.is_b:
            return name
        first, *rest = name.split("_")
        return first + "".join(part.capitalize() for part in rest)

    def path(self, template):
        parts = [
            "{" + self.parameter(part[1:-1]) + "}" if part.startswith("{") else part
            for part in template.split("/")
        ]
        return "/".join(parts)

    @property
    def agent_key(self):
        return "id" if self.is_b else "agent_id"

    @property
    def task_key(self):
        return "id" if self.is_b else "task_id"


def in_path(dialect, name):
    is_uuid = name == "task_id" and not dialect.is_b
    shape = uuid() if is_uuid else callback_path() if name == "callback_id" else ident()
    return {
        "name": dialect.parameter(name),
        "in": "path",
        "required": True,
        "schema": shape,
        "example": dialect.examples.IDS[name],
    }


def in_query(parameter):
    made = {"name": parameter.name, "in": "query", "schema": parameter.schema}
    return made | ({"description": parameter.description} if parameter.description else {})


def parameters(dialect, operation):
    found = [in_path(dialect, name) for name in operation.parameters_in_path]
    found += [in_query(parameter) for parameter in operation.query]
    is_repeated = operation.is_change and operation.id not in NOT_REPEATED
    if operation.method != "get" and is_repeated:
        found.append(IDEMPOTENCY_KEY)
    if operation.id == "listEvents":
        found.append(LAST_EVENT_ID)
    return found


def schema_of(shown):
    """A schema by its name; several names are any of them, no name is any JSON value."""
    if isinstance(shown, tuple):
        return {"anyOf": [refer(name) for name in shown]}
    return refer(shown) if shown else {}


def links(dialect):
    """By operation and what it makes: what can be asked next."""
    agent = {"agent_id": f"$response.body#/{dialect.agent_key}"}
    task = {"task_id": f"$response.body#/{dialect.task_key}"}
    workflow = {"workflow_id": "$response.body#/id"}
    command = {
        "agent_id": "$response.body#/agent_id",
        "command_id": "$response.body#/command_id",
    }
    callback = dialect.parameter("callback_id")
    follow_agent = [
        "getAgent",
        "updateAgent",
        "getAgentStatus",
        "sendHeartbeat",
        "sendCommand",
        "sendMessage",
        "listCommands",
        "deregisterAgent",
    ]
    return {
        "registerAgent": (follow_agent, agent),
        "registerOrRefreshAgent": (follow_agent, agent),
        "createTask": (["getTask", "updateTask", "cancelTask"], task),
        "createWorkflow": (["getWorkflow", "cancelWorkflow"], workflow),
        "sendCommand": (["getCommand", "answerCommand"], command),
        "putTemplate": (
            ["getTemplate", "deleteTemplate"],
            {"template_id": f"$response.body#/{'id' if dialect.is_b else 'template_id'}"},
        ),
        "storeCallback": (["getCallback"], {"callback_id": f"$request.path.{callback}"}),
        "publishEvent": (["listEvents"], {"after": "$response.body#/sequence"}),
    }


def linked(dialect, operation, table):
    """The links of one operation's success."""
    if operation.id not in links(dialect):
        return {}
    targets, values = links(dialect)[operation.id]
    made = {}
    for target in targets:
        wanted = {*table[target].parameters_in_path, *(one.name for one in table[target].query)}
        made[target] = {
            "operationId": target,
            "parameters": {
                dialect.parameter(name) if name in table[target].parameters_in_path else name: value
                for name, value in values.items()
                if name in wanted
            },
        }
    return made


def success(dialect, operation, status, table):
    meaning, shown = operation.answers[status]
    made = {"description": meaning, "headers": rate_headers()}
    is_made = status == 201 and operation.is_change
    if is_made or operation.id in ("sendCommand", "sendMessage"):
        made["headers"]["Location"] = {"$ref": "#/components/headers/Location"}
    if shown is not None:
        example = dialect.examples.ANSWERS[operation.id][status]
        made["content"] = {JSON: {"schema": schema_of(shown), "example": example}}
    if operation.id == "listEvents":
        made["content"]["text/event-stream"] = {"schema": {"type": "string"}}
    following = linked(dialect, operation, table)
    return made | ({"links": following} if following else {})


def described(dialect, operation, table):
    """An operation of the document."""
    made = {"tags": [operation.tag], "summary": operation.summary}
    if operation.description:
        made["description"] = operation.description
    made |= {"operationId": operation.id, SCOPES: list(operation.scopes)}
    if not operation.is_known:
        made["security"] = []
    found = parameters(dialect, operation)
    if found:
        made["parameters"] = found
    if operation.body is not None:
        example = dialect.examples.REQUESTS[operation.id]
        made["requestBody"] = {
            "required": operation.body_is_required,
            "content": {JSON: {"schema": schema_of(operation.body), "example": example}},
        }
        if operation.form:
            of_form = dialect.examples.FORMS[operation.id]
            as_form = {"schema": schema_of(operation.form), "example": of_form}
            made["requestBody"]["content"][FORM] = as_form
    answers = {
        str(status): success(dialect, operation, status, table) for status in operation.answers
    }
    for status in operation.statuses:
        answers[str(status)] = {"$ref": f"#/components/responses/{name_of(status)}"}
    return made | {"responses": answers}


def websocket():
    """The path that becomes a WebSocket."""
    refused = {
        str(status): {"$ref": f"#/components/responses/{name_of(status)}"}
        for status in (400, 401, 403, 426, 429, 500, 503)
    }
    agent = {"name": "agent_id", "in": "query", "schema": ident("For which agent it speaks.")}
    protocol = {
        "name": "protocol",
        "in": "query",
        "schema": one_of(WS_PROTOCOLS, default="events"),
        "description": "What is told without asking; several with commas between them.",
    }
    return {
        "tags": ["realtime"],
        "summary": "WebSocket endpoint",
        "description": "WebSocket connection for real-time communication",
        "operationId": "websocketConnect",
        SCOPES: ["read", "publish", "control", "agents", "tasks"],
        "parameters": [protocol, agent],
        "responses": {"101": {"description": "Switching protocols to WebSocket"}} | refused,
    }


def paths(dialect):
    table = {one.id: one for one in operations(dialect.is_b)}
    made = {}
    for operation in table.values():
        at = made.setdefault(dialect.path(operation.path), {})
        at[operation.method] = described(dialect, operation, table)
    return made | {"/ws": {"get": websocket()}}


def document(dialect):
    ours = {
        "openapi": "3.0.3",
        "info": {
            "title": "Agent Communication API",
            "description": dialect.description,
            "version": "1.0.0",
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": f"http://localhost:8080{dialect.base}"}],
        "security": [{"bearerAuth": []}, {"apiKeyAuth": []}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths(dialect),
        "components": {
            "securitySchemes": {
                "bearerAuth": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"},
                "apiKeyAuth": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
            },
            "headers": headers(),
            "schemas": dialect.schemas,
            "responses": responses(dialect.is_b, dialect.examples.error),
        },
    }
    if not dialect.source:
        return ours
    # Of these the source has its own, and one of each is enough.
    ours["info"]["title"] = dialect.source["info"]["title"]
    ours["servers"] = []
    return overlay(dialect.source, ours)


def dialects():
    source = yaml.safe_load((HERE / "source_a.yaml").read_text())
    return (
        Dialect("v1.json", False, "/v1", DESCRIPTION_A, schemas_a.schemas(), examples_a, source),
        Dialect("api-v1.json", True, "/api/v1", DESCRIPTION_B, schemas_b.schemas(), examples_b, {}),
    )


def main():
    is_check = sys.argv[1:] == ["--check"]
    stale = []
    for dialect in dialects():
        target = FOLDER / dialect.file
        made = json.dumps(document(dialect), indent=2, ensure_ascii=False) + "\n"
        if not is_check:
            target.write_text(made)
        elif not target.exists() or target.read_text() != made:
            stale.append(dialect.file)
    if stale:
        sys.exit(f"docs/openapi is not what tests/openapi/make_openapi.py makes: {stale}")


if __name__ == "__main__":
    main()
