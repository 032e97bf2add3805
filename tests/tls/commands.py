"""The subcommands that ask a server do so over TLS, by whom they are told to trust and no other; they show a
certificate where a server wants one, and so does the demo's flock."""

import os
import subprocess

from certificates import Authority
from server import Server
from websocket import WebSocket, connect, frames, records, trusting

RECORDING = "t_ms,agent_id,name,x,y,z,vx,vy,vz\n0,1,one,5,0,0,0,0,0\n200,1,one,6,0,0,0,0,0\n"


def run(folder, authority):
    certificate, key = authority.server("commands")
    stranger = Authority(folder, "stranger").certificate
    recording = folder / "recording.csv"
    recording.write_text(RECORDING)
    with Server("--tls-cert", certificate, "--tls-key", key) as server:
        url, trusted = f"https://localhost:{server.port}", ["--ca", authority.certificate]
        for words in [
            ["ctl", "agents", "--url", url],
            ["ctl", "--url", f"https://127.0.0.1:{server.port}", "events"],
            ["backup", folder / "copy.redb", "--url", url],
        ]:
            code, said = agnt(*words, *trusted)
            assert code == 0, (words, said)
        code, said = agnt("ctl", "agents", "--url", url, variables={"AGNT_CA": authority.certificate})
        assert code == 0, said
        for trust in [[], ["--ca", stranger], ["--ca", folder / "no-such.pem"]]:
            code, said = agnt("ctl", "agents", "--url", url, *trust)
            assert code == 1 and "localhost" in said + url, (trust, code, said)
        # In the clear to a port of TLS: refused, and nothing was shown.
        code, said = agnt("ctl", "agents", "--url", url.replace("https", "http"))
        assert code == 1, said
        replayed(server, authority, recording)
        code, said = agnt("replay", recording, "--url", url.replace("https", "wss"))
        assert code == 1 and "certificate" in said, said
        # Last, for it ends that everyone may do everything.
        code, said = agnt("key", "create", "--name", "k", "--scopes", "admin", "--url", url, *trusted)
        assert code == 0 and "agnt_" in said, said
    shown_where_it_is_wanted(folder, authority, recording)


def shown_where_it_is_wanted(folder, authority, recording):
    """A server that wants clients' certificates lets in who shows one, and its own flock."""
    pair = authority.server("wanting")
    shown, foreign = authority.client("one"), Authority(folder, "foreign").client("other")
    wanting = ["--tls-cert", pair[0], "--tls-key", pair[1], "--tls-client-ca", authority.certificate]
    flags = ["--client-cert", shown[0], "--client-key", shown[1]]
    variables = {"AGNT_CLIENT_CERT": shown[0], "AGNT_CLIENT_KEY": shown[1], "AGNT_CA": authority.certificate}
    with Server(*wanting) as server:
        url, trusted = f"https://localhost:{server.port}", ["--ca", authority.certificate]
        sockets = url.replace("https", "wss")
        for number, words in enumerate([
            ["ctl", "agents", "--url", url],
            ["backup", folder / "shown.redb", "--url", url],
            ["replay", recording, "--url", sockets],
            ["key", "create", "--name", "k", "--scopes", "admin", "--url", url],
        ]):
            code, said = agnt(*words, *trusted)
            assert code == 1, (words, said)
            code, said = agnt(*words, *trusted, "--client-cert", foreign[0], "--client-key", foreign[1])
            assert code == 1, (words, said)
            succeeds(*words, *([*trusted, *flags] if number % 2 else []), variables={} if number % 2 else variables)
        code, said = agnt("ctl", "agents", "--url", url, *trusted, *flags[:2])
        assert code == 2 and "client-key: missing beside client-cert" in said, said
        code, said = agnt("ctl", "agents", "--url", url, *trusted, *flags[:2], "--client-key", shown[0])
        assert code == 1 and str(shown[0]) in said, said
    with Server(*wanting, *flags, "--agents", "10", command="demo") as server:
        context = trusting(authority.certificate, client=shown)
        viewer = WebSocket(connect(server.address, context), "protocols=binary&role=viewer")
        moves = 0
        while moves < 5:
            moves += any(kind == 1 and records(payload) for kind, _, payload in frames(viewer.binary()))
        assert server.metric("agnt_task_restarts_total", context) == 0


def replayed(server, authority, recording):
    context = trusting(authority.certificate)
    viewer = WebSocket(connect(server.address, context), "protocols=binary&role=viewer")
    url = f"wss://localhost:{server.port}"
    succeeds("replay", recording, "--url", url, "--ca", authority.certificate)
    seen = []
    while not seen or seen[-1] < 5.9:
        for kind, _, payload in frames(viewer.binary()):
            if kind == 1:
                seen += [x for _, x in records(payload)]


def succeeds(*words, variables=None):
    code, said = agnt(*words, variables=variables)
    if code != 0 and words[0] == "replay":
        # It waits five seconds for the end of its session, which a machine that stalls may take.
        code, said = agnt(*words, variables=variables)
    assert code == 0, (words, said)


def agnt(*arguments, variables=None):
    """Runs a subcommand; its exit code, and what it says."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AGNT_")}
    environment |= {name: str(value) for name, value in (variables or {}).items()}
    done = subprocess.run(
        [os.environ["AGNT_BIN"], *map(str, arguments)],
        env=environment, capture_output=True, text=True, timeout=150, check=False,
    )
    return done.returncode, done.stdout + done.stderr
