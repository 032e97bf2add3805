#!/usr/bin/env python3
"""Kills the server under load, again and again: what it acknowledged is there afterwards.

    AGNT_BIN=... crash.py [--cycles N] [--writers N] [--seed N] [--forgetful PROGRAM]

Writers create, start and complete tasks, publish, and start workflows that others finish, all at
once; at a random moment the server is killed. After the next start every write that was answered
with success must be there as it was answered, each task whole with its events, the sequence of
events without a hole or a repeat; in the end every workflow finishes and the store is sound.

A page cache survives kill -9. PROGRAM (forgetful.rs) serves from files whose unsynced writes lie in the
process, so that killing it is a power cut: no answer with success may have left before its sync.
"""

import argparse
import collections
import http.client
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from events import read_events
from failed import Failed, check, check_equal
from program import Program
from rest import Rest

# An agent isn't offline only because its server was; the load is beyond any limit.
FLAGS = ("--rate-limit", "0", "--agent-silence-ms", "86400000")
RANKS = {"pending": 0, "in_progress": 1, "completed": 2}
STAGES = ("first", "second", "third")
FINISH_S = 180
LOAD_S = 60


class Acknowledged:
    """What the server said that it did, so far."""

    def __init__(self):
        self.tasks = {}
        self.publications = {}
        self.workflows = set()
        self.lock = threading.Lock()
        self.count = 0

    def task(self, task, status):
        with self.lock:
            self.tasks[task] = status
            self.count += 1

    def publication(self, sequence, data):
        with self.lock:
            self.publications[sequence] = data
            self.count += 1

    def workflow(self, workflow):
        with self.lock:
            self.workflows.add(workflow)
            self.count += 1

    def wait(self):
        """Until there is something of every kind, for all lives may have been short on a slow machine."""
        deadline = time.monotonic() + LOAD_S
        while not (self.workflows and self.publications) and time.monotonic() < deadline:
            time.sleep(0.05)


class Load:
    """Writers against one life of the server, until it is killed."""

    def __init__(self, address, acknowledged, cycle, writers):
        self.address = address
        self.acknowledged = acknowledged
        self.cycle = cycle
        self.failures = []
        jobs = [lambda number=number: self.write(number) for number in range(writers)]
        jobs.append(self.finish_stages)
        self.threads = [threading.Thread(target=self.run, args=(job,)) for job in jobs]
        for thread in self.threads:
            thread.start()

    def run(self, job):
        try:
            job()
        except (OSError, http.client.HTTPException):
            pass  # It was killed: what was under way has no answer.
        except Failed as failure:
            self.failures.append(failure)

    def write(self, number):
        rest = Rest(self.address)
        agent = f"writer-{number}"
        for step in range(1_000_000):
            task = f"t-{self.cycle}-{number}-{step}"
            body = {"id": task, "type": "step", "assigned_agent": agent}
            rest.expect(201, "POST /api/v1/tasks", {**body, "input_data": {"of": task}})
            self.acknowledged.task(task, "pending")
            if step % 4 == 0:
                data = {"of": task, "text": "x" * 300}
                publication = {"topic": "crash.test", "data": data}
                sent = rest.expect(202, "POST /api/v1/events", publication)
                self.acknowledged.publication(sent["sequence"], data)
            for status in ("in_progress", "completed"):
                change = {"status": status, "output_data": {"of": task}}
                rest.expect(200, f"PATCH /api/v1/tasks/{task}", change)
                self.acknowledged.task(task, status)
            if step % 8 == 0:
                workflow = f"w-{self.cycle}-{number}-{step}"
                start_workflow(rest, workflow)
                self.acknowledged.workflow(workflow)

    def finish_stages(self):
        rest = Rest(self.address)
        while True:
            finish_stages(rest)
            time.sleep(0.005)

    def join(self):
        for thread in self.threads:
            thread.join()
        if self.failures:
            raise self.failures[0]


def start_workflow(rest, workflow):
    stages = []
    for before, stage in zip((None, *STAGES), STAGES, strict=False):
        needs = [before] if before else []
        stages.append({"name": stage, "agent_type": "stage", "dependencies": needs})
    rest.expect(201, "POST /api/v1/workflows", {"id": workflow, "stages": stages})


def finish_stages(rest):
    """Does what an agent of the workflows does: takes what is given to it; how much it was."""
    done = 0
    for status in ("pending", "in_progress"):
        words = f"GET /api/v1/tasks?agent_id=stage-agent&status={status}&limit=20"
        for task in rest.expect(200, words)["tasks"]:
            path = f"PATCH /api/v1/tasks/{task['id']}"
            if status == "pending":
                rest.expect(200, path, {"status": "in_progress"})
            rest.expect(200, path, {"status": "completed", "output_data": {"stage": task["stage"]}})
            done += 1
    return done


def check_tasks(rest, acknowledged, kinds):
    """Each acknowledged task is there, whole, at least as far as it was told, its events too."""
    for task, status in acknowledged.items():
        found = rest.expect(200, f"GET /api/v1/tasks/{task}")
        check(RANKS[found["status"]] >= RANKS[status], f"{task} was {status}: {found['status']}")
        check_equal(found["input_data"], {"of": task}, f"input_data of {task}")
        if found["status"] == "completed":
            check_equal(found["output_data"], {"of": task}, f"output_data of {task}")
        ended = int(found["status"] == "completed")
        check_equal(kinds[task, "task.created"], 1, f"task.created of {task}")
        check_equal(kinds[task, "task.completed"], ended, f"task.completed of {task}")


class Told:
    """The events up to now: how many of each kind a task or workflow has, and publications."""

    def __init__(self):
        self.head = 0
        self.kinds = collections.Counter()
        self.published = {}

    def read(self, rest):
        for event in read_events(rest, self.head):
            self.head += 1
            if "publication" in event:
                self.published[self.head] = event["publication"]["data"]
            else:
                payload = event["payload"]
                subject = payload.get("task_id") or payload.get("workflow_id")
                self.kinds[subject, event["event_type"]] += 1
        return self


def check_life(program, acknowledged, told, seen):
    """What must be there after a start; `seen` are tasks that were looked at before."""
    rest = Rest(program.address)
    told.read(rest)
    for sequence, data in acknowledged.publications.items():
        check_equal(told.published.get(sequence), data, f"publication {sequence}")
    fresh = {task: status for task, status in acknowledged.tasks.items() if task not in seen}
    check_tasks(rest, fresh, told.kinds)
    seen.update(fresh)
    for workflow in acknowledged.workflows:
        check_equal(told.kinds[workflow, "workflow.started"], 1, f"workflow.started of {workflow}")
    rest.close()


def finish_workflows(program, acknowledged):
    rest = Rest(program.address)
    deadline = time.monotonic() + FINISH_S
    idle = 0
    while idle < 20 and time.monotonic() < deadline:
        idle = 0 if finish_stages(rest) else idle + 1
        time.sleep(0 if idle == 0 else 0.02)
    for workflow in acknowledged.workflows:
        found = rest.expect(200, f"GET /api/v1/workflows/{workflow}")
        check_equal(found["status"], "completed", f"{workflow}, with stages {found['stages']}")
    # Once more from the first event on, and every task, not only each life's own.
    check_life(program, acknowledged, Told(), set())
    rest.close()


def check_store(program):
    """`agnt check` over what the last kill left."""
    file = Path(program.data) / "agnt.redb"
    made = subprocess.run(
        [os.environ["AGNT_BIN"], "check", str(file)],
        env=program.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    check_equal(made.returncode, 0, f"agnt check: {made.stdout}{made.stderr}; exit code")


def run(arguments, folder):
    moments = random.Random(arguments.seed)
    acknowledged, told, seen = Acknowledged(), Told(), set()
    command = [arguments.forgetful] if arguments.forgetful else None
    program = Program(Path(folder) / "data", *FLAGS, command=command).start()
    rest = Rest(program.address)
    for number in range(arguments.writers):
        agent = {"agent_id": f"writer-{number}", "capabilities": ["own"], "max_tasks": 100_000}
        rest.expect(201, "POST /v1/agents", agent)
    agent = {"agent_id": "stage-agent", "capabilities": ["stage"], "max_tasks": 100_000}
    rest.expect(201, "POST /v1/agents", agent)
    rest.close()
    try:
        for cycle in range(arguments.cycles):
            load = Load(program.address, acknowledged, cycle, arguments.writers)
            time.sleep(moments.uniform(0.02, 0.8))
            if cycle == arguments.cycles - 1:
                acknowledged.wait()
            program.kill()
            load.join()
            began = time.monotonic()
            program.start()
            start_ms = 1000 * (time.monotonic() - began)
            check_life(program, acknowledged, told, seen)
            counts = f"{acknowledged.count} writes acknowledged, {told.head} events"
            print(f"cycle {cycle + 1}: {counts}, start {start_ms:.0f} ms", flush=True)
        finish_workflows(program, acknowledged)
    finally:
        if program.process.poll() is None:
            program.kill()
    check_store(program)
    check(acknowledged.workflows and acknowledged.publications, "the load did nothing")
    print(f"{len(acknowledged.workflows)} workflows finished, nothing acknowledged was lost")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--cycles", type=int, default=6)
    parser.add_argument("--writers", type=int, default=6)
    parser.add_argument("--forgetful", metavar="PROGRAM")
    parser.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    arguments = parser.parse_args()
    print(f"seed {arguments.seed}")
    with tempfile.TemporaryDirectory() as folder:
        try:
            run(arguments, folder)
        except Failed as failure:
            sys.exit(f"FAILED: {failure}")


if __name__ == "__main__":
    main()
