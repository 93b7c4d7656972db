from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.bundle import Bundle, read_manifest
from ml.features.reference import Reference
from ml.files import read_json, sha256_of
from ml.training.candidates import TITLES
from ml.training.train import TRAINING, WITHOUT_ENCODING, train_candidate
from ml.use_case import Candidate, ModelName
from tests.models import description, small, train_bundle, training_data


@pytest.mark.parametrize("name", TITLES)
def test_every_candidate_becomes_a_bundle_with_and_without_product_encoding(name: ModelName, tmp_path: Path) -> None:
    manifest = train_bundle(tmp_path / name, name)
    bundle, plain = Bundle.load(tmp_path / name), Bundle.load(tmp_path / name / WITHOUT_ENCODING)
    assert bundle.manifest == manifest
    assert manifest["model"] == plain.manifest["model"] == name
    assert bundle.features.encoder is not None
    assert plain.features.encoder is None
    assert manifest["feature_schema"]["names"] == list(bundle.features.names)
    assert manifest["parameters"] == plain.manifest["parameters"]
    baskets = training_data().baskets
    found = bundle.probabilities(baskets)
    np.testing.assert_allclose(found.sum(axis=1), 1.0, atol=1e-5)
    if name != "majority":
        assert (found.argmax(axis=1) == baskets.labels).mean() > 0.7


def test_products_are_what_the_model_lives_on(tmp_path: Path) -> None:
    train_bundle(tmp_path / "model", "xgboost")
    baskets = training_data().baskets

    def accuracy(folder: Path) -> float:
        return float((Bundle.load(folder).probabilities(baskets).argmax(axis=1) == baskets.labels).mean())

    assert accuracy(tmp_path / "model") > accuracy(tmp_path / "model" / WITHOUT_ENCODING) + 0.2


def test_cross_validation_reports_each_fold_and_their_mean_and_spread(tmp_path: Path) -> None:
    manifest = train_bundle(tmp_path / "model")
    scores = manifest["cross_validation"]
    assert len(scores["folds"]) == 3
    for key in ("accuracy", "macro_f1"):
        values = [each[key] for each in scores["folds"]]
        assert 0.5 < min(values) <= max(values) <= 1.0
        assert scores[f"{key}_mean"] == pytest.approx(np.mean(values))
        assert scores[f"{key}_std"] == pytest.approx(np.std(values, ddof=1))
    training = read_json(tmp_path / "model" / TRAINING)
    assert training["cross_validation"] == scores
    assert training["seconds"] >= 0


def test_the_search_tries_the_grid_and_trains_its_best_point(tmp_path: Path) -> None:
    use_case = small()
    candidate = Candidate.model_validate({"fixed": {"min_samples_leaf": 10}, "grid": {"max_depth": [1, 6]}})
    searched = use_case.model_copy(update={"candidates": {"decision_tree": candidate}})
    (tmp_path / "model").mkdir()
    manifest = train_candidate(
        "decision_tree",
        training_data(),
        searched,
        folder=tmp_path / "model",
        description=description(),
        threads=1,
    )
    tried = read_json(tmp_path / "model" / TRAINING)["search"]
    assert [each["parameters"]["max_depth"] for each in tried] == [1, 6]
    assert tried[1]["macro_f1"] > tried[0]["macro_f1"]
    assert manifest["parameters"] == {"min_samples_leaf": 10, "max_depth": 6}


def test_a_grid_of_one_point_is_not_searched(tmp_path: Path) -> None:
    train_bundle(tmp_path / "model", "random_forest")
    assert read_json(tmp_path / "model" / TRAINING)["search"] == []


def checksums(folder: Path) -> dict[str, str]:
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != TRAINING]
    return {str(path.relative_to(folder)): sha256_of(path) for path in files}


@pytest.mark.parametrize("name", ["random_forest", "xgboost"])
def test_the_same_data_gives_the_same_version_and_the_same_bytes(name: ModelName, tmp_path: Path) -> None:
    first, second = train_bundle(tmp_path / "first", name), train_bundle(tmp_path / "second", name)
    assert first["version"] == second["version"]
    assert checksums(tmp_path / "first") == checksums(tmp_path / "second")


def test_other_data_gives_another_version(tmp_path: Path) -> None:
    versions = {
        train_bundle(tmp_path / "a")["version"],
        train_bundle(tmp_path / "b", baskets=450)["version"],
        train_bundle(tmp_path / "c", "majority")["version"],
    }
    assert len(versions) == 3
    last_week = int(training_data().baskets.weeks.max())
    assert all(version.startswith(f"{last_week}-") for version in versions)


def test_a_bundle_holds_plain_data_only_and_no_pickle(tmp_path: Path) -> None:
    train_bundle(tmp_path / "model", "random_forest")
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".onnx", ".parquet", ".json", ".html", ".md"}
    for path in files:
        content = path.read_bytes()
        # Protocol 2 and later start with 0x80 and a version; what joblib compresses starts with zlib's 0x78.
        assert content[:1] not in {b"\x80", b"\x78"}, path
        assert b"sklearn." not in content, path


def test_a_model_that_is_exported_wrongly_leaves_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(*_: Any) -> bytes:
        return b"no model"

    monkeypatch.setattr("ml.training.train.export", wrong)
    with pytest.raises(Exception, match="cannot be loaded"):
        train_bundle(tmp_path / "model")
    assert not list((tmp_path / "model").iterdir())


def test_the_manifest_says_what_the_bundle_was_made_of(tmp_path: Path) -> None:
    train_bundle(tmp_path / "model")
    manifest = read_manifest(tmp_path / "model")
    for key, value in description().items():
        assert manifest[key] == value
    assert set(manifest["files"]) == {"model.onnx", "encoder.json", "vector.json", "parity.json", "reference.json"}


def test_the_bundle_carries_what_its_training_baskets_looked_like(tmp_path: Path) -> None:
    train_bundle(tmp_path / "model")
    bundle = Bundle.load(tmp_path / "model")
    reference = Reference.model_validate(read_json(tmp_path / "model" / "reference.json"))
    baskets = len(training_data().baskets)
    assert [feature.name for feature in reference.features[:2]] == ["lines", "products"]
    assert {sum(feature.counts) for feature in reference.features} == {baskets}
    columns = [column for feature in reference.features for column in feature.columns]
    assert columns == list(range(len(bundle.features.names)))
    assert sum(reference.predicted) == baskets
