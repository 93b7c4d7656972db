from collections.abc import Callable
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.names import MANIFEST, ModelStatus
from ml.bundle import Bundle
from ml.errors import ModelError
from ml.files import read_json, sha256_of, write_json
from ml.registry import local
from ml.registry.local import LocalRegistry
from tests.models import small, train_bundle

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
METRICS = {"accuracy": 0.9, "macro_f1": 0.88, "class_precision_minimum": 0.8}


class Candidates:
    """Two bundles of different versions and a report to attach."""

    def __init__(self, folder: Path) -> None:
        self.first, self.second = folder / "first", folder / "second"
        self.versions = (train_bundle(self.first)["version"], train_bundle(self.second, "majority")["version"])
        self.report = folder / "report.html"
        self.report.write_text("<p>report</p>")


@pytest.fixture(scope="module")
def candidates(tmp_path_factory: pytest.TempPathFactory) -> Candidates:
    return Candidates(tmp_path_factory.mktemp("candidates"))


@pytest.fixture
def registry(tmp_path: Path) -> LocalRegistry:
    return LocalRegistry(tmp_path / "artifacts", small())


def register(
    registry: LocalRegistry,
    candidates: Candidates,
    *,
    candidate: Path | None = None,
    status: ModelStatus = ModelStatus.APPROVED,
    now: datetime = NOW,
    run: str = "run-1",
) -> dict[str, Any]:
    return registry.register(
        candidate or candidates.first,
        attachments={"report.html": candidates.report},
        facts={"run": run, "metrics": METRICS, "lineage": {"inputs": []}},
        status=status,
        reason="every threshold was reached",
        now=now,
    )


def everything(registry: LocalRegistry) -> dict[str, str]:
    files = [path for path in registry.artifacts.rglob("*") if path.is_file()]
    return {str(path.relative_to(registry.artifacts)): sha256_of(path) for path in files}


def test_a_registered_version_is_a_sound_bundle_with_its_reports_and_facts(
    registry: LocalRegistry, candidates: Candidates
) -> None:
    record = register(registry, candidates)
    version = candidates.versions[0]
    assert record["version"] == version
    assert record["status"] == "Approved"
    assert record["history"] == [
        {
            "status": "Approved",
            "by": "gate",
            "reason": "every threshold was reached",
            "at": "2026-03-02T09:30:00+00:00",
        }
    ]
    bundle = Bundle.load(registry.bundle(version))
    assert bundle.version == version
    assert bundle.manifest["metrics"] == METRICS
    assert bundle.manifest["run"] == "run-1"
    assert "report.html" in bundle.manifest["files"]
    assert (registry.bundle(version) / "report.html").read_text() == "<p>report</p>"


def test_an_attached_report_is_protected_by_the_bundles_checksums(
    registry: LocalRegistry, candidates: Candidates
) -> None:
    register(registry, candidates)
    (registry.bundle(candidates.versions[0]) / "report.html").write_text("<p>another</p>")
    with pytest.raises(ModelError, match=r"report.html: the checksum differs"):
        Bundle.load(registry.bundle(candidates.versions[0]))


def test_an_approved_version_becomes_champion_and_a_waiting_one_does_not(
    registry: LocalRegistry, candidates: Candidates
) -> None:
    assert registry.champion() is None
    register(registry, candidates, status=ModelStatus.PENDING)
    assert registry.champion() is None
    register(registry, candidates, candidate=candidates.second)
    assert registry.champion() == candidates.versions[1]


def test_registering_again_changes_nothing(registry: LocalRegistry, candidates: Candidates) -> None:
    register(registry, candidates)
    before = everything(registry)
    register(registry, candidates, now=NOW + timedelta(days=1), run="run-2")
    assert everything(registry) == before


def test_registering_again_does_not_undo_what_a_person_decided(registry: LocalRegistry, candidates: Candidates) -> None:
    register(registry, candidates)
    register(registry, candidates, candidate=candidates.second, now=NOW + timedelta(hours=1))
    registry.reject(candidates.versions[0], by="ann", reason="a wrong label", now=NOW + timedelta(hours=2))
    record = register(registry, candidates, now=NOW + timedelta(hours=3))
    assert record["status"] == "Rejected"
    assert registry.champion() == candidates.versions[1]


def test_registering_again_does_not_bring_back_a_version_that_a_person_approved_and_then_replaced(
    registry: LocalRegistry, candidates: Candidates
) -> None:
    first, second = candidates.versions
    register(registry, candidates, status=ModelStatus.PENDING)
    registry.approve(first, by="ann", reason="", now=NOW + timedelta(hours=1))
    register(registry, candidates, candidate=candidates.second, now=NOW + timedelta(hours=2))
    register(registry, candidates, now=NOW + timedelta(hours=3))
    assert registry.champion() == second


class CrashError(Exception):
    """The process ends here."""


@contextmanager
def crash_at(step: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Raise before the ``step``-th file or folder that the registry writes, and count them."""
    count = 0

    def counted(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*args: Any, **options: Any) -> Any:
            nonlocal count
            count += 1
            if count == step:
                raise CrashError
            return function(*args, **options)

        return wrapper

    with monkeypatch.context() as patched:
        for name in ("write_json", "new_folder"):
            patched.setattr(local, name, counted(getattr(local, name)))
        yield lambda: count


def test_registering_takes_six_writes(
    registry: LocalRegistry, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crash_at(99, monkeypatch) as count:
        register(registry, candidates)
        assert count() == 6, "the crash test below must stop before each of them"


@pytest.mark.parametrize("step", range(1, 7))
def test_a_registration_that_was_killed_between_any_two_steps_is_completed_by_registering_again(
    step: int, tmp_path: Path, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, killed = (LocalRegistry(tmp_path / name, small()) for name in ("whole", "killed"))
    register(whole, candidates)
    with crash_at(step, monkeypatch), pytest.raises(CrashError):
        register(killed, candidates)
    champion = killed.champion()
    if champion is not None:
        assert Bundle.load(killed.bundle(champion)).version == champion
    for record in killed.versions():
        Bundle.load(killed.bundle(record["version"]))
    register(killed, candidates)
    assert everything(killed) == everything(whole)


@pytest.mark.parametrize("step", range(1, 5))
def test_an_approval_that_was_killed_is_completed_by_approving_again(
    step: int, tmp_path: Path, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    def approve(registry: LocalRegistry) -> None:
        registry.approve(candidates.versions[0], by="ann", reason="looks right", now=NOW)

    whole, killed = (LocalRegistry(tmp_path / name, small()) for name in ("whole", "killed"))
    for registry in (whole, killed):
        register(registry, candidates, status=ModelStatus.PENDING)
    approve(whole)
    with crash_at(step, monkeypatch), pytest.raises(CrashError):
        approve(killed)
    approve(killed)
    assert everything(killed) == everything(whole)


def test_approving_moves_the_champion_and_remembers_who_and_why(
    registry: LocalRegistry, candidates: Candidates
) -> None:
    register(registry, candidates)
    register(registry, candidates, candidate=candidates.second, status=ModelStatus.PENDING)
    record = registry.approve(candidates.versions[1], by="ann", reason="checked by hand", now=NOW + timedelta(hours=1))
    assert record["status"] == "Approved"
    assert [entry["status"] for entry in record["history"]] == ["PendingManualApproval", "Approved"]
    assert (record["history"][1]["by"], record["history"][1]["reason"]) == ("ann", "checked by hand")
    assert registry.champion() == candidates.versions[1]
    pointer = read_json(registry.artifacts / "registry" / small().name / "champion.json")
    assert pointer == {
        "version": candidates.versions[1],
        "previous": candidates.versions[0],
        "since": "2026-03-02T10:30:00+00:00",
    }


def test_a_ledger_from_before_the_first_promotion_names_no_champion(registry: LocalRegistry) -> None:
    pointer = registry.artifacts / "registry" / small().name / "champion.json"
    pointer.parent.mkdir(parents=True)
    write_json(pointer, {"version": None, "release": {"version": "v1"}})

    assert registry.champion() is None


def test_approving_an_earlier_version_brings_it_back(registry: LocalRegistry, candidates: Candidates) -> None:
    register(registry, candidates)
    register(registry, candidates, candidate=candidates.second, now=NOW + timedelta(hours=1))
    registry.approve(candidates.versions[0], by="ann", reason="roll back", now=NOW + timedelta(hours=2))
    assert registry.champion() == candidates.versions[0]
    deployments = registry.artifacts / "registry" / small().name / "deployments"
    assert read_json(deployments / "latest.json")["model_package"]["version"] == candidates.versions[0]


def test_a_rejected_version_stays_known_with_its_reason(registry: LocalRegistry, candidates: Candidates) -> None:
    register(registry, candidates, status=ModelStatus.PENDING)
    registry.reject(candidates.versions[0], by="ann", reason="poor on slices", now=NOW)
    record = registry.record(candidates.versions[0])
    assert (record["status"], record["history"][-1]["reason"]) == ("Rejected", "poor on slices")
    assert registry.champion() is None


def test_the_champion_cannot_be_rejected_because_something_must_serve(
    registry: LocalRegistry, candidates: Candidates
) -> None:
    register(registry, candidates)
    before = everything(registry)
    with pytest.raises(ModelError, match=f"{candidates.versions[0]} is the champion; approve another version first"):
        registry.reject(candidates.versions[0], by="ann", reason="no", now=NOW)
    assert everything(registry) == before


def test_an_unknown_version_is_answered_with_the_known_ones(registry: LocalRegistry, candidates: Candidates) -> None:
    with pytest.raises(ModelError, match="there is no version 1-a of price_sensitivity; there is: none yet"):
        registry.record("1-a")
    register(registry, candidates)
    register(registry, candidates, candidate=candidates.second, now=NOW + timedelta(hours=1))
    first, second = candidates.versions
    for ask in (
        registry.record,
        lambda version: registry.approve(version, by="ann", reason="", now=NOW),
        lambda version: registry.reject(version, by="ann", reason="", now=NOW),
    ):
        with pytest.raises(ModelError, match=f"no version 1-a of price_sensitivity; there is: {second}, {first}"):
            ask("1-a")


def test_versions_come_newest_first(registry: LocalRegistry, candidates: Candidates) -> None:
    register(registry, candidates, candidate=candidates.second, now=NOW)
    register(registry, candidates, candidate=candidates.first, now=NOW + timedelta(days=1))
    assert [record["version"] for record in registry.versions()] == list(candidates.versions)


def test_a_bundle_never_changes_whatever_is_decided_about_it(registry: LocalRegistry, candidates: Candidates) -> None:
    register(registry, candidates, status=ModelStatus.PENDING)
    folder = registry.bundle(candidates.versions[0])
    before = {path.name: sha256_of(path) for path in folder.iterdir()}
    registry.approve(candidates.versions[0], by="ann", reason="", now=NOW)
    register(registry, candidates, candidate=candidates.second, now=NOW + timedelta(hours=1))
    registry.reject(candidates.versions[0], by="ann", reason="", now=NOW + timedelta(hours=2))
    register(registry, candidates, run="another")
    assert {path.name: sha256_of(path) for path in folder.iterdir()} == before


def test_the_deployment_descriptor_says_what_to_serve_and_how(registry: LocalRegistry, candidates: Candidates) -> None:
    register(registry, candidates)
    version = candidates.versions[0]
    folder = registry.artifacts / "registry" / small().name / "deployments"
    descriptor = read_json(folder / f"{version}.json")
    manifest = read_json(registry.bundle(version) / MANIFEST)
    assert descriptor == {
        "schema": 1,
        "model_package": {
            "group": "price_sensitivity",
            "version": version,
            "bundle": f"models/{version}",
            "manifest_sha256": sha256_of(registry.bundle(version) / MANIFEST),
        },
        # A plus sign may not stand in an image's tag.
        "image": {"repository": "mlops-api", "tag": "0.1.0-abc"},
        "metrics": METRICS,
        "feature_schema": manifest["feature_schema"],
        "scaling": {"minimum": 2, "maximum": 10, "target_cpu_percent": 60},
    }
    assert descriptor["feature_schema"]["names"]
    assert read_json(folder / "latest.json") == descriptor


def test_each_release_keeps_its_descriptor_and_latest_follows_the_champion(
    registry: LocalRegistry, candidates: Candidates
) -> None:
    register(registry, candidates)
    register(registry, candidates, candidate=candidates.second, now=NOW + timedelta(hours=1))
    folder = registry.artifacts / "registry" / small().name / "deployments"
    assert {path.name for path in folder.iterdir()} == {
        *(f"{each}.json" for each in candidates.versions),
        "latest.json",
    }
    assert read_json(folder / "latest.json") == read_json(folder / f"{candidates.versions[1]}.json")


def test_a_version_that_waits_has_no_descriptor(registry: LocalRegistry, candidates: Candidates) -> None:
    register(registry, candidates, status=ModelStatus.PENDING)
    assert not (registry.artifacts / "registry" / small().name / "deployments").exists()
