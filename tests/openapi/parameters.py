"""The parameters of queries and headers, and what each may be."""

import dataclasses

from shapes import (
    AGENT_STATUSES,
    AGENT_STATUSES_B,
    I64_MAX,
    KEY_LENGTH_MAX,
    KEY_PATTERN,
    PRIORITY_WORDS,
    REASON_LENGTH_MAX,
    SEQUENCE_PATTERN,
    TASK_STATUSES,
    TASK_STATUSES_B,
    TASK_TYPES,
    TOPIC_LENGTH_MAX,
    TOPIC_WISH_PATTERN,
    U32_MAX,
    ident,
    integer,
    label,
    one_of,
    text,
)


@dataclasses.dataclass(frozen=True)
class Parameter:
    """A parameter of the query."""

    name: str
    schema: dict
    description: str = ""


PAGES = (
    Parameter("page", integer(1, U32_MAX, default=1), "Past the end there is an empty list."),
    Parameter("limit", integer(1, 100, default=20)),
)
REASON = Parameter("reason", text(maxLength=REASON_LENGTH_MAX), "Why; it is shown.")
SEVERAL = "Several, with commas between them, find what has any of them."


def agents_query(is_b):
    statuses = AGENT_STATUSES_B if is_b else AGENT_STATUSES
    return (
        *PAGES,
        Parameter("status", one_of(statuses), SEVERAL),
        Parameter("capability", label()),
        Parameter("type", label()),
        Parameter("stream", ident()),
        Parameter("numeric_id", integer(0, U32_MAX), "The one that has this number in frames."),
    )


def tasks_query(is_b):
    kinds = ident() if is_b else one_of(TASK_TYPES)
    return (
        *PAGES,
        Parameter("status", one_of(TASK_STATUSES_B if is_b else TASK_STATUSES), SEVERAL),
        Parameter("type", kinds),
        Parameter("task_type", ident(), "A type whatever it is called."),
        Parameter("agent_id", ident(), "Tasks that this agent has, or that are meant for it."),
        Parameter("workflow_id", ident()),
        Parameter("priority", one_of(PRIORITY_WORDS), SEVERAL),
    )


EVENTS_QUERY = (
    Parameter(
        "topic",
        {"type": "string", "pattern": TOPIC_WISH_PATTERN, "maxLength": TOPIC_LENGTH_MAX},
        "`*` stands for one segment, `**` or `>` at the end for one or more.",
    ),
    Parameter("after", integer(0, I64_MAX, default=0), "The last event that is known."),
    Parameter("limit", integer(1, 1000, default=100)),
)

IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "The same request with the same key is done once within 24 hours; its answer is "
    "repeated. The same key with another request is 409.",
    "schema": {
        "type": "string",
        "pattern": KEY_PATTERN,
        "minLength": 1,
        "maxLength": KEY_LENGTH_MAX,
    },
}
LAST_EVENT_ID = {
    "name": "Last-Event-ID",
    "in": "header",
    "description": "What an EventSource sends when it comes back; in a stream it goes before `after`.",
    "schema": {"type": "string", "pattern": SEQUENCE_PATTERN},
}
