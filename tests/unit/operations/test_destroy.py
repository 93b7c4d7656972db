from datetime import UTC, datetime

import pytest

from config.names import STACKS
from config.settings import load_environment
from operations.destroy import confirm, empty_registry, unprotect
from operations.options import OperationError
from operations.retained import Retained, retained
from tests.unit.operations.aws import ACCOUNT, REGION, Aws

PROD = load_environment("prod")


def nobody(_question: str) -> str:
    raise EOFError


def test_the_name_typed_in_full_lets_it_go_on() -> None:
    asked: list[str] = []

    def answer(question: str) -> str:
        asked.append(question)
        return "mlops-prod\n"

    confirm(PROD, ACCOUNT, REGION, answer)

    assert ACCOUNT in asked[0]


@pytest.mark.parametrize("typed", ["", "y", "yes", "prod", "mlops-stg"])
def test_anything_else_destroys_nothing(typed: str) -> None:
    with pytest.raises(OperationError, match="nothing was destroyed"):
        confirm(PROD, ACCOUNT, REGION, lambda _question: typed)


def test_without_a_person_it_asks_for_a_word_instead_of_waiting() -> None:
    with pytest.raises(OperationError, match="YES=1"):
        confirm(PROD, ACCOUNT, REGION, nobody)


def test_stacks_that_are_gone_already_do_not_stop_the_rest(aws: Aws) -> None:
    aws.refuses("cloudformation", "update_termination_protection", "ValidationError")
    for component in STACKS[1:]:
        name = f"mlops-prod-{component}"
        expected = {"StackName": name, "EnableTerminationProtection": False}
        aws.answers("cloudformation", "update_termination_protection", {"StackId": name}, **expected)

    unprotect(PROD, aws.client("cloudformation"))


def test_model_versions_go_before_their_group(aws: Aws) -> None:
    dev = load_environment("dev")
    arns = [f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package/mlops-dev-models/{number}" for number in (1, 2)]
    summaries = [
        {
            "ModelPackageArn": arn,
            "ModelPackageGroupName": "mlops-dev-models",
            "CreationTime": datetime(2026, 1, 1, tzinfo=UTC),
            "ModelPackageStatus": "Completed",
        }
        for arn in arns
    ]
    listed = {"ModelPackageSummaryList": summaries}
    aws.answers("sagemaker", "list_model_packages", listed, ModelPackageGroupName="mlops-dev-models")
    for arn in arns:
        aws.answers("sagemaker", "delete_model_package", {}, ModelPackageName=arn)

    assert empty_registry(dev, aws.client("sagemaker")) == 2


def test_a_registry_that_is_gone_already_does_not_stop_the_rest(aws: Aws) -> None:
    aws.refuses("sagemaker", "list_model_packages", "ValidationException")

    assert empty_registry(load_environment("dev"), aws.client("sagemaker")) == 0


def test_what_cloudformation_leaves_is_what_the_templates_retain() -> None:
    def resource(policy: str | None) -> dict[str, str]:
        return {"Type": "AWS::S3::Bucket"} | ({"DeletionPolicy": policy} if policy else {})

    policies = {"Kept": "Retain", "AlsoKept": "RetainExceptOnCreate", "Gone": "Delete", "Silent": None}
    template = {"Resources": {logical: resource(policy) for logical, policy in policies.items()}}

    assert list(retained({"mlops-prod-data-lake": template})) == [
        Retained(stack="mlops-prod-data-lake", logical_id=logical, kind="AWS::S3::Bucket")
        for logical in ("Kept", "AlsoKept")
    ]
