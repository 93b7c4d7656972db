"""Another model takes the place of the one that answers, or does not."""

import asyncio
from pathlib import Path

import pytest

from ml.errors import ModelError
from ml.serving.slot import ModelSlot
from tests.models import train_bundle


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("bundles")
    train_bundle(folder / "first")
    train_bundle(folder / "second", "logistic_regression")
    return folder / "first", folder / "second"


def test_a_swap_answers_with_the_new_version(bundles: tuple[Path, Path]) -> None:
    slot = ModelSlot()

    async def swap_twice() -> list[str]:
        return [await slot.swap(each) for each in bundles]

    first, second = asyncio.run(swap_twice())
    assert first != second
    assert slot.predictor is not None
    assert slot.predictor.version == second


def test_a_damaged_bundle_is_refused_and_the_old_one_stays(bundles: tuple[Path, Path], tmp_path: Path) -> None:
    slot = ModelSlot()
    version = asyncio.run(slot.swap(bundles[0]))
    damaged = tmp_path / "damaged"
    damaged.mkdir()
    for file in bundles[1].iterdir():
        if file.is_file():
            (damaged / file.name).write_bytes(file.read_bytes())
    (damaged / "model.onnx").write_bytes(b"not a model")

    with pytest.raises(ModelError, match="checksum differs"):
        asyncio.run(slot.swap(damaged))

    assert slot.predictor is not None
    assert slot.predictor.version == version
