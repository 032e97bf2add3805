"""The suite of RFC 6455 over TLS: it comes to the same as without."""

import json
import os
import subprocess

from proxy import Proxy
from server import Server
from websocket import trusting

CASES = 517
SECONDS_MAX = 600

# Tries of what failed. Most cases wait for an echo for one second only, which a busy machine may miss.
AGAIN = 3


def run(folder, authority):
    certificate, key = authority.server("suite")
    flags = ["--tls-cert", certificate, "--tls-key", key, "--echo-path", "--max-connections", "2000"]
    with Server(*flags) as server, Proxy(server.address, trusting(authority.certificate)) as proxy:
        target = f"127.0.0.1:{proxy.port}/test/echo"
        cases = tried(folder / "suite", target, "-p", "8")
        assert len(cases) == CASES, len(cases)
        bad = found_bad(cases)
        for number in range(AGAIN):
            if not bad:
                break
            # Alone, one after another; what fails every time is the server's fault.
            named = [word for name in bad for word in ("-i", name)]
            cases = tried(folder / f"again-{number}", target, "-p", "1", *named)
            assert set(cases) == set(bad), (sorted(cases), sorted(bad))
            bad = found_bad(cases)
        assert not bad, bad


def tried(out, target, *flags):
    """What the suite says of each case that it ran."""
    program = os.environ.get("AGNT_KOSOKU", "kosoku")
    subprocess.run(
        [program, "-m", "fuzzingclient", *flags, "-o", out, target],
        capture_output=True, timeout=SECONDS_MAX, check=False,
    )
    (cases,) = json.loads((out / "index.json").read_text()).values()
    return cases


def found_bad(cases):
    return {name: case["behavior"] for name, case in cases.items() if not is_allowed(name, case)}


def is_allowed(name, case):
    behaviour = case["behavior"]
    if behaviour == "NON-STRICT":
        return name in ("6.4.3", "6.4.4")
    if behaviour == "UNIMPLEMENTED":
        return name.startswith(("12.", "13."))
    return behaviour in ("OK", "INFORMATIONAL")
