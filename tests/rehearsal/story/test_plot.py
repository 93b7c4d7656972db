"""Which acts are played, and what is kept of them."""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import pytest

from ml.errors import SettingsError
from rehearsal.processes import RehearsalError
from rehearsal.story.act import STORY, Act, Programme, UnmetExpectationError
from rehearsal.story.plot import EXTRA, SCENES, SHORT, Scene, acts_of, chosen, perform
from rehearsal.story.stage import Stage


def names(scenes: Sequence[Scene]) -> list[str]:
    """Return the names of the acts in order."""
    return [act.name for act in acts_of(scenes)]


def test_an_act_alone_brings_those_that_it_begins_with() -> None:
    assert names(chosen(["quality-drop"])) == ["first-data", "person", "quality-drop"]
    assert chosen([]) == SCENES
    assert set(names(chosen(SHORT))) == set(SHORT)


def test_what_is_played_at_a_time_is_so_with_fewer_acts_too() -> None:
    lines = [[[act.name for act in line] for line in scene] for scene in chosen(["slow-version", "bad-file"])]

    assert lines == [[["first-data"]], [["bad-file"], ["slow-version"]]]


def test_what_is_no_part_of_the_story_is_played_where_it_is_named_and_before_everything_goes() -> None:
    assert not set(names([EXTRA])) & set(names(chosen([])))
    assert names(chosen(["faults", "goodbye"])) == ["first-data", "faults", "goodbye"]


def test_an_act_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="there is no encore; choose among first-data"):
        chosen(["encore"])


def test_each_act_comes_after_what_it_begins_with() -> None:
    played: set[str] = set()
    for scene in SCENES:
        for line in scene:
            before = set(played)
            for act in line:
                assert set(act.after) <= before, act.name
                before.add(act.name)
        played |= set(names([scene]))


class _Silent:
    """A stage; acts of these tests use nothing of it."""

    def during(self, _act: str, _noted: object) -> "_Silent":
        return self


def _act(name: str, play: object) -> Act:
    return Act(name=name, title=name, does="x", expects="y", play=play)  # type: ignore[arg-type]


def _perform(folder: Path, *scenes: Scene) -> Programme:
    programme = Programme(folder, acts_of(scenes))
    perform(cast("Stage", _Silent()), scenes, programme)
    return programme


def test_lines_of_a_scene_are_played_at_a_time_and_the_next_scene_waits_for_all(tmp_path: Path) -> None:
    going_on, over = threading.Event(), threading.Event()
    said: list[str] = []

    def long(_: Stage) -> None:
        going_on.set()
        assert over.wait(10)
        said.append("long")

    def short(_: Stage) -> None:
        assert going_on.wait(10)
        said.append("short")

    def shorter(_: Stage) -> None:
        said.append("shorter")
        over.set()

    lines = ((_act("long", long),), (_act("short", short), _act("shorter", shorter)))
    _perform(tmp_path, lines, ((_act("next", lambda _: said.append("next")),),))
    assert said == ["short", "shorter", "long", "next"]


@pytest.mark.parametrize("which", ["one", "other"])
def test_where_an_act_fails_the_line_beside_it_is_played_to_its_end(tmp_path: Path, which: str) -> None:
    def fail(_: Stage) -> None:
        raise UnmetExpectationError("expected: rain")

    def play(name: str) -> Act:
        return _act(name, fail if name == which else lambda _: None)

    with pytest.raises(UnmetExpectationError):
        _perform(tmp_path, ((play("one"),), (play("other"),)), ((play("next"),),))
    kept = {each["name"]: each["status"] for each in json.loads((tmp_path / STORY).read_text())}
    assert kept.pop(which) == "failed"
    assert kept.pop("next") == "waiting"
    assert list(kept.values()) == ["passed"]


def test_what_fails_ends_the_story_and_is_kept(tmp_path: Path) -> None:
    def fail(_: Stage) -> None:
        raise UnmetExpectationError("expected: rain")

    line = (_act("one", lambda _: None), _act("two", fail), _act("three", lambda _: None))
    programme = Programme(tmp_path, line)

    with pytest.raises(RehearsalError, match="expected: rain"):
        perform(cast("Stage", _Silent()), [(line,)], programme)

    kept = json.loads((tmp_path / STORY).read_text())
    assert [each["status"] for each in kept] == ["passed", "failed", "waiting"]
    assert kept[1]["notes"] == ["UnmetExpectationError: expected: rain"]
    assert kept[0]["started"] < kept[1]["ended"]
    assert programme.failed == ("two",)
