#!/usr/bin/env python3
"""TLS and HTTP/2 of the server, tried by clients that share nothing with it: OpenSSL, curl, h2.

    AGNT_BIN=... run.py [NAME...]

Each name is a module here, which opens with what it proves. Without a name all are run.
"""

import importlib
import pathlib
import sys
import tempfile
import time
import traceback

from certificates import Authority

NAMES = [
    "handshakes",
    "http2",
    "half_open",
    "renewal",
    "clients",
    "tokens",
    "commands",
    "load",
    "viewers",
    "suite",
]


def main(names):
    failed = []
    for name in names or NAMES:
        began = time.monotonic()
        try:
            with tempfile.TemporaryDirectory() as folder:
                authority = Authority(folder, "authority")
                importlib.import_module(name).run(pathlib.Path(folder), authority)
            print(f"{name}: passed, {time.monotonic() - began:.1f} s", flush=True)
        except Exception:  # noqa: BLE001 - the others still run
            traceback.print_exc()
            print(f"{name}: FAILED", flush=True)
            failed.append(name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
