"""Examples of document A's dialect, about the agent of its own examples."""

import examples_b as b

TASK_ID = "0199f0a4-5f00-7c3a-9a51-2f4e6f0b7d10"
TRACE_ID = "6f9619ff-8b86-4d11-b42d-00c04fc964ff"
CAPABILITIES = ["text-analysis", "data-processing"]

REGISTRATION = {
    "agent_id": "analyzer-001",
    "capabilities": CAPABILITIES,
    "max_tasks": 10,
    "metadata": {"team": "research"},
}
USAGE = {"cpu_percent": 45.2, "memory_mb": 512, "disk_mb": 2048}
AGENT = {
    "agent_id": "analyzer-001",
    "status": "idle",
    "capabilities": CAPABILITIES,
    "registered_at": b.REGISTERED_AT,
    "last_heartbeat": b.NOW,
    "resource_usage": USAGE,
    "current_tasks": 2,
    "max_tasks": 10,
    "numeric_id": 268435456,
    "stream": "main",
    "metadata": {"team": "research"},
}
REGISTERED = {
    "agent_id": "analyzer-001",
    "registered_at": b.REGISTERED_AT,
    "numeric_id": 268435456,
    "heartbeat_interval": 30,
}
NEW_TASK = {
    "type": "analysis",
    "priority": 8,
    "deadline": "2035-01-15T14:30:00Z",
    "task_data": {"text": "How do agents talk to each other?", "language": "en"},
}
TASK = NEW_TASK | {
    "task_id": TASK_ID,
    "status": "pending",
    "created_at": b.NOW,
    "deadline": "2035-01-15T14:30:00.000000Z",
    "task_type": "analysis",
    "progress": 0,
    "attempt": 0,
    "updated_at": b.NOW,
}
ASSIGNED_TASK = TASK | {
    "status": "running",
    "assigned_agent": "analyzer-001",
    "progress": 45,
    "result": {"sentences": 12},
    "attempt": 1,
    "started_at": b.NOW,
}
COMMAND = {
    "command_type": "configure",
    "payload": {"max_tasks": 8},
    "priority": 5,
    "timeout_ms": 30000,
}
ACCEPTED = b.ACCEPTED | {"agent_id": "analyzer-001"}
COMMAND_RECORD = b.COMMAND_RECORD | COMMAND | {"agent_id": "analyzer-001"}
TEMPLATE = {"template_id": b.TEMPLATE["id"]} | {
    key: value for key, value in b.TEMPLATE.items() if key != "id"
}
EVENT = {
    "type": "event",
    "id": b.EVENT_ID,
    "timestamp": b.NOW,
    "event_type": "task_assigned",
    "payload": {
        "task_id": TASK_ID,
        "agent_id": "analyzer-001",
        "task_type": "analysis",
        "priority": 8,
    },
    "topic": "task.analysis.assigned",
    "sequence": 1041,
}

FORMS = b.FORMS
REQUESTS = b.REQUESTS | {
    "issueToken": b.FORMS["issueToken"],
    "registerAgent": REGISTRATION,
    "registerOrRefreshAgent": REGISTRATION,
    "updateAgent": {"max_tasks": 8, "metadata": {"team": "search"}},
    "sendHeartbeat": {"status": "idle", "current_tasks": 2, "resource_usage": USAGE},
    "createTask": NEW_TASK,
    "updateTask": {
        "status": "running",
        "progress": 45,
        "result": {"sentences": 12},
        "assigned_agent": "analyzer-001",
    },
    "sendCommand": COMMAND,
    "publishEvent": {"topic": "research.corpus.changed", "data": {"documents": 1024}},
}
ANSWERS = b.ANSWERS | {
    "listAgents": {200: {"agents": [AGENT], "pagination": b.PAGE}},
    "registerAgent": {201: REGISTERED, 200: REGISTERED},
    "registerOrRefreshAgent": {201: REGISTERED, 200: REGISTERED},
    "getAgent": {200: AGENT},
    "updateAgent": {200: AGENT | {"max_tasks": 8, "metadata": {"team": "search"}}},
    "getAgentStatus": {
        200: {
            key: AGENT[key]
            for key in (
                "agent_id",
                "status",
                "current_tasks",
                "max_tasks",
                "last_heartbeat",
                "resource_usage",
            )
        }
    },
    "sendHeartbeat": {
        200: {"agent_id": "analyzer-001", "status": "idle", "next_heartbeat": b.NEXT}
    },
    "listTasks": {200: {"tasks": [ASSIGNED_TASK], "pagination": b.PAGE}},
    "createTask": {201: TASK},
    "getTask": {200: ASSIGNED_TASK},
    "updateTask": {200: ASSIGNED_TASK},
    "cancelTask": {200: {"task_id": TASK_ID} | b.CANCELLED},
    "sendCommand": {202: ACCEPTED},
    "listCommands": {200: {"commands": [COMMAND_RECORD], "pagination": b.PAGE}},
    "getCommand": {200: COMMAND_RECORD},
    "sendMessage": {202: b.MESSAGE_ACCEPTED | {"agent_id": "analyzer-001"}},
    "answerCommand": {200: COMMAND_RECORD},
    "storeCallback": {201: b.STORED | {"path": "/v1/callbacks/req-001"}},
    "listTemplates": {200: {"templates": [TEMPLATE], "pagination": b.PAGE}},
    "getTemplate": {200: TEMPLATE},
    "putTemplate": {201: TEMPLATE, 200: TEMPLATE},
    "listEvents": {200: {"events": [EVENT], "next_after": 1041, "head": 1041}},
}
IDS = b.IDS | {"agent_id": "analyzer-001", "task_id": TASK_ID}


def error(code, message, **details):
    """An error as document A writes it: its details are fields, so that others are left out."""
    issues = [{"field": key, "issue": value} for key, value in details.get("issues", {}).items()]
    body = {"error_code": code, "message": message}
    return body | ({"details": issues} if issues else {}) | {"trace_id": TRACE_ID}
