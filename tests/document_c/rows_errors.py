"""S128-S135: the form of errors and each of their codes."""

import asyncio
import http.client

import websockets

import agnt_frame as agnt
from trial import CONTROL, DOCUMENT, Session, check, check_equal, event, example, written

OPENINGS_MAX = 4
RECOVERABLE = {each["code"]: each["recoverable"] for each in DOCUMENT["errorCodes"]}


def check_form(error, code, request_id):
    """An error as document C writes it, less the trace that nobody is to see."""
    shown = example("error")
    check_equal(set(shown) - set(error), set(), "keys of the envelope that are missing")
    payload = error["payload"]
    check_equal(set(shown["payload"]) - set(payload), set(), "keys of the payload that are missing")
    check_equal(payload["code"], code, "code")
    check_equal(payload["details"].get("requestId"), request_id, "details.requestId")
    check(payload["details"].get("component"), "details.component")
    check("stackTrace" not in payload["details"], "a stack trace was sent")
    check_equal(error["metadata"]["correlationId"], request_id, "metadata.correlationId")
    documented = RECOVERABLE[code]
    check(documented == "Maybe" or payload["recoverable"] == (documented == "Yes"), "recoverable")


def command(target, identifier):
    asked = example("control.execute") | {"id": identifier}
    del asked["payload"]["callback"]
    asked["payload"]["targetAgent"] = target
    return asked


async def controllers(trial):
    return [await trial.open("json", path=CONTROL, clientId=name) for name in ("asker", "agent-001")]


async def error_form(trial):
    """Errors have document C's form; document C's example, from an agent, ends its command."""
    asker, agent = await controllers(trial)
    await asker.say(command("agent-001", "msg-131"))
    await agent.expect_type("control.execute")
    await agent.say(written("error"))
    error = await asker.expect_type("error")
    check_form(error, "COMMAND_FAILED", "msg-131")
    check("agent-999" in error["payload"]["message"], f"what the agent said: {error['payload']['message']}")


async def connection_failed(trial):
    """A connection that can't be had fails before the upgrade, with the time to try again."""
    with trial.start("--max-connections", "1") as full:
        first = await trial.open("json", url=full.url())
        try:
            await Session.open(full.url(), "json")
        except websockets.InvalidStatus as refused:
            check_equal(refused.response.status_code, 503, "status")
            check(int(refused.response.headers["Retry-After"]) > 0, "Retry-After")
        else:
            check(False, "a second session was taken")
        await first.close()
        await opened_when_told(trial, full.url())
    described(trial, "CONNECTION_FAILED")


async def opened_when_told(trial, url):
    """A session where one has just ended: its place is free once the server, too, has seen the end."""
    for _ in range(OPENINGS_MAX):
        try:
            return await trial.open("json", url=url)
        except websockets.InvalidStatus as refused:
            await asyncio.sleep(int(refused.response.headers["Retry-After"]))
    check(False, f"refused {OPENINGS_MAX} times, each later than Retry-After")


def described(trial, code):
    """The server's own description of the protocol lists the code."""
    connection = http.client.HTTPConnection(trial.server.address, timeout=30)
    connection.request("GET", "/asyncapi.json")
    text = connection.getresponse().read().decode()
    connection.close()
    check(f'"{code}"' in text, f"/asyncapi.json doesn't list {code}")


async def auth_failed(trial):
    """Who may only look is told so when it speaks."""
    viewer = await trial.open("json", role="viewer")
    await viewer.say(written("agent.state.changed"))
    check_form(await viewer.expect_type("error"), "AUTH_FAILED", "msg-123")


async def invalid_message(trial):
    """A message of an unknown type, and no JSON at all; ten in a row end the connection."""
    session = await trial.open("json")
    await session.say({"id": "msg-1", "type": "no.such.type", "payload": {}})
    check_form(await session.expect_type("error"), "INVALID_MESSAGE", "msg-1")
    await session.say(written("channel message"))
    await session.expect_error("INVALID_MESSAGE")
    await session.pause()
    for _ in range(10):
        await session.say("no JSON")
    check_equal(await session.close_code(), 1008, "close code after ten")


async def agent_not_found(trial):
    """A command to an agent that nobody knows is answered with document C's example."""
    asker, _ = await controllers(trial)
    await asker.say(command("agent-999", "msg-131"))
    error, shown = await asker.expect_type("error"), example("error")
    check_form(error, "AGENT_NOT_FOUND", "msg-131")
    for key in ("message", "recoverable", "suggestedAction"):
        check_equal(error["payload"][key], shown["payload"][key], key)


async def command_failed(trial):
    """A command that its agent doesn't answer in time."""
    asker, agent = await controllers(trial)
    asked = command("agent-001", "msg-131")
    asked["payload"]["timeout"] = 200
    await asker.say(asked)
    error = await asker.expect_type("error")
    check_form(error, "COMMAND_FAILED", "msg-131")
    check_equal(error["payload"]["details"].get("reason"), "timeout", "details.reason")
    late = {"commandId": "msg-131", "status": "completed"}
    await agent.say(event("control.result", late))
    await agent.expect_error("COMMAND_FAILED")


async def rate_limit_exceeded(trial):
    """A bound that is reached: one agent more than the stream may have; the session goes on."""
    with trial.start("--agents-per-stream-max", "2") as small:
        session = await trial.open("binary", url=small.url())
        await session.send(agnt.write_positions([(agent,) + (0.0,) * 6 for agent in range(3)]))
        error = await session.expect_type("error")
        check_equal(error["payload"]["code"], "RATE_LIMIT_EXCEEDED", "code")
        check_equal(error["payload"]["recoverable"], True, "recoverable")
        await session.pause()


async def internal_error(trial):
    """An agent's own INTERNAL_ERROR ends its command as failed; the description lists the code."""
    asker, agent = await controllers(trial)
    await asker.say(command("agent-001", "msg-131"))
    await agent.expect_type("control.execute")
    failed = example("error")
    failed["payload"] |= {"code": "INTERNAL_ERROR", "recoverable": False}
    await agent.say(failed)
    check_form(await asker.expect_type("error"), "COMMAND_FAILED", "msg-131")
    described(trial, "INTERNAL_ERROR")
