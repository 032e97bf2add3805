#!/usr/bin/env python3
"""Document A's own OpenAPI text against docs/openapi/v1.json: nothing of it is gone or looser.

    check_source.py          compares, and tries the comparison on documents that break it
    check_source.py FILE     compares another document, for instance the one that a server serves

Every path, operation, parameter, response, schema and field of the source is looked for, each
keyword on its own: a bound may be added or drawn closer, a list of required fields may grow, a
description may go on; anything else must be there as it is.
"""

import copy
import json
import pathlib
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
OURS = HERE.parents[1] / "docs" / "openapi" / "v1.json"
# Keywords where more is tighter, and where less is.
LOWER_BOUNDS = ("minimum", "minLength", "minItems", "minProperties")
UPPER_BOUNDS = ("maximum", "maxLength", "maxItems", "maxProperties")
# Lists whose entries are a demand each.
DEMANDS = ("required",)
# What no schema may gain beside what the source says of it: each would let in what it keeps out.
LOOSENING = ("nullable", "anyOf", "oneOf", "allowEmptyValue", "deprecated")


def compare(source, ours, path=""):
    """Yields what the source says and ours doesn't."""
    if isinstance(source, dict):
        yield from compare_objects(source, ours, path)
    elif isinstance(source, list):
        yield from compare_lists(source, ours, path)
    elif type(source) is not type(ours) or source != ours:
        yield from compare_scalars(source, ours, path)


def compare_objects(source, ours, path):
    if not isinstance(ours, dict):
        yield f"{path}: an object in the source, {ours!r} in ours"
        return
    for key, value in source.items():
        if key in ours:
            yield from compare(value, ours[key], f"{path}/{key}")
        else:
            yield f"{path}/{key}: missing"
    if "type" in source and isinstance(source["type"], str):
        for key in LOOSENING:
            if key in ours and key not in source:
                yield f"{path}/{key}: not in the source, and lets in more"


def compare_lists(source, ours, path):
    if not isinstance(ours, list):
        yield f"{path}: a list in the source, {ours!r} in ours"
        return
    name = path.rsplit("/", 1)[-1]
    if name == "parameters":
        by_name = {(one["in"], one["name"]): one for one in ours}
        for one in source:
            at = f"{path}/{one['name']}"
            if (one["in"], one["name"]) in by_name:
                yield from compare(one, by_name[one["in"], one["name"]], at)
            else:
                yield f"{at}: missing"
    elif name in DEMANDS or name == "servers":
        yield from (f"{path}: {one!r} is missing" for one in source if one not in ours)
    elif source != ours:
        # Enums, security, examples: as they are, in their order.
        yield f"{path}: {source!r} in the source, {ours!r} in ours"


def compare_scalars(source, ours, path):
    name = path.rsplit("/", 1)[-1]
    numbers = all(isinstance(one, int | float) for one in (source, ours))
    if name == "description" and isinstance(ours, str) and ours.startswith(source):
        return
    if name in LOWER_BOUNDS and numbers and ours > source:
        return
    if name in UPPER_BOUNDS and numbers and ours < source:
        return
    yield f"{path}: {source!r} in the source, {ours!r} in ours"


def broken(ours):
    """Documents that each loosen one thing, with what was done to them."""

    def changed(what, change):
        document = copy.deepcopy(ours)
        change(document)
        return what, document

    def parameter(document, path, name):
        found = document["paths"][path]["get"]["parameters"]
        return next(one for one in found if one["name"] == name)["schema"]

    schemas = ("components", "schemas")

    def schema(document, name):
        return document[schemas[0]][schemas[1]][name]

    yield changed("a path is gone", lambda one: one["paths"].pop("/tasks/{taskId}"))
    yield changed("an operation is gone", lambda one: one["paths"]["/tasks"].pop("post"))
    yield changed(
        "a status is gone", lambda one: one["paths"]["/tasks"]["get"]["responses"].pop("400")
    )
    yield changed("a bound is gone", lambda one: parameter(one, "/tasks", "limit").pop("maximum"))
    yield changed(
        "a bound is wider", lambda one: parameter(one, "/tasks", "limit").update(maximum=101)
    )
    yield changed(
        "an enum is wider",
        lambda one: parameter(one, "/tasks", "type")["enum"].append("code_generation"),
    )
    yield changed("an enum is gone", lambda one: parameter(one, "/tasks", "type").pop("enum"))
    yield changed(
        "a field may be null", lambda one: parameter(one, "/tasks", "type").update(nullable=True)
    )
    yield changed(
        "a pattern is gone",
        lambda one: schema(one, "Agent")["properties"]["agent_id"].pop("pattern"),
    )
    yield changed(
        "a field is optional", lambda one: schema(one, "Task")["required"].remove("created_at")
    )
    yield changed(
        "a format is gone", lambda one: schema(one, "Task")["properties"]["task_id"].pop("format")
    )
    yield changed(
        "a field is gone", lambda one: schema(one, "Command")["properties"].pop("payload")
    )
    yield changed(
        "a type is another",
        lambda one: schema(one, "Error")["properties"]["details"].update(type="object"),
    )
    yield changed(
        "a default is another",
        lambda one: schema(one, "Command")["properties"]["priority"].update(default=1),
    )
    yield changed(
        "a scheme is gone", lambda one: one["components"]["securitySchemes"].pop("apiKeyAuth")
    )
    yield changed("nobody need say who they are", lambda one: one["security"].append({}))


def undefined(document):
    """References that lead nowhere, as eight of the source's do."""

    def walk(value):
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                yield value["$ref"]
            value = list(value.values())
        if isinstance(value, list):
            for one in value:
                yield from walk(one)

    for reference in sorted(set(walk(document))):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found.get(part) if isinstance(found, dict) else None
        if found is None:
            yield f"{reference} leads nowhere"


def main():
    source = yaml.safe_load((HERE / "source_a.yaml").read_text())
    file = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else OURS
    ours = json.loads(file.read_text())
    problems = [*compare(source, ours), *undefined(ours)]
    unseen = [what for what, document in broken(ours) if not list(compare(source, document))]
    problems += [f"the comparison doesn't see that {what}" for what in unseen]
    if problems:
        sys.exit("\n".join(problems))
    paths, schemas = len(source["paths"]), len(source["components"]["schemas"])
    print(f"document A's {paths} paths and {schemas} schemas stand as they are in the source")


if __name__ == "__main__":
    main()
