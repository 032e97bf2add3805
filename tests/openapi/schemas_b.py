"""Document B's schemas, in its own names and units: seconds, percent, words for priorities."""

from schemas_a import event_page
from schemas_shared import (
    command,
    error_text,
    event_id,
    page_of,
    shared,
    word_or_level,
)
from shapes import (
    AGENT_STATUSES,
    AGENT_STATUSES_B,
    PRIORITY_WORDS,
    TASK_STATUSES_B,
    TASKS_MAX,
    U32_MAX,
    capabilities,
    count,
    dependencies,
    flag,
    free,
    ident,
    integer,
    label,
    listed,
    megabytes,
    moment,
    numeric_id,
    one_of,
    percent,
    record,
    refer,
    request,
    seconds,
    url,
    words,
)


def agent_status(**more):
    return one_of(AGENT_STATUSES_B, title="State", **more)


def agent_schemas():
    texts = {
        "type": label("What kind of agent it is; it gets tasks of that type."),
        "name": label("What people call it."),
        "version": label("Its software's version."),
    }
    given = texts | {
        "capabilities": capabilities("What it can do; it gets tasks of these types."),
        "health_check_url": url("Asked now and then, if the server is set up to."),
        "configuration": refer("AgentConfiguration"),
        "metadata": free("Whatever else is to be known; unknown keys are put here."),
    }
    metrics = {
        "cpu_usage": percent("In percent."),
        "memory_usage": percent("In percent."),
        "task_queue_size": integer(0, U32_MAX, "Tasks that wait at the agent."),
        "memory_mb": megabytes(),
        "disk_mb": megabytes(),
    }
    known = {
        "status": one_of(
            ["active", *AGENT_STATUSES[2:]],
            "`active` is idle or busy; status_detail says which.",
            title="State",
        ),
        "status_detail": one_of(AGENT_STATUSES),
        "current_tasks": count(),
        "last_heartbeat": moment(),
        "performance_metrics": refer("PerformanceMetrics"),
    }
    shown = {
        "id": ident(),
        "capabilities": listed(words()),
        "registered_at": moment(),
        "numeric_id": numeric_id(),
        "stream": ident("The swarm that it is drawn in."),
        "paused": flag("Whether the command `pause` keeps tasks from it."),
        "metadata": free(),
    }
    return {
        "AgentConfiguration": request(
            {
                "max_concurrent_tasks": integer(
                    1, TASKS_MAX, "How many tasks it takes at once.", default=5
                ),
            },
        ),
        "Agent": record(
            given | known | shown,
            ("id", "capabilities", "status", "status_detail", "current_tasks", "registered_at"),
        ),
        "AgentRegistration": request(
            {"id": ident()}
            | given
            | {"stream": ident("The swarm that it is drawn in.", default="main")},
            ("id", "capabilities"),
        ),
        "AgentUpdate": request(
            given | {"status": agent_status()},
            description="What is given is changed. metadata and configuration are merged key by "
            "key, and null removes one.",
        ),
        "AgentListResponse": page_of("agents", "Agent"),
        "AgentStatus": record(
            {"id": ident(), "max_tasks": integer(1, None)} | known,
            ("id", "status", "status_detail", "current_tasks", "max_tasks"),
        ),
        "PerformanceMetrics": request(metrics),
        "Heartbeat": request(
            {
                "status": agent_status(),
                "current_tasks": integer(0, U32_MAX),
                "performance_metrics": refer("PerformanceMetrics"),
            }
        ),
        "HeartbeatResponse": record(
            {
                "id": ident(),
                "status": known["status"],
                "next_heartbeat": moment("When the next one is expected."),
            },
            ("id", "status", "next_heartbeat"),
        ),
    }


def task_schemas():
    asked = {
        "assigned_agent": ident("The agent that is to do it; else one that can."),
        "parent_workflow_id": ident(),
        "input_data": free("What to work on."),
        "dependencies": dependencies("Tasks that must be completed first."),
        "timeout": seconds("How long one attempt may run, in s."),
        "deadline": moment("When it times out, whatever its state."),
        "retry_policy": refer("RetryPolicy"),
        "metadata": free(),
    }
    ending = {
        "estimated_completion": moment("When the agent expects to be done."),
        "error": error_text(),
    }
    status = one_of(TASK_STATUSES_B)
    return {
        "Task": record(
            asked
            | {
                "id": ident(),
                "type": ident(),
                "priority": refer("PriorityWord"),
                "priority_level": integer(1, 10, "The same as a number."),
                "status": status,
                "stage": words("The stage of its workflow."),
                "output_data": free("What came of it."),
                "progress": percent(),
                "dependencies": listed(ident()),
                "attempt": count("The attempt that runs or ran last; 0 before the first."),
                "estimated_completion": moment(),
                "error": words(),
                "created_at": moment(),
                "updated_at": moment(),
                "started_at": moment(),
                "completed_at": moment("When it came to its end, whichever."),
            },
            (
                "id",
                "type",
                "priority",
                "priority_level",
                "status",
                "input_data",
                "progress",
                "dependencies",
                "retry_policy",
                "attempt",
                "created_at",
                "updated_at",
            ),
        ),
        "TaskCreation": request(
            {
                "id": ident("One is made if none is given."),
                "type": ident("What is to be done: one segment of the topics of its events."),
                "priority": word_or_level(),
            }
            | asked,
            ("type",),
        ),
        "TaskUpdate": request(
            {
                "status": status,
                "progress": integer(0, 100, "In percent; of a running task."),
                "output_data": free("Merged into what is there; at the end it replaces it."),
                "priority": word_or_level(),
                "assigned_agent": ident("Who claims the task, or reports."),
                "metadata": free(),
            }
            | ending
        ),
        "TaskListResponse": page_of("tasks", "Task"),
        "TaskCancellation": record(
            {
                "id": ident(),
                "status": one_of(["cancelled"]),
                "cancelled_at": moment(),
                "reason": words(),
            },
            ("id", "status", "cancelled_at"),
        ),
    }


def event_schemas():
    event = {
        "id": event_id(),
        "timestamp": moment(),
        "event_type": words("`task.progress` and so on."),
        "source_agent": words("Who made it happen."),
        "target_agent": words("Whom it is for."),
        "correlation_id": words("What it belongs to."),
        "payload": free(),
        "topic": words("`task.code_generation.progress` and so on."),
        "sequence": count("1, 2, 3 and so on, in the order of what happened."),
    }
    publication = {
        "topic": words(),
        "data": {"description": "What was published: any JSON value."},
        "id": event_id(),
        "timestamp": moment(),
        "sequence": count(),
        "source": words("Who published it."),
    }
    told = {"anyOf": [refer("Event"), refer("Publication")]}
    return {
        "Event": record(event, ("id", "timestamp", "event_type", "payload", "topic", "sequence")),
        "Publication": record(
            {
                "publication": record(
                    publication, ("topic", "id", "timestamp", "sequence"), title="Body"
                )
            },
            ("publication",),
            "What a client published.",
        ),
        "EventPage": event_page(told, refer("EventGap")),
    }


def error_schemas():
    body = {
        "code": words("`AGENT_UNAVAILABLE` and so on."),
        "message": words(),
        "details": free("Ids, states, caps, or the fields that are wrong."),
        "correlation_id": words("What the request belongs to."),
        "timestamp": moment(),
        "trace_id": words("What the log knows the request by."),
    }
    required = ("code", "message", "correlation_id", "timestamp")
    return {"Error": record({"error": record(body, required, title="Body")}, ("error",))}


def schemas():
    """All of them."""
    return (
        shared(word_or_level(), "id")
        | agent_schemas()
        | task_schemas()
        | event_schemas()
        | error_schemas()
        | {
            "PriorityWord": one_of(PRIORITY_WORDS),
            "Command": command(label("One of document A's verbs, or your own."), word_or_level()),
        }
    )
