"""Alerts and the budget."""

import json
from typing import Any

import pytest

from config.settings import load_environment
from tests.stacks.assembly import ENVIRONMENTS, environment

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
def test_budgets_of_this_account_and_nobody_else_outside_publish(name: str) -> None:
    (allowed,) = (statement for statement in topic_statements(name) if statement["Effect"] == "Allow")

    assert allowed["Principal"] == {"Service": "budgets.amazonaws.com"}
    assert allowed["Action"] == "sns:Publish"
    assert allowed["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}


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
