#!/usr/bin/env python3
"""Makes docs/asyncapi.json out of docs/schemas, document C's examples and the golden vectors.

    make_asyncapi.py           writes the file
    make_asyncapi.py --check   writes nothing; exit 1 if the file isn't what would be written

The file stands alone: what the schemas refer to is in its components. The catalogue below says which
message goes which way; a schema that it doesn't name, or a name without a schema, is an error.
"""

import json
import pathlib
import sys

from catalogue import (
    CHANNELS,
    CLIENT_SENDS,
    FRAMES,
    REQUESTS,
    SERVER_SENDS,
    SERVERS,
    UNTYPED,
    WEBSOCKET,
)

ROOT = pathlib.Path(__file__).resolve().parents[2]
TARGET = ROOT / "docs" / "asyncapi.json"
SCHEMAS = "#/components/schemas/"
SHARED = ("envelope", "envelope.server")
SERVER_SUFFIX = ".server"
FRAMES_SHOWN = 2

DESCRIPTION = """\
A swarm of agents over WebSockets: positions, states, metrics, events, commands, the graph of messages. \
All paths understand every message; the path decides only what is shown without asking. \
Text messages are JSON, binary ones AGNT frames; docs/protocol.md describes both, docs/agnt.ksy and \
docs/agnt.lua the frames for Kaitai Struct and Wireshark."""


def read(path):
    return json.loads((ROOT / path).read_text())


def schemas():
    """The schemas by name, without what belongs to their files."""
    found = {
        path.name.removesuffix(".json"): read(path)
        for path in sorted((ROOT / "docs/schemas").glob("*.json"))
    }
    named = set(CLIENT_SENDS) | set(SERVER_SENDS)
    different = named ^ (set(found) - set(SHARED))
    if different:
        sys.exit(f"in the catalogue or in docs/schemas, but not in both: {sorted(different)}")
    return found


def bundled(value):
    """A schema with references into the components of this file."""
    if isinstance(value, list):
        return [bundled(one) for one in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        file, _, definition = value["$ref"].partition("#/$defs/")
        return {"$ref": SCHEMAS + (definition or file.removesuffix(".json"))}
    return {key: bundled(one) for key, one in value.items()}


def components(found):
    """The schemas of all files and of all that they share."""
    made = {}
    for name, schema in found.items():
        made |= {definition: bundled(one) for definition, one in schema.get("$defs", {}).items()}
        kept = {
            key: one
            for key, one in schema.items()
            if key not in ("$schema", "$id", "$defs", "examples")
        }
        made[name] = bundled(kept)
    return made


def examples_of(name, schema, documents):
    """Document C's example as it stands there, then ours."""
    wanted = documents.get(name)
    shown = (
        [{"name": "document-c", "summary": "As document C has it.", "payload": wanted}]
        if wanted
        else []
    )
    return shown + [
        {"name": f"example-{at + 1}", "payload": one}
        for at, one in enumerate(schema.get("examples", []))
    ]


def is_from_server(payload):
    return all(key in payload for key in ("id", "timestamp", "payload"))


def is_from_client(payload):
    return not {"sequence", "log"} & set(payload)


def is_enveloped(schema):
    return {"$ref": "envelope.json"} in schema.get("allOf", [])


def message(name, schema, examples, payload):
    """A message of the components."""
    made = {
        "name": name,
        "title": schema["title"],
        "summary": schema["description"],
        "contentType": "application/json",
        "payload": payload,
    }
    if "metadata" in schema.get("properties", {}) or is_enveloped(schema):
        made["correlationId"] = {"$ref": "#/components/correlationIds/request"}
    return made | ({"examples": examples} if examples else {})


def text_messages(found, documents):
    """Every message in JSON by its key; what goes both ways has a stricter form from the server."""
    made = {}
    for name, schema in found.items():
        if name in SHARED:
            continue
        examples, reference = examples_of(name, schema, documents), {"$ref": SCHEMAS + name}
        strict = {"allOf": [{"$ref": SCHEMAS + "envelope.server"}, reference]}
        from_server = [one for one in examples if is_from_server(one["payload"])]
        if not is_enveloped(schema):
            made[name] = message(name, schema, examples, reference)
        elif name not in CLIENT_SENDS:
            made[name] = message(name, schema, from_server, strict)
        else:
            from_client = [one for one in examples if is_from_client(one["payload"])]
            made[name] = message(name, schema, from_client, reference)
            if name in SERVER_SENDS:
                made[name + SERVER_SUFFIX] = message(name, schema, from_server, strict)
    return made


def frame_messages():
    """Every type of frame by its key."""
    made = {}
    for name, (number, file, summary, _) in FRAMES.items():
        vectors = read(f"tests/golden/{file}.json")[:FRAMES_SHOWN]
        made[f"agnt.{name}"] = {
            "name": name,
            "title": f"AGNT {name}, 0x{number:02X}",
            "summary": summary,
            "contentType": "application/octet-stream",
            "payload": {
                "type": "string",
                "format": "binary",
                "description": "One AGNT frame or more of any types; what follows is one of this type in hex.",
            },
            "x-agnt-type": number,
            "x-agnt-frames": [{"name": one["name"], "hex": one["hex"]} for one in vectors],
        }
    return made


def keys_by_sender(messages):
    """The keys of what clients send, and of what the server sends."""
    from_client = [name for name in messages if name in CLIENT_SENDS]
    from_server = [
        key
        for key in messages
        if key.endswith(SERVER_SUFFIX)
        or (key in SERVER_SENDS and key + SERVER_SUFFIX not in messages)
    ]
    from_client += [f"agnt.{name}" for name, row in FRAMES.items() if "client" in row[3]]
    from_server += [f"agnt.{name}" for name, row in FRAMES.items() if "server" in row[3]]
    return from_client, from_server


def channels(messages):
    made = {}
    for key, (address, title, description, _) in CHANNELS.items():
        made[key] = {
            "address": address,
            "title": title,
            "description": description,
            "servers": [{"$ref": f"#/servers/{server}"} for server in SERVERS],
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages},
            "bindings": {"ws": WEBSOCKET},
        }
    return made


def operations(messages):
    """What the server receives and sends on each path, and on the main ones what answers what."""
    from_client, from_server = keys_by_sender(messages)
    made = {}

    def references(channel, keys):
        return [{"$ref": f"#/channels/{channel}/messages/{key}"} for key in keys]

    def server_key(name):
        return name + SERVER_SUFFIX if name + SERVER_SUFFIX in messages else name

    for channel, (_, title, _, is_main) in CHANNELS.items():
        for action, keys, what in (
            ("receive", from_client, "What clients send"),
            ("send", from_server, "What the server sends"),
        ):
            made[f"{channel}.{action}"] = {
                "action": action,
                "channel": {"$ref": f"#/channels/{channel}"},
                "title": f"{what}: {title}",
                "messages": references(channel, keys),
            }
        for request, replies in REQUESTS.items() if is_main else ():
            made[f"{channel}.{request}"] = {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{channel}"},
                "title": f"{request} and its answer: {title}",
                "messages": references(channel, [request]),
                "reply": {
                    "channel": {"$ref": f"#/channels/{channel}"},
                    "messages": references(channel, [server_key(reply) for reply in replies]),
                },
            }
    return made


def document():
    found = schemas()
    transcribed = read("tests/document_c/examples.json")["messages"]
    documents = {UNTYPED.get(one["name"], one["name"]): one["message"] for one in transcribed}
    messages = text_messages(found, documents) | frame_messages()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "AGNT",
            "version": "2.0.0",
            "description": DESCRIPTION,
            "license": {"name": "MIT OR Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": SERVERS,
        "channels": channels(messages),
        "operations": operations(messages),
        "components": {
            "correlationIds": {
                "request": {
                    "description": "What a reply belongs to: the request's metadata.correlationId, else its id.",
                    "location": "$message.payload#/metadata/correlationId",
                }
            },
            "messages": messages,
            "schemas": components(found),
        },
    }


def main():
    text = json.dumps(document(), indent=1, ensure_ascii=False) + "\n"
    if "--check" not in sys.argv[1:]:
        TARGET.write_text(text)
    elif not TARGET.exists() or TARGET.read_text() != text:
        sys.exit(f"{TARGET.name} isn't what make_asyncapi.py would write")


if __name__ == "__main__":
    main()
