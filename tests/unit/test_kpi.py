"""Delivery figures: what counts as a deployment, as a failed one, and how long it took."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.kpi import Deployment, RecordError, delivery_figures, deployments, summary
from ml.commands import kpi
from ml.errors import DataError

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
USE_CASE = "price_sensitivity"


class Records:
    """A lake in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}

    def read(self, key: str) -> dict[str, Any] | None:
        return self.objects.get(key)

    def keys(self, prefix: str) -> Iterator[str]:
        return iter(sorted(key for key in self.objects if key.startswith(prefix)))

    def ended(self, what: str, key: str, *, days_ago: float, **fields: Any) -> None:
        at = NOW - timedelta(days=days_ago)
        record = {"what": what, "key": key, "at": at.isoformat(), "by": "test", "reason": "test", **fields}
        self.objects[f"artifacts/audit/{at:%Y-%m-%d}/{what}-{key}.json"] = record

    def promoted(self, version: str, *, days_ago: float, before: str | None = None) -> None:
        self.ended(
            "released",
            f"release-{version}-{days_ago}",
            days_ago=days_ago,
            outcome="promoted",
            from_version=before,
            to_version=version,
        )

    def taken_back(self, version: str, *, days_ago: float, outcome: str = "rolled_back") -> None:
        self.ended(
            "rolled-back", f"undo-{version}-{days_ago}", days_ago=days_ago, outcome=outcome, from_version=version
        )

    def made(self, version: str, *, days_ago: float) -> None:
        self.objects[f"artifacts/models/{version}/manifest.json"] = {"version": version, "run": f"run-{version}"}
        at = (NOW - timedelta(days=days_ago)).isoformat()
        self.objects[f"artifacts/runs/run-{version}/claim.json"] = {"at": at}

    def found(self, days: int = 30) -> list[Deployment]:
        return deployments(self, use_case=USE_CASE, now=NOW, days=days)


def test_nothing_released_is_no_rate_and_no_lead_time() -> None:
    found = delivery_figures(Records(), use_case=USE_CASE, now=NOW, days=30)
    assert (found.deployments, found.failed, found.failure_rate, found.mean_lead_time_hours) == (0, 0, None, None)


def test_frequency_failure_rate_and_lead_time() -> None:
    lake = Records()
    for version, released, made in (("v1", 20, 21), ("v2", 10, 13), ("v3", 5, 5.5)):
        lake.made(version, days_ago=made)
        lake.promoted(version, days_ago=released)
    lake.taken_back("v3", days_ago=4)

    found = summary(lake.found(), days=30)

    assert (found.deployments, found.failed) == (3, 1)
    assert found.failure_rate == pytest.approx(1 / 3)
    assert found.deployments_per_week == pytest.approx(0.7)
    assert found.mean_lead_time_hours == pytest.approx(24 * (1 + 3 + 0.5) / 3)


def test_a_version_taken_back_before_its_promotion_is_a_failed_deployment() -> None:
    lake = Records()
    lake.promoted("v1", days_ago=9)
    lake.taken_back("v2", days_ago=3)
    assert [(each.version, each.failed) for each in lake.found()] == [("v1", False), ("v2", True)]


def test_one_that_had_nothing_to_go_back_to_failed_too() -> None:
    lake = Records()
    lake.promoted("v1", days_ago=9)
    lake.taken_back("v1", days_ago=3, outcome="refused")
    assert [each.failed for each in lake.found()] == [True]


@pytest.mark.parametrize("outcome", ["nothing", None])
def test_an_alarm_that_changed_nothing_is_no_failure(outcome: str | None) -> None:
    lake = Records()
    lake.promoted("v1", days_ago=9)
    lake.taken_back("v1", days_ago=3, outcome=str(outcome))
    assert [each.failed for each in lake.found()] == [False]


@pytest.mark.parametrize("outcome", ["refused", "serves_already"])
def test_a_release_that_never_began_is_no_deployment(outcome: str) -> None:
    lake = Records()
    lake.ended("released", "release-1", days_ago=2, outcome=outcome, to_version="v1")
    assert lake.found() == []


def test_a_version_released_again_after_it_was_taken_back_counts_twice() -> None:
    lake = Records()
    lake.promoted("v1", days_ago=9)
    lake.taken_back("v1", days_ago=8)
    lake.promoted("v1", days_ago=2)
    assert [each.failed for each in lake.found()] == [True, False]


def test_one_taken_back_again_on_its_way_back_is_another_failed_deployment() -> None:
    lake = Records()
    lake.promoted("v1", days_ago=9)
    lake.taken_back("v1", days_ago=8)
    lake.taken_back("v1", days_ago=2)
    assert [each.failed for each in lake.found()] == [True, True]


def test_only_what_is_within_the_days_counts() -> None:
    lake = Records()
    lake.promoted("v1", days_ago=7.01)
    lake.promoted("v2", days_ago=6.99)
    assert [each.version for each in lake.found(days=7)] == ["v2"]
    lake.taken_back("v1", days_ago=1)
    assert [(each.version, each.failed) for each in lake.found(days=7)] == [("v2", False), ("v1", True)]


def test_a_record_that_is_none_is_named() -> None:
    lake = Records()
    lake.objects["artifacts/audit/2026-03-30/released-x.json"] = {"what": "released"}
    with pytest.raises(RecordError, match=r"artifacts/audit/2026-03-30/released-x\.json: at: Field required"):
        lake.found()


@given(
    st.lists(
        st.tuples(st.sampled_from(["promoted", "taken_back"]), st.sampled_from("abc"), st.integers(0, 60)), max_size=12
    )
)
def test_whatever_happened_failures_are_among_deployments_and_longer_looks_see_no_less_of_them(
    happened: list[tuple[str, str, int]],
) -> None:
    lake = Records()
    for what, version, days_ago in happened:
        getattr(lake, what)(version, days_ago=days_ago)
    found = [summary(lake.found(days), days=days) for days in (20, 61)]
    for each in found:
        assert 0 <= each.failed <= each.deployments
    taken = {(version, ago) for what, version, ago in happened if what == "taken_back"}
    assert found[1].failed <= len(taken)


# ---- a laptop's lake -----------------------------------------------------------------------------------------


def _registered(lake: Path, version: str, *entries: tuple[str, float]) -> None:
    history = [
        {"status": status, "at": (datetime.now(UTC) - timedelta(days=ago)).isoformat(), "by": "x", "reason": "y"}
        for status, ago in entries
    ]
    place = lake / "artifacts" / "registry" / USE_CASE
    (place / "deployments").mkdir(parents=True, exist_ok=True)
    (place / f"{version}.json").write_text(json.dumps({"version": version, "history": history}))
    (place / "champion.json").write_text(json.dumps({"version": version}))
    (place / "deployments" / "latest.json").write_text("{}")


def test_a_laptops_registry_tells_when_versions_were_approved(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _registered(tmp_path, "v1", ("Approved", 9))
    _registered(tmp_path, "v2", ("PendingManualApproval", 3), ("Approved", 1))
    _registered(tmp_path, "v3", ("Rejected", 1))

    kpi.kpi(lake=str(tmp_path), days=30, json_file=tmp_path / "kpi.json", use_case=USE_CASE)

    found = json.loads((tmp_path / "kpi.json").read_text())
    assert [each["version"] for each in found["each"]] == ["v1", "v2"]
    assert found["mean_lead_time_hours"] == pytest.approx(24, abs=0.01)
    printed = capsys.readouterr().out
    assert "24.0 h" in printed
    assert "0 %" in printed


def test_a_damaged_record_of_a_folder_is_named(tmp_path: Path) -> None:
    place = tmp_path / "artifacts" / "registry" / USE_CASE
    place.mkdir(parents=True)
    (place / "v1.json").write_text("{")
    with pytest.raises(DataError, match=r"v1\.json: no JSON"):
        kpi.kpi(lake=str(tmp_path), days=30, json_file=None, use_case=USE_CASE)
