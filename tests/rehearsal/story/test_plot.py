"""Which acts are played, and what is kept of them."""

import json
import threading
from pathlib import Path
from typing import cast

import pytest

from ml.errors import SettingsError
from rehearsal.processes import RehearsalError
from rehearsal.story.act import STORY, Act, Programme, UnmetExpectationError
from rehearsal.story.plot import ACTS, EXTRA, SHORT, chosen, perform
from rehearsal.story.stage import Stage


def test_an_act_alone_brings_those_that_it_begins_with() -> None:
    assert [act.name for act in chosen(["quality-drop"])] == ["first-data", "person", "quality-drop"]
    assert chosen([]) == ACTS
    assert {act.name for act in chosen(SHORT)} == set(SHORT)


def test_what_is_no_part_of_the_story_is_played_where_it_is_named_and_before_everything_goes() -> None:
    assert not {act.name for act in EXTRA} & {act.name for act in chosen([])}
    assert [act.name for act in chosen(["faults", "goodbye"])] == ["first-data", "faults", "goodbye"]


def test_an_act_that_is_not_there_is_named() -> None:
    with pytest.raises(SettingsError, match="there is no encore; choose among first-data"):
        chosen(["encore"])


def test_each_act_comes_after_what_it_begins_with() -> None:
    places = {act.name: place for place, act in enumerate(ACTS)}

    assert all(places[before] < places[act.name] for act in ACTS for before in act.after)


class _Silent:
    """A stage; acts of these tests use nothing of it."""

    def during(self, _act: str, _noted: object) -> "_Silent":
        return self


def _act(name: str, play: object, *, meanwhile: tuple[str, ...] = ()) -> Act:
    return Act(name=name, title=name, does="x", expects="y", play=play, meanwhile=meanwhile)  # type: ignore[arg-type]


def test_acts_that_may_be_played_meanwhile_are_and_the_next_one_waits_for_all(tmp_path: Path) -> None:
    going_on, over = threading.Event(), threading.Event()
    said: list[str] = []

    def long(_: Stage) -> None:
        going_on.set()
        assert over.wait(10)
        said.append("long")

    def short(_: Stage) -> None:
        assert going_on.wait(10)
        said.append("short")
        over.set()

    acts = (
        _act("long", long, meanwhile=("short",)),
        _act("short", short),
        _act("next", lambda _: said.append("next")),
    )
    perform(cast("Stage", _Silent()), acts, Programme(tmp_path, acts))
    assert said == ["short", "long", "next"]


@pytest.mark.parametrize("which", ["long", "short"])
def test_where_one_of_two_fails_the_other_is_played_to_its_end(tmp_path: Path, which: str) -> None:
    def fail(_: Stage) -> None:
        raise UnmetExpectationError("expected: rain")

    def play(name: str) -> object:
        return fail if name == which else lambda _: None

    acts = (
        _act("long", play("long"), meanwhile=("short",)),
        _act("short", play("short")),
        _act("next", lambda _: None),
    )
    with pytest.raises(UnmetExpectationError):
        perform(cast("Stage", _Silent()), acts, Programme(tmp_path, acts))
    kept = {each["name"]: each["status"] for each in json.loads((tmp_path / STORY).read_text())}
    assert kept.pop(which) == "failed"
    assert kept.pop("next") == "waiting"
    assert list(kept.values()) == ["passed"]


def test_what_fails_ends_the_story_and_is_kept(tmp_path: Path) -> None:
    def fail(_: Stage) -> None:
        raise UnmetExpectationError("expected: rain")

    acts = (_act("one", lambda _: None), _act("two", fail), _act("three", lambda _: None))
    programme = Programme(tmp_path, acts)

    with pytest.raises(RehearsalError, match="expected: rain"):
        perform(cast("Stage", _Silent()), acts, programme)

    kept = json.loads((tmp_path / STORY).read_text())
    assert [each["status"] for each in kept] == ["passed", "failed", "waiting"]
    assert kept[1]["notes"] == ["UnmetExpectationError: expected: rain"]
    assert kept[0]["started"] < kept[1]["ended"]
    assert programme.failed == ("two",)
