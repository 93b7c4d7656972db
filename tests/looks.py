"""What a look at the models finds and leaves, for tests of its functions."""

from datetime import timedelta
from typing import Any

from config.monitoring import MONITORING
from lambdas.common.monitoring import MonitoringSettings, MonitoringTools
from lambdas.delivery_metrics.handler import Measure
from lambdas.look_back.handler import LookBack
from lambdas.publish_metrics.handler import Publish
from tests.flow import AT, BUCKET, USE_CASE, Account, clients

SETTINGS = MonitoringSettings(bucket=BUCKET, use_case=USE_CASE, environment="test")
DAY = f"{AT:%Y-%m-%d}"
LOOK = LookBack(at=AT, weeks=2)
PUBLISH = Publish(at=AT, day=DAY)
MEASURE = Measure(at=AT + timedelta(hours=3))


def monitoring_tools() -> MonitoringTools:
    """Return the functions' tools in this process."""
    return MonitoringTools(SETTINGS, clients())


def captured(cloud: Account, *, days_ago: int = 0) -> str:
    """Leave a file of captured predictions; return its key."""
    key = f"captured/{AT - timedelta(days=days_ago):%Y/%m/%d}/100000-{days_ago}.jsonl.gz"
    cloud.put(key, {})
    return key


def refined(cloud: Account, week: int = 200608) -> str:
    """Leave a refined week; return the key of its one part."""
    key = f"silver/transactions/shop_week={week}/store_region=E01/part.parquet"
    cloud.put(key, {})
    return key


def metric(name: str, value: float, version: str, **dimensions: str) -> dict[str, Any]:
    """Return a figure as the job writes it."""
    return {"name": name, "value": value, "unit": "None", "dimensions": {"ModelVersion": version, **dimensions}}


def looked(cloud: Account, *metrics: dict[str, Any], current: str = "v1") -> None:
    """Leave what the job leaves: v1 and v2 predicted, ``current`` last."""
    answers = {"quality": "ok", "drift": "ok", "checks": []}
    names = sorted(("v1", "v2"), key=lambda each: each != current)
    found = {
        "use_case": USE_CASE,
        "intake": dict.fromkeys(("files", "lines", "repeated", "predictions", "without_basket_id"), 0)
        | {"refused": {}},
        "versions": [{"version": each, "current": each == current, **answers} for each in names],
        "metrics": list(metrics) or [metric("Accuracy", 0.9, "v1"), metric("Accuracy", 0.5, "v2")],
    }
    cloud.put(f"artifacts/monitoring/{DAY}/{MONITORING}", found)
