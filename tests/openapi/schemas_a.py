"""Document A's schemas: what stands in its source is laid under these, and stays as it is there."""

from schemas_shared import command, error_text, event_id, level, page_of, shared
from shapes import (
    AGENT_STATUSES,
    TASK_STATUSES,
    TASK_TYPES,
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
    milliseconds,
    moment,
    numeric_id,
    one_of,
    percent,
    record,
    refer,
    request,
    url,
    words,
)

VERBS = ["execute", "stop", "pause", "resume", "configure", "shutdown"]


def agent_status(**more):
    """The title keeps generated clients from giving it the name of the schema AgentStatus."""
    return one_of(AGENT_STATUSES, title="State", **more)


def agent_texts():
    """What document B has of an agent and A has not."""
    return {
        "type": label("What kind of agent it is; it gets tasks of that type."),
        "name": label("What people call it."),
        "version": label("Its software's version."),
        "configuration": free(),
        "health_check_url": url("Asked now and then, if the server is set up to."),
    }


def agent_schemas():
    given = {
        "capabilities": capabilities("What it can do; it gets tasks of these types."),
        "max_tasks": integer(1, TASKS_MAX, "How many tasks it takes at once."),
        "metadata": free("Whatever else is to be known; unknown keys are put here."),
    }
    shown = {
        "numeric_id": numeric_id(),
        "stream": ident("The swarm that it is drawn in."),
        "metadata": free(),
        "paused": flag("Whether the command `pause` keeps tasks from it."),
    }
    status = {
        "agent_id": ident(),
        "status": agent_status(),
        "current_tasks": count(),
        "max_tasks": integer(1, None),
        "last_heartbeat": moment(),
        "resource_usage": refer("ResourceUsage"),
    }
    heartbeat = {
        "status": agent_status(),
        "current_tasks": integer(0, U32_MAX),
        "resource_usage": refer("ResourceUsage"),
    }
    return {
        "Agent": record({"agent_id": ident(), "status": agent_status()} | agent_texts() | shown),
        "AgentRegistration": request(
            {"agent_id": ident()}
            | given
            | agent_texts()
            | {"stream": ident("The swarm that it is drawn in.", default="main")}
        ),
        "AgentRegistrationResponse": record(
            {
                "agent_id": ident(),
                "registered_at": moment(),
                "numeric_id": numeric_id(),
                "heartbeat_interval": count("In s."),
            },
            ("agent_id", "registered_at", "numeric_id", "heartbeat_interval"),
        ),
        "AgentUpdate": request(
            given | agent_texts() | {"status": agent_status()},
            description="What is given is changed. metadata and configuration are merged key by "
            "key, and null removes one.",
        ),
        "AgentListResponse": page_of("agents", "Agent"),
        "AgentStatus": record(status, ("agent_id", "status", "current_tasks", "max_tasks")),
        "Heartbeat": request(heartbeat),
        "HeartbeatResponse": record(
            {
                "agent_id": ident(),
                "status": agent_status(),
                "next_heartbeat": moment("When the next one is expected."),
            },
            ("agent_id", "status", "next_heartbeat"),
        ),
        "ResourceUsage": {
            "properties": {
                "memory_mb": megabytes(),
                "disk_mb": megabytes(),
                "memory_percent": percent(),
                "task_queue_size": integer(0, U32_MAX, "Tasks that wait at the agent."),
            },
            "additionalProperties": True,
        },
    }


def task_type():
    return ident(
        "What is to be done. analysis, synthesis, execution, validation and monitoring are usual; "
        "any other is shown as execution, with its own name in task_type."
    )


def task_schemas():
    asked = {
        "assigned_agent": ident("The agent that is to do it; else one that can."),
        "dependencies": dependencies("Tasks that must be completed first."),
        "workflow_id": ident(),
        "timeout_ms": milliseconds(1, "How long one attempt may run."),
        "retry_policy": refer("RetryPolicy"),
    }
    ending = {
        "estimated_completion": moment("When the agent expects to be done."),
        "error": error_text(),
    }
    return {
        "Task": record(
            {
                "task_id": {"description": "The task's own id, if that is a UUID."},
                "type": one_of(TASK_TYPES),
                "status": one_of(TASK_STATUSES),
                "external_id": ident("The id that it was given, if that is no UUID."),
                "task_type": ident("The type that it was given."),
                "progress": percent(),
                "dependencies": listed(ident()),
                "workflow_id": ident(),
                "stage": words("The stage of its workflow."),
                "timeout_ms": count(),
                "retry_policy": refer("RetryPolicy"),
                "attempt": count("The attempt that runs or ran last; 0 before the first."),
                "estimated_completion": moment(),
                "error": words(),
                "started_at": moment(),
                "finished_at": moment(),
                "updated_at": moment(),
                "metadata": free(),
            }
        ),
        "TaskCreation": request(
            {
                "type": task_type(),
                "task_id": ident("One is made if none is given."),
                "priority": level(default=5),
                "deadline": moment("When it times out, whatever its state."),
                "task_data": free("What to work on."),
                "metadata": free(),
            }
            | asked,
            ("type",),
        ),
        "TaskUpdate": request(
            {
                "status": one_of(TASK_STATUSES),
                "progress": integer(0, 100, "In percent; of a running task."),
                "result": free("Merged into what is there; at the end it replaces it."),
                "priority": level(),
                "assigned_agent": ident("Who claims the task, or reports."),
                "metadata": free(),
            }
            | ending
        ),
        "TaskListResponse": page_of("tasks", "Task"),
        "TaskCancellation": record(
            {
                "task_id": ident(),
                "status": one_of(["cancelled"]),
                "cancelled_at": moment(),
                "reason": words(),
            },
            ("task_id", "status", "cancelled_at"),
        ),
    }


def event_schemas():
    gap = refer("EventGap")
    return {
        "Event": record(
            {
                "type": one_of(["event"]),
                "id": event_id(),
                "timestamp": moment(),
                "event_type": words("`task_assigned` and so on."),
                "payload": free(),
                "topic": words("`task.analysis.assigned` and so on."),
                "sequence": count("1, 2, 3 and so on, in the order of what happened."),
            },
            ("type", "id", "timestamp", "event_type", "payload", "topic", "sequence"),
        ),
        "EventPage": event_page(refer("Event"), gap),
    }


def event_page(event, gap):
    return record(
        {
            "events": listed(event),
            "next_after": count("What to ask for next as `after`."),
            "head": count("The newest event's number."),
            "gap": gap,
        },
        ("events", "next_after", "head"),
    )


def schemas():
    """All of them, to be laid over the source's."""
    ours = (
        shared(level(default=5), "template_id") | agent_schemas() | task_schemas() | event_schemas()
    )
    verb = one_of(VERBS, "What each does to the agent is described at the top.")
    return ours | {"Command": command(verb, level(default=5))}
