#!/usr/bin/env python3
"""A full story by the client that openapi-python-client makes of docs/openapi/api-v1.json.

    story_api_v1.py URL KEY        the generated package agnt_api_v1 is on the path

Document B's agent registers, is given a task, reports and completes it, does both stages of a
workflow, publishes, and goes. Each answer is of the generated type that the document promises.
"""

import sys
import uuid

from agnt_api_v1 import AuthenticatedClient
from agnt_api_v1.api.agents import (
    deregister_agent,
    get_agent,
    list_agents,
    register_or_refresh_agent,
    send_heartbeat,
)
from agnt_api_v1.api.commands import send_request
from agnt_api_v1.api.events import list_events, publish_event
from agnt_api_v1.api.metrics import get_metrics
from agnt_api_v1.api.tasks import create_task, list_tasks, update_task
from agnt_api_v1.api.templates import get_template, list_templates
from agnt_api_v1.api.workflows import create_workflow, get_workflow
from agnt_api_v1.models import (
    Agent,
    AgentConfiguration,
    AgentListResponse,
    AgentRegistration,
    AgentRequest,
    AgentState,
    Error,
    EventPage,
    Heartbeat,
    HeartbeatResponse,
    HeartbeatState,
    ListTasksStatus,
    Metrics,
    PerformanceMetrics,
    PriorityWord,
    Publication,
    Publishing,
    PublishingResponse,
    RetryPolicy,
    RetryPolicyBackoffStrategy,
    Task,
    TaskCreation,
    TaskCreationInputData,
    TaskListResponse,
    TaskStatus,
    TaskUpdate,
    TaskUpdateOutputData,
    TaskUpdateStatus,
    TemplateListResponse,
    Workflow,
    WorkflowConfiguration,
    WorkflowConfigurationFailureStrategy,
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
    error = told(answer, Error).error
    assert error.code == code, error


def work(client, agent, skill):
    """Does what waits for the agent; returns how many tasks that were."""
    found = list_tasks.sync(
        client=client, agent_id=agent, status=ListTasksStatus.PENDING, type_=skill
    )
    tasks = told(found, TaskListResponse).tasks
    for task in tasks:
        began = TaskUpdate(status=TaskUpdateStatus.IN_PROGRESS, assigned_agent=agent)
        told(update_task.sync(task.id, client=client, body=began), Task)
        done = TaskUpdate(
            status=TaskUpdateStatus.COMPLETED,
            output_data=TaskUpdateOutputData.from_dict({"by": agent}),
        )
        ended = told(update_task.sync(task.id, client=client, body=done), Task)
        assert ended.status == TaskStatus.COMPLETED, ended
    return len(tasks)


def registers(client, agent, skill):
    body = AgentRegistration(
        id=agent,
        type_=skill,
        name="Code Generator",
        version="1.0.0",
        capabilities=["javascript", "python"],
        configuration=AgentConfiguration(max_concurrent_tasks=5),
    )
    first = register_or_refresh_agent.sync_detailed(client=client, body=body)
    again = register_or_refresh_agent.sync_detailed(client=client, body=body)
    assert (first.status_code, again.status_code) == (201, 200), (first, again)
    assert told(first.parsed, Agent).id == told(again.parsed, Agent).id == agent
    metrics = PerformanceMetrics(cpu_usage=45.2, memory_usage=67.8, task_queue_size=0)
    beat = Heartbeat(status=HeartbeatState.ACTIVE, current_tasks=0, performance_metrics=metrics)
    told(send_heartbeat.sync(agent, client=client, body=beat), HeartbeatResponse)
    found = told(list_agents.sync(client=client, type_=skill), AgentListResponse)
    assert [one.id for one in found.agents] == [agent], found
    assert found.agents[0].status == AgentState.ACTIVE, found


def does_a_task(client, agent, skill):
    body = TaskCreation(
        type_=skill,
        priority=PriorityWord.HIGH,
        assigned_agent=agent,
        input_data=TaskCreationInputData.from_dict({"entities": ["User", "Product"]}),
        timeout=300,
        retry_policy=RetryPolicy(
            max_attempts=3, backoff_strategy=RetryPolicyBackoffStrategy.EXPONENTIAL
        ),
    )
    task = told(create_task.sync(client=client, body=body), Task)
    assert task.priority == PriorityWord.HIGH and task.timeout == 300, task
    half = TaskUpdate(status=TaskUpdateStatus.IN_PROGRESS, progress=45)
    running = told(update_task.sync(task.id, client=client, body=half), Task)
    assert running.status == TaskStatus.IN_PROGRESS and running.progress == 45, running
    done = TaskUpdate(
        status=TaskUpdateStatus.COMPLETED,
        output_data=TaskUpdateOutputData.from_dict({"files_generated": 12}),
    )
    ended = told(update_task.sync(task.id, client=client, body=done), Task)
    assert ended.output_data["files_generated"] == 12, ended
    told_no(update_task.sync(task.id, client=client, body=half), "CONFLICT")


def does_a_workflow(client, agent, skill):
    stages = [
        WorkflowStageCreation(name="requirement_analysis", agent_type=skill, timeout=120),
        WorkflowStageCreation(
            name="architecture_planning",
            agent_type=skill,
            dependencies=["requirement_analysis"],
            timeout=180,
        ),
    ]
    configuration = WorkflowConfiguration(
        parallel_execution=False,
        failure_strategy=WorkflowConfigurationFailureStrategy.STOP_ON_ERROR,
    )
    body = WorkflowCreation(stages=stages, project_id="proj-456", configuration=configuration)
    workflow = told(create_workflow.sync(client=client, body=body), Workflow)
    done = 0
    for _ in range(STAGES_DONE_MAX):
        done += work(client, agent, skill)
        seen = told(get_workflow.sync(workflow.id, client=client), Workflow)
        if seen.status != WorkflowStatus.RUNNING:
            break
    assert seen.status == WorkflowStatus.COMPLETED and done == len(stages), seen


def publishes(client, skill):
    body = Publishing(topic=f"research.{skill}.changed", data={"documents": 1024})
    sent = told(publish_event.sync(client=client, body=body), PublishingResponse)
    page = list_events.sync(client=client, after=sent.sequence - 1, topic="research.*.changed")
    heard = told(page, EventPage).events
    assert [event.publication.sequence for event in heard] == [sent.sequence], heard
    assert isinstance(heard[0], Publication), heard


def main():
    url, key = sys.argv[1:]
    skill = f"skill-{uuid.uuid4()}"
    agent = f"agent-{uuid.uuid4()}"
    client = AuthenticatedClient(
        base_url=f"{url}/api/v1", token=key, raise_on_unexpected_status=True
    )
    registers(client, agent, skill)
    does_a_task(client, agent, skill)
    does_a_workflow(client, agent, skill)
    publishes(client, skill)
    # Nobody listens as the agent.
    asked = AgentRequest(type_="generate_code", timeout=1)
    told_no(send_request.sync(agent, client=client, body=asked), "AGENT_UNAVAILABLE")
    told(list_templates.sync(client=client), TemplateListResponse)
    told_no(get_template.sync("no-such-template", client=client), "NOT_FOUND")
    told(get_metrics.sync(client=client), Metrics)
    assert deregister_agent.sync_detailed(agent, client=client).status_code == 204
    told_no(get_agent.sync(agent, client=client), "NOT_FOUND")
    print("api-v1.json: the story of openapi-python-client came true")


if __name__ == "__main__":
    main()
