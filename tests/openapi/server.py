"""The server that is tried: a process on a free port with a store and an API key of its own."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

SCOPES = ("read", "publish", "control", "agents", "tasks", "metrics")
READY_S = 30


class Server:
    """`with Server() as server:` runs it; `server.url` is its address, `server.key` opens it."""

    def __init__(self, *flags):
        self.program = os.environ.get("AGNT_BIN") or sys.exit("AGNT_BIN names no server")
        self.flags = flags
        self.folder = tempfile.TemporaryDirectory()
        self.data = pathlib.Path(self.folder.name) / "data"
        # The server takes every variable of this prefix for a setting of its own.
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AGNT_")
        }
        self.key = ""
        self.url = ""
        self.process = None

    def __enter__(self):
        self.key = self.made_key()
        command = [self.program, "serve", "--listen", "127.0.0.1:0", "--log", "error"]
        command += ["--data-dir", str(self.data), "--rate-limit", "0", *self.flags]
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, text=True, env=self.environment
        )
        line = self.process.stdout.readline().strip()
        if not line.startswith("listening on http://"):
            self.stop()
            sys.exit(f"the server didn't start, it said: {line!r}")
        self.url = line.removeprefix("listening on ")
        self.wait_until_ready()
        return self

    def __exit__(self, *_):
        self.stop()

    def made_key(self):
        """A key with every scope but that of administrators, made while no server runs."""
        command = [self.program, "key", "create", "--data-dir", str(self.data), "--name", "test"]
        command += ["--scopes", ",".join(SCOPES)]
        made = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=False
        )
        found = [word for word in made.stdout.split() if word.startswith("agnt_")]
        if made.returncode != 0 or not found:
            sys.exit(f"no key was made: {made.stdout}{made.stderr}")
        return found[0]

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=5) as answer:
                    if answer.status == 200:
                        return
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        self.stop()
        sys.exit(f"the server was not ready within {READY_S} s")

    def document(self, name):
        """An OpenAPI document as the server serves it; nobody needs a key for that."""
        with urllib.request.urlopen(f"{self.url}/openapi/{name}", timeout=10) as answer:
            return json.load(answer)

    def stop(self):
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process.stdout.close()
        self.folder.cleanup()
