"""What can be asked of the server: one table for both documents, whose schemas differ in shape only."""

import dataclasses

from parameters import EVENTS_QUERY, PAGES, REASON, SEVERAL, Parameter, agents_query, tasks_query
from shapes import COMMAND_STATUSES, WORKFLOW_STATUSES, flag, ident, label, one_of

TAGS = {
    "agents": "Who does the work: registered, alive, shown on the screen.",
    "tasks": "What is to be done: given to agents, followed to its end.",
    "workflows": "Stages that depend on each other, each done by one task.",
    "commands": "What agents are told and asked, and what they answer.",
    "callbacks": "Answers that are kept under a path of this server.",
    "templates": "What tasks may name. While there is none, every template_id is accepted.",
    "events": "What happened, in order, each with its number; kept and streamed.",
    "metrics": "How the swarm does.",
    "credentials": "Tokens for clients that show their secret, tickets for the sockets of browsers.",
    "realtime": "The same over a WebSocket; asyncapi.json describes the viewers' messages.",
}

# Refusals that every request may meet.
ALWAYS = (400, 401, 403, 429, 500, 503)
WRITES = (408, 507)
BODIES = (408, 413, 415)


@dataclasses.dataclass(frozen=True)
class Operation:
    """A method of a path, with what goes in and comes out."""

    method: str
    path: str
    id: str
    tag: str
    summary: str
    # Status by status: what it means, and the schema of what is shown, if anything is.
    answers: dict
    description: str = ""
    # Each of them is enough.
    scopes: tuple = ("read",)
    query: tuple = ()
    body: str | tuple | None = None
    body_is_required: bool = True
    # The schema of the body as a form, where that is taken, too.
    form: str | None = None
    # Whether it changes what is stored, so that it can be in conflict with that, and be repeated.
    is_change: bool = True
    # Whether any credential is shown in the head of the request.
    is_known: bool = True
    refusals: tuple = ()

    @property
    def parameters_in_path(self):
        return [part[1:-1] for part in self.path.split("/") if part.startswith("{")]

    @property
    def statuses(self):
        """Every status that is no success."""
        found = {*ALWAYS, *self.refusals}
        if self.parameters_in_path:
            found.add(404)
        if self.method != "get" and self.is_change:
            found |= {*WRITES, 409}
        if self.body:
            found |= {*BODIES}
        return sorted(found)


def agents(is_b):
    known = {200: ("Agent updated successfully", "Agent")}
    registered = "Agent" if is_b else "AgentRegistrationResponse"
    again = {200: ("The agent was known, and is refreshed", registered)}
    upsert = Parameter("upsert", flag(), "Whether an agent that is known is refreshed.")
    new = {201: ("Agent registered successfully", registered)}
    return [
        Operation(
            "get",
            "/agents",
            "listAgents",
            "agents",
            "List all agents",
            {200: ("Successful response", "AgentListResponse")},
            "In the order of registration.",
            query=agents_query(is_b),
        ),
        Operation(
            "post",
            "/agents",
            "registerAgent",
            "agents",
            "Register a new agent",
            new | again,
            "An agent that is known is refreshed." if is_b else "An agent that is known is 409.",
            ("agents",),
            query=(upsert,),
            body="AgentRegistration",
        ),
        Operation(
            "post",
            "/agents/register",
            "registerOrRefreshAgent",
            "agents",
            "Register an agent, or refresh it",
            new | again,
            scopes=("agents",),
            query=(upsert,),
            body="AgentRegistration",
        ),
        Operation(
            "get",
            "/agents/{agent_id}",
            "getAgent",
            "agents",
            "Get agent details",
            {200: ("Successful response", "Agent")},
        ),
        Operation(
            "put",
            "/agents/{agent_id}",
            "updateAgent",
            "agents",
            "Update agent configuration",
            known,
            "What is not given stays as it is.",
            ("agents",),
            body="AgentUpdate",
        ),
        Operation(
            "delete",
            "/agents/{agent_id}",
            "deregisterAgent",
            "agents",
            "Deregister agent",
            {204: ("Agent deregistered successfully", None)},
            "Its tasks go back to others; its open commands are cancelled.",
            ("agents",),
        ),
        Operation(
            "get",
            "/agents/{agent_id}/status",
            "getAgentStatus",
            "agents",
            "Get agent status",
            {200: ("Successful response", "AgentStatus")},
        ),
        Operation(
            "post",
            "/agents/{agent_id}/heartbeat",
            "sendHeartbeat",
            "agents",
            "Say that an agent is alive",
            {200: ("Heard", "HeartbeatResponse")},
            "Every 30 s; after 90 s of silence an agent is offline.",
            ("agents",),
            body="Heartbeat",
            body_is_required=False,
        ),
    ]


def tasks(is_b):
    return [
        Operation(
            "get",
            "/tasks",
            "listTasks",
            "tasks",
            "List tasks",
            {200: ("Successful response", "TaskListResponse")},
            "In the order of creation. An agent without a socket finds its work by agent_id and "
            "status=pending.",
            query=tasks_query(is_b),
        ),
        Operation(
            "post",
            "/tasks",
            "createTask",
            "tasks",
            "Create a new task",
            {201: ("Task created successfully", "Task")},
            "It waits until its dependencies are completed and an agent has room. A deadline that is "
            "past is 422, as are tasks that would wait for each other.",
            ("tasks",),
            body="TaskCreation",
            refusals=(422,),
        ),
        Operation(
            "get",
            "/tasks/{task_id}",
            "getTask",
            "tasks",
            "Get task details",
            {200: ("Successful response", "Task")},
        ),
        Operation(
            "patch",
            "/tasks/{task_id}",
            "updateTask",
            "tasks",
            "Update task status",
            {200: ("Task updated", "Task")},
            "An agent begins, reports and ends a task by this. A change that the state does not "
            "allow is 409, both states named; a start before its dependencies 412.",
            ("agents", "tasks"),
            body="TaskUpdate",
            refusals=(412,),
        ),
        Operation(
            "delete",
            "/tasks/{task_id}",
            "cancelTask",
            "tasks",
            "Cancel task",
            {200: ("Task cancelled successfully", "TaskCancellation")},
            "The task is kept, as cancelled. One that has ended is 409.",
            ("tasks",),
            (REASON,),
        ),
    ]


def workflows(_is_b):
    wait = Parameter("wait", flag(default=False), "Whether the answer waits for the end.")
    return [
        Operation(
            "get",
            "/workflows",
            "listWorkflows",
            "workflows",
            "List workflows",
            {200: ("In the order of creation", "WorkflowListResponse")},
            query=(
                *PAGES,
                Parameter("status", one_of(WORKFLOW_STATUSES), SEVERAL),
                Parameter("project_id", label()),
            ),
        ),
        Operation(
            "post",
            "/workflows",
            "createWorkflow",
            "workflows",
            "Create a workflow",
            {201: ("Begun", "Workflow"), 200: ("With wait=true: completed", "Workflow")},
            "With wait=true the answer comes with the end: 200 if it completed, 500 "
            "WORKFLOW_FAILED if it did not, 408 TASK_TIMEOUT if the time was over first.",
            ("tasks",),
            query=(wait,),
            body="WorkflowCreation",
            refusals=(422,),
        ),
        Operation(
            "get",
            "/workflows/{workflow_id}",
            "getWorkflow",
            "workflows",
            "Get a workflow",
            {200: ("The workflow and its stages", "Workflow")},
        ),
        Operation(
            "delete",
            "/workflows/{workflow_id}",
            "cancelWorkflow",
            "workflows",
            "Cancel a workflow",
            {200: ("Cancelled", "WorkflowCancellation")},
            "It is kept, as cancelled; its running tasks are cancelled.",
            ("tasks",),
            (REASON,),
        ),
    ]


def commands(_is_b):
    accepted = {202: ("Command accepted", "CommandResponse")}
    told = ("Accepted", ("CommandResponse", "MessageResponse"))
    return [
        Operation(
            "post",
            "/agents/{agent_id}/commands",
            "sendCommand",
            "commands",
            "Send command to agent",
            accepted,
            "An agent that is away gets it when it comes, within timeout_ms.",
            ("control",),
            body="Command",
        ),
        Operation(
            "get",
            "/agents/{agent_id}/commands",
            "listCommands",
            "commands",
            "List an agent's commands",
            {200: ("In the order of their issue", "CommandListResponse")},
            "An agent without a socket finds what it is told by status=accepted.",
            query=(*PAGES, Parameter("status", one_of(COMMAND_STATUSES), SEVERAL)),
        ),
        Operation(
            "get",
            "/agents/{agent_id}/commands/{command_id}",
            "getCommand",
            "commands",
            "Get a command",
            {200: ("The command, and its answer if there is one", "CommandRecord")},
        ),
        Operation(
            "post",
            "/agents/{agent_id}/message",
            "sendMessage",
            "commands",
            "Send a message to an agent",
            {202: told},
            scopes=("control",),
            body="Message",
        ),
        Operation(
            "post",
            "/agents/{agent_id}/requests",
            "sendRequest",
            "commands",
            "Ask an agent, and wait for its answer",
            {200: ("Answered", "AgentRequestAnswer")},
            "503 AGENT_UNAVAILABLE if the agent is away, 408 TASK_TIMEOUT if it does not answer.",
            ("control",),
            body="AgentRequest",
        ),
        Operation(
            "post",
            "/commands/{command_id}/response",
            "answerCommand",
            "commands",
            "Answer a command",
            {200: ("Taken", ("CommandRecord", "Task"))},
            "For agents that have no socket open. The id may be that of a task, too.",
            ("agents",),
            body="CommandAnswer",
        ),
    ]


def sundry(_is_b):
    return [
        Operation(
            "get",
            "/callbacks/{callback_id}",
            "getCallback",
            "callbacks",
            "Get an answer",
            {200: ("What was kept, as it was sent", "")},
            "Answers go here by a relative callback_url.",
        ),
        Operation(
            "post",
            "/callbacks/{callback_id}",
            "storeCallback",
            "callbacks",
            "Keep an answer",
            {201: ("Kept", "StoredCallback")},
            scopes=("agents",),
            body="",
        ),
        Operation(
            "get",
            "/templates",
            "listTemplates",
            "templates",
            "List templates",
            {200: ("In the order of creation", "TemplateListResponse")},
            query=PAGES,
        ),
        Operation(
            "get",
            "/templates/{template_id}",
            "getTemplate",
            "templates",
            "Get a template",
            {200: ("The template", "Template")},
        ),
        Operation(
            "put",
            "/templates/{template_id}",
            "putTemplate",
            "templates",
            "Make or replace a template",
            {201: ("Made", "Template"), 200: ("Replaced", "Template")},
            scopes=("tasks",),
            body="TemplateUpdate",
        ),
        Operation(
            "delete",
            "/templates/{template_id}",
            "deleteTemplate",
            "templates",
            "Remove a template",
            {204: ("Removed", None)},
            scopes=("tasks",),
        ),
        Operation(
            "get",
            "/events",
            "listEvents",
            "events",
            "Read or follow events",
            {200: ("Events in order", "EventPage")},
            "With `Accept: text/event-stream` they go on as they happen: `id` is the sequence, "
            "`event` the type, `data` the event. Ask for what follows with `after`.",
            query=EVENTS_QUERY,
        ),
        Operation(
            "post",
            "/events",
            "publishEvent",
            "events",
            "Publish on a topic",
            {202: ("Published", "PublishingResponse")},
            "Subscribers hear it as a publication; it changes nothing else.",
            ("publish",),
            body="Publishing",
        ),
        Operation(
            "get",
            "/metrics",
            "getMetrics",
            "metrics",
            "Figures of the swarm",
            {200: ("Figures", "Metrics")},
            scopes=("metrics",),
            query=(Parameter("agent_id", ident(), "Only this agent's."),),
            refusals=(404,),
        ),
    ]


def credentials(is_b):
    return [
        Operation(
            "post",
            "/auth/token",
            "issueToken",
            "credentials",
            "Get a token for a client's id and secret",
            {200: ("The token", "Token")},
            "As RFC 6749, 4.4 has it; id and secret may stand in `Authorization: Basic` instead. A client "
            "that was made with a certificate must have shown that over TLS as well.",
            (),
            body=("ClientCredentials", "AgentCredentials") if is_b else "ClientCredentials",
            form="ClientCredentials",
            is_change=False,
            is_known=False,
        ),
        Operation(
            "post",
            "/auth/ticket",
            "giveTicket",
            "credentials",
            "Get a ticket for one socket",
            {201: ("The ticket", "Ticket")},
            "It stands for whoever asks, once, in the query of a WebSocket: `?ticket=`.",
            (),
            is_change=False,
        ),
    ]


def operations(is_b):
    """All that a document describes, but for the WebSocket."""
    parts = (agents, tasks, workflows, commands, sundry, credentials)
    return [one for part in parts for one in part(is_b)]
