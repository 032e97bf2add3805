"""What is refused, and how it is answered: one component for each status, in each dialect's words."""

from schemas_shared import PROBLEM_MEDIA_TYPE
from shapes import count, refer

HEADERS = {
    "X-RateLimit-Limit": "How many requests a minute has.",
    "X-RateLimit-Remaining": "How many of them are left.",
    "X-RateLimit-Reset": "The epoch second at which all are there again, if nobody asks till then.",
}
RETRY_AFTER = {"description": "When to try again, in s.", "schema": count()}
LOCATION = {"description": "Where what was made can be had.", "schema": {"type": "string"}}

# Status, name of the component, what it means, document A's code, document B's, a message, details.
REFUSALS = (
    (
        400,
        "BadRequest",
        "Bad request",
        "VALIDATION_ERROR",
        "VALIDATION_ERROR",
        "limit: 500 is not allowed; 1 to 100 are",
        {"issues": {"limit": "500 is not allowed; 1 to 100 are"}},
    ),
    (
        401,
        "Unauthorized",
        "Unauthorized",
        "UNAUTHORIZED",
        "AUTHENTICATION_FAILED",
        "Missing authentication token",
        {},
    ),
    (
        403,
        "Forbidden",
        "The credential does not allow it",
        "FORBIDDEN",
        "FORBIDDEN",
        "the scope agents is needed",
        {"scope": "agents"},
    ),
    (
        404,
        "NotFound",
        "Resource not found",
        "NOT_FOUND",
        "NOT_FOUND",
        'there is no agent "agent-404"',
        {"resource": "agent", "id": "agent-404"},
    ),
    (
        408,
        "RequestTimeout",
        "Waited in vain: for an answer, or for the request itself",
        "TASK_TIMEOUT",
        "TASK_TIMEOUT",
        "no answer came within 30 s",
        {"timeout_ms": 30000},
    ),
    (
        409,
        "Conflict",
        "Resource conflict",
        "CONFLICT",
        "CONFLICT",
        "a completed task can't become running",
        {"from": "completed", "to": "running"},
    ),
    (
        412,
        "PreconditionFailed",
        "What it depends on is not done",
        "DEPENDENCY_NOT_MET",
        "DEPENDENCY_NOT_MET",
        "task-002 is not completed",
        {"unmet": ["task-002"]},
    ),
    (
        413,
        "PayloadTooLarge",
        "The body is longer than 1 MiB",
        "PAYLOAD_TOO_LARGE",
        "PAYLOAD_TOO_LARGE",
        "the body is longer than 1048576 bytes",
        {"bytes_max": 1048576},
    ),
    (
        415,
        "UnsupportedMediaType",
        "The body is not JSON by its own word",
        "UNSUPPORTED_MEDIA_TYPE",
        "UNSUPPORTED_MEDIA_TYPE",
        "text/plain is not JSON",
        {},
    ),
    (
        422,
        "UnprocessableEntity",
        "Understood, and impossible",
        "UNPROCESSABLE",
        "UNPROCESSABLE",
        "the stages depend on each other in a circle: a -> b -> a",
        {"cycle": ["a", "b", "a"]},
    ),
    (
        426,
        "UpgradeRequired",
        "This path is for WebSockets",
        "UPGRADE_REQUIRED",
        "UPGRADE_REQUIRED",
        "a WebSocket upgrade is needed",
        {},
    ),
    (
        429,
        "TooManyRequests",
        "Too many requests, or a cap is reached",
        "RATE_LIMIT_EXCEEDED",
        "RATE_LIMIT_EXCEEDED",
        "1000 requests a minute are allowed",
        {"limit": 1000},
    ),
    (
        500,
        "InternalServerError",
        "Internal server error",
        "INTERNAL_SERVER_ERROR",
        "INTERNAL_SERVER_ERROR",
        "something went wrong here",
        {},
    ),
    (
        503,
        "ServiceUnavailable",
        "Not now: the agent is away, the server is starting or stopping",
        "AGENT_UNAVAILABLE",
        "AGENT_UNAVAILABLE",
        "The requested agent is currently unavailable",
        {"agent_id": "code-gen-001", "last_seen": "2025-01-15T11:45:00Z", "retry_after": 60},
    ),
    (
        507,
        "InsufficientStorage",
        "The disk is full",
        "INSUFFICIENT_STORAGE",
        "INSUFFICIENT_STORAGE",
        "there is no room on the disk",
        {},
    ),
)
ISSUES_MESSAGE_A = "Request validation failed"
WITH_RETRY_AFTER = (429, 503, 507)


def name_of(status):
    return next(name for found, name, *_ in REFUSALS if found == status)


def rate_headers():
    """The headers that every answer has, as references."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in HEADERS}


def headers():
    """The components that the references name."""
    made = {
        name: {"description": description, "schema": count()}
        for name, description in HEADERS.items()
    }
    return made | {"Retry-After": RETRY_AFTER, "Location": LOCATION}


def problem(status, title, code, message):
    return {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": message,
        "code": code,
    }


def responses(is_b, error):
    """A component for each refusal; `error` writes one in the dialect's words."""
    made = {}
    for status, name, meaning, code_a, code_b, message, details in REFUSALS:
        code = code_b if is_b else code_a
        shown = rate_headers()
        if status in WITH_RETRY_AFTER:
            shown["Retry-After"] = {"$ref": "#/components/headers/Retry-After"}
        # Document A says the same sentence of all wrong fields, and names them in the details.
        said = ISSUES_MESSAGE_A if status == 400 and not is_b else message
        examples = {"usual": {"value": error(code, said, **details)}}
        if status == 500:
            failed = error("WORKFLOW_FAILED", "stage code_generation failed")
            examples["workflow"] = {"summary": "With wait=true", "value": failed}
        made[name] = {
            "description": meaning,
            "headers": shown,
            "content": {
                "application/json": {"schema": refer("Error"), "examples": examples},
                PROBLEM_MEDIA_TYPE: {
                    "schema": refer("Problem"),
                    "example": problem(status, meaning, code, message),
                },
            },
        }
    return made
