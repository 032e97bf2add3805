"""What a test of one row works with: a server of its own, the documents' examples, a client."""

import contextlib
import json
import tempfile
import time
from pathlib import Path

import schema_a
from failed import Failed, check
from program import Program
from rest import Rest
from socket_session import Session

HERE = Path(__file__).parent
DOCUMENTS = json.loads((HERE / "examples.json").read_text())
EXAMPLES = {each["section"]: each["text"] for each in DOCUMENTS["b"]}


def written(section):
    """Document B's example below this heading, word for word."""
    return EXAMPLES[section]


def request(section):
    """The example as a request: method and path, and the body's text."""
    head, _, body = written(section).partition("\n\n")
    return head.split("\n")[0], body or None


def example(section):
    """What the example's body or JSON says; what it leaves out is left empty."""
    text = written(section)
    text = text[text.index("{\n") :].replace("{...}", "{}").replace("[...]", "[]")
    return json.loads(text)


class Trial:
    """One row's test on its way. The server starts when it is asked for the first time."""

    # How long `until` waits; the runner shortens it where nothing is going to come.
    patience_s = 60.0

    def __init__(self, row, command):
        self.row = row
        self.command = command
        self.folder = tempfile.TemporaryDirectory()
        self.flags = ("--rate-limit", "0")
        self.program = None
        self.clients = []
        self.sessions = []

    def serve(self, *flags):
        """Starts the server, with flags of the row's own."""
        self.prepare(*flags)
        self.program.start()
        return self.program

    def prepare(self, *flags):
        """The server before its start, when keys can be made."""
        data = Path(self.folder.name) / f"data-{self.row}"
        self.program = Program(data, *(flags or self.flags), command=self.command)
        return self.program

    def client(self, **headers):
        """A client of its own connection."""
        if self.program is None:
            self.serve()
        rest = Rest(self.program.address, **headers)
        self.clients.append(rest)
        return rest

    def socket(self, path="/api/v1/ws", headers=None, subprotocols=None):
        """A WebSocket session."""
        if self.program is None:
            self.serve()
        url = f"ws://{self.program.address}{path}"
        session = Session(url, self.patience_s, headers, subprotocols)
        self.sessions.append(session)
        return session

    @property
    def rest(self):
        if not self.clients:
            self.client()
        return self.clients[0]

    def ask(self, words, body=None, headers=None):
        return self.rest.ask(words, body, headers)

    def expect(self, status, words, body=None, headers=None):
        return self.rest.expect(status, words, body, headers)

    def refused(self, status, code, words, body=None, headers=None):
        error = self.rest.refused(status, code, words, body, headers)
        if not words.split(" ", 1)[1].startswith("/api/v1/"):
            schema_a.check("Error", error)
        return error

    @contextlib.contextmanager
    def alone(self):
        """A client of a server that knows nothing yet."""
        other = Trial(self.row, self.command)
        try:
            yield other
        finally:
            other.close()

    def register(self, agent, *capabilities, **fields):
        """Registers an agent by document A."""
        body = {"agent_id": agent, "capabilities": list(capabilities or ("work",)), **fields}
        return self.expect(201, "POST /v1/agents", body)

    def finish(self, task, **output):
        """Starts and completes a task as its agent does."""
        self.expect(200, f"PATCH /api/v1/tasks/{task}", {"status": "in_progress"})
        done = {"status": "completed", "output_data": output}
        return self.expect(200, f"PATCH /api/v1/tasks/{task}", done)

    def events(self, topic, prefix="/api/v1"):
        """What was told under this topic."""
        page = self.expect(200, f"GET {prefix}/events?topic={topic}&limit=1000")
        if not isinstance(page.get("events"), list):
            raise Failed(f"no events in {page}")
        return page["events"]

    def until(self, what, look):
        """Looks again and again until there is something; what it is."""
        deadline = time.monotonic() + self.patience_s
        while not (found := look()):
            check(time.monotonic() < deadline, f"this never came true: {what}")
            time.sleep(0.1)
        return found

    def secret_file(self):
        """A file with a key that callbacks are signed with."""
        path = Path(self.folder.name) / "secret"
        path.write_bytes(b"0123456789abcdef" * 4)
        path.chmod(0o600)
        return str(path)

    def close(self):
        for each in [*self.clients, *self.sessions]:
            each.close()
        if self.program and self.program.process and self.program.process.poll() is None:
            self.program.stop()
        self.folder.cleanup()
