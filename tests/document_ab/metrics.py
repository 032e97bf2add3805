#!/usr/bin/env python3
"""After a load that is known the metrics are what the client counted and measured itself.

    AGNT_BIN=... metrics.py

Threads send requests of every class of status in both dialects, and run tasks that end well and
badly. Then `GET /api/v1/metrics` and `/metrics` must equal the client's own counts; averages must
lie between what a request or task took at least and what the client waited for it.
"""

import collections
import re
import sys
import tempfile
import threading
import time

from failed import Failed, check, check_equal
from program import Program
from rest import Rest

THREADS = 6
ROUNDS = 40
WAIT_S = 0.5
# The server counts whole milliseconds of a task.
ROUNDING_S = 0.002
SERIES = re.compile(
    r'agnt_requests_total\{method="([^"]*)",route="([^"]*)",dialect="([^"]*)",status="([^"]*)"\}'
    r" (\d+)"
)


class Counts:
    """What the client saw: answers by method, route, dialect, class; times of requests and of tasks."""

    def __init__(self):
        self.answers = collections.Counter()
        self.took_s = []
        self.waited_s = 0.0
        self.completed = collections.Counter()
        self.failed = collections.Counter()
        # By agent, how long its completed tasks took at least and at most.
        self.least_s = collections.Counter()
        self.most_s = collections.Counter()
        self.lock = threading.Lock()


class Counting:
    """A client that counts."""

    def __init__(self, address, counts):
        self.rest = Rest(address)
        self.counts = counts

    def ask(self, status, route, words, body=None, waits_s=0.0):
        """When it was asked, and when it was answered."""
        began = time.monotonic()
        self.rest.expect(status, words, body)
        ended = time.monotonic()
        method, target = words.split(" ")[:2]
        dialect = "api_v1" if target.startswith("/api/v1/") else "v1"
        with self.counts.lock:
            self.counts.answers[method, route, dialect, f"{status // 100}xx"] += 1
            self.counts.took_s.append(ended - began)
            self.counts.waited_s += waits_s
        return began, ended

    def run_task(self, agent, task, end, pause_s):
        """A task from creation to its end, and how long it took."""
        body = {"id": task, "type": "step", "assigned_agent": agent}
        self.ask(201, "/tasks", "POST /api/v1/tasks", body)
        route, words = "/tasks/{task_id}", f"PATCH /api/v1/tasks/{task}"
        start = self.ask(200, route, words, {"status": "in_progress"})
        time.sleep(pause_s)
        stop = self.ask(200, route, words, {"status": end})
        with self.counts.lock:
            if end == "failed":
                self.counts.failed[agent] += 1
            else:
                self.counts.completed[agent] += 1
                self.counts.least_s[agent] += stop[0] - start[1]
                self.counts.most_s[agent] += stop[1] - start[0]


def load(client, number):
    """One thread's requests, each with the status that it must have."""
    agent = f"agent-{number}"
    body = {"agent_id": agent, "capabilities": ["step"]}
    client.ask(201, "/agents", "POST /v1/agents", body)
    asked = {"type": "anything", "data": {}}
    for step in range(ROUNDS):
        client.ask(200, "/agents/{agent_id}", f"GET /v1/agents/{agent}")
        client.ask(404, "/tasks/{task_id}", "GET /v1/tasks/nobodys")
        if step % 4 == 0:
            client.ask(400, "/agents", "POST /api/v1/agents", {"id": "a b"})
            path = f"POST /api/v1/agents/{agent}/requests"
            client.ask(503, "/agents/{agent_id}/requests", path, asked)
    for step in range(number + 2):
        client.run_task(agent, f"t-{number}-{step}", "completed", 0.01 * number)
    # What failed takes much longer, and mustn't show in the average of what was completed.
    client.run_task(agent, f"f-{number}", "failed", 0.4)
    stages = [{"name": "a", "agent_type": "nobody"}]
    body = {"stages": stages, "timeout": WAIT_S}
    client.ask(408, "/workflows", "POST /api/v1/workflows?wait=true", body, WAIT_S)


def check_system(found, counts):
    total = sum(counts.answers.values())
    failed = sum(count for (*_, status), count in counts.answers.items() if status == "5xx")
    check(failed > 0, "the load had no failure")
    rate = found["error_rate"]
    check(abs(rate - failed / total) < 1e-9, f"error_rate {rate}, counted {failed} of {total}")
    least_ms = 1000 * counts.waited_s / total
    most_ms = 1000 * sum(counts.took_s) / total
    average_ms = found["average_response_time"]
    told = f"average_response_time {average_ms:.3f} ms, between {least_ms:.3f} and {most_ms:.3f}"
    check(least_ms <= average_ms <= most_ms, told)
    check_equal(found["active_agents"], THREADS, "active_agents")
    check_equal(found["completed_workflows"], 0, "completed_workflows")
    print(f"{total} answers, {failed} failures; {told}")


def check_agents(found, counts):
    check_equal(set(found), set(counts.completed), "agents")
    for agent, figures in found.items():
        completed, failed = counts.completed[agent], counts.failed[agent]
        check_equal(figures["tasks_completed"], completed, f"tasks_completed of {agent}")
        share = completed / (completed + failed)
        check(abs(figures["success_rate"] - share) < 1e-9, f"success_rate of {agent}: {figures}")
        least_s = counts.least_s[agent] / completed - ROUNDING_S
        most_s = counts.most_s[agent] / completed + ROUNDING_S
        average_s = figures["average_execution_time"]
        told = f"{average_s:.4f} s, between {least_s:.4f} and {most_s:.4f}"
        check(least_s <= average_s <= most_s, f"average_execution_time of {agent}: {told}")


def check_text(text, counts, total):
    """The counters for Prometheus are the same, one by one."""
    found = collections.Counter()
    for *labels, count in SERIES.findall(text):
        found[tuple(labels)] += int(count)
    # The request for document B's metrics itself was answered in between.
    expected = counts.answers + collections.Counter({("GET", "/metrics", "api_v1", "2xx"): 1})
    check_equal(+found, expected, "agnt_requests_total")
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("agnt_req"))
    check_equal(int(lines["agnt_request_seconds_count"]), total + 1, "agnt_request_seconds_count")
    sum_s = float(lines["agnt_request_seconds_sum"])
    least_s, most_s = counts.waited_s, sum(counts.took_s) + 1
    check(least_s <= sum_s <= most_s, f"agnt_request_seconds_sum {sum_s}")


def run(program):
    counts = Counts()
    failures = []

    def run_load(number):
        try:
            load(Counting(program.address, counts), number)
        except Failed as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run_load, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    rest = Rest(program.address)
    found = rest.expect(200, "GET /api/v1/metrics")
    text = rest.ask("GET /metrics").text
    check_system(found["system_metrics"], counts)
    check_agents(found["agent_metrics"], counts)
    check_text(text, counts, sum(counts.answers.values()))


def main():
    with tempfile.TemporaryDirectory() as folder:
        program = Program(f"{folder}/data", "--rate-limit", "0").start()
        try:
            run(program)
        except Failed as failure:
            sys.exit(f"FAILED: {failure}")
        finally:
            program.stop()
    print("the metrics are what the client counted")


if __name__ == "__main__":
    main()
