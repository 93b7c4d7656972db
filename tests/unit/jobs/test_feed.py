"""What is fed, as of when, in which order; and what stops a feed before anything is put."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from config.names import EVENT_TIME
from ml.data.tables import connect
from ml.errors import DataError, SettingsError
from ml.features.gold import BASKET_COLUMNS
from ml.features.store import Record, records_of
from ml.files import write_json
from ml.jobs.feed import FedWeek, feed, weeks_of_run
from tests.unit.features.refinery import Refinery
from tests.weekly_files import valid_rows, write_week_file

TIME = datetime(2026, 3, 2, 10, tzinfo=UTC)


class Group:
    """Keeps what is put."""

    def __init__(self) -> None:
        self.puts: list[list[Record]] = []

    def put(self, records: Iterable[Record]) -> None:
        self.puts.append(list(records))


@pytest.fixture
def gold(tmp_path: Path) -> Path:
    weeks = [
        write_week_file(tmp_path / f"transactions_{week}.csv", valid_rows(baskets=baskets, week=week))
        for week, baskets in ((200719, 3), (200720, 5))
    ]
    refinery = Refinery(tmp_path / "lake")
    refinery.refine(weeks)
    return refinery.root / "gold"


def run_of(folder: Path, *, came: dict[int, str], baskets: dict[int, int]) -> tuple[Path, Path]:
    """Leave what a run leaves: when files came, and what the ETL made of them."""
    raw = [{"key": f"raw/transactions_{week}.csv", "came_at": time} for week, time in came.items()]
    files = [{"name": f"transactions_{week}.csv", "week": week, "baskets": count} for week, count in baskets.items()]
    write_json(folder / "run" / "run.json", {"raw": raw})
    write_json(folder / "refined" / "etl.json", {"files": files})
    return folder / "run", folder / "refined"


def test_a_basket_is_a_record_with_golds_columns_and_the_time_its_file_came(gold: Path) -> None:
    group = Group()
    feed(gold=gold, group=group, weeks=[FedWeek(week=200720, known_at=TIME)])
    ((first, *others),) = group.puts
    assert list(first) == [*BASKET_COLUMNS, EVENT_TIME]
    assert first["basket_id"] == 994_100_100_000_000
    assert (first["shop_date"], first["cust_code"], first["lines"]) == ("2007-07-09", None, 4)
    assert sorted(str(first["prod_codes"])[1:-1].split(",")) == [f'"PRD{each:07d}"' for each in range(4)]
    assert {record[EVENT_TIME] for record in (first, *others)} == {"2026-03-02T10:00:00Z"}
    assert [record["basket_id"] for record in others] == sorted(int(str(record["basket_id"])) for record in others)


def test_feeding_again_puts_the_same(gold: Path) -> None:
    group = Group()
    for _ in range(2):
        feed(gold=gold, group=group, weeks=[FedWeek(week=200720, known_at=TIME)])
    first, second = group.puts
    assert first == second


def test_of_a_run_its_new_weeks_are_fed_in_the_order_their_files_came(gold: Path, tmp_path: Path) -> None:
    came = {200718: "2026-03-01T00:00:00Z", 200719: "2026-03-03T07:30:00+08:00", 200720: "2026-03-02T10:00:00Z"}
    weeks = weeks_of_run(*run_of(tmp_path, came=came, baskets={200719: 3, 200720: 5}))
    group = Group()
    done = feed(gold=gold, group=group, weeks=weeks)
    assert [len(put) for put in group.puts] == [5, 3]
    assert done["weeks"] == [
        {"week": 200720, "event_time": "2026-03-02T10:00:00Z", "baskets": 5},
        {"week": 200719, "event_time": "2026-03-02T23:30:00Z", "baskets": 3},
    ]
    assert done["baskets"] == 8


@pytest.mark.parametrize(
    ("weeks", "message"),
    [
        ([FedWeek(week=200720, known_at=TIME, baskets=6)], "holds 5 baskets of week 200720, where the run made 6"),
        ([FedWeek(week=200719, known_at=TIME), FedWeek(week=200601, known_at=TIME)], "no gold data for week 200601"),
    ],
)
def test_gold_that_is_not_what_the_run_made_stops_the_feed_before_it_begins(
    gold: Path, weeks: list[FedWeek], message: str
) -> None:
    group = Group()
    with pytest.raises(DataError, match=message):
        feed(gold=gold, group=group, weeks=weeks)
    assert group.puts == []


@pytest.mark.parametrize(
    "run",
    [
        {"raw": [{"key": "raw/transactions_200718.csv", "came_at": "2026-03-01T00:00:00Z"}]},
        {"raw": [{"key": "raw/transactions_200720.csv"}]},
        {"raw": [{"key": "raw/transactions_200720.csv", "came_at": "on Monday"}]},
        {},
    ],
)
def test_a_run_that_does_not_say_when_a_file_came_is_refused(tmp_path: Path, run: dict[str, Any]) -> None:
    folder, refined = run_of(tmp_path, came={}, baskets={200720: 5})
    write_json(folder / "run.json", run)
    with pytest.raises(SettingsError, match=r"run\.json and .*etl\.json: do not say when"):
        weeks_of_run(folder, refined)


def test_text_with_quotes_comes_through(tmp_path: Path) -> None:
    target = tmp_path / "part-0.parquet"
    with connect(scratch=tmp_path, memory_limit="100MB", threads=1) as connection:
        connection.execute(f"""COPY (SELECT 7 AS basket_id, ['a"b', 'ü,'] AS prod_codes) TO '{target}'""")
    (record,) = records_of([str(target)], known_at=TIME)
    assert record["prod_codes"] == '["a\\"b","ü,"]'
