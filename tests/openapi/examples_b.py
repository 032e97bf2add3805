"""Examples of document B's dialect; those of the document itself are as they stand there."""

EVENT_ID = "0199f0a4-5f00-7c3a-9a51-2f4e6f0b7d10"
REGISTERED_AT = "2025-01-15T11:40:00.000000Z"
NOW = "2025-01-15T12:00:00.000000Z"
NEXT = "2025-01-15T12:00:30.000000Z"
PAGE = {"page": 1, "limit": 20, "total": 1, "total_pages": 1}

REGISTRATION = {
    "id": "agent-001",
    "type": "code_generation",
    "name": "Code Generator",
    "version": "1.0.0",
    "capabilities": ["javascript", "python", "react"],
    "health_check_url": "http://agent-001:8080/health",
    "configuration": {
        "max_concurrent_tasks": 5,
        "supported_frameworks": ["express", "fastapi", "react"],
    },
}
HEARTBEAT = {
    "status": "active",
    "current_tasks": 3,
    "performance_metrics": {"cpu_usage": 45.2, "memory_usage": 67.8, "task_queue_size": 12},
}
TASK = {
    "id": "task-001",
    "type": "code_generation",
    "priority": "high",
    "assigned_agent": "agent-001",
    "parent_workflow_id": "workflow-123",
    "input_data": {
        "template_id": "react-crud-template",
        "customizations": {
            "entities": ["User", "Product", "Order"],
            "authentication": "jwt",
            "database": "postgresql",
        },
    },
    "dependencies": ["task-002"],
    "timeout": 300,
    "retry_policy": {"max_attempts": 3, "backoff_strategy": "exponential"},
}
TASK_PROGRESS = {
    "status": "in_progress",
    "progress": 45,
    "output_data": {"files_generated": 12, "current_operation": "generating_api_routes"},
    "estimated_completion": "2025-01-15T14:30:00Z",
}
WORKFLOW = {
    "id": "workflow-123",
    "project_id": "proj-456",
    "name": "Full Stack App Generation",
    "stages": [
        {
            "name": "requirement_analysis",
            "agent_type": "requirement_analysis",
            "dependencies": [],
            "timeout": 120,
        },
        {
            "name": "architecture_planning",
            "agent_type": "architecture_planning",
            "dependencies": ["requirement_analysis"],
            "timeout": 180,
        },
        {
            "name": "code_generation",
            "agent_type": "code_generation",
            "dependencies": ["architecture_planning"],
            "timeout": 600,
        },
    ],
    "configuration": {"parallel_execution": False, "failure_strategy": "stop_on_error"},
}
# Where the document has an ellipsis there is a value; the target stands in the path.
AGENT_REQUEST = {
    "id": "req-001",
    "type": "generate_code",
    "source": "orchestrator-001",
    "correlation_id": "workflow-123",
    "data": {"template_id": "express-api", "parameters": {"entities": ["User"]}},
    "timeout": 300,
    "callback_url": "/api/v1/callbacks/req-001",
}
AGENT_RESPONSE = {
    "response": {
        "id": "resp-001",
        "request_id": "req-001",
        "status": "success",
        "data": {"generated_files": ["routes/user.js"], "execution_time": 45.2},
        "errors": [],
    }
}
PUBLICATION = {
    "topic": "task.code_generation.completed",
    "data": {"task_id": "task-001", "result": "success", "artifacts": ["routes/user.js"]},
}
METRICS = {
    "system_metrics": {
        "active_agents": 15,
        "pending_tasks": 42,
        "completed_workflows": 1337,
        "average_response_time": 145.2,
        "error_rate": 0.02,
    },
    "agent_metrics": {
        "code-gen-001": {
            "tasks_completed": 156,
            "average_execution_time": 89.4,
            "success_rate": 0.98,
        }
    },
}
UNAVAILABLE = {
    "error": {
        "code": "AGENT_UNAVAILABLE",
        "message": "The requested agent is currently unavailable",
        "details": {
            "agent_id": "code-gen-001",
            "last_seen": "2025-01-15T11:45:00Z",
            "retry_after": 60,
        },
        "correlation_id": "workflow-123",
        "timestamp": "2025-01-15T12:00:00Z",
    }
}

AGENT = REGISTRATION | {
    "status": "active",
    "status_detail": "busy",
    "current_tasks": 3,
    "registered_at": REGISTERED_AT,
    "last_heartbeat": NOW,
    "performance_metrics": HEARTBEAT["performance_metrics"],
    "numeric_id": 268435456,
    "stream": "main",
    "metadata": {},
}
NEW_AGENT = {
    key: value
    for key, value in AGENT.items()
    if key not in ("last_heartbeat", "performance_metrics")
} | {"status_detail": "idle", "current_tasks": 0}
NEW_TASK = TASK | {
    "priority_level": 8,
    "status": "pending",
    "progress": 0,
    "attempt": 0,
    "created_at": NOW,
    "updated_at": NOW,
}
RUNNING_TASK = NEW_TASK | {
    "status": "in_progress",
    "progress": 45,
    "output_data": TASK_PROGRESS["output_data"],
    "estimated_completion": "2025-01-15T14:30:00.000000Z",
    "attempt": 1,
    "started_at": NOW,
}


def stage_seen(stage, status):
    return stage | {"status": status}


NEW_WORKFLOW = WORKFLOW | {
    "stages": [
        stage_seen(stage, "running" if at == 0 else "pending")
        for at, stage in enumerate(WORKFLOW["stages"])
    ],
    "status": "running",
    "priority": "normal",
    "priority_level": 5,
    "progress": 0,
    "created_at": NOW,
    "updated_at": NOW,
}
DONE_WORKFLOW = NEW_WORKFLOW | {
    "stages": [stage_seen(stage, "completed") for stage in WORKFLOW["stages"]],
    "status": "completed",
    "progress": 100,
    "completed_at": NOW,
}
COMMAND = {
    "command_type": "configure",
    "payload": {"max_concurrent_tasks": 8},
    "priority": "high",
    "timeout_ms": 30000,
}
ACCEPTED = {
    "command_id": "0199f0a4-6a00-7d52-8b61-70f1a2c3d4e5",
    "agent_id": "agent-001",
    "status": "accepted",
    "accepted_at": NOW,
}
COMMAND_RECORD = (
    ACCEPTED
    | COMMAND
    | {
        "priority": 8,
        "status": "completed",
        "finished_at": NOW,
        "result": {"configured": True},
    }
)
MESSAGE_ACCEPTED = {
    "message_id": "0199f0a4-6b00-7d52-8b61-70f1a2c3d4e5",
    "agent_id": "agent-001",
    "status": "accepted",
    "accepted_at": NOW,
}
TEMPLATE_CONTENT = {
    "name": "React with create, read, update, delete",
    "content": {"framework": "react", "language": "typescript"},
}
TEMPLATE = {"id": "react-crud-template"} | TEMPLATE_CONTENT | {"created_at": REGISTERED_AT}
EVENT = {
    "id": EVENT_ID,
    "timestamp": NOW,
    "event_type": "task.progress",
    "source_agent": "agent-001",
    "correlation_id": "workflow-123",
    "payload": {
        "task_id": "task-001",
        "task_type": "code_generation",
        "priority": "high",
        "status": "in_progress",
        "agent_id": "agent-001",
        "progress": 75,
        "details": {
            "current_operation": "generating_tests",
            "files_processed": 45,
            "estimated_remaining_time": 120,
        },
    },
    "topic": "task.code_generation.progress",
    "sequence": 1041,
}
TOLD_PUBLICATION = {
    "publication": PUBLICATION
    | {"id": EVENT_ID, "timestamp": NOW, "sequence": 1042, "source": "agent-001"}
}
EVENT_PAGE = {"events": [EVENT, TOLD_PUBLICATION], "next_after": 1042, "head": 1042}
STORED = {"callback_id": "req-001", "path": "/api/v1/callbacks/req-001", "stored_at": NOW}
CANCELLED = {"status": "cancelled", "cancelled_at": NOW}

# By operation: what is sent, and what is answered by status.
PAIR = {"client_id": "agent-001", "client_secret": "as it was told once"}
REQUESTS = {
    "issueToken": {"agent_credentials": PAIR},
    "registerAgent": REGISTRATION,
    "registerOrRefreshAgent": REGISTRATION,
    "updateAgent": {"version": "1.1.0", "configuration": {"max_concurrent_tasks": 8}},
    "sendHeartbeat": HEARTBEAT,
    "createTask": TASK,
    "updateTask": TASK_PROGRESS,
    "createWorkflow": WORKFLOW,
    "sendCommand": COMMAND,
    "sendMessage": {"text": "The schema has changed"},
    "sendRequest": AGENT_REQUEST,
    "answerCommand": {"status": "success", "result": {"configured": True}},
    "storeCallback": AGENT_RESPONSE,
    "putTemplate": TEMPLATE_CONTENT,
    "publishEvent": PUBLICATION,
}
FORMS = {"issueToken": {"grant_type": "client_credentials"} | PAIR}
ANSWERS = {
    "issueToken": {
        200: {
            "access_token": "eyJhbGciOiJFUzI1NiJ9.e30.c2lnbmF0dXJl",
            "token_type": "Bearer",
            "expires_in": 900,
            "scope": "read agents",
        }
    },
    "giveTicket": {201: {"ticket": "agntticket_Zk1vZkl2Q0V6d0lTaGF1bXQ3c1hLbHVfYXJrM0p0cUE", "expires_in": 30}},
    "listAgents": {200: {"agents": [AGENT], "pagination": PAGE}},
    "registerAgent": {201: NEW_AGENT, 200: AGENT},
    "registerOrRefreshAgent": {201: NEW_AGENT, 200: AGENT},
    "getAgent": {200: AGENT},
    "updateAgent": {
        200: AGENT
        | {
            "version": "1.1.0",
            "configuration": REGISTRATION["configuration"] | {"max_concurrent_tasks": 8},
        }
    },
    "getAgentStatus": {
        200: {
            "id": "agent-001",
            "status": "active",
            "status_detail": "busy",
            "current_tasks": 3,
            "max_tasks": 5,
            "last_heartbeat": NOW,
            "performance_metrics": HEARTBEAT["performance_metrics"],
        }
    },
    "sendHeartbeat": {200: {"id": "agent-001", "status": "active", "next_heartbeat": NEXT}},
    "listTasks": {200: {"tasks": [RUNNING_TASK], "pagination": PAGE}},
    "createTask": {201: NEW_TASK},
    "getTask": {200: RUNNING_TASK},
    "updateTask": {200: RUNNING_TASK},
    "cancelTask": {200: {"id": "task-001"} | CANCELLED},
    "listWorkflows": {200: {"workflows": [NEW_WORKFLOW], "pagination": PAGE}},
    "createWorkflow": {201: NEW_WORKFLOW, 200: DONE_WORKFLOW},
    "getWorkflow": {200: NEW_WORKFLOW},
    "cancelWorkflow": {200: {"id": "workflow-123"} | CANCELLED},
    "sendCommand": {202: ACCEPTED},
    "listCommands": {200: {"commands": [COMMAND_RECORD], "pagination": PAGE}},
    "getCommand": {200: COMMAND_RECORD},
    "sendMessage": {202: MESSAGE_ACCEPTED},
    "sendRequest": {200: AGENT_RESPONSE},
    "answerCommand": {200: COMMAND_RECORD},
    "getCallback": {200: AGENT_RESPONSE},
    "storeCallback": {201: STORED},
    "listTemplates": {200: {"templates": [TEMPLATE], "pagination": PAGE}},
    "getTemplate": {200: TEMPLATE},
    "putTemplate": {201: TEMPLATE, 200: TEMPLATE},
    "listEvents": {200: EVENT_PAGE},
    "publishEvent": {202: {"sequence": 1042}},
    "getMetrics": {200: METRICS},
}
# What stands in a path, where it is shown.
IDS = {
    "agent_id": "agent-001",
    "task_id": "task-001",
    "workflow_id": "workflow-123",
    "command_id": ACCEPTED["command_id"],
    "callback_id": "req-001",
    "template_id": "react-crud-template",
}


def error(code, message, **details):
    """An error as document B writes it."""
    body = {"code": code, "message": message}
    if details:
        body["details"] = details
    return {"error": body | {"correlation_id": EVENT_ID, "timestamp": NOW}}
