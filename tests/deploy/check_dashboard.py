#!/usr/bin/env python3
"""The dashboard and the alerts over a real Prometheus: check_dashboard.py PROGRAM PROMETHEUS.

Runs the demo with a few clients, has Prometheus scrape it for some seconds, and asks it each query of the
dashboard, as Grafana would, and each expression of the alerts. Every query must give numbers; no alert may ring.
"""

import json
import math
import os
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

ROOT = pathlib.Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "deploy" / "grafana" / "agnt.json"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
PATIENCE_S = 150
STARTS_MAX = 5
CONFIGURATION = """
global: {{ scrape_interval: 1s, evaluation_interval: 1s }}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: agnt
    static_configs: [{{ targets: ["{target}"] }}]
"""


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.load(answer)


def watch(address):
    """A viewer that takes everything and, as its library does by itself, answers pings. On a machine that stalls it
    may be closed for its silence, and comes back."""
    while True:
        try:
            with connect(f"ws://{address}/api/visualisation/agents/ws?protocols=binary") as viewer:
                for _ in viewer:
                    pass
        except (OSError, WebSocketException):
            pass
        time.sleep(0.2)


def queries():
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel.get("targets", []):
            expression = target["expr"].replace("$__rate_interval", "10s").replace("$instance", ".*")
            yield panel["title"], expression


def ask(prometheus, expression):
    query = urllib.parse.urlencode({"query": expression})
    with urllib.request.urlopen(f"{prometheus}/api/v1/query?{query}", timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def has_numbers(result):
    return bool(result) and any(math.isfinite(float(sample["value"][1])) for sample in result)


def main():
    program, prometheus = sys.argv[1:3]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        environment = {key: value for key, value in os.environ.items() if not key.startswith("AGNT_")}
        demo = subprocess.Popen([program, "demo", "--agents", "50", "--hz", "10", "--listen", "127.0.0.1:0",
                                 "--heartbeat-ms", "500"], stdout=subprocess.PIPE, text=True, env=environment)
        watcher = None
        try:
            address = demo.stdout.readline().strip().removeprefix("listening on http://")
            configuration = folder / "prometheus.yml"
            configuration.write_text(CONFIGURATION.format(rules=ALERTS, target=address))
            watcher, port = start_watcher(prometheus, configuration, folder)
            judge(f"http://127.0.0.1:{port}", address, watcher, folder / "log")
        finally:
            for child in filter(None, (watcher, demo)):
                child.terminate()
                child.wait(PATIENCE_S)


def start_watcher(prometheus, configuration, folder):
    """Prometheus, once it answers, and its port. It can't choose one itself, and another program may be faster."""
    for _ in range(STARTS_MAX):
        port = free_port()
        with open(folder / "log", "w") as log:
            watcher = subprocess.Popen(
                [prometheus, f"--config.file={configuration}", f"--storage.tsdb.path={folder / 'data'}",
                 f"--web.listen-address=127.0.0.1:{port}"], stderr=log, stdout=log)
        deadline = time.monotonic() + PATIENCE_S
        while watcher.poll() is None and time.monotonic() < deadline:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=10):
                    return watcher, port
            except OSError:
                time.sleep(0.2)
        watcher.kill()
        watcher.wait()
    raise AssertionError((folder / "log").read_text()[-2000:])


def judge(prometheus, address, watcher, log):
    threading.Thread(target=watch, args=[address], daemon=True).start()
    post(f"http://{address}/v1/agents", {"agent_id": "agent-1", "capabilities": ["analysis"]})
    lacking = list(queries())
    count = len(lacking)
    deadline = time.monotonic() + PATIENCE_S
    number = 0
    while lacking and time.monotonic() < deadline:
        time.sleep(1)
        assert watcher.poll() is None, log.read_text()[-2000:]
        number += 1
        post(f"http://{address}/v1/tasks", {"task_type": "execution", "payload": {"number": number}})
        try:
            lacking = [(title, query) for title, query in lacking if not has_numbers(ask(prometheus, query))]
        except OSError:
            continue
    for title, query in lacking:
        print(f"no numbers: {title}: {query}")
    names = re.findall(r"alert: (\w+)", ALERTS.read_text())
    with urllib.request.urlopen(f"{prometheus}/api/v1/rules", timeout=PATIENCE_S) as answer:
        groups = json.load(answer)["data"]["groups"]
    rules = {rule["name"]: rule for group in groups for rule in group["rules"]}
    assert sorted(rules) == sorted(names), (sorted(rules), sorted(names))
    wrong = [name for name, rule in rules.items() if rule["health"] != "ok" or rule["state"] == "firing"]
    assert not wrong, {name: (rules[name]["state"], rules[name].get("lastError")) for name in wrong}
    assert not lacking
    print(f"ok: {count} queries of the dashboard give numbers; {len(names)} alerts are evaluated and silent")


main()
