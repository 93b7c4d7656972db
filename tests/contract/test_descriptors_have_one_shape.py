"""The descriptor that a release in the cloud writes has the shape of the local registry's."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.names import ModelStatus
from lambdas.deploy.handler import deploy
from lambdas.promote.handler import promote
from ml.files import read_json, write_json
from ml.registry.local import LocalRegistry
from tests.flow import Cluster, Tools, account
from tests.models import small
from tests.releases import deploy_event, promote_event

NOW = datetime(2026, 3, 2, tzinfo=UTC)
FACTS = {"metrics": {"accuracy": 0.9}, "run": "r1"}
MANIFEST = {
    "version": "v1",
    "model": "xgboost",
    "code_version": "0.1.0",
    "feature_schema": {"version": "1", "names": ["lines"]},
    "files": {},
    "classes": [{"code": "LA", "word": "High"}],
}


@pytest.fixture
def local(tmp_path: Path) -> dict[str, Any]:
    """The descriptor of the local registry."""
    candidate = tmp_path / "candidate"
    candidate.mkdir()
    write_json(candidate / "manifest.json", MANIFEST)
    registry = LocalRegistry(tmp_path / "artifacts", small())
    registry.register(candidate, attachments={}, facts=FACTS, status=ModelStatus.APPROVED, reason="gate", now=NOW)
    (latest,) = tmp_path.rglob("latest.json")
    found: dict[str, Any] = read_json(latest)
    return found


def test_what_reads_one_reads_the_other(local: dict[str, Any]) -> None:
    with account() as cloud:
        cloud.add_version("v1")
        cloud.put("artifacts/models/v1/manifest.json", {**MANIFEST, **FACTS})
        tools = Tools(Cluster())
        deploy(deploy_event(cloud, "v1"), tools)
        promote(promote_event("v1", minutes=10), tools)
        released = cloud.object("artifacts/registry/price_sensitivity/deployments/latest.json")

    assert released["model_package"].pop("arn") == cloud.packages["v1"], "the one thing that a disk does not have"
    assert _shape(released) == _shape(local)
    for same in ("schema", "metrics", "feature_schema"):
        assert released[same] == local[same]


def _shape(value: Any) -> Any:
    return {key: _shape(each) for key, each in value.items()} if isinstance(value, dict) else type(value)
