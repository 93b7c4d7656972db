"""A request is held to AWS's model of it, and what is wrong is named by its place."""

from typing import Any

import pytest

from rehearsal.emulator.parameters import problems

JOB: dict[str, Any] = {
    "ProcessingJobName": "job-1",
    "RoleArn": "arn:aws:iam::000000000000:role/jobs",
    "AppSpecification": {"ImageUri": "rehearsal.local/x:1"},
    "ProcessingResources": {"ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 30}},
}


def test_a_whole_request_has_no_problems() -> None:
    assert problems("sagemaker", "CreateProcessingJob", {**JOB, "Environment": {"A": "b"}, "Tags": []}) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"RoleArn": None}, "RoleArn: required and missing"),
        ({"Rolearn": "x"}, "Rolearn: unknown; the request knows ProcessingInputs,"),
        ({"Environment": {"A": 1}}, "Environment.A: 1 is no string"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": True}}, "MaxRuntimeInSeconds: True is no integer"),
        ({"ProcessingJobName": "a_b"}, "ProcessingJobName: 'a_b' does not match"),
        ({"ProcessingJobName": "a" * 64}, "ProcessingJobName: 64 characters is more than 63"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 0}}, "MaxRuntimeInSeconds: 0 is less than 1"),
        ({"Tags": [{"Key": "a", "Value": "b", "Kind": "c"}]}, "Tags[0].Kind: unknown; Tags[0] knows Key, Value"),
    ],
)
def test_each_problem_is_named_by_its_place(change: dict[str, Any], said: str) -> None:
    [found] = [each for each in problems("sagemaker", "CreateProcessingJob", {**JOB, **change}) if said in each] or [""]
    assert found


def test_constraints_can_be_left_to_the_service() -> None:
    request = {**JOB, "ProcessingJobName": "a_b", "Rolearn": "x"}

    [only] = problems("sagemaker", "CreateProcessingJob", request, constraints=False)

    assert only.startswith("Rolearn: unknown")
