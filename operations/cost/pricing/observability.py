"""Logs, alarms, dashboards, messages and schedules."""

from collections.abc import Iterator

from operations.cost.charges import Charge, Optimisation
from operations.cost.pricing.table import Properties, prices
from operations.cost.scene import Scene
from operations.synthesis import text_of

DAYS_PER_MONTH = 30
FREE_DASHBOARDS = 3
# A start and a stop on each working day.
SCHEDULE_RUNS = 22
# What a log group's names tell of its use; the first that is found counts.
_ROLES = (
    ("/application", "application"),
    ("/performance", "performance"),
    ("/dataplane", "nodes"),
    ("/host", "nodes"),
    ("flow", "flow"),
    ("/aws/eks", "cluster"),
    ("controlplane", "cluster"),
)


@prices("AWS::Logs::LogGroup")
def log_group(logical: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """What comes in, and what is kept of it until it expires."""
    name = _role(f"{logical} {text_of(properties.get('LogGroupName', ''))}".lower())
    gigabytes = getattr(scene.usage.logs_gb, name)
    source = f"logs_gb.{name}"
    yield scene.by_use("logs taken in", "logs.ingested_gb", gigabytes, assumption=source)
    unlimited = gigabytes * scene.months_without_expiry
    days = properties.get("RetentionInDays")
    kept = min(gigabytes * days / DAYS_PER_MONTH, unlimited) if days else unlimited
    yield scene.by_use(
        "logs kept",
        "logs.stored_gb",
        kept,
        assumption=source,
        savings={Optimisation.LIFECYCLE: (unlimited - kept) * scene.prices.usd("logs.stored_gb")},
    )


def _role(names: str) -> str:
    for word, role in _ROLES:
        if word in names:
            return role
    return "other"


@prices("AWS::CloudWatch::Alarm")
def alarm(_: str, properties: Properties, scene: Scene) -> Iterator[Charge]:
    """An alarm, by the metrics that it looks at; an expression over them is free."""
    looked_at = sum("MetricStat" in each for each in properties.get("Metrics", []))
    yield scene.charge("metrics that the alarm looks at", "cloudwatch.alarm", looked_at or 1)


@prices("AWS::CloudWatch::CompositeAlarm")
def composite_alarm(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """An alarm over alarms."""
    yield scene.charge("composite alarm", "cloudwatch.composite_alarm", 1)


@prices("AWS::CloudWatch::Dashboard")
def dashboard(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """A dashboard; three are free in every account, and not only in its first year."""
    count = scene.count("AWS::CloudWatch::Dashboard")
    yield scene.charge(
        "dashboard",
        "cloudwatch.dashboard",
        max(count - FREE_DASHBOARDS, 0) / count,
        assumption=f"{FREE_DASHBOARDS} of an account are free",
    )


@prices("AWS::SNS::Topic")
def topic(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """Emails."""
    yield scene.by_use(
        "emails",
        "sns.emails_100k",
        scene.usage.emails / scene.count("AWS::SNS::Topic") / 1e5,
        assumption="emails, shared by the topics",
    )


@prices("AWS::Scheduler::Schedule")
def schedule(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """Runs of the schedule."""
    yield scene.by_use("runs", "scheduler.million", SCHEDULE_RUNS / 1e6, assumption="once on each working day")


@prices("AWS::Events::Rule")
def rule(_: str, __: Properties, scene: Scene) -> Iterator[Charge]:
    """Events of our own that match; AWS's are free."""
    yield scene.by_use("events of our own", "events.million", scene.usage.runs * 10 / 1e6, assumption="ten in each run")
