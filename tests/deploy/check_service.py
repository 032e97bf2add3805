#!/usr/bin/env python3
"""The server as a service: check_service.py PROGRAM.

Plays the service manager, by its documents alone: hands the server a listening socket (LISTEN_FDS), hears
what it tells (NOTIFY_SOCKET), and watches over it (WATCHDOG_USEC). Proves that the ready line and READY=1 come
once it answers, that the watchdog hears it, that a reload is told, that a stop is told, and that who connects
while the server is started anew waits and is answered. Where systemd is there, it judges the units as well.
"""

import contextlib
import http.client
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
UNITS = ROOT / "deploy" / "systemd"
PATIENCE_S = 90


class Ear:
    """Where the service manager listens."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.settimeout(PATIENCE_S)

    def await_state(self, wanted, others=("WATCHDOG=1",)):
        while True:
            told = self.socket.recv(4096).decode().split("\n")
            if wanted in told:
                return
            assert set(told) <= set(others), f"{told} instead of {wanted}"

    def forget(self):
        """Drops what has been told so far; how much there was."""
        self.socket.setblocking(False)
        count = 0
        with contextlib.suppress(BlockingIOError):
            while self.socket.recv(4096):
                count += 1
        self.socket.settimeout(PATIENCE_S)
        return count


def start(program, listener, notify, folder):
    def prepare():
        os.dup2(listener.fileno(), 3, inheritable=True)
        os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())

    # The child's own number is known only in the child: a shell puts it into the environment.
    script = 'export LISTEN_PID=$$ WATCHDOG_PID=$$; exec "$@"'
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AGNT_")}
    environment |= {"LISTEN_FDS": "1", "NOTIFY_SOCKET": notify, "WATCHDOG_USEC": "400000"}
    arguments = [program, "serve", "--data-dir", str(folder / "data"), "--config", str(folder / "agnt.toml")]
    return subprocess.Popen(["sh", "-c", script, "sh", *arguments], env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, pass_fds=[3], preexec_fn=prepare)


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read().decode()


def stop(server):
    server.send_signal(signal.SIGTERM)
    _, told = server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 0, (server.returncode, told)


def lives_through(program, folder, notify):
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    port = listener.getsockname()[1]
    (folder / "agnt.toml").write_text("rate_limit = 0\n")
    ear = Ear(notify)
    server = start(program, listener, notify, folder)
    ear.await_state("READY=1")
    line = server.stdout.readline()
    assert line == f"listening on http://127.0.0.1:{port}\n", line
    assert get(port, "/readyz") == (200, "ready\n")
    for _ in range(5):
        ear.await_state("WATCHDOG=1")
    server.send_signal(signal.SIGHUP)
    ear.await_state("READY=1", others=("WATCHDOG=1", "RELOADING=1"))
    print("ok: it is handed its socket, tells when it is ready, and lives")

    # Who comes while it is away waits in the socket's queue.
    server.send_signal(signal.SIGTERM)
    ear.await_state("STOPPING=1")
    server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 0
    statuses = []
    callers = [threading.Thread(target=lambda: statuses.append(get(port, "/healthz")[0])) for _ in range(20)]
    for caller in callers:
        caller.start()
    time.sleep(0.2)
    assert not statuses, "somebody else answers"
    server = start(program, listener, notify, folder)
    ear.await_state("READY=1")
    for caller in callers:
        caller.join(PATIENCE_S)
    assert statuses == [200] * 20, statuses
    print("ok: nobody is refused while it is started anew")

    # One that hangs is not said to live.
    server.send_signal(signal.SIGSTOP)
    os.waitpid(server.pid, os.WUNTRACED)
    ear.forget()
    time.sleep(1.5)
    assert ear.forget() == 0, "it hangs, and is said to live"
    server.send_signal(signal.SIGCONT)
    ear.await_state("WATCHDOG=1")
    stop(server)
    print("ok: one that hangs is silent")


def refuses_the_open_network(program, folder, notify):
    """What is handed over is judged by where it listens, not by what is configured."""
    listener = socket.create_server(("0.0.0.0", 0))
    server = start(program, listener, notify, folder)
    _, told = server.communicate(timeout=PATIENCE_S)
    assert server.returncode == 2 and "listen: 0.0.0.0:" in told, (server.returncode, told)
    print("ok: a socket that everyone reaches needs credentials, whoever opened it")


def units(program, folder):
    if not shutil.which("systemd-analyze"):
        return print("left out: systemd-analyze is not here")
    copies = []
    for unit in sorted(UNITS.iterdir()):
        text = unit.read_text().replace("/usr/local/bin/agnt", program)
        copies.append(folder / unit.name)
        copies[-1].write_text(text)
    judged = subprocess.run(["systemd-analyze", "verify", "--man=no", *map(str, copies)], capture_output=True, text=True)
    ours = [line for line in judged.stderr.splitlines() if "agnt" in line]
    assert judged.returncode == 0 and not ours, judged.stderr
    rated = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", str(copies[0])],
                           capture_output=True, text=True)
    assert rated.returncode == 0, rated.stdout[-400:] + rated.stderr
    print(f"ok: the units are good; {rated.stdout.strip().splitlines()[-1].strip()}")


def main():
    program = os.path.abspath(sys.argv[1])
    for act in (lives_through, refuses_the_open_network):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "agnt.toml").write_text("# Every setting as it is.\n")
            act(program, folder, str(folder / "notify"))
    with tempfile.TemporaryDirectory() as name:
        units(program, pathlib.Path(name))


main()
