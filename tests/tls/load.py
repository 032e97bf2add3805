"""The load generator over TLS, by a token: every frame is verified at viewers that came in by it, and nobody comes in
by another, without one, or past an authority that isn't trusted."""

import json
import os
import subprocess

from certificates import Authority
from server import Server

SECRET = "0123456789abcdef0123456789abcdef"


def run(folder, authority):
    if "AGNT_LOAD" not in os.environ:
        raise AssertionError("AGNT_LOAD names no program")
    certificate, key = authority.server("load")
    stranger = Authority(folder, "stranger").certificate
    secret = folder / "secret"
    secret.write_text(SECRET)
    flags = ["--tls-cert", certificate, "--tls-key", key, "--jwt-hs256-secret-file", secret, "--jwt-issuer", "test"]
    # A machine that is busy with other things shall not have viewers skip what is old.
    with Server(*flags, "--staleness-max-ms", 60_000) as server:
        good, narrow = token(secret, "read,publish"), token(secret, "read")
        file = folder / "result.json"
        for words, variables in [(["--token", good], {}), ([], {"AGNT_TOKEN": good})]:
            code, said = fanout(server, authority.certificate, words, variables, file)
            assert code == 0, said
            result = json.loads(file.read_text())
            assert result["delivered"] == result["expected"] > 0, result
            assert result["violations"] == result["lost"] == result["closed"] == 0, result
        for trusted, words, expected in [
            (stranger, ["--token", good], "UnknownIssuer"),
            (authority.certificate, [], "handshake"),
            (authority.certificate, ["--token", narrow], "handshake"),
            (authority.certificate, ["--token", good + "x"], "401"),
            (authority.certificate, ["--key", "agnt_no_such_key"], "401"),
        ]:
            code, said = fanout(server, trusted, words, {}, file)
            assert code == 1 and expected in said, (words, code, said)
            assert good not in said


def token(secret, scopes):
    command = [os.environ["AGNT_BIN"], "token", "--key", secret, "--sub", "load", "--scope", scopes, "--issuer", "test"]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=quiet()).stdout.strip()


def fanout(server, trusted, words, variables, file):
    command = [
        os.environ["AGNT_LOAD"], "fanout", "--url", f"wss://127.0.0.1:{server.port}", "--ca", trusted,
        "--agents", 50, "--hz", 20, "--viewers", 4, "--seconds", 1, "--json", file, *words,
    ]
    done = subprocess.run(
        list(map(str, command)), env=quiet() | variables, capture_output=True, text=True, timeout=150, check=False
    )
    return done.returncode, done.stdout + done.stderr


def quiet():
    return {name: value for name, value in os.environ.items() if not name.startswith("AGNT_")}
