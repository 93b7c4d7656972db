"""Alarms, their runbooks and the dashboard: reasons given, figures that somebody publishes, one cause told once."""

import functools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from config.names import (
    ALARM_MODEL,
    ALARM_SERVICE,
    ALARM_SETTLE_SECONDS,
    DELIVERY_METRICS,
    MODEL_METRICS,
    SERVICE_METRICS,
    DeliveryMetric,
    MonitoringMetric,
)
from config.settings import load_environment
from ml.serving.contract import Prediction
from ml.serving.observe import SWAPS, Observations
from tests.stacks.assembly import ENVIRONMENTS, environment
from tests.stacks.policies import ACCOUNT, REGION, Account

environments = pytest.mark.parametrize("name", ENVIRONMENTS)
ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["## Meaning", "## First look", "## Fix", "## How to confirm"]
# What AWS publishes by itself, of what we look at.
AWS = {"AWS/States": {"ExecutionsFailed", "ExecutionsTimedOut", "ExecutionTime"}}
AWS["AWS/S3"] = {"BytesUploaded", "BytesDownloaded"}
Properties = dict[str, Any]


@functools.cache
def alarms(name: str = "dev") -> dict[str, Properties]:
    """Return the alarms on metrics, by name without prefix and environment."""
    return _named("AWS::CloudWatch::Alarm", name)


@functools.cache
def composites(name: str = "dev") -> dict[str, Properties]:
    """Return the composite alarms, by name without prefix and environment."""
    return _named("AWS::CloudWatch::CompositeAlarm", name)


def _named(kind: str, name: str) -> dict[str, Properties]:
    found = Account(environment(name)).properties(kind, component="monitoring").values()
    return {each["AlarmName"].removeprefix(f"mlops-{name}-"): each for each in found}


def every(name: str = "dev") -> dict[str, Properties]:
    return alarms(name) | composites(name)


def metrics_of(alarm: Properties) -> list[Properties]:
    return [each["MetricStat"]["Metric"] for each in alarm["Metrics"] if "MetricStat" in each]


@functools.cache
def body(name: str = "dev") -> Properties:
    (found,) = Account(environment(name)).properties("AWS::CloudWatch::Dashboard", component="monitoring").values()
    value: Properties = json.loads(found["DashboardBody"])
    return value


@functools.cache
def published() -> dict[str, set[str]]:
    """Return who publishes which names: the service as it is seen to, the others by the enums they take them from."""
    lines: list[str] = []
    service = Observations("dev", lines.append, clock=lambda: 1.0)
    service.answered(500, 1.0)
    service.predicted([Prediction("LA", "LA", {}, "v1")], 1)
    service.dropped(1)
    service.keys_unread()
    for each in SWAPS:
        service.swapped(each)
    service.flush()
    (declared,) = json.loads(lines[0])["_aws"]["CloudWatchMetrics"]
    assert declared["Dimensions"] == [["Environment"]]
    return AWS | {
        declared["Namespace"]: {each["Name"] for each in declared["Metrics"]},
        MODEL_METRICS: set(MonitoringMetric),
        DELIVERY_METRICS: set(DeliveryMetric),
    }


# ---- each alarm ----------------------------------------------------------------------------------------------


@environments
def test_every_alarm_says_why_and_where_its_page_is(name: str) -> None:
    for alarm, properties in every(name).items():
        said = properties["AlarmDescription"]
        assert len(said) <= 1024, alarm
        assert said.endswith(f"Runbook: docs/runbooks/{alarm}.md"), alarm
        for word in ("Threshold", "eriod", "issing"):
            assert word in said, alarm


@environments
def test_what_an_alarm_looks_at_is_published_with_these_dimensions(name: str) -> None:
    for alarm, properties in alarms(name).items():
        for metric in metrics_of(properties):
            assert metric["MetricName"] in published()[metric["Namespace"]], alarm
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            if metric["Namespace"].startswith("MLOps/"):
                assert dimensions == {"Environment": name}, alarm
            else:
                assert set(dimensions) == {"StateMachineArn"}, alarm


def test_the_alarms_of_requirements_are_there_with_the_settings_thresholds() -> None:
    thresholds = load_environment("dev").thresholds
    found = {
        name: (each["ComparisonOperator"], each["Threshold"])
        for name, each in alarms().items()
        if name in {"latency-high", "error-rate-high", "accuracy-low", "macro-f1-low", "data-stale"}
    }
    above, below = "GreaterThanThreshold", "LessThanThreshold"
    assert found == {
        "latency-high": (above, thresholds.latency_p95_ms),
        "error-rate-high": (above, thresholds.error_rate),
        "accuracy-low": (below, thresholds.accuracy),
        "macro-f1-low": (below, thresholds.macro_f1),
        "data-stale": (above, thresholds.data_age_days),
    }


@environments
def test_missing_data_never_takes_a_version_back(name: str) -> None:
    for composite, properties in composites(name).items():
        below = re.findall(r'ALARM\("mlops-\w+-([\w-]+)"\)', properties["AlarmRule"])
        assert below, composite
        for each in below:
            assert alarms(name)[each]["TreatMissingData"] == "notBreaching", each
        assert "INSUFFICIENT_DATA" not in properties["AlarmRule"]
    assert {name for name, each in alarms().items() if each["TreatMissingData"] != "notBreaching"} == {"data-stale"}


def test_periods_and_datapoints_are_within_cloudwatchs_limits() -> None:
    for name, each in alarms().items():
        period = {query["MetricStat"]["Period"] for query in each["Metrics"] if "MetricStat" in query}
        assert len(period) == 1, name
        (seconds,) = period
        assert seconds * each["EvaluationPeriods"] <= (7 * 86_400 if seconds >= 3600 else 86_400), name
        assert 1 <= each["DatapointsToAlarm"] <= each["EvaluationPeriods"], name
        assert sum(query["ReturnData"] for query in each["Metrics"]) == 1, name
        assert len(metrics_of(each)) <= 10, name


def test_a_share_or_a_percentile_of_a_few_requests_raises_nothing() -> None:
    for name in ("latency-high", "error-rate-high"):
        (expression,) = [each["Expression"] for each in alarms()[name]["Metrics"] if "Expression" in each]
        assert expression.startswith("IF(requests >= 20, ")
        assert expression.endswith(", 0)")


# ---- who is told ---------------------------------------------------------------------------------------------


@environments
def test_each_cause_is_told_once(name: str) -> None:
    """An alarm tells by itself, or the composite alarm above it does."""
    below = {
        each
        for properties in composites(name).values()
        for each in re.findall(r'"mlops-\w+-([\w-]+)"', properties["AlarmRule"])
    }
    for alarm, properties in every(name).items():
        told = properties.get("AlarmActions", [])
        assert told == ([] if alarm in below else ["<Alerts>"]), alarm
        assert properties.get("OKActions", []) == told, alarm


def test_a_model_alarm_is_silent_while_the_service_is_degraded() -> None:
    model = composites()[ALARM_MODEL]
    assert model["ActionsSuppressor"] == f"mlops-dev-{ALARM_SERVICE}"
    assert model["ActionsSuppressorExtensionPeriod"] > 0
    assert "ActionsSuppressor" not in composites()[ALARM_SERVICE]
    assert set(composites()) == {ALARM_MODEL, ALARM_SERVICE}


def test_an_alarm_of_the_service_has_forgotten_a_version_when_the_next_one_is_judged() -> None:
    for name in re.findall(r'"mlops-dev-([\w-]+)"', composites()[ALARM_SERVICE]["AlarmRule"]):
        alarm = alarms()[name]
        (period,) = {each["MetricStat"]["Period"] for each in alarm["Metrics"] if "MetricStat" in each}
        assert period * alarm["EvaluationPeriods"] <= ALARM_SETTLE_SECONDS, name


def test_drift_takes_nothing_back() -> None:
    rules = " ".join(each["AlarmRule"] for each in composites().values())
    assert "drift" not in rules
    assert "unseen" not in rules


def test_when_the_looks_stop_somebody_is_told_and_a_new_environment_is_quiet() -> None:
    assert {name for name, each in alarms().items() if each.get("InsufficientDataActions")} == {"data-stale"}


# ---- runbooks ------------------------------------------------------------------------------------------------


def test_each_alarm_has_a_page_and_each_page_an_alarm() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == set(every())


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_a_page_has_its_sections_each_with_something_in_it(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# {page.stem}\n")
    assert [line for line in text.splitlines() if line.startswith("## ")] == SECTIONS
    for part in re.split(r"^## .*$", text, flags=re.MULTILINE)[1:]:
        assert len(part.split()) >= 10


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda path: path.stem)
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).is_file(), link


# ---- the dashboard -------------------------------------------------------------------------------------------


@environments
def test_the_dashboard_shows_only_what_somebody_publishes(name: str) -> None:
    shown = set()
    for widget in body(name)["widgets"]:
        for row in widget["properties"].get("metrics", []):
            if isinstance(row[0], dict):
                continue
            namespace, metric, *rest = row
            assert metric in published()[namespace], row
            dimensions = dict(zip(rest[0:-1:2], rest[1:-1:2], strict=True))
            if namespace.startswith("MLOps/"):
                assert dimensions == {"Environment": name}, row
            shown.add((namespace, metric))
    assert {metric for space, metric in shown if space == SERVICE_METRICS} >= {"Latency", "Requests", "Errors"}
    assert {metric for space, metric in shown if space == MODEL_METRICS} >= {"Accuracy", "MacroF1", "InputDrift"}
    assert {metric for space, metric in shown if space == DELIVERY_METRICS} >= {"Deployments", "LeadTime", "DataAge"}
    assert shown >= {("AWS/States", "ExecutionTime"), ("AWS/S3", "BytesUploaded"), ("AWS/S3", "BytesDownloaded")}


@environments
def test_expressions_of_the_dashboard_use_names_of_their_own_graph(name: str) -> None:
    for widget in body(name)["widgets"]:
        rows = widget["properties"].get("metrics", [])
        names = {row[-1]["id"] for row in rows if "id" in row[-1]}
        for row in rows:
            words = set(re.findall(r"\b[a-z]\w*", row[-1].get("expression", "")))
            assert words <= names, row


@environments
def test_widgets_do_not_overlap_and_all_alarms_are_shown(name: str) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in body(name)["widgets"]:
        assert widget["x"] + widget["width"] <= 24
        cells = {
            (x, y)
            for x in range(widget["x"], widget["x"] + widget["width"])
            for y in range(widget["y"], widget["y"] + widget["height"])
        }
        assert not cells & taken
        taken |= cells
    (status,) = (each for each in body(name)["widgets"] if each["type"] == "alarm")
    arn = f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:mlops-{name}-"
    assert set(status["properties"]["alarms"]) == {f"{arn}{each}" for each in every(name)}


def test_the_buckets_requests_are_measured_by_the_filter_that_the_dashboard_reads() -> None:
    (lake,) = [
        each
        for each in Account(environment("dev")).properties("AWS::S3::Bucket", component="data-lake").values()
        if "MetricsConfigurations" in each
    ]
    rows = [row for widget in body()["widgets"] for row in widget["properties"].get("metrics", [])]
    read = {(row[row.index("BucketName") + 1], row[row.index("FilterId") + 1]) for row in rows if row[0] == "AWS/S3"}
    assert read == {(lake["BucketName"], each["Id"]) for each in lake["MetricsConfigurations"]}
