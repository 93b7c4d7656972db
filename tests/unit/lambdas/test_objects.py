"""Objects that are created once, or replaced only as they were read."""

from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.common.audit import Audit, Record
from lambdas.common.errors import ContendedError
from lambdas.common.objects import Objects
from tests.flow import AT, BUCKET, Account, account, clients

KEY = "artifacts/thing.json"


@pytest.fixture
def cloud() -> Iterator[Account]:
    with account() as found:
        yield found


@pytest.fixture
def objects(cloud: Account) -> Objects:
    return Objects(clients().of("s3"), BUCKET)


def test_the_first_one_writes_and_the_others_are_told_what_it_wrote(objects: Objects) -> None:
    assert objects.create(KEY, {"by": "first"}) is None

    found = objects.create(KEY, {"by": "second"})

    assert found is not None
    assert found.json() == {"by": "first"}


def test_a_change_of_what_has_changed_is_made_anew_from_what_it_is_now(cloud: Account, objects: Objects) -> None:
    seen: list[Any] = []

    def change(found: dict[str, Any] | None) -> dict[str, Any]:
        seen.append(found)
        if len(seen) < 3:
            cloud.put(KEY, {"n": len(seen)})
        return {"n": (found or {"n": 0})["n"] + 10}

    objects.update(KEY, change)

    assert seen == [None, {"n": 1}, {"n": 2}]
    assert cloud.object(KEY) == {"n": 12}


def test_who_is_overtaken_each_time_gives_up_and_has_written_nothing(cloud: Account, objects: Objects) -> None:
    count = iter(range(100))

    def change(found: dict[str, Any] | None) -> dict[str, Any]:
        cloud.put(KEY, {"by": "others", "n": next(count)})
        return {"by": "me"}

    with pytest.raises(ContendedError, match="changed by others, 10 times"):
        objects.update(KEY, change)

    assert cloud.object(KEY)["by"] == "others"


def test_no_change_writes_nothing(cloud: Account, objects: Objects) -> None:
    objects.update(KEY, lambda _: None)

    assert cloud.objects() == {}


def test_an_audit_record_is_written_once_by_its_events_day_and_key(cloud: Account) -> None:
    audit = Audit(Objects(clients().of("s3"), BUCKET))
    first = Record(what="release", key="k1", at=AT, by="a person", reason="asked for", from_version="v1")

    assert audit.write(first) == first
    assert audit.write(first.model_copy(update={"reason": "another"})) == first

    stored = cloud.object("artifacts/audit/2026-03-02/release-k1.json")
    assert stored["reason"] == "asked for"
    assert stored["from_version"] == "v1"
