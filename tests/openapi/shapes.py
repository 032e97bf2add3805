"""The small shapes that schemas are made of: ids, texts, numbers, moments, objects.

Every bound of a request stands here once, so that both documents say the same.
"""

ID_PATTERN = "^[a-zA-Z0-9_-]+$"
ID_LENGTH_MAX = 128
# No control characters. Lengths are those of JSON Schema: characters, not bytes.
LABEL_PATTERN = r"^[^\x00-\x1f\x7f-\x9f]+$"
LABEL_LENGTH_MAX = 128
TEXT_LENGTH_MAX = 4096
# Escaped, it has to fit into a query.
REASON_LENGTH_MAX = 512
URL_LENGTH_MAX = 2048
CAPABILITIES_MAX = 256
TASKS_MAX = 100_000
DEPENDENCIES_MAX = 1000
STAGES_MAX = 1000
ATTEMPTS_MAX = 100
YEAR_S = 31_536_000
COMMAND_TIMEOUT_MS_MIN = 1000
U32_MAX = 4_294_967_295
I64_MAX = 9_223_372_036_854_775_807
NUMERIC_ID_MIN = 0x1000_0000
NUMERIC_ID_MAX = 0x3FFF_FFFF
MEGABYTES_MAX = 1_000_000_000_000_000
TOPIC_LENGTH_MAX = 255
TOPIC_PATTERN = r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,15}$"
TOPIC_WISH_PATTERN = r"^((([A-Za-z0-9_-]+|\*)\.){0,15}([A-Za-z0-9_-]+|\*|\*\*|>))$"
CALLBACK_LENGTH_MAX = 512
CALLBACK_PATTERN = r"^(\.{0,2}[A-Za-z0-9_~-][A-Za-z0-9_.~-]*|\.{3}[A-Za-z0-9_.~-]*)$"
SEQUENCE_PATTERN = "^[0-9]{1,18}$"
KEY_PATTERN = "^[!-~]+$"
KEY_LENGTH_MAX = 255

AGENT_STATUSES = ["idle", "busy", "error", "offline", "starting", "stopping"]
AGENT_STATUSES_B = ["active", *AGENT_STATUSES]
TASK_STATUSES = ["pending", "running", "completed", "failed", "cancelled", "timeout"]
TASK_STATUSES_B = ["pending", "in_progress", "completed", "failed", "cancelled", "timeout"]
TASK_TYPES = ["analysis", "synthesis", "execution", "validation", "monitoring"]
WORKFLOW_STATUSES = ["running", "completed", "failed", "cancelled", "timeout"]
STAGE_STATUSES = ["pending", "running", "completed", "failed", "skipped", "cancelled"]
COMMAND_STATUSES = ["accepted", "completed", "failed", "timeout", "cancelled"]
ANSWER_STATUSES = ["success", "completed", "failed", "error"]
CALLBACK_STATUSES = ["pending", "refused", "stored", "sending", "delivered", "failed"]
PRIORITY_WORDS = ["low", "normal", "high", "critical"]
BACKOFFS = ["exponential", "linear", "fixed"]
FAILURE_STRATEGIES = ["stop_on_error", "continue", "retry"]


def said(shape, description=None, **more):
    """A shape with a description, if there is one, and more keywords."""
    return shape | ({"description": description} if description else {}) | more


def ident(description=None, **more):
    """An id, as document A has it, of at most 128 characters."""
    shape = {"type": "string", "pattern": ID_PATTERN, "maxLength": ID_LENGTH_MAX}
    return said(shape, description, **more)


def uuid(description=None, **more):
    return said({"type": "string", "format": "uuid"}, description, **more)


def label(description=None, **more):
    """A name for people: 1 to 128 characters, none of them a control character."""
    shape = {
        "type": "string",
        "pattern": LABEL_PATTERN,
        "minLength": 1,
        "maxLength": LABEL_LENGTH_MAX,
    }
    return said(shape, description, **more)


def text(description=None, **more):
    return said({"type": "string", "maxLength": TEXT_LENGTH_MAX}, description, **more)


def words(description=None, **more):
    """What the server says in words: any string."""
    return said({"type": "string"}, description, **more)


def url(description=None):
    return label(description, maxLength=URL_LENGTH_MAX)


def moment(description=None, **more):
    return said({"type": "string", "format": "date-time"}, description, **more)


def one_of(names, description=None, **more):
    return said({"type": "string", "enum": list(names)}, description, **more)


def integer(low, high, description=None, **more):
    shape = {"type": "integer", "minimum": low}
    return said(shape | ({} if high is None else {"maximum": high}), description, **more)


def count(description=None, **more):
    """A number of things, as the server counts them."""
    return said({"type": "integer", "minimum": 0}, description, **more)


def percent(description=None):
    return said({"type": "number", "minimum": 0, "maximum": 100}, description)


def megabytes():
    shape = {"type": "number", "minimum": 0, "maximum": MEGABYTES_MAX}
    return said(shape, "In millions of bytes.")


def flag(description=None, **more):
    return said({"type": "boolean"}, description, **more)


def seconds(description=None, **more):
    shape = {"type": "number", "minimum": 0.001, "maximum": YEAR_S}
    return said(shape, description, **more)


def milliseconds(low=1, description=None, **more):
    return integer(low, YEAR_S * 1000, description, **more)


def free(description=None, **more):
    """An object whose keys are its writer's own."""
    return said({"type": "object", "additionalProperties": True}, description, **more)


def anything(description):
    """Any JSON value."""
    return {"description": description}


def listed(items, description=None, **more):
    return said({"type": "array", "items": items}, description, **more)


def refer(name):
    return {"$ref": f"#/components/schemas/{name}"}


def record(properties, required=(), description=None, **more):
    """An object that the server shows."""
    shape = {"type": "object"}
    if required:
        shape["required"] = list(required)
    return said(shape | {"properties": properties}, description, **more)


def request(properties, required=(), description=None, **more):
    """An object that a client sends: unknown keys are taken."""
    return record(properties, required, description, additionalProperties=True, **more)


def capabilities(description=None, least=1, **more):
    return listed(label(), description, minItems=least, maxItems=CAPABILITIES_MAX, **more)


def dependencies(description=None, items=None):
    return listed(items or ident(), description, maxItems=DEPENDENCIES_MAX)


def callback_path():
    """What stands behind /callbacks/: neither `.` nor `..`, and nothing that needs an escape."""
    shape = {"type": "string", "pattern": CALLBACK_PATTERN, "maxLength": CALLBACK_LENGTH_MAX}
    return said(shape, "One segment here; deeper paths are kept as well.")


def numeric_id():
    return integer(
        NUMERIC_ID_MIN, NUMERIC_ID_MAX, "The agent's number in AGNT frames and in `agent.index`."
    )
