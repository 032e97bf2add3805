"""The server that is tried: a process on a free port, ended by its id."""

import os
import subprocess
import sys
import tempfile
import urllib.request

PATIENCE_S = 60


class Server:
    """`with Server(...) as server:` runs it; `server.url("/path")` is a WebSocket address."""

    def __init__(self, *flags, address="127.0.0.1:0", program=None):
        program = program or [os.environ.get("AGNT_BIN") or sys.exit("AGNT_BIN names no server")]
        own = {name: value for name, value in os.environ.items() if not name.startswith("AGNT_")}
        self.data = tempfile.TemporaryDirectory()
        where = ["--listen", address, "--data-dir", self.data.name]
        self.process = subprocess.Popen(
            [*program, "serve", *where, "--log", "error", *flags],
            stdout=subprocess.PIPE,
            text=True,
            env=own,
        )
        self.address = ""

    def __enter__(self):
        line = self.process.stdout.readline()
        if not line.startswith("listening on http://"):
            self.stop()
            sys.exit(f"the server didn't start, it said: {line!r}")
        self.address = line.strip().removeprefix("listening on http://")
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
        self.data.cleanup()

    def metric(self, sample):
        """The value of one sample of /metrics, named with its labels; 0 where there is none."""
        with urllib.request.urlopen(f"http://{self.address}/metrics", timeout=PATIENCE_S) as answer:
            lines = answer.read().decode().splitlines()
        found = [line.split(" ")[-1] for line in lines if line.startswith(sample + " ")]
        return float(found[0]) if found else 0.0

    def url(self, path="/api/visualisation/agents/ws", stream="main", **query):
        keys = "".join(f"&{name}={value}" for name, value in query.items())
        return f"ws://{self.address}{path}?stream={stream}{keys}"
