#!/usr/bin/env python3
"""A full story by the client that openapi-python-client makes of docs/openapi/v1.json.

    story_v1.py URL KEY        the generated package agnt_v1 is on the path

An agent registers, is given a task, reports and completes it, does both stages of a workflow, is
told something, and goes. Each answer is of the generated type that the document promises.
"""

import sys
import uuid

from agnt_v1 import AuthenticatedClient
from agnt_v1.api.agents import (
    deregister_agent,
    get_agent,
    get_agent_status,
    list_agents,
    register_agent,
    send_heartbeat,
    update_agent,
)
from agnt_v1.api.commands import answer_command, get_command, send_command
from agnt_v1.api.events import list_events
from agnt_v1.api.metrics import get_metrics
from agnt_v1.api.tasks import cancel_task, create_task, get_task, list_tasks, update_task
from agnt_v1.api.workflows import create_workflow, get_workflow
from agnt_v1.models import (
    Agent,
    AgentListResponse,
    AgentRegistration,
    AgentRegistrationResponse,
    AgentState,
    AgentStatus,
    AgentUpdate,
    Command,
    CommandAnswer,
    CommandAnswerStatus,
    CommandCommandType,
    CommandRecord,
    CommandRecordStatus,
    CommandResponse,
    Error,
    EventPage,
    Heartbeat,
    HeartbeatResponse,
    HeartbeatState,
    ListTasksStatus,
    Metrics,
    ResourceUsage,
    Task,
    TaskCancellation,
    TaskCreation,
    TaskCreationTaskData,
    TaskListResponse,
    TaskStatus,
    TaskUpdate,
    TaskUpdateResult,
    TaskUpdateStatus,
    Workflow,
    WorkflowCreation,
    WorkflowStageCreation,
    WorkflowStatus,
)

STAGES_DONE_MAX = 10


def told(answer, kind):
    """The answer, if it is of the type that is promised."""
    if not isinstance(answer, kind):
        raise SystemExit(f"{kind.__name__} was promised, and this came: {answer!r}")
    return answer


def told_no(answer, code):
    error = told(answer, Error)
    assert error.error_code == code, error


def work(client, agent, skill):
    """Does what waits for the agent; returns how many tasks that were."""
    found = list_tasks.sync(
        client=client, agent_id=agent, status=ListTasksStatus.PENDING, task_type=skill
    )
    tasks = told(found, TaskListResponse).tasks
    for task in tasks:
        began = TaskUpdate(status=TaskUpdateStatus.RUNNING, assigned_agent=agent)
        told(update_task.sync(task.task_id, client=client, body=began), Task)
        done = TaskUpdate(
            status=TaskUpdateStatus.COMPLETED,
            assigned_agent=agent,
            result=TaskUpdateResult.from_dict({"by": agent}),
        )
        ended = told(update_task.sync(task.task_id, client=client, body=done), Task)
        assert ended.status == TaskStatus.COMPLETED, ended
    return len(tasks)


def registers(client, agent, skill):
    body = AgentRegistration(agent_id=agent, capabilities=[skill], max_tasks=3)
    registered = told(register_agent.sync(client=client, body=body), AgentRegistrationResponse)
    assert registered.agent_id == agent, registered
    told_no(register_agent.sync(client=client, body=body), "CONFLICT")
    usage = ResourceUsage(cpu_percent=12.5, memory_mb=256)
    beat = Heartbeat(status=HeartbeatState.IDLE, current_tasks=0, resource_usage=usage)
    told(send_heartbeat.sync(agent, client=client, body=beat), HeartbeatResponse)
    changed = told(update_agent.sync(agent, client=client, body=AgentUpdate(max_tasks=5)), Agent)
    assert changed.max_tasks == 5, changed
    told(get_agent_status.sync(agent, client=client), AgentStatus)
    found = told(list_agents.sync(client=client, capability=skill), AgentListResponse)
    assert [one.agent_id for one in found.agents] == [agent], found
    assert found.agents[0].status == AgentState.IDLE, found


def does_a_task(client, agent, skill):
    data = TaskCreationTaskData.from_dict({"text": "How do agents talk to each other?"})
    body = TaskCreation(type_=skill, priority=8, task_data=data)
    task = told(create_task.sync(client=client, body=body), Task)
    half = TaskUpdate(status=TaskUpdateStatus.RUNNING, progress=45, assigned_agent=agent)
    running = told(update_task.sync(task.task_id, client=client, body=half), Task)
    assert running.status == TaskStatus.RUNNING and running.progress == 45, running
    done = TaskUpdate(
        status=TaskUpdateStatus.COMPLETED, result=TaskUpdateResult.from_dict({"sentences": 12})
    )
    told(update_task.sync(task.task_id, client=client, body=done), Task)
    ended = told(get_task.sync(task.task_id, client=client), Task)
    assert ended.status == TaskStatus.COMPLETED and ended.result["sentences"] == 12, ended
    told_no(update_task.sync(task.task_id, client=client, body=half), "CONFLICT")
    body = TaskCreation(type_=f"{skill}-nobody-has")
    waiting = told(create_task.sync(client=client, body=body), Task)
    told(cancel_task.sync(waiting.task_id, client=client), TaskCancellation)


def does_a_workflow(client, agent, skill):
    stages = [
        WorkflowStageCreation(name="gather", agent_type=skill),
        WorkflowStageCreation(name="write", agent_type=skill, dependencies=["gather"]),
    ]
    body = WorkflowCreation(stages=stages, name="A report")
    workflow = told(create_workflow.sync(client=client, body=body), Workflow)
    done = 0
    for _ in range(STAGES_DONE_MAX):
        done += work(client, agent, skill)
        seen = told(get_workflow.sync(workflow.id, client=client), Workflow)
        if seen.status != WorkflowStatus.RUNNING:
            break
    assert seen.status == WorkflowStatus.COMPLETED and done == len(stages), seen


def is_told(client, agent):
    body = Command(command_type=CommandCommandType.EXECUTE)
    sent = told(send_command.sync(agent, client=client, body=body), CommandResponse)
    answer = CommandAnswer(status=CommandAnswerStatus.SUCCESS)
    answer_command.sync(sent.command_id, client=client, body=answer)
    seen = told(get_command.sync(agent, sent.command_id, client=client), CommandRecord)
    assert seen.status == CommandRecordStatus.COMPLETED, seen


def main():
    url, key = sys.argv[1:]
    skill = f"skill-{uuid.uuid4()}"
    agent = f"analyzer-{uuid.uuid4()}"
    client = AuthenticatedClient(
        base_url=f"{url}/v1",
        token=key,
        prefix="",
        auth_header_name="X-API-Key",
        raise_on_unexpected_status=True,
    )
    registers(client, agent, skill)
    does_a_task(client, agent, skill)
    does_a_workflow(client, agent, skill)
    is_told(client, agent)
    events = told(list_events.sync(client=client, limit=1000), EventPage)
    assert "task_completed" in {event.event_type for event in events.events}, events
    told(get_metrics.sync(client=client), Metrics)
    assert deregister_agent.sync_detailed(agent, client=client).status_code == 204
    told_no(get_agent.sync(agent, client=client), "NOT_FOUND")
    print("v1.json: the story of openapi-python-client came true")


if __name__ == "__main__":
    main()
