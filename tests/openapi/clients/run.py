#!/usr/bin/env python3
"""Clients that others' programs make of the OpenAPI documents, and what they live through.

    AGNT_BIN=... run.py              makes the clients, runs their stories on a server
    run.py --generate-only           makes and type-checks them; needs no server

openapi-python-client and openapi-typescript each make a client of each document, in a scratch
folder; a warning of a generator is a failure.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from server import Server  # noqa: E402  the module lies one folder above

DOCUMENTS = HERE.parents[2] / "docs" / "openapi"
TYPESCRIPT = HERE / "typescript"
# The name of a document, and that of what is made of it.
NAMES = {"v1.json": "v1", "api-v1.json": "api_v1"}
STORY_SECONDS_MAX = 60


def run(*command, **more):
    ended = subprocess.run([str(part) for part in command], check=False, **more)
    if ended.returncode != 0:
        sys.exit(f"{command[0]} ended with {ended.returncode}")


def make_python(folder):
    """The packages agnt_v1 and agnt_api_v1."""
    # The generator finds the formatter beside the interpreter.
    path = f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    for document, name in NAMES.items():
        run(
            sys.executable,
            "-m",
            "openapi_python_client",
            "generate",
            "--path",
            DOCUMENTS / document,
            "--output-path",
            folder / f"agnt_{name}",
            "--meta",
            "none",
            "--fail-on-warning",
            env=os.environ | {"PATH": path},
        )


def make_typescript(folder):
    """The types, and the stories compiled against them."""
    folder.mkdir()
    modules = TYPESCRIPT / "node_modules"
    (folder / "node_modules").symlink_to(modules)
    for source in ("package.json", "tsconfig.json", "story_v1.ts", "story_api_v1.ts"):
        shutil.copy(TYPESCRIPT / source, folder)
    for document in NAMES:
        types = folder / document.replace(".json", ".ts")
        generator = modules / "openapi-typescript/bin/cli.js"
        # A field with a default may be left out of what is sent.
        options = ("--default-non-nullable", "false", "--output", types)
        run("node", generator, DOCUMENTS / document, *options)
    run("node", modules / "typescript/bin/tsc", "--project", folder)


def tell(folder, server):
    """Every story, against one server."""
    for name in NAMES.values():
        run(
            sys.executable,
            HERE / f"story_{name}.py",
            server.url,
            server.key,
            env=os.environ | {"PYTHONPATH": str(folder)},
            timeout=STORY_SECONDS_MAX,
        )
        story = folder / "typescript/out" / f"story_{name}.js"
        run("node", story, server.url, server.key, timeout=STORY_SECONDS_MAX)


def main():
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch)
        make_python(folder)
        make_typescript(folder / "typescript")
        if sys.argv[1:] != ["--generate-only"]:
            with Server() as server:
                tell(folder, server)


if __name__ == "__main__":
    main()
