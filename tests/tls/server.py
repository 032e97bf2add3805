"""The server under test, as a program of its own."""

import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time
import urllib.request

PATIENCE_S = 90


class Server:
    """A running `agnt serve`, or `agnt demo`; to be used with `with`."""

    def __init__(self, *flags, listen="127.0.0.1:0", command="serve"):
        self.data = tempfile.TemporaryDirectory()
        program = os.environ["AGNT_BIN"]
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AGNT_")
        }
        words = [
            program, command, "--listen", listen, "--rate-limit", "0",
            "--data-dir", pathlib.Path(self.data.name) / "data", *map(str, flags),
        ]
        self.process = subprocess.Popen(
            words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.log = []
        self.reading = threading.Thread(target=self.read_log, daemon=True)
        self.reading.start()
        line = self.process.stdout.readline()
        found = re.fullmatch(r"listening on (https?)://([\d.]+):(\d+)\n", line)
        if not found:
            self.process.wait(PATIENCE_S)
            self.reading.join(PATIENCE_S)
            raise AssertionError(f"no ready line, but {line!r}: {''.join(self.log)}")
        self.scheme = found[1]
        self.port = int(found[3])
        self.address = ("127.0.0.1", self.port)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE_S)
        finally:
            self.process.kill()
            self.data.cleanup()

    def read_log(self):
        for line in self.process.stderr:
            self.log.append(line)

    def signal(self, name):
        self.process.send_signal(getattr(signal, name))

    def metric(self, sample, context):
        """The value of one sample of /metrics, named with its labels."""
        url = f"{self.scheme}://127.0.0.1:{self.port}/metrics"
        with urllib.request.urlopen(url, context=context, timeout=PATIENCE_S) as answer:
            for line in answer.read().decode().splitlines():
                if line.startswith(sample + " "):
                    return float(line.split(" ")[1])
        raise AssertionError(f"no sample {sample}")

    def resident_bytes(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def refused(*flags):
    """Starts a server that can't be started so; its exit code and what it says."""
    with tempfile.TemporaryDirectory() as data:
        environment = {
            name: value for name, value in os.environ.items() if not name.startswith("AGNT_")
        }
        command = [os.environ["AGNT_BIN"], "serve", "--data-dir", data, *map(str, flags)]
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=PATIENCE_S, check=False
        )
        return done.returncode, done.stderr


def eventually(what, look):
    """Looks again and again until `look` finds something."""
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"this never came true: {what}")
