from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from config.settings import load_environment
from operations.leftovers import Clients, Leftover, leftovers, show
from tests.unit.operations.aws import ACCOUNT, REGION, Aws

DEV = load_environment("dev")
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/11111111-2222-3333-4444-555555555555"
VOLUME = f"arn:aws:ec2:{REGION}:{ACCOUNT}:volume/vol-1"
OURS = [{"Key": "Project", "Value": "PriceSensitivityMLOps"}, {"Key": "Environment", "Value": "dev"}]


def tagged(arn: str, *, stack: str | None = None) -> dict[str, Any]:
    of_stack = [{"Key": "aws:cloudformation:stack-name", "Value": stack}] if stack else []
    return {"ResourceARN": arn, "Tags": [*OURS, *of_stack]}


def prepare(aws: Aws, **found: list[dict[str, Any]]) -> None:
    """An account in which nothing is left but what the test names."""
    aws.answers("cloudformation", "list_stacks", {"StackSummaries": found.get("stacks", [])})
    aws.answers("s3", "list_buckets", {"Buckets": found.get("buckets", [])}, Prefix="mlops-dev-")
    groups = {"logGroups": found.get("groups", [])}
    aws.answers("logs", "describe_log_groups", groups, logGroupNamePattern="mlops-dev-")
    aws.answers("ecr", "describe_repositories", {"repositories": found.get("repositories", [])})
    aws.answers("secretsmanager", "list_secrets", {"SecretList": found.get("secrets", [])})
    if "tables" in found:
        aws.answers("glue", "get_tables", {"TableList": found["tables"]})
    else:
        aws.refuses("glue", "get_tables", "EntityNotFoundException")
    for kind in ("tagged", "of_cluster", "balancers"):
        aws.answers("resourcegroupstaggingapi", "get_resources", {"ResourceTagMappingList": found.get(kind, [])})


def look(aws: Aws) -> list[Leftover]:
    clients = Clients(
        cloudformation=aws.client("cloudformation"),
        ecr=aws.client("ecr"),
        glue=aws.client("glue"),
        kms=aws.client("kms"),
        logs=aws.client("logs"),
        s3=aws.client("s3"),
        secretsmanager=aws.client("secretsmanager"),
        tagging=aws.client("resourcegroupstaggingapi"),
    )
    return list(leftovers(DEV, clients))


def test_a_clean_account_has_none(aws: Aws, capsys: pytest.CaptureFixture[str]) -> None:
    prepare(aws)

    assert show(look(aws)) == 0
    assert "nothing is left over" in capsys.readouterr().out


def test_a_stack_whose_deletion_failed_is_found_and_a_deleted_one_is_not(aws: Aws) -> None:
    created = datetime(2026, 11, 1, tzinfo=UTC)
    prepare(
        aws,
        stacks=[
            {"StackName": "mlops-dev-eks", "CreationTime": created, "StackStatus": "DELETE_FAILED"},
            {"StackName": "mlops-dev-network", "CreationTime": created, "StackStatus": "DELETE_COMPLETE"},
            {"StackName": "mlops-stg-eks", "CreationTime": created, "StackStatus": "CREATE_COMPLETE"},
        ],
    )

    assert look(aws) == [Leftover(kind="stack (DELETE_FAILED)", name="mlops-dev-eks")]


def test_log_groups_that_a_service_made_are_found_by_their_name(aws: Aws) -> None:
    def group(name: str) -> dict[str, Any]:
        return {"logGroupName": name, "logGroupArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}"}

    names = ["/aws/lambda/mlops-dev-rollback", "/aws/eks/mlops-dev-eks/cluster", "/aws/lambda/other-mlops-dev-x"]
    prepare(aws, groups=[group(name) for name in names])

    assert [each.name.partition("log-group:")[2] for each in look(aws)] == names[:2]


def test_a_thing_that_two_ways_find_is_listed_once(aws: Aws) -> None:
    bucket = f"mlops-dev-lake-{ACCOUNT}-{REGION}"
    prepare(aws, buckets=[{"Name": bucket}], tagged=[tagged(f"arn:aws:s3:::{bucket}")])

    assert len(look(aws)) == 1


def test_a_key_that_waits_for_its_deletion_is_listed_and_does_not_count(
    aws: Aws, capsys: pytest.CaptureFixture[str]
) -> None:
    prepare(aws, tagged=[tagged(KEY)])
    state = {"KeyId": KEY, "KeyState": "PendingDeletion", "DeletionDate": datetime(2026, 12, 1, tzinfo=UTC)}
    aws.answers("kms", "describe_key", {"KeyMetadata": state}, KeyId=KEY)

    assert show(look(aws)) == 0
    assert "removed by AWS: 2026-12-01" in capsys.readouterr().out


def test_a_key_that_nobody_scheduled_for_deletion_counts(aws: Aws) -> None:
    prepare(aws, tagged=[tagged(KEY)])
    aws.answers("kms", "describe_key", {"KeyMetadata": {"KeyId": KEY, "KeyState": "Enabled"}}, KeyId=KEY)

    assert show(look(aws)) == 1


def test_another_copy_in_the_same_account_is_not_ours(aws: Aws) -> None:
    prepare(aws, tagged=[tagged(VOLUME, stack="demo-dev-eks"), tagged(f"{VOLUME}2", stack="mlops-dev-eks")])

    assert [each.name for each in look(aws)] == [f"{VOLUME}2"]


def test_volumes_and_load_balancers_that_the_cluster_made_are_found(aws: Aws) -> None:
    balancer = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/app/k8s-api/1"
    untagged: dict[str, list[dict[str, Any]]] = {
        "of_cluster": [{"ResourceARN": VOLUME, "Tags": []}],
        "balancers": [{"ResourceARN": balancer, "Tags": []}],
    }
    prepare(aws, **untagged)

    assert [each.name for each in look(aws)] == [VOLUME, balancer]


def test_images_secrets_and_the_feature_stores_table_are_found(aws: Aws) -> None:
    repository = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/mlops-dev-api"
    secret = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:mlops-dev-api-key-abcdef"
    prepare(
        aws,
        repositories=[
            {"repositoryName": "mlops-dev-api", "repositoryArn": repository},
            {"repositoryName": "mlops-stg-api", "repositoryArn": repository.replace("dev", "stg")},
        ],
        secrets=[{"ARN": secret, "Name": "mlops-dev-api-key"}],
        tables=[{"Name": "mlops_dev_baskets_1700000000"}],
    )

    assert [each.name for each in look(aws)] == [
        repository,
        secret,
        "sagemaker_featurestore.mlops_dev_baskets_1700000000",
    ]


def test_a_refused_question_is_not_taken_for_nothing(aws: Aws) -> None:
    aws.refuses("cloudformation", "list_stacks", "AccessDenied")

    with pytest.raises(ClientError, match="AccessDenied"):
        look(aws)
