"""The suite of RFC 6455 over TLS: it comes to the same as without."""

import json
import os
import subprocess

from proxy import Proxy
from server import Server
from websocket import trusting

CASES = 517


def run(folder, authority):
    certificate, key = authority.server("suite")
    flags = ["--tls-cert", certificate, "--tls-key", key, "--echo-path", "--max-connections", "2000"]
    with Server(*flags) as server, Proxy(server.address, trusting(authority.certificate)) as proxy:
        out = folder / "suite"
        program = os.environ.get("AGNT_KOSOKU", "kosoku")
        target = f"127.0.0.1:{proxy.port}/test/echo"
        subprocess.run(
            [program, "-m", "fuzzingclient", "-p", "8", "-o", out, target],
            capture_output=True, timeout=240, check=False,
        )
        (cases,) = json.loads((out / "index.json").read_text()).values()
        assert len(cases) == CASES, len(cases)
        bad = {name: case["behavior"] for name, case in cases.items() if not is_allowed(name, case)}
        assert not bad, bad


def is_allowed(name, case):
    behaviour = case["behavior"]
    if behaviour == "NON-STRICT":
        return name in ("6.4.3", "6.4.4")
    if behaviour == "UNIMPLEMENTED":
        return name.startswith(("12.", "13."))
    return behaviour in ("OK", "INFORMATIONAL")
