"""What the tests with hostile clients share: programs that end with their input, and peaks of memory."""

import pathlib
import subprocess
import sys


class Ended:
    """A program of ours that ends with its input, and then says what it has to say."""

    def __init__(self, *command):
        self.process = subprocess.Popen(
            [sys.executable, *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def end(self):
        out, _ = self.process.communicate(timeout=60)
        return out


def peak_bytes(process_id):
    """The most memory that a process has had so far, as the kernel counted it."""
    status = pathlib.Path(f"/proc/{process_id}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024
