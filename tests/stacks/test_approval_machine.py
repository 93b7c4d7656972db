"""The approval walked: asked once, looked at now and then, and ended by a person or by the calendar."""

import json
from typing import Any

import pytest

from config.settings import FlowSettings, load_environment
from stacks.flow.approval import wait_seconds
from tests.machines import TaskError, Walk
from tests.stacks.definitions import actions, definition, faults
from tests.stacks.policies import ACCOUNT, REGION
from tests.stacks.test_release_machine import in_turn

FLOW = load_environment("dev").flow
PACKAGE = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/mlops-dev-models/7"
VERSION = "200608-abcdef0123"
EVENT = {"key": "an-event", "at": "2026-03-02T09:59:58Z", "package": PACKAGE}


def described(status: str, **more: Any) -> dict[str, Any]:
    metadata = {"version": VERSION, "accuracy": "0.910000"}
    return {"ModelApprovalStatus": status, "CustomerMetadataProperties": metadata, **more}


PENDING = described("PendingManualApproval")
APPROVED = described(
    "Approved", ApprovalDescription="looks right", LastModifiedBy={"IamIdentity": {"Arn": "arn:aws:iam::1:user/ann"}}
)


def walked(**changes: Any) -> tuple[str, Walk]:
    first = {"Describe the version": PENDING, "Look whether it was decided": PENDING}
    walk = Walk(definition("approval"), first | {key.replace("_", " "): each for key, each in changes.items()}, EVENT)
    end = walk.run()
    assert faults(walk) == []
    return end, walk


def recorded(walk: Walk) -> dict[str, Any]:
    (request,) = walk.given["Record the decision"]
    assert request["Key"] == "artifacts/audit/2026-03-02/approval-an-execution.json"
    content: dict[str, Any] = json.loads(request["Body"])
    return content


def test_a_person_is_asked_once_with_the_figures_and_the_command() -> None:
    end, walk = walked(Look_whether_it_was_decided=in_turn(PENDING, PENDING, APPROVED))

    assert end == "Decided"
    (asked,) = walk.given["Ask for approval"]
    assert f"--model-package-arn {PACKAGE} --model-approval-status Approved" in asked["Message"]
    assert "0.910000" in asked["Message"]
    assert asked["Subject"] == f"mlops-dev-approval: {VERSION} waits for approval"
    assert walk.waited == 3 * 900
    assert recorded(walk) == {
        "outcome": "Approved",
        "version": VERSION,
        "package": PACKAGE,
        "by": "arn:aws:iam::1:user/ann",
        "reason": "looks right",
    }
    (told,) = walk.given["Tell of the decision"]
    assert told["Message"] == f"{VERSION} is Approved by arn:aws:iam::1:user/ann: looks right"
    assert "Reject the version" not in walk.given


def test_a_rejection_by_a_person_is_recorded_as_theirs() -> None:
    end, walk = walked(Look_whether_it_was_decided=described("Rejected", ApprovalDescription="too old"))

    assert end == "Decided"
    assert (recorded(walk)["outcome"], recorded(walk)["reason"]) == ("Rejected", "too old")
    assert "Reject the version" not in walk.given


def test_a_version_that_nobody_approves_is_rejected_when_the_days_are_over() -> None:
    end, walk = walked()

    assert end == "Decided"
    (request,) = walk.given["Reject the version"]
    assert request == {
        "ModelPackageArn": PACKAGE,
        "ModelApprovalStatus": "Rejected",
        "ApprovalDescription": f"nobody approved it within {FLOW.approval_days} days",
    }
    assert walk.waited == pytest.approx(FLOW.approval_days * 86_400, abs=900)
    assert recorded(walk) == {
        "outcome": "Rejected",
        "version": VERSION,
        "package": PACKAGE,
        "by": "mlops-dev-approval",
        "reason": request["ApprovalDescription"],
    }
    assert len(walk.given["Ask for approval"]) == len(walk.given["Tell of the decision"]) == 1
    assert actions(walk) == {
        "sagemaker:DescribeModelPackage",
        "sagemaker:UpdateModelPackage",
        "s3:PutObject",
        "sns:Publish",
    }


def test_a_version_that_was_decided_before_is_not_asked_about() -> None:
    end, walk = walked(Describe_the_version=APPROVED)

    assert end == "Decided"
    assert "Ask for approval" not in walk.given
    assert recorded(walk)["outcome"] == "Approved"


@pytest.mark.parametrize(
    "state", ["Describe the version", "Ask for approval", "Look whether it was decided", "Reject the version"]
)
def test_a_failure_is_recorded_and_told_and_approves_nothing(state: str) -> None:
    end, walk = walked(**{state: TaskError("SageMaker.SageMakerException")})

    assert end == "Failed"
    (request,) = walk.given["Record the failure"]
    assert json.loads(request["Body"])["outcome"] == "failed"
    assert json.loads(request["Body"])["package"] == PACKAGE
    assert len(walk.given["Tell of the failure"]) == 1


@pytest.mark.parametrize("days", [1, 7, 30, 90])
def test_an_execution_has_room_for_all_its_looks(days: int) -> None:
    flow = FlowSettings.model_validate(FLOW.model_dump() | {"approval_days": days})

    looks = days * 86_400 / wait_seconds(flow)

    # Wait, Task and Choice take two, five and two events; Step Functions keeps 25,000.
    assert looks * 9 < 24_000
    assert wait_seconds(flow) >= 900, "a person decides in hours"
