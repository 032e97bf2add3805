#!/usr/bin/env python3
"""Asks a running server for /metrics and lets promtool judge the text.

    check_metrics.py AGNT PROMTOOL

The server is the demo, so that counters and histograms hold something.
"""

import subprocess
import sys
import time
import urllib.request

FRAMES_IN = "agnt_frames_in_total"
TRIES = 100


def frames_in(text):
    for line in text.splitlines():
        if line.startswith(f"{FRAMES_IN} "):
            return float(line.split()[-1])
    return 0.0


def metrics_of(url):
    """The text, once the flock's frames are counted."""
    for _ in range(TRIES):
        with urllib.request.urlopen(f"{url}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        if frames_in(text) > 0:
            return text
        time.sleep(0.1)
    sys.exit(f"no {FRAMES_IN} above 0 in:\n{text}")


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    program, promtool = sys.argv[1:]
    command = [program, "demo", "--listen", "127.0.0.1:0", "--agents", "50"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            url = server.stdout.readline().strip().removeprefix("listening on ")
            text = metrics_of(url)
        finally:
            server.terminate()
    verdict = subprocess.run([promtool, "check", "metrics"], input=text, text=True)
    print(f"{len(text.splitlines())} lines, promtool's exit code {verdict.returncode}")
    return verdict.returncode


if __name__ == "__main__":
    sys.exit(main())
