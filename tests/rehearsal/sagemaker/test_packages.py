"""The registry: versions of a group, who decided about them, and the events that tell of it."""

import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

from rehearsal.world import World
from tests.rehearsal.jobs_world import Roles, heard

INFERENCE = {"Containers": [{"Image": "rehearsal.local/api:1", "ModelDataUrl": "s3://lake/model.tar.gz"}]}


@pytest.fixture
def group(sagemaker: Any) -> str:
    name = f"group-{uuid.uuid4().hex[:8]}"
    sagemaker.create_model_package_group(ModelPackageGroupName=name)
    return name


def test_versions_are_numbered_in_their_group_and_numbers_are_not_given_twice(sagemaker: Any, group: str) -> None:
    first, second = (
        sagemaker.create_model_package(ModelPackageGroupName=group, InferenceSpecification=INFERENCE)["ModelPackageArn"]
        for _ in range(2)
    )
    sagemaker.delete_model_package(ModelPackageName=second)
    third = sagemaker.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]

    assert [each.rsplit("/", 2)[-2:] for each in (first, second, third)] == [[group, str(n)] for n in (1, 2, 3)]
    listed = sagemaker.list_model_packages(ModelPackageGroupName=group, SortOrder="Descending")
    assert [each["ModelPackageArn"] for each in listed["ModelPackageSummaryList"]] == [third, first]


def test_a_second_try_with_the_same_token_makes_no_second_version(sagemaker: Any, group: str) -> None:
    token = uuid.uuid4().hex
    arns = {
        sagemaker.create_model_package(ModelPackageGroupName=group, ClientToken=token)["ModelPackageArn"]
        for _ in range(2)
    }

    assert len(arns) == 1


def test_a_decision_names_who_made_it_and_its_event_names_what_changed(
    world: World, sagemaker: Any, group: str
) -> None:
    with heard(world, "SageMaker Model Package State Change") as details:
        package = sagemaker.create_model_package(
            ModelPackageGroupName=group,
            ModelApprovalStatus="PendingManualApproval",
            CustomerMetadataProperties={"version": "v1"},
        )["ModelPackageArn"]
        sagemaker.update_model_package(
            ModelPackageArn=package, ModelApprovalStatus="Approved", ApprovalDescription="looks good"
        )
        made, changed = details(2)

    described = sagemaker.describe_model_package(ModelPackageName=package)
    assert described["ModelApprovalStatus"] == "Approved"
    assert described["ApprovalDescription"] == "looks good"
    assert described["LastModifiedBy"]["IamIdentity"]["Arn"] == f"arn:aws:iam::{world.account}:user/administrator"
    assert (made["ModelPackageArn"], made["ModelPackageVersion"]) == (package, 1)
    assert made["ModelApprovalStatus"] == "PendingManualApproval"
    assert "UpdatedModelPackageFields" not in made
    assert made["CustomerMetadataProperties"] == {"version": "v1"}
    assert changed["UpdatedModelPackageFields"] == ["ApprovalDescription", "ModelApprovalStatus"]
    assert changed["ModelApprovalStatus"] == "Approved"


def test_a_group_with_versions_is_not_deleted(sagemaker: Any, group: str) -> None:
    package = sagemaker.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]
    with pytest.raises(ClientError, match="ConflictException"):
        sagemaker.delete_model_package_group(ModelPackageGroupName=group)

    sagemaker.delete_model_package(ModelPackageName=package)
    sagemaker.delete_model_package_group(ModelPackageGroupName=group)
    with pytest.raises(ClientError, match="does not exist"):
        sagemaker.describe_model_package_group(ModelPackageGroupName=group)


def test_who_may_decide_about_one_group_may_not_about_another(
    world: World, sagemaker: Any, roles: Roles, group: str
) -> None:
    place = f"arn:aws:sagemaker:{world.region}:{world.account}"
    decides = roles.client(
        "sagemaker",
        f"decides-{group}",
        {
            "Action": ["sagemaker:UpdateModelPackage", "sagemaker:CreateModelPackage"],
            "Resource": [f"{place}:model-package/{group}/*", f"{place}:model-package-group/{group}"],
        },
    )
    other = sagemaker.create_model_package_group(ModelPackageGroupName=f"not-{group}")["ModelPackageGroupArn"]
    theirs = sagemaker.create_model_package(ModelPackageGroupName=other)["ModelPackageArn"]

    mine = decides.create_model_package(ModelPackageGroupName=group)["ModelPackageArn"]
    decides.update_model_package(ModelPackageArn=mine, ModelApprovalStatus="Rejected")
    with pytest.raises(ClientError, match=r"AccessDenied.*sagemaker:UpdateModelPackage"):
        decides.update_model_package(ModelPackageArn=theirs, ModelApprovalStatus="Rejected")
    with pytest.raises(ClientError, match=r"AccessDenied.*sagemaker:DescribeModelPackage"):
        decides.describe_model_package(ModelPackageName=mine)


def test_tags_are_kept(sagemaker: Any, group: str) -> None:
    arn = sagemaker.describe_model_package_group(ModelPackageGroupName=group)["ModelPackageGroupArn"]
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "me"}, {"Key": "cost", "Value": "0"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["cost"])

    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [{"Key": "owner", "Value": "me"}]
