"""What a test of one row works with: a stream of its own, document C's examples, sessions."""

import json
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "clients" / "python"))

from server import Server  # noqa: E402
from session import Failed, Session, check, check_equal, event, moment  # noqa: E402, F401

DOCUMENT = json.loads((HERE / "examples.json").read_text())
EXAMPLES = {each["name"]: each["text"] for each in DOCUMENT["messages"]}

VISUALISATION, GRAPH, CONTROL = DOCUMENT["endpoints"][:3]


def written(name):
    """The example, word for word."""
    return EXAMPLES[name]


def example(name):
    """What the example says."""
    return json.loads(EXAMPLES[name].replace("/* actual message */", ""))


class Trial:
    """One row's test on its way; `program` is what other servers are made of."""

    def __init__(self, row, server, program):
        self.row = row
        self.server = server
        self.program = program
        self.sessions = []

    def url(self, path=VISUALISATION, **query):
        return self.server.url(path, stream=self.row, **query)

    def start(self, *flags, address="127.0.0.1:0"):
        """Another server with settings of its own, for `with`."""
        return Server(*flags, address=address, program=self.program)

    def keep(self, session):
        self.sessions.append(session)
        return session

    async def connect(self, path=VISUALISATION, url=None, **options):
        return self.keep(await Session.connect(url or self.url(path), **options))

    async def open(self, *capabilities, path=VISUALISATION, url=None, **fields):
        return self.keep(await Session.open(url or self.url(path), *capabilities, **fields))

    async def pair(self, *capabilities, path=VISUALISATION):
        """agent-001, who speaks, and another who listens."""
        speaker = await self.open("binary", "json", path=path, clientId="agent-001")
        return speaker, await self.open(*(capabilities or ("json",)), path=path, clientId="agent-002")

    async def passed_on(self, name, **replaced):
        """The example as it is written reaches the other whole; what it heard."""
        speaker, listener = await self.pair()
        said = example(name)
        if replaced:
            said["payload"].update(replaced)
        await speaker.say(said if replaced else written(name))
        heard = await listener.expect_type(name, lambda text: text.get("id") == said["id"])
        check_equal(heard.get("timestamp"), said["timestamp"], "timestamp")
        for key, value in said["payload"].items():
            check_equal(heard["payload"].get(key), value, f"payload.{key}")
        check(isinstance(heard.get("sequence"), int), f"sequence: {heard.get('sequence')!r}")
        await speaker.pause()
        own = speaker.take(lambda item: isinstance(item, dict) and item.get("id") == said["id"])
        check(own is None, "it came back to who said it")
        return heard

    async def close(self):
        for session in self.sessions:
            await session.close()
