#!/usr/bin/env python3
"""The files of deploy/, as far as they can be judged without what they are for.

Alerts and configurations by promtool, the alerts' own tests with them; the Dockerfile by hadolint; manifests by
the schemas of Kubernetes; the compose file by the Compose specification; the dashboard by its maker. Kong has no
schema outside of itself, so its file is judged by hand: references resolve, every path of the server is there once.
What builds images or needs a cluster is not done here.
"""

import pathlib
import re
import subprocess
import sys

import compose_spec
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
TOOLS = pathlib.Path(sys.executable).parent


def run(*command, folder=ROOT):
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, f"{command[0]}: {done.stdout}{done.stderr}"
    return done.stdout


def prometheus():
    folder = DEPLOY / "prometheus"
    run("promtool", "check", "config", "prometheus.yml", folder=folder)
    run("promtool", "test", "rules", "alerts.test.yml", folder=folder)
    alerts = re.findall(r"alert: (\w+)", (folder / "alerts.yml").read_text())
    tested = (folder / "alerts.test.yml").read_text()
    for alert in alerts:
        assert f"{alert} rings" in tested and f"{alert} stays quiet" in tested, alert
    print(f"ok: {len(alerts)} alerts, each rings and stays quiet when it should")


def dashboard():
    run(sys.executable, DEPLOY / "grafana" / "make_dashboard.py", "--check")
    print("ok: the dashboard is what its maker makes")


def containers():
    run(TOOLS / "hadolint", "--failure-threshold", "warning", "docker/Dockerfile", folder=DEPLOY)
    text = (DEPLOY / "docker" / "compose.yaml").read_text()
    compose_spec.PyCompose.from_yaml(text).validate()
    compose = yaml.safe_load(text)
    for name, service in compose["services"].items():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            is_there = source in compose["volumes"] or (DEPLOY / "docker" / source).exists()
            assert is_there, f"{name}: {source}"
        assert set(service.get("networks", [])) <= set(compose["networks"]), name
    docker = (DEPLOY / "docker" / "Dockerfile").read_text()
    assert re.search(r"^USER (?!0|root)", docker, re.M), "the image runs as root"
    run("promtool", "check", "config", "--syntax-only", "docker/prometheus.yml", folder=DEPLOY)
    print("ok: the Dockerfile and the compose file are as they should be")


def kubernetes():
    kinds = []
    for file in sorted((DEPLOY / "kubernetes").glob("*.yaml")):
        run(TOOLS / "kubernetes-validate", "--strict", file)
        for thing in yaml.safe_load_all(file.read_text()):
            kinds.append(thing["kind"])
            pod = thing.get("spec", {}).get("template", {}).get("spec")
            if pod is not None:
                assert pod["securityContext"]["runAsNonRoot"] is True, file
                for container in pod["containers"]:
                    context = container["securityContext"]
                    assert context["allowPrivilegeEscalation"] is False and context["readOnlyRootFilesystem"], file
                    assert "limits" in container["resources"], file
    print(f"ok: {', '.join(kinds)} are valid")


def kong():
    document = yaml.safe_load((DEPLOY / "kong" / "kong.yaml").read_text())
    assert document["_format_version"] == "3.0"
    known = {"rate-limiting", "key-auth", "request-transformer"}
    paths = []
    for service in document["services"]:
        assert service["url"].startswith("http://") and service["retries"] == 0
        for route in service["routes"]:
            assert route["strip_path"] is False and {"http", "https"} == set(route["protocols"])
            paths += route["paths"]
            assert {plugin["name"] for plugin in route["plugins"]} <= known
        assert {plugin["name"] for plugin in service["plugins"]} <= known
        # A reference to a secret stands for a whole entry or for nothing: anything else is sent as it stands.
        [header] = [plugin["config"] for plugin in service["plugins"] if plugin["name"] == "request-transformer"]
        for entry in header["add"]["headers"]:
            assert "{vault://" not in entry or re.fullmatch(r"\{vault://env/[a-z-]+\}", entry), entry
        assert {"Authorization", "X-API-Key"} <= set(header["remove"]["headers"])
    assert len(paths) == len(set(paths))
    sources = "".join(path.read_text() for path in (ROOT / "src" / "net").glob("*.rs"))
    sockets = {path for path in re.findall(r'"(/[a-z0-9/]+)"', sources) if path.endswith("/ws")}
    assert len(sockets) >= 8 and sockets <= set(paths), sockets - set(paths)
    print(f"ok: Kong's file leads to {len(paths)} paths, every socket's among them")


for check in (prometheus, dashboard, containers, kubernetes, kong):
    check()
