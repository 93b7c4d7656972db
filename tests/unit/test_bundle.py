"""What protects a bundle: checksums, a parity sample, the feature schema; each refusal names the file."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from config.names import MANIFEST
from ml.bundle import ENCODER, MODEL, PARITY, VECTOR, Bundle, read_manifest
from ml.errors import ModelError
from ml.files import read_json, sha256_of, write_json
from tests.baskets import draw_baskets
from tests.models import small, train_bundle


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle") / "model"
    train_bundle(folder)
    return folder


@pytest.fixture
def bundle(trained: Path, tmp_path: Path) -> Path:
    """A copy to damage."""
    return Path(shutil.copytree(trained, tmp_path / "model"))


def amend(folder: Path, **changes: Any) -> None:
    """Rewrite the manifest with ``changes`` and with the checksums that the files have now."""
    manifest = read_json(folder / MANIFEST)
    manifest["files"] = {name: sha256_of(folder / name) for name in manifest["files"]}
    write_json(folder / MANIFEST, {**manifest, **changes})


def test_a_sound_bundle_loads_and_says_what_it_is(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    assert loaded.words == small().label.words
    assert loaded.version == read_json(bundle / MANIFEST)["version"]
    drawn = draw_baskets(seed=9, baskets=50).baskets
    assert loaded.probabilities(drawn).shape == (50, 3)


def test_a_basket_has_the_same_probabilities_alone_as_among_others(bundle: Path) -> None:
    loaded = Bundle.load(bundle)
    drawn = draw_baskets(seed=9, baskets=40).baskets
    together = loaded.probabilities(drawn)
    for row in range(40):
        np.testing.assert_array_equal(loaded.probabilities(drawn.take(np.array([row])))[0], together[row])


@pytest.mark.parametrize("name", [MODEL, ENCODER, VECTOR, PARITY])
def test_a_file_with_one_flipped_bit_is_named(bundle: Path, name: str) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    with pytest.raises(ModelError, match=f"{name}: the checksum differs from the manifest's"):
        Bundle.load(bundle)


@pytest.mark.parametrize("name", [MODEL, ENCODER, VECTOR, PARITY])
def test_a_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    with pytest.raises(ModelError, match=f"{name} is missing from the bundle"):
        Bundle.load(bundle)


def test_a_folder_that_is_no_bundle_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=rf"{tmp_path}: not a model bundle \(it has no manifest.json\)"):
        read_manifest(tmp_path)


@pytest.mark.parametrize("text", ["", '{"version": "1"', "\x00"])
def test_a_manifest_that_was_cut_off_is_named(bundle: Path, text: str) -> None:
    (bundle / MANIFEST).write_text(text)
    with pytest.raises(ModelError, match=r"manifest.json: not JSON: .*damaged"):
        Bundle.load(bundle)


@pytest.mark.parametrize("key", ["version", "files", "feature_schema", "classes"])
def test_a_manifest_without_what_every_reader_needs_names_it(bundle: Path, key: str) -> None:
    manifest = read_json(bundle / MANIFEST)
    del manifest[key]
    write_json(bundle / MANIFEST, manifest)
    with pytest.raises(ModelError, match=rf"manifest.json: has no {key}; the bundle is damaged"):
        Bundle.load(bundle)


def test_a_parity_sample_that_does_not_come_out_stops_the_load(bundle: Path) -> None:
    sample = read_json(bundle / PARITY)
    sample["probabilities"][0][0] += 3e-5
    write_json(bundle / PARITY, sample)
    amend(bundle)
    with pytest.raises(ModelError, match=r"the parity sample is off by 3e-05; the bundle is not used"):
        Bundle.load(bundle)


def test_a_parity_sample_without_a_class_stops_the_load(bundle: Path) -> None:
    sample = read_json(bundle / PARITY)
    write_json(bundle / PARITY, sample | {"probabilities": [row[:2] for row in sample["probabilities"]]})
    amend(bundle)
    with pytest.raises(ModelError, match="the parity sample is off by inf"):
        Bundle.load(bundle)


def test_another_models_file_is_found_by_the_parity_sample(bundle: Path, tmp_path: Path) -> None:
    train_bundle(tmp_path / "other", "majority")
    shutil.copyfile(tmp_path / "other" / MODEL, bundle / MODEL)
    amend(bundle)
    with pytest.raises(ModelError, match="the parity sample is off by"):
        Bundle.load(bundle)


def test_a_model_over_other_features_is_refused(bundle: Path) -> None:
    shutil.copyfile(bundle / "without_encoding" / MODEL, bundle / MODEL)
    amend(bundle)
    with pytest.raises(ModelError, match=r"the classifier takes \d+ features, not \d+"):
        Bundle.load(bundle)


def test_a_bundle_of_another_feature_schema_says_both_and_what_to_do(bundle: Path) -> None:
    amend(bundle, feature_schema={"version": "0123456789ab", "names": []})
    found = Bundle.load(bundle.parent / "model" / "without_encoding").features.schema_version
    assert found != "0123456789ab"
    with pytest.raises(
        ModelError, match=r"model: made for feature schema 0123456789ab, this code computes [0-9a-f]{12}"
    ):
        Bundle.load(bundle)


def test_a_file_that_is_no_model_is_refused_even_with_a_right_checksum(bundle: Path) -> None:
    (bundle / MODEL).write_bytes(b"no model")
    amend(bundle)
    with pytest.raises(ModelError, match="the classifier cannot be loaded"):
        Bundle.load(bundle)
