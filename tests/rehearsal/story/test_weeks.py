"""What acts make of weekly files: one with a broken rule, one whose labels are wrong."""

import csv
from pathlib import Path

import pytest

from ml.errors import SettingsError
from rehearsal.story.weeks import NEEDED, Row, Weeks


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> Weeks:
    return Weeks.invented(tmp_path_factory.mktemp("weeks"), baskets=60, seed=3)


def _rows(file: Path) -> list[Row]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_a_broken_week_has_the_same_name_and_every_tenth_quantity_below_zero(weeks: Weeks) -> None:
    file = weeks.broken(5)

    assert file.name == weeks.files[5].name
    before, after = _rows(weeks.files[5]), _rows(file)
    spoilt = [number for number, row in enumerate(after) if int(row["QUANTITY"]) < 0]
    assert spoilt == list(range(0, len(before), 10))
    assert [{**row, "QUANTITY": ""} for row in after] == [{**row, "QUANTITY": ""} for row in before]


def test_a_mislabelled_week_keeps_one_label_a_basket_and_changes_the_share(weeks: Weeks) -> None:
    before = {row["BASKET_ID"]: row["BASKET_PRICE_SENSITIVITY"] for row in _rows(weeks.files[5])}
    classed = [basket for basket, label in before.items() if label != "XX"]

    def changed(share: float) -> float:
        labels: dict[str, set[str]] = {}
        for row in _rows(weeks.mislabelled(5, share=share, seed=1)):
            labels.setdefault(row["BASKET_ID"], set()).add(row["BASKET_PRICE_SENSITIVITY"])
        assert all(len(found) == 1 for found in labels.values())
        return sum(labels[basket] != {before[basket]} for basket in classed) / len(classed)

    assert changed(1.0) == 1.0
    assert changed(0.0) == 0.0
    assert 0.3 < changed(0.5) < 0.7


def test_baskets_come_whole(weeks: Weeks) -> None:
    baskets = weeks.baskets(0, most=10)

    assert len(baskets) == 10
    for lines in baskets:
        (basket,) = {line["BASKET_ID"] for line in lines}
        assert len(lines) == sum(row["BASKET_ID"] == basket for row in _rows(weeks.files[0]))


def test_a_folder_with_too_few_weeks_is_refused_with_their_number(weeks: Weeks, tmp_path: Path) -> None:
    for file in weeks.files[:2]:
        (tmp_path / file.name).write_bytes(file.read_bytes())

    with pytest.raises(SettingsError, match=rf"has 2 weekly files; the story takes {NEEDED}"):
        Weeks.of(tmp_path, tmp_path)
