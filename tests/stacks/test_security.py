"""Keys, the audit trail, access logs and the API's secret."""

import json
from typing import Any

import pytest

from config.settings import SecuritySettings, load_environment
from tests.stacks.assembly import ENVIRONMENTS, environment
from tests.stacks.policies import ACCOUNT, REGION, Account, allows, denies, principals
from tests.stacks.test_every_stack import STATEFUL

environments = pytest.mark.parametrize("name", ENVIRONMENTS)
ROOT = f"arn:aws:iam::{ACCOUNT}:root"
LOGS = f"logs.{REGION}.amazonaws.com"
TRAIL = f"arn:aws:cloudtrail:{REGION}:{ACCOUNT}:trail/mlops-dev-trail"


def account(name: str) -> Account:
    return Account(environment(name))


def keys(name: str) -> dict[str, dict[str, Any]]:
    return account(name).properties("AWS::KMS::Key", component="security")


def key_policy(name: str, key: str) -> list[dict[str, Any]]:
    return list(keys(name)[key]["KeyPolicy"]["Statement"])


def for_service(statements: list[dict[str, Any]], service: str) -> list[dict[str, Any]]:
    return [each for each in statements if service in principals(each)]


@environments
def test_there_are_three_keys_that_rotate_and_have_names(name: str) -> None:
    aliases = account(name).properties("AWS::KMS::Alias", component="security")

    assert sorted(keys(name)) == ["ClusterKey", "DataKey", "OperationsKey"]
    assert all(key["EnableKeyRotation"] for key in keys(name).values())
    assert {each["AliasName"]: each["TargetKeyId"].split("/")[-1] for each in aliases.values()} == {
        f"alias/mlops-{name}-{purpose}": f"{purpose.capitalize()}Key" for purpose in ("data", "operations", "cluster")
    }


@pytest.mark.parametrize(("name", "days"), [("dev", 7), ("stg", 7), ("prod", 30)])
def test_a_deleted_key_can_be_had_back_for_as_long_as_the_environment_says(name: str, days: int) -> None:
    assert {key["PendingWindowInDays"] for key in keys(name).values()} == {days}


@environments
@pytest.mark.parametrize(
    ("key", "services"),
    [
        ("DataKey", []),
        ("ClusterKey", []),
        (
            "OperationsKey",
            [
                "budgets.amazonaws.com",
                "cloudtrail.amazonaws.com",
                "cloudwatch.amazonaws.com",
                "events.amazonaws.com",
                LOGS,
            ],
        ),
    ],
)
def test_a_key_is_used_by_this_account_and_named_services_and_by_nobody_else(
    name: str, key: str, services: list[str]
) -> None:
    users = {user for statement in key_policy(name, key) for user in principals(statement)}

    assert users == {ROOT, *services}


def test_no_service_uses_a_key_without_a_condition() -> None:
    for key in keys("dev"):
        open_to = [
            principal
            for statement in key_policy("dev", key)
            for principal in principals(statement)
            if principal != ROOT and not statement.get("Condition")
        ]
        assert open_to == [], key


def test_the_log_service_encrypts_log_groups_of_this_environment_only() -> None:
    policy = for_service(key_policy("dev", "OperationsKey"), LOGS)

    def may_encrypt(group: str) -> bool:
        arn = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group}"
        return allows(policy, "kms:GenerateDataKey", "*", **{"kms:EncryptionContext:aws:logs:arn": arn})

    assert may_encrypt("/aws/eks/mlops-dev-cluster/cluster")
    assert may_encrypt("mlops-dev-flow-logs")
    assert not may_encrypt("/aws/eks/mlops-prod-cluster/cluster")
    assert not may_encrypt("other-mlops-dev-logs")


@environments
def test_every_log_group_has_a_name_that_the_log_service_may_encrypt(name: str) -> None:
    policy = for_service(key_policy(name, "OperationsKey"), LOGS)
    refused = [
        f"{component}/{logical}: {group['LogGroupName']}"
        for component in ("security", "network", "data-lake", "registry", "eks", "monitoring")
        for logical, group in account(name).properties("AWS::Logs::LogGroup", component=component).items()
        if not allows(
            policy,
            "kms:Encrypt",
            "*",
            **{
                "kms:EncryptionContext:aws:logs:arn": (
                    f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{group['LogGroupName']}"
                )
            },
        )
    ]
    assert refused == []


@pytest.mark.parametrize("service", ["cloudwatch", "budgets", "events"])
def test_what_raises_alerts_can_publish_them_to_this_environments_topics_only(service: str) -> None:
    policy = for_service(key_policy("dev", "OperationsKey"), f"{service}.amazonaws.com")

    def may_publish(topic: str, source: str = ACCOUNT) -> bool:
        context = {
            "kms:EncryptionContext:aws:sns:topicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:{topic}",
            # EventBridge sends no source.
            **({} if service == "events" else {"aws:SourceAccount": source}),
        }
        return all(allows(policy, action, "*", **context) for action in ("kms:Decrypt", "kms:GenerateDataKey"))

    assert may_publish("mlops-dev-alerts")
    assert not may_publish("mlops-prod-alerts")
    assert service == "events" or not may_publish("mlops-dev-alerts", source="999999999999")


@environments
def test_the_alerts_topic_has_a_name_that_alarms_can_publish_to(name: str) -> None:
    (topic,) = account(name).properties("AWS::SNS::Topic", component="monitoring").values()

    assert topic["TopicName"].startswith(f"mlops-{name}-")


@environments
def test_the_trail_sees_the_account_and_the_objects_of_the_lake_and_signs_its_files(name: str) -> None:
    (trail,) = account(name).properties("AWS::CloudTrail::Trail", component="security").values()
    lake = account(name).properties("AWS::S3::Bucket", component="data-lake")["Lake"]["BucketName"]

    assert trail["IsLogging"]
    assert trail["IsMultiRegionTrail"]
    assert trail["EnableLogFileValidation"]
    assert trail["KMSKeyId"].endswith("key/OperationsKey")
    assert trail["EventSelectors"] == [
        {
            "IncludeManagementEvents": True,
            "ReadWriteType": "All",
            "DataResources": [{"Type": "AWS::S3::Object", "Values": [f"arn:aws:s3:::{lake}/"]}],
        }
    ]


def test_only_this_trail_writes_into_its_bucket_and_under_its_key() -> None:
    service = "cloudtrail.amazonaws.com"
    bucket = for_service(account("dev").of_bucket("TrailBucket", component="security"), service)
    key = for_service(key_policy("dev", "OperationsKey"), service)
    file = f"arn:aws:s3:::mlops-dev-trail-{ACCOUNT}-{REGION}/AWSLogs/{ACCOUNT}/CloudTrail/file.json.gz"
    own = {"aws:SourceArn": TRAIL, "s3:x-amz-acl": "bucket-owner-full-control"}
    other = {**own, "aws:SourceArn": TRAIL.replace("dev", "prod")}

    assert allows(bucket, "s3:PutObject", file, **own)
    assert not allows(bucket, "s3:PutObject", file, **other)
    assert not allows(bucket, "s3:DeleteObject", file, **own)
    context = {"aws:SourceArn": TRAIL, "kms:EncryptionContext:aws:cloudtrail:arn": TRAIL}
    assert allows(key, "kms:GenerateDataKey", "*", **context)
    assert not allows(key, "kms:GenerateDataKey", "*", **{**context, "aws:SourceArn": TRAIL.replace("dev", "prod")})
    assert not allows(key, "kms:Decrypt", "*", **context), "CloudTrail writes, and never reads"


@pytest.mark.parametrize(("name", "archive", "expiry"), [("dev", 14, 30), ("stg", 30, 90), ("prod", 90, 365)])
def test_the_trails_files_are_archived_and_then_expire(name: str, archive: int, expiry: int) -> None:
    bucket = account(name).properties("AWS::S3::Bucket", component="security")["TrailBucket"]
    (rule,) = [each for each in bucket["LifecycleConfiguration"]["Rules"] if "ExpirationInDays" in each]

    assert rule["Transitions"] == [{"StorageClass": "GLACIER", "TransitionInDays": archive}]
    assert rule["ExpirationInDays"] == expiry


@environments
@pytest.mark.parametrize("component", ["security", "data-lake", "registry"])
def test_every_bucket_is_private_owned_and_reached_by_tls_only(name: str, component: str) -> None:
    for logical, bucket in account(name).properties("AWS::S3::Bucket", component=component).items():
        policy = account(name).of_bucket(logical, component=component)
        arn = f"arn:aws:s3:::{bucket['BucketName']}"

        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}, logical
        assert bucket["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}], logical
        for action, resource in (("s3:ListBucket", arn), ("s3:GetObject", f"{arn}/x"), ("s3:PutObject", f"{arn}/x")):
            assert denies(policy, action, resource, aws__SecureTransport="false"), f"{logical}: {action} without TLS"
            assert denies(policy, action, resource, aws__SecureTransport="true", s3__TlsVersion="1.1"), logical
        anyone = [each for each in policy if each["Effect"] == "Allow" and "*" in principals(each)]
        assert anyone == [], f"{logical} is open to everybody"


@environments
def test_accesses_to_every_bucket_are_logged_under_its_own_name(name: str) -> None:
    logs = account(name).properties("AWS::S3::Bucket", component="security")["AccessLogs"]["BucketName"]
    prefixes = []
    for component in ("security", "data-lake"):
        for logical, bucket in account(name).properties("AWS::S3::Bucket", component=component).items():
            if logical != "AccessLogs":
                assert bucket["LoggingConfiguration"]["DestinationBucketName"] == logs, logical
                prefixes.append(bucket["LoggingConfiguration"]["LogFilePrefix"])

    assert sorted(prefixes) == ["lake/", "queries/", "trail/"]


def test_access_logs_are_taken_from_this_environments_buckets_only() -> None:
    policy = account("dev").of_bucket("AccessLogs", component="security")
    target = f"arn:aws:s3:::mlops-dev-access-logs-{ACCOUNT}-{REGION}/lake/log"

    def may_deliver(bucket: str, source: str = ACCOUNT) -> bool:
        context = {"aws:SourceArn": f"arn:aws:s3:::{bucket}", "aws:SourceAccount": source}
        return allows(policy, "s3:PutObject", target, **context)

    assert may_deliver(f"mlops-dev-lake-{ACCOUNT}-{REGION}")
    assert not may_deliver(f"mlops-prod-lake-{ACCOUNT}-{REGION}")
    assert not may_deliver(f"mlops-dev-lake-{ACCOUNT}-{REGION}", source="999999999999")


@pytest.mark.parametrize(("name", "days"), [("dev", 14), ("stg", 30), ("prod", 90)])
def test_access_logs_expire_and_are_encrypted_the_one_way_that_s3_delivers_to(name: str, days: int) -> None:
    bucket = account(name).properties("AWS::S3::Bucket", component="security")["AccessLogs"]
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    lifecycle = {each["Id"]: each for each in bucket["LifecycleConfiguration"]["Rules"]}
    assert lifecycle["expiry"]["ExpirationInDays"] == days
    assert rule["ServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_settings_that_would_archive_what_has_expired_are_refused() -> None:
    values = load_environment("dev").security.model_dump()

    with pytest.raises(ValueError, match="trail_glacier_days 30 is not below trail_days 30"):
        SecuritySettings(**{**values, "trail_glacier_days": 30})


@environments
@pytest.mark.parametrize("component", ["security", "data-lake"])
def test_the_longest_prefix_still_gives_a_name_that_s3_takes(name: str, component: str) -> None:
    longest = 16 - len("mlops")
    for bucket in account(name).properties("AWS::S3::Bucket", component=component).values():
        assert len(bucket["BucketName"]) + longest <= 63, bucket["BucketName"]


@environments
@pytest.mark.parametrize(
    ("component", "expected"),
    [
        ("security", {"AccessLogs", "ApiKey", "ClusterKey", "DataKey", "OperationsKey", "TrailBucket"}),
        ("data-lake", {"BasketFeatureGroup", "CatalogueDatabase", "Lake", "QueryResults"}),
        ("registry", {"ApiImageLog", "ApiRepository", "JobsImageLog", "ModelPackageGroup", "TrainingRepository"}),
    ],
)
def test_what_holds_state_keeps_its_logical_id(name: str, component: str, expected: set[str]) -> None:
    """Another id is another resource: CloudFormation would make an empty one and drop or leave behind the full one."""
    resources = environment(name).template(component)["Resources"]

    assert {logical for logical, each in resources.items() if each["Type"] in STATEFUL} == expected


@environments
def test_the_api_key_is_made_by_aws_and_is_in_no_template(name: str) -> None:
    (secret,) = account(name).properties("AWS::SecretsManager::Secret", component="security").values()

    assert secret["Name"] == f"mlops-{name}-api-key"
    assert secret["KmsKeyId"].endswith("key/DataKey")
    assert secret["GenerateSecretString"]["PasswordLength"] >= 32
    assert "SecretString" not in secret
    assert '"SecretString"' not in json.dumps(environment(name).templates)


def test_the_service_reads_the_api_key_and_batch_work_does_not() -> None:
    inference = account("dev").of_role("InferenceRole", component="eks")
    etl = account("dev").of_role("EtlRole", component="eks")
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/DataKey"

    assert allows(inference, "secretsmanager:GetSecretValue", "<ApiKey>")
    assert allows(inference, "kms:Decrypt", key, kms__ViaService=f"secretsmanager.{REGION}.amazonaws.com")
    assert not allows(inference, "secretsmanager:PutSecretValue", "<ApiKey>")
    assert not allows(inference, "secretsmanager:GetSecretValue", "another")
    assert not allows(etl, "secretsmanager:GetSecretValue", "<ApiKey>")
