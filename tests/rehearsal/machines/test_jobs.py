"""Tasks that wait for a job, and Maps of them: what ends, fails or is stopped together."""

import json
import time
import uuid
from typing import Any

from tests.rehearsal.jobs_world import IMAGE
from tests.rehearsal.machines.conftest import Machines
from tests.rehearsal.machines.test_tasks import allow, task

SYNC = "arn:aws:states:::sagemaker:createProcessingJob.sync"


def job(role: str, script: str, *, name: str = "") -> dict[str, Any]:
    return {
        "ProcessingJobName": name or f"job-{uuid.uuid4().hex[:12]}",
        "RoleArn": role,
        "AppSpecification": {"ImageUri": IMAGE, "ContainerArguments": [script]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}
        },
    }


def may_run(role: str, *, without: str = "") -> list[dict[str, Any]]:
    actions = ["sagemaker:CreateProcessingJob", "sagemaker:DescribeProcessingJob", "sagemaker:StopProcessingJob"]
    listen = ["events:PutRule", "events:PutTargets", "events:DescribeRule"]
    passing = {"Action": "iam:PassRole", "Resource": role} if without != "iam:PassRole" else allow("iam:GetRole")
    return [allow(*(each for each in (*actions, *listen) if each != without)), passing]


def test_the_result_is_the_jobs_description(machines: Machines, job_role: str) -> None:
    done = machines.run({"Run": task(SYNC, job(job_role, "true"))}, *may_run(job_role))

    result = json.loads(done["output"])
    assert result["ProcessingJobStatus"] == "Completed"
    assert isinstance(result["CreationTime"], int)


def test_a_failed_jobs_description_is_the_cause(machines: Machines, job_role: str) -> None:
    request = job(job_role, "printf 'row 7' > output/message; exit 2")

    failed = machines.run({"Run": task(SYNC, request)}, *may_run(job_role))

    assert failed["error"] == "States.TaskFailed"
    assert "row 7" in json.loads(failed["cause"])["FailureReason"]


def test_each_permission_that_a_job_takes_is_asked_for(machines: Machines, job_role: str) -> None:
    for missing in (
        "iam:PassRole",
        "sagemaker:CreateProcessingJob",
        "sagemaker:DescribeProcessingJob",
        "events:PutRule",
    ):
        failed = machines.run({"Run": task(SYNC, job(job_role, "true"))}, *may_run(job_role, without=missing))

        assert failed["status"] == "FAILED", missing
        assert missing in failed["cause"]
        if not missing.startswith("events:"):
            assert failed["error"] == "SageMaker.AmazonSageMakerException"
            assert "AccessDeniedException" in failed["cause"]


def test_a_job_is_stopped_when_its_task_takes_too_long(machines: Machines, sagemaker: Any, job_role: str) -> None:
    request = job(job_role, "sleep 1000")

    failed = machines.run({"Run": task(SYNC, request, TimeoutSeconds=2)}, *may_run(job_role))

    assert failed["error"] == "States.Timeout"
    assert stopped(sagemaker, request["ProcessingJobName"])


def test_a_job_is_stopped_when_its_execution_is(machines: Machines, sagemaker: Any, job_role: str) -> None:
    request = job(job_role, "sleep 1000")
    execution = machines.start(machines.make({"Run": task(SYNC, request)}, *may_run(job_role)))
    while not sagemaker.list_processing_jobs(NameContains=request["ProcessingJobName"])["ProcessingJobSummaries"]:
        time.sleep(0.05)

    machines.world.client("stepfunctions").stop_execution(executionArn=execution, cause="enough")

    assert machines.end(execution)["status"] == "ABORTED"
    assert stopped(sagemaker, request["ProcessingJobName"])
    assert [each["type"] for each in machines.history(execution)][-1] == "ExecutionAborted"


def test_one_item_that_fails_ends_its_map_and_stops_the_others(
    machines: Machines, sagemaker: Any, job_role: str
) -> None:
    names = [f"{each}-{uuid.uuid4().hex[:12]}" for each in ("slow", "bad")]
    scripts = ["sleep 1000", "sleep 1; exit 3"]
    items = [{"name": name, "script": script} for name, script in zip(names, scripts, strict=True)]
    request = job(job_role, "", name="{% $states.input.name %}")
    request["AppSpecification"]["ContainerArguments"] = ["{% $states.input.script %}"]
    inner = task(SYNC, request, Catch=[{"ErrorEquals": ["States.ALL"], "Next": "Give up"}])
    states = {
        "All": {
            "Type": "Map",
            "Items": items,
            "ItemSelector": "{% $states.context.Map.Item.Value %}",
            "ItemProcessor": {
                "StartAt": "One",
                "States": {"One": inner, "Give up": {"Type": "Fail", "Error": "GaveUp", "Cause": "one is bad"}},
            },
            "End": True,
        }
    }
    execution = machines.start(machines.make(states, *may_run(job_role)))

    failed = machines.end(execution)

    assert (failed["status"], failed["error"], failed["cause"]) == ("FAILED", "GaveUp", "one is bad")
    assert stopped(sagemaker, names[0])
    history = machines.history(execution)
    kinds = [each["type"] for each in history]
    assert kinds.count("MapIterationStarted") == 2
    assert kinds.count("MapIterationFailed") == 1
    assert kinds.count("MapIterationAborted") == 1
    entered = [each for each in history if each["type"] == "TaskStateEntered"]
    assert [each["stateEnteredEventDetails"]["name"] for each in entered] == ["One", "One"]
    by_id = {each["id"]: each for each in history}
    # From what happened in an item the way leads back to its own beginning.
    indexes = set()
    for each in entered:
        before = by_id[each["previousEventId"]]
        assert before["type"] == "MapIterationStarted"
        indexes.add(before["mapIterationStartedEventDetails"]["index"])
    assert indexes == {0, 1}


def test_items_outputs_are_in_their_order(machines: Machines, job_role: str) -> None:
    states = {
        "All": {
            "Type": "Map",
            "Items": [3, 1, 2],
            "ItemProcessor": {
                "StartAt": "Double",
                "States": {"Double": {"Type": "Pass", "Output": "{% $states.input * 2 %}", "End": True}},
            },
            "End": True,
        }
    }

    assert json.loads(machines.run(states)["output"]) == [6, 2, 4]


def stopped(sagemaker: Any, name: str) -> bool:
    until = time.monotonic() + 20
    while time.monotonic() < until:
        if sagemaker.describe_processing_job(ProcessingJobName=name)["ProcessingJobStatus"] == "Stopped":
            return True
        time.sleep(0.05)
    return False
