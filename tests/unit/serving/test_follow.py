"""Another model takes over: verified before, counted, and never at the old one's cost."""

import asyncio
from pathlib import Path

import pytest

from ml.errors import StoreError
from ml.serving.follow import Follower
from ml.serving.models import models_at
from ml.serving.predictor import Predictor
from ml.serving.slot import ModelSlot
from tests.versions import Lake, copy_as, fail_parity, trained


class Followed:
    """A lake whose champion v1 answers, looked at when told."""

    def __init__(self, root: Path) -> None:
        self.lake = Lake(root)
        for version in ("v1", "v2"):
            self.lake.publish(version)
        self.lake.promote("v1")
        models = models_at(str(root), cache=root, use_case="price_sensitivity")
        assert models is not None
        self.models = models
        self.slot = ModelSlot(Predictor.load(self.lake.bundle("v1")))
        self.counted: list[str] = []
        self.said: list[str] = []
        self.follower = Follower(models, self.slot, seconds=None, counted=self.counted.append, log=self.said.append)

    @property
    def answering(self) -> str:
        assert self.slot.predictor is not None
        return self.slot.predictor.version

    def look(self, times: int = 1) -> None:
        async def looks() -> None:
            for _ in range(times):
                await self.follower.look()

        asyncio.run(looks())


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(tmp_path)


def test_a_new_champion_answers_after_the_next_look(followed: Followed) -> None:
    followed.look()
    assert (followed.answering, followed.counted) == ("v1", [])

    followed.lake.promote("v2")
    followed.look(2)

    assert (followed.answering, followed.counted) == ("v2", ["done"])
    assert followed.said == ["model: v2 answers now, in place of v1"]


def test_a_bundle_that_fails_is_refused_once_until_told_to_look(followed: Followed) -> None:
    fail_parity(followed.lake.bundle("v2"))
    followed.lake.promote("v2")

    followed.look(3)

    assert (followed.answering, followed.counted) == ("v1", ["refused"])
    assert len(followed.said) == 1
    assert followed.said[0].startswith("model: v2 is refused, the old one stays: ")
    assert "parity sample is off" in followed.said[0]

    followed.follower.look_now()
    followed.look()
    assert followed.counted == ["refused", "refused"]


def test_after_a_refusal_the_next_version_is_taken(followed: Followed) -> None:
    fail_parity(followed.lake.bundle("v2"))
    followed.lake.promote("v2")
    followed.look()
    followed.lake.publish("v3")
    followed.lake.promote("v3")
    followed.look()

    assert (followed.answering, followed.counted) == ("v3", ["refused", "done"])


def test_a_damaged_file_or_another_version_or_other_classes_are_refused(followed: Followed) -> None:
    (followed.lake.bundle("v2") / "model.onnx").write_bytes(b"damaged")
    copy_as("v9", followed.lake.bundle("v3"))
    classes = [{"code": code, "word": word} for code, word in (("LA", "Low"), ("MM", "Medium"), ("UM", "High"))]
    copy_as("v4", followed.lake.bundle("v4"), classes=classes)
    for version in ("v2", "v3", "v4"):
        followed.lake.promote(version)
        followed.look()

    assert (followed.answering, followed.counted) == ("v1", ["refused"] * 3)
    assert "checksum" in followed.said[0]
    assert "is version v9, not v3" in followed.said[1]


def test_a_store_that_is_away_is_asked_again_and_told_of_once(
    followed: Followed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(_: object) -> str:
        raise StoreError("the store is away")

    with monkeypatch.context() as patched:
        patched.setattr(type(followed.models), "wanted", away)
        followed.look(3)
    followed.lake.promote("v2")
    followed.look()

    assert (followed.answering, followed.counted) == ("v2", ["failed"] * 3 + ["done"])
    assert followed.said[0] == "model: cannot look for another: the store is away"
    assert len(followed.said) == 2


def test_a_version_is_taken_where_there_was_none(followed: Followed) -> None:
    slot = ModelSlot()
    follower = Follower(followed.models, slot, seconds=None, counted=lambda _: None, log=lambda _: None)

    asyncio.run(follower.look())

    assert slot.predictor is not None
    assert slot.predictor.version == "v1"


def test_the_same_bundle_is_not_loaded_again(tmp_path: Path) -> None:
    models = models_at(str(trained()), cache=tmp_path, use_case="price_sensitivity")
    assert models is not None
    loaded = Predictor.load(trained())
    slot = ModelSlot(loaded)

    asyncio.run(Follower(models, slot, seconds=None, counted=lambda _: None, log=lambda _: None).look())

    assert slot.predictor is loaded
