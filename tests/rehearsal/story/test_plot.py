"""Which acts are played, and what is kept of them."""

import json
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
    """A stage on which nobody is told anything; acts of these tests use nothing else of it."""

    def noting(self, _: object) -> "_Silent":
        return self

    def messages(self) -> list[dict[str, str]]:
        return []


def _act(name: str, play: object) -> Act:
    return Act(name=name, title=name, does="x", expects="y", play=play)  # type: ignore[arg-type]


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
