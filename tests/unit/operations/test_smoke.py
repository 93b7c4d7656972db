import re
from typing import Any

import pytest
from botocore.exceptions import ClientError

from config.names import STACKS
from config.settings import EnvironmentSettings, load_environment
from operations.finding import Finding, Level
from operations.options import lookup_credentials
from operations.smoke import Clients, smoke_test
from tests.unit.operations.aws import ACCOUNT, REGION, Aws

LAKE = f"mlops-dev-lake-{ACCOUNT}-{REGION}"


def dev(**changes: Any) -> EnvironmentSettings:
    return load_environment("dev", **changes)


def prepare(
    aws: Aws,
    *,
    stacks: dict[str, str] | None = None,
    cluster: dict[str, Any] | None = None,
    group: dict[str, Any] | None = None,
    algorithm: str = "aws:kms",
    versioning: dict[str, str] | None = None,
) -> None:
    """A healthy environment, but for what the test names."""
    for component in STACKS:
        name = f"mlops-dev-{component}"
        status = (stacks or {}).get(component, "UPDATE_COMPLETE")
        stack = {"StackName": name, "CreationTime": "2026-11-01T00:00:00Z", "StackStatus": status}
        aws.answers("cloudformation", "describe_stacks", {"Stacks": [stack]}, StackName=name)
    access = {"endpointPrivateAccess": True, "endpointPublicAccess": False} | (cluster or {})
    described = {"name": "mlops-dev-eks", "status": "ACTIVE", "resourcesVpcConfig": access}
    aws.answers("eks", "describe_cluster", {"cluster": described}, name="mlops-dev-eks")
    aws.answers("eks", "list_nodegroups", {"nodegroups": ["api"]}, clusterName="mlops-dev-eks")
    aws.answers(
        "eks",
        "describe_nodegroup",
        {"nodegroup": {"nodegroupName": "api", "status": "ACTIVE", "health": {"issues": []}} | (group or {})},
        clusterName="mlops-dev-eks",
        nodegroupName="api",
    )
    rule = {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm}}
    aws.answers("s3", "get_bucket_encryption", {"ServerSideEncryptionConfiguration": {"Rules": [rule]}}, Bucket=LAKE)
    aws.answers("s3", "get_bucket_versioning", versioning if versioning is not None else {"Status": "Enabled"})
    aws.answers(
        "sagemaker",
        "describe_model_package_group",
        {
            "ModelPackageGroupName": "mlops-dev-models",
            "ModelPackageGroupArn": f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:model-package-group/mlops-dev-models",
            "CreationTime": "2026-11-01T00:00:00Z",
            "CreatedBy": {},
            "ModelPackageGroupStatus": "Completed",
        },
        ModelPackageGroupName="mlops-dev-models",
    )


def look(aws: Aws, settings: EnvironmentSettings | None = None) -> list[Finding]:
    clients = Clients(
        cloudformation=aws.client("cloudformation"),
        eks=aws.client("eks"),
        s3=aws.client("s3"),
        sagemaker=aws.client("sagemaker"),
    )
    return list(smoke_test(settings or dev(), ACCOUNT, REGION, clients))


def problems(findings: list[Finding]) -> list[str]:
    return [f"{each.subject}: {each.detail}" for each in findings if each.level is Level.PROBLEM]


def test_a_healthy_environment_passes(aws: Aws) -> None:
    prepare(aws)

    assert problems(look(aws)) == []


def test_a_stack_that_was_rolled_back_fails_although_it_stands(aws: Aws) -> None:
    prepare(aws, stacks={"network": "UPDATE_ROLLBACK_COMPLETE"})

    assert problems(look(aws)) == ["stack mlops-dev-network: UPDATE_ROLLBACK_COMPLETE"]


@pytest.mark.parametrize(
    ("access", "expected"),
    [
        ({"endpointPublicAccess": True, "publicAccessCidrs": ["0.0.0.0/0"]}, "public: 0.0.0.0/0"),
        ({"endpointPublicAccess": True}, "public: to everyone"),
        ({"endpointPrivateAccess": False, "endpointPublicAccess": True}, "not reachable from the VPC"),
    ],
)
def test_a_cluster_that_the_world_reaches_or_the_vpc_does_not_fails(
    aws: Aws, access: dict[str, Any], expected: str
) -> None:
    prepare(aws, cluster=access)

    assert problems(look(aws)) == [f"cluster endpoint: {expected}"]


def test_a_cluster_may_be_open_to_the_addresses_of_the_settings_and_to_no_other(aws: Aws) -> None:
    eks = dev().eks.model_dump() | {"public_access_cidrs": ["203.0.113.0/24"]}
    prepare(aws, cluster={"endpointPublicAccess": True, "publicAccessCidrs": ["203.0.113.0/24"]})

    assert problems(look(aws, dev(eks=eks))) == []


def test_a_node_group_with_a_health_issue_fails_although_it_is_active(aws: Aws) -> None:
    issue = {"code": "NodeCreationFailure", "message": "nodes did not join", "resourceIds": ["i-1"]}
    prepare(aws, group={"health": {"issues": [issue]}})

    assert problems(look(aws)) == ["node group api: ACTIVE, NodeCreationFailure"]


def test_a_lake_without_our_key_or_without_versions_fails(aws: Aws) -> None:
    prepare(aws, algorithm="AES256", versioning={})

    assert problems(look(aws)) == ["lake encryption: AES256", "lake versioning: never enabled"]


def test_what_is_not_there_is_a_finding_and_not_a_crash(aws: Aws) -> None:
    for _ in STACKS:
        aws.refuses("cloudformation", "describe_stacks", "ValidationError")
    aws.refuses("eks", "describe_cluster", "ResourceNotFoundException")
    aws.refuses("s3", "get_bucket_encryption", "NoSuchBucket")
    aws.refuses("sagemaker", "describe_model_package_group", "ValidationException")

    found = problems(look(aws))

    assert len(found) == len(STACKS) + 3
    assert all(re.search(": not there$", each) for each in found)


def test_a_refused_question_is_not_taken_for_an_answer(aws: Aws) -> None:
    aws.refuses("cloudformation", "describe_stacks", "AccessDenied")

    with pytest.raises(ClientError, match="AccessDenied"):
        look(aws)


def test_an_environment_in_another_account_is_looked_at_through_cdks_lookup_role(aws: Aws) -> None:
    identity = {"Account": ACCOUNT, "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/mlops-dev-smoke/x", "UserId": "AROAX"}
    role = f"arn:aws:iam::999999999999:role/cdk-hnb659fds-lookup-role-999999999999-{REGION}"
    credentials = {
        "AccessKeyId": "ASIAEXAMPLEEXAMPLE",
        "SecretAccessKey": "none",
        "SessionToken": "none",
        "Expiration": "2026-11-01T00:00:00Z",
    }
    aws.answers("sts", "get_caller_identity", identity)
    aws.answers("sts", "assume_role", {"Credentials": credentials}, RoleArn=role, RoleSessionName="smoke-test")

    found = lookup_credentials(dev(account="999999999999"), REGION, aws.client("sts"))

    assert found is not None
    assert found["AccessKeyId"] == "ASIAEXAMPLEEXAMPLE"


def test_an_environment_in_our_own_account_is_looked_at_directly(aws: Aws) -> None:
    identity = {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:user/somebody", "UserId": "AIDAX"}
    aws.answers("sts", "get_caller_identity", identity)
    aws.answers("sts", "get_caller_identity", identity)

    assert lookup_credentials(dev(), REGION, aws.client("sts")) is None
    assert lookup_credentials(dev(account=ACCOUNT), REGION, aws.client("sts")) is None
