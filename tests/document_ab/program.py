"""The server that is tried: a process over a folder of data that outlives it, ended by its id."""

import http.client
import os
import subprocess
import sys
import time

READY_S = 60


class NotStarted(Exception):
    """The server didn't come up."""


class Program:
    """`start`, then `stop` or `kill`, as often as need be; `address` changes with each start."""

    def __init__(self, data, *flags, command=None):
        self.command = command or [
            os.environ.get("AGNT_BIN") or sys.exit("AGNT_BIN names no server")
        ]
        self.data = data
        self.flags = flags
        self.process = None
        self.address = ""
        # The server takes every variable of this prefix for a setting of its own.
        self.environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AGNT_")
        }

    def start(self):
        where = ["--listen", "127.0.0.1:0", "--data-dir", str(self.data)]
        self.process = subprocess.Popen(
            [*self.command, "serve", *where, "--log", "error", *self.flags],
            stdout=subprocess.PIPE,
            text=True,
            env=self.environment,
        )
        line = self.process.stdout.readline()
        if not line.startswith("listening on http://"):
            self.stop()
            raise NotStarted(f"the server said: {line!r}")
        self.address = line.strip().removeprefix("listening on http://")
        self.wait_until_ready()
        return self

    def wait_until_ready(self):
        deadline = time.monotonic() + READY_S
        while not self.is_ready():
            if time.monotonic() > deadline or self.process.poll() is not None:
                self.stop()
                raise NotStarted(f"not ready within {READY_S} s")
            time.sleep(0.02)

    def is_ready(self):
        host, port = self.address.rsplit(":", 1)
        connection = http.client.HTTPConnection(host, int(port), timeout=5)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def made_key(self, name, *scopes):
        """An API key, made while no server runs over the data."""
        words = ["--data-dir", str(self.data), "--name", name, "--scopes", ",".join(scopes)]
        made = subprocess.run(
            [*self.command, "key", "create", *words],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=READY_S,
        )
        keys = [word for word in made.stdout.split() if word.startswith("agnt_")]
        if made.returncode != 0 or not keys:
            raise NotStarted(f"no key was made: {made.stdout}{made.stderr}")
        return keys[0]

    def resident_bytes(self):
        """Memory in use, as the kernel counts it."""
        with open(f"/proc/{self.process.pid}/status") as lines:
            line = next(line for line in lines if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def kill(self):
        """As a crash ends it: nothing is finished."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
