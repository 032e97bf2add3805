"""The schemas that both documents have in common; only how a priority is written differs."""

from shapes import (
    ANSWER_STATUSES,
    ATTEMPTS_MAX,
    BACKOFFS,
    CALLBACK_STATUSES,
    COMMAND_STATUSES,
    COMMAND_TIMEOUT_MS_MIN,
    FAILURE_STRATEGIES,
    PRIORITY_WORDS,
    STAGE_STATUSES,
    STAGES_MAX,
    TOPIC_LENGTH_MAX,
    TOPIC_PATTERN,
    WORKFLOW_STATUSES,
    anything,
    count,
    dependencies,
    flag,
    free,
    ident,
    integer,
    label,
    listed,
    milliseconds,
    moment,
    one_of,
    percent,
    record,
    refer,
    request,
    seconds,
    text,
    url,
    uuid,
    words,
)

PROBLEM_MEDIA_TYPE = "application/problem+json"


def level(description="1 to 10; 10 is the most urgent.", **more):
    """A priority as document A writes it."""
    return integer(1, 10, description, **more)


def word_or_level(description="A word, or 1 to 10: low 1-3, normal 4-6, high 7-8, critical 9-10."):
    """A priority as document B's clients may write it."""
    return {"description": description, "oneOf": [refer("PriorityWord"), integer(1, 10)]}


def pagination():
    return record(
        {
            "page": integer(1, None, "The page that this is, from 1."),
            "limit": integer(1, 100, "How many a page has at most."),
            "total": count("How many there are on all pages."),
            "total_pages": count(),
        },
        ("page", "limit", "total", "total_pages"),
    )


def page_of(key, schema):
    """A list, as every list is answered."""
    properties = {key: listed(refer(schema)), "pagination": refer("Pagination")}
    return record(properties, (key, "pagination"))


def retry_policy():
    return request(
        {
            "max_attempts": integer(
                1, ATTEMPTS_MAX, "Attempts in all, the first included.", default=1
            ),
            "backoff_strategy": one_of(
                BACKOFFS,
                "How the wait before the next attempt grows: 1, 2, 4 s and so on; 1, 2, 3 s and so "
                "on; always 1 s. At most 60 s; the wait is drawn between 0 and that.",
                default="exponential",
            ),
        },
        description="Whether and how a task is tried again.",
    )


def workflow_schemas(priority_in):
    stage = {
        "name": label("Unique in the workflow."),
        "agent_type": ident("The type of agent that does it, and of its task."),
        "dependencies": dependencies("Names of the stages before it.", label()),
        "timeout": seconds("How long one attempt may run, in s."),
        "input": free("What the stage is given beside its predecessors' output."),
    }
    configuration = {
        "parallel_execution": flag(
            "Whether all stages that are ready run at once; else one after the other.",
            default=False,
        ),
        "failure_strategy": one_of(
            FAILURE_STRATEGIES,
            "What becomes of the workflow when a stage fails: it fails; what depends on the stage "
            "is skipped and the rest goes on; the stage is tried three times first.",
            default="stop_on_error",
        ),
    }
    named = {
        "id": ident(),
        "project_id": label("What events and lists may be filtered by."),
        "name": label(),
    }
    progress = {
        "status": one_of(STAGE_STATUSES),
        "task_id": ident("The task that does it, once it has begun."),
        "started_at": moment(),
        "completed_at": moment(),
        "error": words("Why it failed or was skipped."),
    }
    return {
        "WorkflowStageCreation": request(stage, ("name", "agent_type")),
        "WorkflowConfiguration": request(configuration),
        "WorkflowCreation": request(
            named
            | {
                "stages": listed(
                    refer("WorkflowStageCreation"),
                    "A graph: names are unique, dependencies name stages and make no cycle (422).",
                    minItems=1,
                    maxItems=STAGES_MAX,
                ),
                "configuration": refer("WorkflowConfiguration"),
                "priority": priority_in,
                "input": free("What all stages are given."),
                "timeout": seconds("How long the whole may take, in s; bounds `wait=true` too."),
                "metadata": free(),
            },
            ("stages",),
        ),
        "WorkflowStage": record(stage | progress, ("name", "agent_type", "dependencies", "status")),
        "Workflow": record(
            named
            | {
                "stages": listed(refer("WorkflowStage")),
                "configuration": refer("WorkflowConfiguration"),
                "status": one_of(WORKFLOW_STATUSES),
                "priority": one_of(PRIORITY_WORDS),
                "priority_level": level("The same as a number."),
                "progress": percent("The share of its stages that ended."),
                "error": words("Why it failed."),
                "failed_stages": listed(words(), "Names of the stages that failed."),
                "input": free(),
                "created_at": moment(),
                "updated_at": moment(),
                "deadline": moment("When it times out."),
                "completed_at": moment("When it came to its end, whichever."),
                "metadata": free(),
            },
            ("id", "stages", "configuration", "status", "priority", "progress", "created_at"),
        ),
        "WorkflowListResponse": page_of("workflows", "Workflow"),
        "WorkflowCancellation": record(
            {
                "id": ident(),
                "status": one_of(["cancelled"]),
                "cancelled_at": moment(),
                "reason": words(),
            },
            ("id", "status", "cancelled_at"),
        ),
    }


def command_schemas(priority_in):
    asked = {
        "id": ident("The request's id; one is made if none is given."),
        "type": label("What is asked for."),
        "source": label("Who asks."),
        "correlation_id": label("What it belongs to."),
        "data": free("With what."),
        "priority": priority_in,
        "timeout": seconds("How long the answer is waited for, in s.", minimum=1, default=30),
        "callback_url": url(
            "Where the answer goes as well. A path of this server keeps it there; an absolute URL "
            "that may not be called is shown as refused."
        ),
    }
    answer = {
        "id": ident(),
        "request_id": ident(),
        "status": words("`success` or `error`."),
        "data": anything("What came of it."),
        "errors": listed(anything("One error.")),
    }
    accepted = {
        "agent_id": ident(),
        "status": one_of(["accepted"]),
        "accepted_at": moment(),
    }
    callback = {"callback": refer("Callback")}
    return {
        "Callback": record(
            {"url": words(), "status": one_of(CALLBACK_STATUSES)},
            ("url", "status"),
            "Where an answer goes as well, and what became of that.",
        ),
        "CommandResponse": record(
            {"command_id": ident()} | accepted | callback, ("command_id", *accepted)
        ),
        "CommandRecord": record(
            {
                "command_id": ident(),
                "agent_id": ident(),
                "command_type": words("The verb, or the type of a request."),
                "payload": free(),
                "priority": level(),
                "timeout_ms": count("How long the answer is waited for."),
                "status": one_of(COMMAND_STATUSES),
                "accepted_at": moment(),
                "finished_at": moment(),
                "result": anything("The answer's data."),
                "errors": listed(anything("One error of the answer.")),
                "callback": refer("Callback"),
                "correlation_id": words(),
                "source": words("Who gave it."),
            },
            ("command_id", "agent_id", "command_type", "status", "accepted_at"),
            "A command, request or message with what became of it.",
        ),
        "CommandListResponse": page_of("commands", "CommandRecord"),
        "CommandAnswer": request(
            {
                "status": one_of(ANSWER_STATUSES),
                "result": anything("The answer's data; `data` says the same."),
                "error": anything("What went wrong; `errors` takes a list."),
            },
            ("status",),
            "What an agent answers that has no socket open.",
        ),
        "Message": free(
            "Whatever the agent is to be told. With a `command_type` it is a command, and the "
            "answer that of commands."
        ),
        "MessageResponse": record(
            {"message_id": ident()} | accepted | callback, ("message_id", *accepted)
        ),
        "AgentRequest": request(asked, ("type",), "A request that waits for the agent's answer."),
        "AgentRequestAnswer": record(
            {"response": record(answer, ("request_id", "status"))},
            ("response",),
        ),
    }


def sundry_schemas(template_key):
    problem = {
        "type": words("`about:blank`, or a URN."),
        "title": words(),
        "status": integer(400, 599),
        "detail": words(),
        "instance": words(),
        "code": words("The code of this dialect's own errors."),
        "trace_id": words(),
        "correlation_id": words(),
        "errors": listed(refer("FieldIssue"), "Fields that are wrong."),
        "details": free(),
    }
    system = {
        "active_agents": count(),
        "pending_tasks": count(),
        "completed_workflows": count(),
        "average_response_time": {"type": "number", "minimum": 0, "description": "In ms."},
        "error_rate": {"type": "number", "minimum": 0, "maximum": 1},
    }
    by_agent = {
        "tasks_completed": count(),
        "average_execution_time": {"type": "number", "minimum": 0, "description": "In s."},
        "success_rate": {"type": "number", "minimum": 0, "maximum": 1},
    }
    template = {"name": label(), "content": free("What it holds, for those who ask.")}
    return {
        "Template": record(
            {template_key: ident()} | template | {"created_at": moment()},
            (template_key, "content", "created_at"),
        ),
        "TemplateUpdate": request(template),
        "TemplateListResponse": page_of("templates", "Template"),
        "StoredCallback": record(
            {"callback_id": words(), "path": words(), "stored_at": moment()},
            ("callback_id", "path", "stored_at"),
        ),
        "Topic": {
            "type": "string",
            "pattern": TOPIC_PATTERN,
            "maxLength": TOPIC_LENGTH_MAX,
            "description": "1 to 16 segments joined by dots.",
        },
        "Publishing": request(
            {"topic": refer("Topic"), "data": anything("What is told to who subscribed.")},
            ("topic",),
        ),
        "PublishingResponse": record({"sequence": count("The event's number.")}, ("sequence",)),
        "EventGap": record(
            {
                "from": count("The first event that is missing."),
                "to": count("The last one."),
                "reason": words(),
            },
            ("from", "to", "reason"),
            "Events that were asked for and are no longer kept.",
        ),
        "Metrics": record(
            {
                "system_metrics": record(system, tuple(system)),
                "agent_metrics": {
                    "type": "object",
                    "description": "By agent, at most 1,000 of them.",
                    "additionalProperties": record(by_agent, tuple(by_agent)),
                },
            },
            ("system_metrics", "agent_metrics"),
        ),
        "FieldIssue": record({"field": words(), "issue": words()}, ("field", "issue")),
        "Problem": record(
            problem,
            ("title", "status"),
            f"An error as RFC 9457 has it, for who accepts `{PROBLEM_MEDIA_TYPE}`.",
        ),
    }


def credential_schemas():
    """What is shown for a token, and what is given for that."""
    pair = {
        "client_id": words("The client's id; an agent's client has the agent's."),
        "client_secret": words("Its secret, as it was told once."),
    }
    grant = {"grant_type": one_of(["client_credentials"], "As RFC 6749 has it.")}
    return {
        "ClientCredentials": request(grant | pair, tuple(pair)),
        "AgentCredentials": request(
            {
                "agent_credentials": request(
                    pair | {"certificate": words("The one that TLS is spoken with: DER in base64.")},
                    tuple(pair),
                )
            },
            ("agent_credentials",),
        ),
        "Token": record(
            {
                "access_token": words("The token."),
                "token_type": one_of(["Bearer"]),
                "expires_in": count("For how many s it is good."),
                "scope": words("What it allows, with spaces between."),
            },
            ("access_token", "token_type", "expires_in", "scope"),
        ),
        "Ticket": record(
            {
                "ticket": words("The ticket; good once."),
                "expires_in": count("For how many s it is good."),
            },
            ("ticket", "expires_in"),
        ),
    }


def shared(priority_in, template_key):
    """All of them."""
    return (
        {"Pagination": pagination(), "RetryPolicy": retry_policy()}
        | workflow_schemas(priority_in)
        | command_schemas(priority_in)
        | sundry_schemas(template_key)
        | credential_schemas()
    )


def command(verb, priority_in):
    """A command; document A closes the list of verbs, B does not."""
    return request(
        {
            "command_type": verb,
            "payload": free("With what."),
            "priority": priority_in,
            "timeout_ms": milliseconds(
                COMMAND_TIMEOUT_MS_MIN, "How long the answer is waited for.", default=30000
            ),
            "callback_url": url("Where the answer goes as well."),
            "correlation_id": label("What it belongs to."),
        },
        ("command_type",),
    )


def error_text(description="Why it did not succeed."):
    return text(description)


def event_id():
    return uuid("The event's own id.")
