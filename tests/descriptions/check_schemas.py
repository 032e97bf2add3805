#!/usr/bin/env python3
"""docs/schemas by Python's jsonschema, a second validator beside the one of schemas.test.mjs.

Each file must be a schema of its dialect; its examples and document C's messages must be valid, and
none of them by the schema of another message.
"""

import json
import pathlib

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

ROOT = pathlib.Path(__file__).resolve().parents[2]
SHARED = ("envelope.json", "envelope.server.json")
# A message in a channel has no type, so that anything with its members is one.
UNTYPED = "channel.message.json"


def schemas():
    paths = sorted((ROOT / "docs" / "schemas").glob("*.json"))
    return {path.name: json.loads(path.read_text()) for path in paths}


def validators(found):
    registry = Registry().with_resources(
        (name, Resource.from_contents(schema)) for name, schema in found.items()
    )
    formats = Draft202012Validator.FORMAT_CHECKER
    assert "date-time" in formats.checkers, "rfc3339-validator is missing"
    return {
        name: Draft202012Validator(schema, registry=registry, format_checker=formats)
        for name, schema in found.items()
    }


def messages(found):
    """Every example as (name of its schema, message)."""
    for name, schema in found.items():
        for example in schema.get("examples", []):
            yield name, example
    transcribed = json.loads((ROOT / "tests" / "document_c" / "examples.json").read_text())[
        "messages"
    ]
    for one in transcribed:
        yield f"{one['message'].get('type', 'channel.message')}.json", one["message"]


def main():
    found = schemas()
    for schema in found.values():
        Draft202012Validator.check_schema(schema)
    judges, count = validators(found), 0
    for name, message in messages(found):
        count += 1
        for other, judge in judges.items():
            errors = [error.message for error in judge.iter_errors(message)]
            if other == name:
                assert not errors, (name, errors)
            elif other not in (*SHARED, UNTYPED):
                assert errors, f"an example of {name} is valid by {other}"
        if {"$ref": "envelope.json"} in found[name].get("allOf", []):
            assert judges["envelope.json"].is_valid(message), name
        if name != UNTYPED:
            assert not judges[name].is_valid({**message, "type": None}), name
    print(f"{len(found)} schemas, {count} messages")


if __name__ == "__main__":
    main()
