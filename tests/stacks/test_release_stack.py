"""Release and approval as they are deployed: who may do what, who reaches whom, and what starts them."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

import pytest

from config.names import ALARM_SERVICE, ALARM_SETTLE_SECONDS
from lambdas.common.calls import API_KEY, CLUSTER, PACKAGES, Call
from lambdas.deploy.calls import CALLS as DEPLOY
from lambdas.promote.calls import CALLS as PROMOTE
from lambdas.roll_back.calls import CALLS as ROLL_BACK
from lambdas.rollout.calls import CALLS as ROLLOUT
from lambdas.verify.calls import CALLS as VERIFY
from tests.stacks.assembly import ENVIRONMENTS, environment
from tests.stacks.definitions import definition
from tests.stacks.policies import ACCOUNT, REGION, Account, Statement, allows, as_list

LAKE = f"arn:aws:s3:::mlops-dev-lake-{ACCOUNT}-{REGION}"
SAGEMAKER = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}"
PACKAGE = f"{SAGEMAKER}:model-package/mlops-dev-models/7"
FUNCTIONS: dict[str, Sequence[Call]] = {
    "Deploy": DEPLOY,
    "Rollout": ROLLOUT,
    "Verify": VERIFY,
    "Promote": PROMOTE,
    "RollBack": ROLL_BACK,
}
functions = pytest.mark.parametrize("name", FUNCTIONS)
EVERY_CALL = sorted({call for calls in FUNCTIONS.values() for call in calls}, key=str)
# What every function in a VPC has besides its calls.
_RUNS = {
    "logs:CreateLogStream",
    "logs:PutLogEvents",
    "xray:PutTraceSegments",
    "xray:PutTelemetryRecords",
    "ec2:CreateNetworkInterface",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DeleteNetworkInterface",
    "ec2:AssignPrivateIpAddresses",
    "ec2:UnassignPrivateIpAddresses",
}
_OBJECTS = {"s3:ListBucket", "kms:Decrypt", "kms:GenerateDataKey"}


def account() -> Account:
    return Account(environment("dev"))


def of_function(name: str) -> list[Statement]:
    return account().of_role(f"Functions{name}Role", component="pipeline")


def named(calls: Sequence[Call]) -> list[Call]:
    """The calls, with the use case's name in them."""
    return [Call(each.action, each.resource.format(use_case="price_sensitivity")) for each in calls]


def secret() -> str:
    """What the API's key is called where a reference to it stands."""
    (found,) = {
        each["Environment"]["Variables"]["MLOPS_API_KEY_SECRET"]
        for each in account().properties("AWS::Lambda::Function", component="pipeline").values()
        if "MLOPS_API_KEY_SECRET" in each["Environment"]["Variables"]
    }
    return str(found)


def arn(resource: str) -> str:
    """An ARN that a call may be about."""
    known = {PACKAGES: PACKAGE, CLUSTER: f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/mlops-dev-eks"}
    if resource == API_KEY:
        return secret()
    return known.get(resource) or f"{LAKE}/{resource.replace('*', 'one')}"


@functions
def test_a_functions_role_allows_its_own_calls_and_none_of_the_others(name: str) -> None:
    role, own = of_function(name), named(FUNCTIONS[name])

    wrong = [
        call
        for call in named(EVERY_CALL)
        if allows(role, call.action, arn(call.resource))
        != any(
            call.action == each.action and fnmatchcase(call.resource.replace("*", "one"), each.resource) for each in own
        )
    ]

    assert wrong == []


@functions
def test_a_functions_role_allows_no_action_besides(name: str) -> None:
    calls = FUNCTIONS[name]
    allowed = {action for each in of_function(name) for action in as_list(each["Action"])}
    objects = _OBJECTS if any(each.action.startswith("s3:") for each in calls) else set()
    key = {"kms:Decrypt"} if any(each.resource == API_KEY for each in calls) else set()

    assert allowed == {each.action for each in calls} | _RUNS | objects | key


@functions
def test_a_function_reaches_no_other_place(name: str) -> None:
    role = of_function(name)

    for action in ("s3:GetObject", "s3:PutObject", "s3:DeleteObject"):
        assert not allows(role, action, f"{LAKE}/raw/transactions_200608.csv")
        assert not allows(role, action, f"{LAKE}/artifacts/registry/other_use_case/champion.json")
        assert not allows(
            role, action, f"{LAKE.replace('dev', 'prod')}/artifacts/registry/price_sensitivity/champion.json"
        )
    assert not allows(role, "s3:DeleteObject", f"{LAKE}/artifacts/registry/price_sensitivity/champion.json")
    assert not allows(role, "sagemaker:UpdateModelPackage", f"{SAGEMAKER}:model-package/mlops-prod-models/7")
    assert not allows(role, "sagemaker:DeleteModelPackage", PACKAGE)
    assert not allows(role, "eks:DescribeCluster", f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/mlops-prod-eks")
    assert not allows(role, "secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:other")


def test_the_releases_machine_tells_and_records_and_decides_nothing_itself() -> None:
    role = account().of_role("ReleaseMachineRole", component="pipeline")

    assert allows(role, "sagemaker:DescribeModelPackage", PACKAGE)
    assert not allows(role, "sagemaker:UpdateModelPackage", PACKAGE)
    assert allows(role, "cloudwatch:DescribeAlarms", "*")
    assert not allows(role, "cloudwatch:SetAlarmState", "*")
    assert allows(role, "s3:PutObject", f"{LAKE}/artifacts/audit/2026-03-02/execution-x.json")
    for key in (
        "audit/2026-03-02/release-x.json",
        "audit/2026-03-02/released-x.json",
        "registry/price_sensitivity/x.json",
    ):
        assert not allows(role, "s3:PutObject", f"{LAKE}/artifacts/{key}")
    assert not allows(role, "iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/any")
    assert not allows(role, "s3:GetObject", f"{LAKE}/raw/x.csv")


def test_the_releases_machine_calls_its_own_functions_only() -> None:
    invoked = {
        resource
        for each in account().of_role("ReleaseMachineRole", component="pipeline")
        if "lambda:InvokeFunction" in as_list(each["Action"])
        for resource in as_list(each["Resource"])
    }

    assert sorted(re.sub(r"<Functions([A-Za-z]+?)[0-9A-F]{8}\.Arn>", r"\1", each) for each in invoked) == sorted(
        FUNCTIONS
    )


def test_the_approvals_machine_may_reject_a_package_of_the_group() -> None:
    role = account().of_role("ApprovalMachineRole", component="pipeline")

    assert allows(role, "sagemaker:UpdateModelPackage", PACKAGE)
    assert not allows(role, "sagemaker:UpdateModelPackage", f"{SAGEMAKER}:model-package/mlops-prod-models/7")
    assert not allows(role, "sagemaker:CreateModelPackage", PACKAGE)
    assert not any("lambda:InvokeFunction" in as_list(each["Action"]) for each in role)
    assert not allows(role, "s3:PutObject", f"{LAKE}/artifacts/audit/2026-03-02/execution-x.json")


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_functions_run_in_private_subnets_behind_their_own_group(name: str) -> None:
    own = Account(environment(name))
    found = own.properties("AWS::Lambda::Function", component="pipeline")
    deployers = [each for each in found.values() if "MLOPS_CLUSTER" in each["Environment"]["Variables"]]
    (logical,) = own.properties("AWS::EC2::SecurityGroup", component="pipeline")
    group = environment(name).template("pipeline")["Resources"][logical]["Properties"]

    assert len(deployers) == len(FUNCTIONS)
    for each in deployers:
        assert each["VpcConfig"]["SecurityGroupIds"] == [f"<{logical}.GroupId>"]
        assert all("Private" in subnet for subnet in each["VpcConfig"]["SubnetIds"])
        assert int(each["Environment"]["Variables"]["MLOPS_ALARM_SETTLE_SECONDS"]) == ALARM_SETTLE_SECONDS
    assert "SecurityGroupIngress" not in group
    egress = {(each["CidrIp"], each["FromPort"], each["ToPort"]) for each in group["SecurityGroupEgress"]}
    cidr = {"dev": "10.20.0.0/16", "stg": "10.30.0.0/16", "prod": "10.40.0.0/16"}[name]
    assert egress == {("0.0.0.0/0", 443, 443), (cidr, 8080, 8080)}


def test_the_functions_are_deployers_of_the_cluster_and_nothing_more() -> None:
    entries = account().properties("AWS::EKS::AccessEntry", component="pipeline")
    rules = account().properties("AWS::EC2::SecurityGroupIngress", component="pipeline")

    assert sorted(entries) == sorted(f"{each}Access" for each in FUNCTIONS)
    for logical, entry in entries.items():
        name = logical.removesuffix("Access")
        assert re.fullmatch(rf"<Functions{name}Role[0-9A-F]{{8}}\.Arn>", entry["PrincipalArn"])
        assert entry["KubernetesGroups"] == ["mlops-deployers"]
        assert "AccessPolicies" not in entry
    assert sorted((each["FromPort"], each["ToPort"]) for each in rules.values()) == [(443, 443), (8080, 8080)]


def rule(name: str) -> dict[str, Any]:
    (found,) = [
        each
        for each in account().properties("AWS::Events::Rule", component="pipeline").values()
        if each["Name"] == f"mlops-dev-{name}"
    ]
    assert found.get("State", "ENABLED") == "ENABLED"
    return found


@pytest.mark.parametrize(
    ("name", "status", "machine"),
    [("version-approved", "Approved", "release"), ("version-waits", "PendingManualApproval", "approval")],
)
def test_a_change_of_approval_starts_a_machine_and_no_other_change_does(name: str, status: str, machine: str) -> None:
    found = rule(name)
    (target,) = found["Targets"]

    assert found["EventPattern"] == {
        "source": ["aws.sagemaker"],
        "detail-type": ["SageMaker Model Package State Change"],
        "detail": {
            "ModelPackageGroupName": ["mlops-dev-models"],
            "ModelApprovalStatus": [status],
            "$or": [
                {"UpdatedModelPackageFields": ["ModelApprovalStatus"]},
                {"UpdatedModelPackageFields": [{"exists": False}]},
            ],
        },
    }
    assert target["Arn"] == f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:mlops-dev-{machine}"
    assert target["InputTransformer"]["InputPathsMap"] == {
        "key": "$.id",
        "at": "$.time",
        "package": "$.detail.ModelPackageArn",
    }


def test_an_alarm_of_either_kind_starts_the_roll_back() -> None:
    found = rule("version-alarmed")

    assert found["EventPattern"]["detail"] == {
        "alarmName": ["mlops-dev-service-degraded", "mlops-dev-model-degraded"],
        "state": {"value": ["ALARM"]},
    }
    (target,) = found["Targets"]
    assert target["Arn"].endswith(":mlops-dev-release")


@pytest.mark.parametrize("id_", ["Approved", "Waits", "Alarmed"])
def test_a_rule_may_start_its_machine_and_nothing_else(id_: str) -> None:
    (statement,) = account().of_role(f"{id_}Role", component="pipeline")

    assert as_list(statement["Action"]) == ["states:StartExecution"]
    assert len(as_list(statement["Resource"])) == 1
    assert "*" not in as_list(statement["Resource"])[0]


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_alarms_that_are_watched_exist_and_settle_in_the_time_that_is_given_them(name: str) -> None:
    own = Account(environment(name))
    composites = {
        each["AlarmName"]: each["AlarmRule"]
        for each in own.properties("AWS::CloudWatch::CompositeAlarm", component="monitoring").values()
    }
    watched = definition("release", name)["States"]["Read the alarms"]["Arguments"]["AlarmNames"]
    windows = [
        _window(each)
        for each in own.properties("AWS::CloudWatch::Alarm", component="monitoring").values()
        if each["AlarmName"] in composites[f"mlops-{name}-{ALARM_SERVICE}"]
    ]

    assert set(watched) <= set(composites)
    assert windows, "the alarms on the service are found"
    assert max(windows) <= ALARM_SETTLE_SECONDS


def _window(alarm: dict[str, Any]) -> int:
    """The seconds that an alarm looks back."""
    periods = [alarm.get("Period"), *(each.get("MetricStat", {}).get("Period") for each in alarm.get("Metrics", []))]
    return max(int(each) for each in periods if each) * int(alarm["EvaluationPeriods"])
