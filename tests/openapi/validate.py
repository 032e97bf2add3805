#!/usr/bin/env python3
"""Both documents by programs of others: valid OpenAPI 3.0, and every example valid by its schema.

    validate.py [FILE...]

An example that no schema judges, a request or an answer in JSON without an example, and an
operation that lacks a status that can always occur are errors as well.
"""

import json
import pathlib
import sys

from openapi_schema_validator import OAS30Validator, oas30_format_checker
from openapi_spec_validator import OpenAPIV30SpecValidator
from referencing import Registry
from referencing.jsonschema import DRAFT4

FOLDER = pathlib.Path(__file__).resolve().parents[2] / "docs" / "openapi"
BASE = "urn:openapi"
METHODS = ("get", "put", "post", "patch", "delete")
# What every request may be answered, beside its success.
ALWAYS = ("400", "401", "429", "500", "503")


def located(value):
    """A schema with references that name the document."""
    if isinstance(value, list):
        return [located(one) for one in value]
    if isinstance(value, dict):
        return {
            key: BASE + one if key == "$ref" and isinstance(one, str) else located(one)
            for key, one in value.items()
        }
    return value


class Judge:
    """One document, and what is wrong with it."""

    def __init__(self, document):
        self.document = document
        resource = DRAFT4.create_resource(located(document))
        self.registry = Registry().with_resource(BASE, resource)
        self.problems = []
        self.examples = 0

    def found(self, value):
        """What a reference leads to, or the value itself."""
        if "$ref" not in value:
            return value
        at = self.document
        for part in value["$ref"].removeprefix("#/").split("/"):
            at = at[part]
        return at

    def check(self, schema, example, path):
        validator = OAS30Validator(
            located(schema), registry=self.registry, format_checker=oas30_format_checker
        )
        self.examples += 1
        self.problems += [
            f"{path}: {error.json_path}: {error.message}"
            for error in validator.iter_errors(example)
        ]

    def check_media(self, content, path):
        for media_type, media in content.items():
            shown = [media["example"]] if "example" in media else []
            shown += [one["value"] for one in media.get("examples", {}).values()]
            if not shown and "json" in media_type:
                self.problems.append(f"{path}: no example")
            for example in shown:
                self.check(media["schema"], example, f"{path} {media_type}")

    def check_operation(self, operation, path):
        for parameter in operation.get("parameters", []):
            if "example" in parameter:
                self.check(parameter["schema"], parameter["example"], f"{path} {parameter['name']}")
        if "requestBody" in operation:
            self.check_media(self.found(operation["requestBody"])["content"], f"{path} request")
        for status, response in operation["responses"].items():
            response = self.found(response)
            self.check_media(response.get("content", {}), f"{path} {status}")
        missing = [status for status in ALWAYS if status not in operation["responses"]]
        if missing:
            self.problems.append(f"{path}: does not say what {missing} mean")

    def check_fields(self, schema, path):
        """Examples and defaults of fields, wherever they stand in a schema."""
        if isinstance(schema, list):
            for one in schema:
                self.check_fields(one, path)
        if not isinstance(schema, dict):
            return
        for key in ("example", "default"):
            if key in schema and "type" in schema:
                self.check(schema, schema[key], f"{path} {key}")
        for key, one in schema.items():
            self.check_fields(one, f"{path}/{key}")

    def run(self):
        validator = OpenAPIV30SpecValidator(self.document)
        self.problems += [
            f"{error.json_path}: {error.message}" for error in validator.iter_errors()
        ]
        if self.problems:
            return self.problems
        for path, methods in self.document["paths"].items():
            for method in METHODS:
                if method in methods:
                    self.check_operation(methods[method], f"{method} {path}")
        self.check_fields(self.document["components"]["schemas"], "schemas")
        return self.problems


def main():
    files = [pathlib.Path(name) for name in sys.argv[1:]] or sorted(FOLDER.glob("*.json"))
    problems = []
    for file in files:
        judge = Judge(json.loads(file.read_text()))
        problems += [f"{file.name}: {problem}" for problem in judge.run()]
        print(f"{file.name}: {judge.examples} examples judged")
    if problems:
        sys.exit("\n".join(problems))


if __name__ == "__main__":
    main()
