"""The platform's own alarms, as its templates have them: each is raised by what it is for, and by nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import cloudwatch, eventbridge, sns

from config.names import (
    ALARM_MODEL,
    ALARM_SERVICE,
    DELIVERY_METRICS,
    MODEL_METRICS,
    SERVICE_METRICS,
    DeliveryMetric,
    MonitoringMetric,
    ServiceMetric,
)
from rehearsal.emulator.alarms.definitions import Definition
from rehearsal.emulator.alarms.requests import from_template
from rehearsal.emulator.alarms.watch import Watch
from tests.stacks.assembly import environment

ACCOUNT, REGION = "000000000000", "ap-southeast-1"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"
MINUTE, HOUR, DAY = 60, 3600, 86_400
START = 1_800_000_000.0 // DAY * DAY


class Account:
    """An account with the platform's alarms, whose time is what a test says."""

    def __init__(self) -> None:
        self.watch = Watch(speed=1)
        self.now = START
        assembly = environment("dev")
        for resource in assembly.resources("AWS::CloudWatch::Alarm").values():
            self.watch.put_metric_alarm(_request(resource), now=self.now)
        for resource in assembly.resources("AWS::CloudWatch::CompositeAlarm").values():
            self.watch.put_composite_alarm(_request(resource), now=self.now)
        self.wait(3 * MINUTE)
        self.told.clear()

    @property
    def told(self) -> list[Any]:
        """The messages that went to people."""
        found: list[Any] = sns._topics[TOPIC]["heard"]
        return found

    @property
    def raised(self) -> set[str]:
        alarms = [*cloudwatch._alarms.values(), *cloudwatch._composite_alarms.values()]
        return {each["AlarmName"].removeprefix("mlops-dev-") for each in alarms if each["StateValue"] == "ALARM"}

    def put(self, namespace: str, name: str, *values: float, dimensions: Mapping[str, str] | None = None) -> None:
        dimensions = dimensions or {"Environment": "dev"}
        for value in values:
            cloudwatch._store_datum(namespace, name, dict(dimensions), self.now, "None", value, None, None, None)

    def wait(self, seconds: float) -> None:
        """Let time go by, a minute at a time, or half an hour if it is much."""
        end = self.now + seconds
        step = MINUTE if seconds < HOUR else HOUR / 2
        while self.now < end:
            self.now = min(self.now + step, end)
            self.watch.look(now=self.now)

    def serve(self, minutes: int, *, requests: int, errors: int = 0, latency: float = 20.0) -> None:
        for _ in range(minutes):
            self.put(SERVICE_METRICS, ServiceMetric.REQUESTS, requests)
            self.put(SERVICE_METRICS, ServiceMetric.ERRORS, errors)
            # 90 of 100 answers are quick, always.
            self.put(SERVICE_METRICS, ServiceMetric.LATENCY, *[5.0] * 90, *[latency] * 10)
            self.wait(MINUTE)


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    heard: list[Any] = []
    with request_scope(ACCOUNT, REGION):
        cloudwatch.reset()
        monkeypatch.setitem(sns._topics, TOPIC, {"arn": TOPIC, "subscriptions": [], "attributes": {}, "heard": heard})
        monkeypatch.setattr(sns, "publish_internal", lambda _topic, message, subject: heard.append((subject, message)))
        yield Account()
        cloudwatch.reset()
        eventbridge.reset()


def test_nothing_is_raised_without_anything_and_by_a_healthy_day(account: Account) -> None:
    assert account.raised == set()

    account.put(DELIVERY_METRICS, DeliveryMetric.CAPTURED, 500)
    account.put(DELIVERY_METRICS, DeliveryMetric.DATA_AGE, 3)
    account.put(MODEL_METRICS, MonitoringMetric.QUALITY_WORSE, 0)
    account.put(MODEL_METRICS, MonitoringMetric.ACCURACY, 0.95)
    account.serve(10, requests=100)

    assert account.raised == set()
    assert account.told == []


def test_an_alarm_that_cannot_be_looked_at_is_no_other_alarms_trouble(
    account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = Definition.points

    def broken(definition: Definition, *, end: float, speed: float) -> Any:
        if "requests" in definition.metrics:
            raise RuntimeError("broken")
        return points(definition, end=end, speed=speed)

    monkeypatch.setattr(Definition, "points", broken)
    account.put(MODEL_METRICS, MonitoringMetric.INPUT_DRIFT, 0.9)

    account.wait(MINUTE)
    assert account.raised == {"feature-drift"}


def test_slow_answers_raise_the_services_alarm_after_three_minutes(account: Account) -> None:
    account.serve(2, requests=100, latency=900)
    assert account.raised == set()

    account.serve(1, requests=100, latency=900)
    assert account.raised == {"latency-high", ALARM_SERVICE}
    assert [subject for subject, _ in account.told] == [
        'ALARM: "mlops-dev-service-degraded" in Asia Pacific (Singapore)'
    ]

    account.serve(5, requests=100)
    assert account.raised == set()


def test_a_few_slow_or_failing_requests_raise_nothing(account: Account) -> None:
    account.serve(6, requests=19, errors=19, latency=900)

    assert account.raised == set()


def test_errors_raise_the_services_alarm(account: Account) -> None:
    account.serve(5, requests=100, errors=5)
    assert account.raised == set()

    account.serve(3, requests=100, errors=6)
    assert account.raised == {"error-rate-high", ALARM_SERVICE}


@pytest.mark.parametrize(
    ("alarm", "name", "value", "composite"),
    [
        ("quality-worse", MonitoringMetric.QUALITY_WORSE, 1, {ALARM_MODEL}),
        ("accuracy-low", MonitoringMetric.ACCURACY, 0.5, {ALARM_MODEL}),
        ("macro-f1-low", MonitoringMetric.MACRO_F1, 0.5, {ALARM_MODEL}),
        ("feature-drift", MonitoringMetric.INPUT_DRIFT, 0.9, set()),
        ("class-drift", MonitoringMetric.PREDICTION_DRIFT, 0.9, set()),
        ("unseen-products", MonitoringMetric.UNSEEN_PRODUCTS, 0.9, set()),
    ],
)
def test_a_look_at_the_model_raises_its_alarm_within_a_minute(
    account: Account, alarm: str, name: MonitoringMetric, value: float, composite: set[str]
) -> None:
    account.put(MODEL_METRICS, name, value)

    account.wait(MINUTE)
    assert account.raised == {alarm, *composite}

    # The evaluation range is two periods longer: as long as the point is in it, it is the most recent one.
    account.wait(2 * HOUR)
    assert account.raised == {alarm, *composite}
    account.wait(HOUR)
    assert account.raised == set()


@pytest.mark.parametrize(
    ("alarm", "metric", "times"),
    [("captures-dropped", ServiceMetric.CAPTURE_DROPS, 2), ("keys-unread", ServiceMetric.KEY_FAILURES, 3)],
)
def test_what_lasts_raises_its_alarm(account: Account, alarm: str, metric: ServiceMetric, times: int) -> None:
    for _ in range(times - 1):
        account.put(SERVICE_METRICS, metric, 1)
        account.wait(5 * MINUTE)
    assert account.raised == set()

    account.put(SERVICE_METRICS, metric, 1)
    account.wait(MINUTE)
    assert account.raised == {alarm}


@pytest.mark.parametrize("machine", ["training", "release", "monitoring"])
@pytest.mark.parametrize("end", ["ExecutionsFailed", "ExecutionsTimedOut"])
def test_a_failed_run_raises_its_alarm_at_once(account: Account, machine: str, end: str) -> None:
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:mlops-dev-{machine}"
    account.put("AWS/States", end, 1, dimensions={"StateMachineArn": arn})

    account.wait(MINUTE)
    assert account.raised == {"runs-failed"}

    account.wait(5 * MINUTE)
    assert account.raised == set()


def test_a_day_of_requests_without_captures_raises_its_alarm_and_old_data_another(account: Account) -> None:
    for _ in range(2):
        account.put(SERVICE_METRICS, ServiceMetric.REQUESTS, 50)
        account.put(DELIVERY_METRICS, DeliveryMetric.CAPTURED, 0)
        account.put(DELIVERY_METRICS, DeliveryMetric.DATA_AGE, 60)
        account.wait(DAY)

    assert account.raised == {"captures-missing", "data-stale"}


def test_people_are_told_when_the_daily_figures_stop_to_come(account: Account) -> None:
    account.put(DELIVERY_METRICS, DeliveryMetric.DATA_AGE, 1)
    account.wait(2 * HOUR)
    assert cloudwatch._alarms["mlops-dev-data-stale"]["StateValue"] == "OK"

    account.wait(5 * DAY)
    assert cloudwatch._alarms["mlops-dev-data-stale"]["StateValue"] == "INSUFFICIENT_DATA"
    assert account.told[-1][0].startswith('INSUFFICIENT_DATA: "mlops-dev-data-stale"')


def test_the_models_alarm_tells_nobody_while_the_services_is_raised_and_for_an_hour_after(account: Account) -> None:
    account.serve(3, requests=100, latency=900)
    account.put(MODEL_METRICS, MonitoringMetric.ACCURACY, 0.5)
    account.serve(2, requests=100, latency=900)
    assert account.raised == {"latency-high", "accuracy-low", ALARM_SERVICE, ALARM_MODEL}
    assert not [subject for subject, _ in account.told if ALARM_MODEL in subject]

    account.serve(8, requests=100)
    assert ALARM_SERVICE not in account.raised
    account.put(MODEL_METRICS, MonitoringMetric.ACCURACY, 0.5)
    account.wait(30 * MINUTE)
    assert not [subject for subject, _ in account.told if ALARM_MODEL in subject]

    account.wait(30 * MINUTE)
    (told,) = [subject for subject, _ in account.told if ALARM_MODEL in subject]
    assert told.startswith("ALARM")


def _request(resource: Mapping[str, Any]) -> dict[str, Any]:
    properties = _resolved(resource["Properties"])
    return from_template(properties["AlarmName"], properties)


def _resolved(value: Any) -> Any:
    if isinstance(value, list):
        return [_resolved(each) for each in value]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return {"AWS::AccountId": ACCOUNT, "Alerts": TOPIC}[value["Ref"]]
    if set(value) == {"Fn::Join"}:
        separator, parts = value["Fn::Join"]
        return separator.join(_resolved(parts))
    return {key: _resolved(each) for key, each in value.items()}
