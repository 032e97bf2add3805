#!/usr/bin/env python3
"""Fills the tables of docs/operations.md from the program: make_operations.py PROGRAM [--check].

Settings are what `agnt serve --print-config` says of them, metrics what a server shows at /metrics. With
--check nothing is written, and a difference ends it with 1. Both ways each alert must have its section.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
FILE = ROOT / "docs" / "operations.md"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
SETTING = re.compile(r"((?:#.*\n)+)# Allowed: (.*)\.\n# Changes: (\w+)\.\n(\w+) = (.*)\n")


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("AGNT_")}


def cell(text):
    return text.replace("|", "\\|").strip()


def settings(program):
    printed = subprocess.run([program, "serve", "--print-config"], env=environment(), capture_output=True, text=True, check=True)
    rows = ["| key | default | changes | what it is for | allowed |", "|---|---|---|---|---|"]
    for comment, allowed, change, key, default in SETTING.findall(printed.stdout):
        about = " ".join(line.removeprefix("#").strip() for line in comment.splitlines())
        rows.append(f"| `{key}` | `{cell(default)}` | {change} | {cell(about)} | {cell(allowed)} |")
    return rows


def exposition(program):
    with tempfile.TemporaryDirectory() as folder:
        secret = pathlib.Path(folder) / "secret"
        secret.write_text("0123456789abcdef0123456789abcdef\n")
        server = subprocess.Popen([program, "serve", "--listen", "127.0.0.1:0", "--data-dir", folder + "/data"],
                                  env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            address = server.stdout.readline().strip().removeprefix("listening on ")
            with urllib.request.urlopen(f"{address}/metrics", timeout=30) as answer:
                return answer.read().decode()
        finally:
            server.terminate()
            server.wait(30)


def metrics(program):
    kinds, helps, labels = {}, {}, {}
    for line in exposition(program).splitlines():
        if line.startswith("# HELP "):
            name, helps_of = line.removeprefix("# HELP ").split(" ", 1)
            helps[name] = helps_of
        elif line.startswith("# TYPE "):
            name, kinds[name] = line.removeprefix("# TYPE ").split(" ")
        else:
            sample = re.match(r"(\w+)(?:\{(.*)\})? ", line)
            family = re.sub(r"_(bucket|sum|count)$", "", sample[1]) if sample[1] not in kinds else sample[1]
            for label, value in re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', sample[2] or ""):
                if label not in ("le", "version"):
                    labels.setdefault(family, {}).setdefault(label, {})[value] = True
    rows = ["| metric | kind | labels | what it counts |", "|---|---|---|---|"]
    for name, about in helps.items():
        told = [f"`{label}`: {', '.join(values) if len(values) < 16 else 'routes of the OpenAPI documents'}"
                for label, values in labels.get(name, {}).items()]
        rows.append(f"| `{name}` | {kinds[name]} | {cell('; '.join(told))} | {cell(about)} |")
    return rows


def filled(text, name, rows):
    table = "\n".join(rows)
    text, count = re.subn(rf"<!-- {name} -->\n.*?<!-- end -->", lambda _: f"<!-- {name} -->\n{table}\n<!-- end -->", text, flags=re.S)
    assert count == 1, name
    return text


def main():
    program = sys.argv[1]
    before = FILE.read_text()
    after = filled(filled(before, "settings", settings(program)), "metrics", metrics(program))
    alerts = re.findall(r"alert: (\w+)", ALERTS.read_text())
    sections = re.findall(r"^### (Agnt\w+)$", before, re.M)
    assert sections == alerts, f"sections of alerts: {sorted(set(sections) ^ set(alerts)) or 'in another order'}"
    unknown = set(re.findall(r"\b(?:agnt|process)_[a-z_]+", ALERTS.read_text())) - {"agnt_key"}
    known = set(re.findall(r"^\| `(\w+)`", after, re.M))
    known |= {name + part for name in known for part in ("_bucket", "_sum", "_count")}
    assert unknown <= known, f"alerts name what there is not: {sorted(unknown - known)}"
    if "--check" in sys.argv and before != after:
        changed = [line for line in after.splitlines() if line not in set(before.splitlines())]
        sys.exit("docs/operations.md is not what its maker makes; run it. New there:\n" + "\n".join(changed[:20]))
    if "--check" not in sys.argv:
        FILE.write_text(after)


main()
