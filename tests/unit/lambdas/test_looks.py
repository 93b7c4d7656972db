"""The functions of a look at the models: what it takes, and the figures that go out."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto.backends import get_backend
from moto.core import DEFAULT_ACCOUNT_ID

from config.names import DELIVERY_METRICS, MODEL_METRICS
from lambdas.common.errors import FlowError
from lambdas.delivery_metrics.handler import Measure, delivery_metrics
from lambdas.deploy.handler import deploy
from lambdas.look_back.handler import LookBack, look_back
from lambdas.publish_metrics.handler import publish_metrics
from lambdas.roll_back.handler import roll_back
from tests.flow import AT, BUCKET, LEDGER, REGION, Account, Cluster, Tools, clients
from tests.looks import (
    DAY,
    LOOK,
    MEASURE,
    PUBLISH,
    captured,
    looked,
    metric,
    monitoring_tools,
    refined,
)
from tests.releases import alarm_event, deploy_event, released


def figures(namespace: str) -> dict[tuple[str, ...], float]:
    """Return the largest value of each metric, by its name and the values of its dimensions besides the environment."""
    found: dict[tuple[str, ...], float] = {}
    for each in points(namespace):
        dimensions = {each.name: each.value for each in each.dimensions}
        assert dimensions.pop("Environment") == "test"
        key = (each.name, *dimensions.values())
        found[key] = max(each.value, found.get(key, each.value))
    return found


def points(namespace: str) -> list[Any]:
    """Return what was put; moto's own statistics take no notice of how many dimensions a metric has."""
    backend = get_backend("cloudwatch")[DEFAULT_ACCOUNT_ID][REGION]
    return [each for each in backend.metric_data if each.namespace == namespace]


# ---- what a look takes ---------------------------------------------------------------------------------------


def test_a_look_takes_the_newest_days_and_weeks_only(cloud: Account) -> None:
    captured(cloud, days_ago=15)
    predictions = [captured(cloud, days_ago=days) for days in (14, 3, 0)]
    refined(cloud, 200552)
    labels = [refined(cloud, week) for week in (200601, 200602)]

    found = look_back(LOOK, monitoring_tools())

    assert (found.status, found.day, found.captured, found.weeks) == ("go", DAY, 3, (200601, 200602))
    for name, keys in (("captured", predictions), ("labels", labels)):
        manifest: Any = cloud.object(f"artifacts/monitoring/{DAY}/{name}.manifest")
        assert manifest == [{"prefix": f"s3://{BUCKET}/"}, *keys]


@pytest.mark.parametrize(("predictions", "labels"), [(False, True), (True, False), (False, False)])
def test_without_predictions_or_labels_there_is_nothing_to_look_at(
    cloud: Account, *, predictions: bool, labels: bool
) -> None:
    if predictions:
        captured(cloud)
    if labels:
        refined(cloud)
    before = cloud.state()

    found = look_back(LOOK, monitoring_tools())

    assert found.status == "nothing"
    assert ("predictions" in found.reason) == (not predictions)
    assert cloud.state() == before


@given(weeks=st.integers(1, 52), minutes=st.integers(0, 60 * 24 * 800))
def test_the_days_of_a_look_are_whole_weeks_and_today(weeks: int, minutes: int) -> None:
    class Listed:
        def __init__(self) -> None:
            self.prefixes: list[str] = []

        def keys(self, prefix: str) -> list[str]:
            self.prefixes.append(prefix)
            return []

    tools: Any = monitoring_tools()
    tools.__dict__["objects"] = listed = Listed()
    tools.__dict__["clients"] = NoWeeks()
    at = AT + timedelta(minutes=minutes)
    look_back(LookBack(at=at, weeks=weeks), tools)
    days = [datetime.strptime(each, "captured/%Y/%m/%d/").date() for each in listed.prefixes]  # noqa: DTZ007
    assert days == [at.date() - timedelta(days=back) for back in range(7 * weeks, -1, -1)]


class NoWeeks:
    """Clients of a lake without refined weeks."""

    def of(self, _: str) -> "NoWeeks":
        return self

    def get_paginator(self, _: str) -> "NoWeeks":
        return self

    def paginate(self, **_: str) -> list[dict[str, Any]]:
        return [{}]


# ---- figures of the models -----------------------------------------------------------------------------------


def test_each_version_has_figures_and_the_alarms_see_those_of_the_one_that_is_to_serve(cloud: Account) -> None:
    looked(cloud, current="v2")
    cloud.put(LEDGER, {"version": "v1"})

    found = publish_metrics(PUBLISH, monitoring_tools())

    assert (found.version, found.metrics) == ("v1", 3)
    assert figures(MODEL_METRICS) == {("Accuracy", "v1"): 0.9, ("Accuracy", "v2"): 0.5, ("Accuracy",): 0.9}


def test_a_version_that_was_taken_back_a_moment_ago_raises_no_alarm_about_the_one_in_its_place(cloud: Account) -> None:
    looked(cloud, metric("QualityWorse", 1.0, "v2"), current="v2")
    tools = Tools(Cluster())
    released(cloud, tools, "v1")
    released(cloud, tools, "v2", minutes=60)
    roll_back(alarm_event(minutes=90), tools)

    publish_metrics(PUBLISH, monitoring_tools())

    assert figures(MODEL_METRICS) == {("QualityWorse", "v2"): 1.0}


def test_while_a_release_is_under_way_figures_of_the_champion_do_not_end_it(cloud: Account) -> None:
    looked(cloud, metric("QualityWorse", 1.0, "v1"))
    tools = Tools(Cluster())
    released(cloud, tools, "v1")
    deploy(deploy_event(cloud, "v2", minutes=60), tools)

    assert publish_metrics(PUBLISH, monitoring_tools()).version == "v2"
    assert figures(MODEL_METRICS) == {("QualityWorse", "v1"): 1.0}


def test_before_the_first_release_the_alarms_see_the_version_that_predicts(cloud: Account) -> None:
    looked(cloud, current="v2")
    assert publish_metrics(PUBLISH, monitoring_tools()).version == "v2"
    assert figures(MODEL_METRICS)["Accuracy",] == 0.5


def test_a_single_feature_is_told_but_not_to_the_alarms(cloud: Account) -> None:
    looked(cloud, metric("InputDrift", 0.3, "v1"), metric("InputDrift", 0.4, "v1", Feature="spend"))
    publish_metrics(PUBLISH, monitoring_tools())
    assert figures(MODEL_METRICS) == {
        ("InputDrift", "v1"): 0.3,
        ("InputDrift", "v1", "spend"): 0.4,
        ("InputDrift",): 0.3,
    }


def test_published_twice_the_figures_are_the_same(cloud: Account) -> None:
    looked(cloud)
    first = publish_metrics(PUBLISH, monitoring_tools())
    once = figures(MODEL_METRICS)
    assert publish_metrics(PUBLISH, monitoring_tools()) == first
    assert figures(MODEL_METRICS) == once


def test_without_enough_data_nothing_is_published_of_quality(cloud: Account) -> None:
    looked(cloud, metric("Predictions", 12.0, "v1"))
    publish_metrics(PUBLISH, monitoring_tools())
    assert {name for name, *_ in figures(MODEL_METRICS)} == {"Predictions"}


def test_a_look_that_left_nothing_is_an_error_that_names_the_file(cloud: Account) -> None:
    assert not cloud.records("released")
    with pytest.raises(FlowError, match=r"artifacts/monitoring/2026-03-02/monitoring\.json: is missing"):
        publish_metrics(PUBLISH, monitoring_tools())


# ---- figures of delivery -------------------------------------------------------------------------------------


def test_delivery_figures_come_from_the_records(cloud: Account) -> None:
    tools = Tools(Cluster())
    manifest = cloud.object("artifacts/models/v1/manifest.json")
    cloud.put("artifacts/models/v1/manifest.json", {**manifest, "run": "200608-0123456789"})
    cloud.put("artifacts/runs/200608-0123456789/claim.json", {"at": "2026-03-02T08:10:00Z"})
    released(cloud, tools, "v1")
    released(cloud, tools, "v2", minutes=60)
    roll_back(alarm_event(minutes=90), tools)

    found = delivery_metrics(MEASURE, monitoring_tools())

    assert (found.deployments, found.failed, found.lead_time_hours) == (2, 1, 2.0)
    published = figures(DELIVERY_METRICS)
    assert published == {("Captured",): 0.0, ("Deployments",): 2.0, ("FailedDeployments",): 1.0, ("LeadTime",): 2.0}


def test_the_age_of_the_data_is_since_a_week_was_refined(cloud: Account) -> None:
    cloud.put("artifacts/refined.json", {"raw/transactions_200608.csv": "etag"})
    written = clients().of("s3").head_object(Bucket=BUCKET, Key="artifacts/refined.json")["LastModified"]

    found = delivery_metrics(Measure(at=written + timedelta(days=2, hours=12)), monitoring_tools())

    assert found.data_age_days == 2.5


def test_captured_predictions_are_counted_under_their_own_day(cloud: Account) -> None:
    captured(cloud, days_ago=1)
    assert delivery_metrics(MEASURE, monitoring_tools()).captured_yesterday
    assert figures(DELIVERY_METRICS)["Captured",] == 1.0
    times = {each.timestamp.date() for each in points(DELIVERY_METRICS) if each.name == "Captured"}
    assert times == {AT.date() - timedelta(days=1)}


def test_delivery_figures_asked_for_twice_are_the_same(cloud: Account) -> None:
    released(cloud, Tools(Cluster()), "v1")
    first = delivery_metrics(MEASURE, monitoring_tools())
    once = figures(DELIVERY_METRICS)
    assert delivery_metrics(MEASURE, monitoring_tools()) == first
    assert figures(DELIVERY_METRICS) == once
