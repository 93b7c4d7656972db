"""API keys: two at once, changed while the service runs, never by mistake to none."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from ml.errors import SettingsError, StoreError
from ml.serving.keys import KeyFile, KeyRefresh, Keys, WrongKeyError, checked

FIRST, SECOND, THIRD = (f"{word}-key-of-enough-length" for word in ("first", "second", "third"))


def opens(keys: Keys, key: str) -> bool:
    try:
        keys.check({"type": "http", "headers": [(b"x-api-key", key.encode())]})
    except WrongKeyError:
        return False
    return True


class Source:
    """Answers one after the other."""

    def __init__(self, *answers: Callable[[], tuple[str, ...]]) -> None:
        self._answers = list(answers)

    def read(self) -> tuple[str, ...]:
        return self._answers.pop(0)()


def unreadable() -> tuple[str, ...]:
    raise StoreError("the secret is away")


def broken() -> tuple[str, ...]:
    raise RuntimeError(FIRST)


def refreshed(keys: Keys, *answers: Callable[[], tuple[str, ...]]) -> tuple[list[str], int]:
    """Read as often as there are answers; return what was said and how many failed."""
    said: list[str] = []
    failures: list[int] = []
    refresh = KeyRefresh(
        keys, Source(*answers), name="the secret", seconds=1.0, log=said.append, failed=lambda: failures.append(1)
    )

    async def read_all() -> None:
        for _ in answers:
            await refresh.read()

    asyncio.run(read_all())
    return said, len(failures)


def test_a_key_is_rotated_through_a_time_in_which_both_are_valid() -> None:
    keys = Keys((FIRST,))

    refreshed(keys, lambda: (SECOND, FIRST))
    assert [opens(keys, key) for key in (FIRST, SECOND)] == [True, True]
    refreshed(keys, lambda: (SECOND,))
    assert [opens(keys, key) for key in (FIRST, SECOND, THIRD)] == [False, True, False]


@pytest.mark.parametrize("answer", [unreadable, broken, tuple, lambda: ("short",), lambda: (FIRST, SECOND, THIRD)])
def test_where_they_cannot_be_read_the_old_ones_stay(answer: Callable[[], tuple[str, ...]]) -> None:
    keys = Keys((FIRST,))

    said, failures = refreshed(keys, answer)

    assert failures == 1
    assert len(said) == 1
    assert FIRST not in said[0]
    assert [opens(keys, key) for key in (FIRST, SECOND, "short")] == [True, False, False]


def test_a_change_is_told_once_and_no_key_is() -> None:
    said, failures = refreshed(Keys((FIRST,)), lambda: (SECOND,), lambda: (SECOND,))

    assert failures == 0
    assert said == ["the API keys have changed: 1 valid, read from the secret"]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ((), "place: holds 0 keys, not one or two"),
        ((FIRST, SECOND, THIRD), "place: holds 3 keys"),
        ((FIRST, "short"), "place: key 2 is not 16 or more ASCII"),
        (("with a blank in the middle",), "place: key 1 is not"),
    ],
)
def test_keys_that_protect_nothing_are_refused_unseen(keys: Sequence[str], message: str) -> None:
    with pytest.raises(SettingsError, match=message) as refused:
        checked(keys, source="place")

    assert not any(key in str(refused.value) for key in keys)
    assert checked((FIRST, FIRST), source="place") == (FIRST,)


def test_a_file_holds_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"{FIRST}\n\n  {SECOND}\n")
    assert KeyFile(path).read() == (FIRST, SECOND)
    with pytest.raises(StoreError, match="absent: the keys cannot be read"):
        KeyFile(tmp_path / "absent").read()


def test_there_is_no_way_back_to_none() -> None:
    keys = Keys((FIRST,))
    with pytest.raises(ValueError, match="keys are replaced by keys"):
        keys.replace(())
    assert not opens(keys, "anything")
