"""Alerts and the budget."""

import json
import re
from typing import Any

import pytest

from config.settings import load_environment
from tests.stacks.assembly import ENVIRONMENTS, environment
from tests.stacks.policies import ACCOUNT, REGION, Account, allows

environments = pytest.mark.parametrize("name", ENVIRONMENTS)


def monitoring(name: str, kind: str) -> dict[str, Any]:
    (found,) = environment(name).resources(kind, component="monitoring").values()
    properties: dict[str, Any] = found["Properties"]
    return properties


def topic_statements(name: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = monitoring(name, "AWS::SNS::TopicPolicy")["PolicyDocument"]["Statement"]
    return statements


@environments
def test_alerts_are_encrypted_with_our_own_key(name: str) -> None:
    assert "OperationsKey" in json.dumps(monitoring(name, "AWS::SNS::Topic")["KmsMasterKeyId"])


@environments
def test_nothing_is_published_without_tls(name: str) -> None:
    (denied,) = (statement for statement in topic_statements(name) if statement["Effect"] == "Deny")

    assert denied["Principal"] in ("*", {"AWS": "*"})
    assert denied["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


@environments
def test_budgets_and_alarms_of_this_account_and_nobody_else_outside_publish(name: str) -> None:
    allowed = [statement for statement in topic_statements(name) if statement["Effect"] == "Allow"]

    assert {each["Principal"]["Service"] for each in allowed} == {"budgets.amazonaws.com", "cloudwatch.amazonaws.com"}
    for each in allowed:
        assert each["Action"] == "sns:Publish"
        assert each["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


@environments
def test_alarms_of_this_environment_alone_publish(name: str) -> None:
    (policy,) = Account(environment(name)).properties("AWS::SNS::TopicPolicy", component="monitoring").values()
    (statement,) = (each for each in policy["PolicyDocument"]["Statement"] if each["Sid"] == "Alarms")

    def publishes(alarm: str) -> bool:
        source = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{alarm}"
        given = {"aws__SourceAccount": ACCOUNT, "aws__SourceArn": source}
        return allows([statement], "sns:Publish", statement["Resource"], **given)

    assert publishes(f"mlops-{name}-latency-high")
    assert not publishes("mlops-other-latency-high")


@environments
def test_the_budget_counts_this_environment_of_this_project_only(name: str) -> None:
    budget = monitoring(name, "AWS::Budgets::Budget")["Budget"]
    counted = {each["Tags"]["Key"]: each["Tags"]["Values"] for each in budget["FilterExpression"]["And"]}

    assert counted == {"Project": ["PriceSensitivityMLOps"], "Environment": [name]}
    assert budget["TimeUnit"] == "MONTHLY"
    assert budget["BudgetLimit"] == {"Amount": load_environment(name).budget.monthly_usd, "Unit": "USD"}


@environments
def test_each_share_of_the_budget_in_the_settings_raises_an_alert(name: str) -> None:
    settings = load_environment(name).budget
    raised = {
        (each["Notification"]["NotificationType"], each["Notification"]["Threshold"])
        for each in monitoring(name, "AWS::Budgets::Budget")["NotificationsWithSubscribers"]
        if {"SubscriptionType": "SNS", "Address": {"Ref": "Alerts"}} in each["Subscribers"]
    }
    assert raised == {("ACTUAL", percent) for percent in settings.actual_percent} | {
        ("FORECASTED", percent) for percent in settings.forecast_percent
    }


@environments
def test_the_budget_waits_until_it_may_publish(name: str) -> None:
    (budget,) = environment(name).resources("AWS::Budgets::Budget").values()
    policies = environment(name).resources("AWS::SNS::TopicPolicy", component="monitoring")

    assert set(policies) <= set(budget["DependsOn"])


@environments
def test_an_image_build_that_does_not_succeed_is_told_by_a_role_that_may_do_that_alone(name: str) -> None:
    account = Account(environment(name))
    (rule,) = account.properties("AWS::Events::Rule", component="monitoring").values()
    detail, (target,) = rule["EventPattern"]["detail"], rule["Targets"]
    projects = account.properties("AWS::CodeBuild::Project", component="registry").values()
    role = account.of_role("FailedBuildsRole", component="monitoring")

    assert set(detail["project-name"]) == {each["Name"] for each in projects} != set()
    assert set(detail["build-status"]) == {"FAILED", "FAULT", "STOPPED", "TIMED_OUT"}
    assert target["RoleArn"].startswith("<FailedBuildsRole")
    assert allows(role, "sns:Publish", target["Arn"])
    assert not allows(role, "sns:Publish", f"{target['Arn']}-other")
    assert not allows(role, "sns:Subscribe", target["Arn"])


def test_the_message_of_a_failed_build_is_filled_in_from_the_event() -> None:
    (rule,) = Account(environment("dev")).properties("AWS::Events::Rule", component="monitoring").values()
    transformer = rule["Targets"][0]["InputTransformer"]

    assert set(re.findall(r"<(\w+)>", transformer["InputTemplate"])) == set(transformer["InputPathsMap"])
    assert isinstance(json.loads(transformer["InputTemplate"]), str)
