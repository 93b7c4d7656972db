"""Which record of a basket counts as of a time: corrections, ties, deletions, and what cannot be read."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ml.errors import DataError
from ml.features.as_of import write_gold_as_of
from ml.features.offline_store import OfflineFolder
from ml.features.store import basket_files, records_of
from tests.unit.features.refinery import Refinery, use_case
from tests.weekly_files import WEEK, valid_rows, write_week_file

FIRST, LATER = datetime(2026, 3, 2, 10, tzinfo=UTC), datetime(2026, 3, 9, 10, tzinfo=UTC)
IDS = [994_100_100_000_000 + number for number in range(4)]


@pytest.fixture
def offline(refinery: Refinery, tmp_path: Path) -> Path:
    """Four baskets of a week, put when their file came."""
    refinery.refine([write_week_file(tmp_path / f"transactions_{WEEK}.csv", valid_rows(baskets=4))])
    folder = tmp_path / "features"
    OfflineFolder(folder, now=lambda: FIRST).put(records_of(basket_files(refinery.root / "gold", WEEK), known_at=FIRST))
    return folder


def put(offline: Path, *rows: Mapping[str, Any], event_time: datetime = LATER, **more: Any) -> None:
    """Add rows as SageMaker lays them down: those of the basket there, changed."""
    (template,) = offline.rglob(f"{FIRST:%Y%m%dT%H%M%SZ}_*.parquet")
    known = {row["basket_id"]: row for row in pq.read_table(template, partitioning=None).to_pylist()}
    stamps = {"event_time": event_time.strftime("%Y-%m-%dT%H:%M:%S.%fZ"), "write_time": event_time}
    changed = [{**known[row["basket_id"]], **stamps, "api_invocation_time": event_time, **more, **row} for row in rows]
    hour = (
        offline / f"1234/sagemaker/eu-west-1/offline-store/baskets-17/data/{event_time:year=%Y/month=%m/day=%d/hour=%H}"
    )
    hour.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(changed), hour / f"more_{len(list(hour.iterdir()))}.parquet")


def lines_as_of(refinery: Refinery, offline: Path, when: datetime) -> dict[int, int]:
    """Return the quantity of each basket as of a time."""
    target = refinery.root / "then"
    write_gold_as_of(
        offline=offline, products=refinery.root / "gold" / "products", output=target, as_of=when, use_case=use_case()
    )
    query = "SELECT basket_id, quantity FROM read_parquet(?) ORDER BY ALL"
    return dict(duckdb.execute(query, [str(target / "baskets/*/*.parquet")]).fetchall())


def test_a_correction_counts_from_its_own_time_on(refinery: Refinery, offline: Path) -> None:
    before = lines_as_of(refinery, offline, LATER)
    put(offline, *({"basket_id": each, "quantity": 1_000} for each in IDS))
    assert lines_as_of(refinery, offline, FIRST) == before
    assert lines_as_of(refinery, offline, datetime(2026, 3, 9, 9, 59, 59, tzinfo=UTC)) == before
    assert lines_as_of(refinery, offline, LATER) == dict.fromkeys(IDS, 1_000)


def test_zones_are_heeded(refinery: Refinery, offline: Path) -> None:
    put(offline, *({"basket_id": each, "quantity": 1_000} for each in IDS))
    assert lines_as_of(refinery, offline, datetime.fromisoformat("2026-03-09T18:00:00+08:00"))[IDS[0]] == 1_000
    assert lines_as_of(refinery, offline, datetime.fromisoformat("2026-03-09T17:59:59+08:00"))[IDS[0]] < 1_000


def test_of_one_event_time_the_later_call_counts_then_the_later_write(refinery: Refinery, offline: Path) -> None:
    early, late = datetime(2026, 3, 9, 11, tzinfo=UTC), datetime(2026, 3, 9, 12, tzinfo=UTC)
    everyone = [{"basket_id": each} for each in IDS]
    # The file that is read last, and the one written last, are not those that count.
    put(offline, *everyone, quantity=3, api_invocation_time=late, write_time=late)
    put(offline, *everyone, quantity=2, api_invocation_time=late, write_time=early)
    put(offline, *everyone, quantity=1, api_invocation_time=early, write_time=datetime(2026, 3, 9, 13, tzinfo=UTC))
    assert lines_as_of(refinery, offline, LATER) == dict.fromkeys(IDS, 3)


def test_a_record_put_late_for_an_earlier_time_does_not_outdo_a_newer_one(refinery: Refinery, offline: Path) -> None:
    everyone = [{"basket_id": each} for each in IDS]
    put(offline, *everyone, quantity=5)
    now = datetime(2026, 4, 1, tzinfo=UTC)
    put(offline, *everyone, event_time=FIRST, quantity=7, api_invocation_time=now, write_time=now)
    assert lines_as_of(refinery, offline, now) == dict.fromkeys(IDS, 5)
    assert lines_as_of(refinery, offline, FIRST) == dict.fromkeys(IDS, 7)


def test_a_deleted_basket_is_gone_from_then_on_until_it_is_put_again(refinery: Refinery, offline: Path) -> None:
    before = lines_as_of(refinery, offline, FIRST)
    nothing = dict.fromkeys(("shop_week", "label", "quantity", "prod_codes"))
    put(offline, {"basket_id": IDS[1], **nothing}, is_deleted=True)
    assert lines_as_of(refinery, offline, LATER) == {key: value for key, value in before.items() if key != IDS[1]}
    assert lines_as_of(refinery, offline, FIRST) == before
    again = datetime(2026, 3, 16, tzinfo=UTC)
    put(offline, *({"basket_id": each, "quantity": 9} for each in IDS), event_time=again)
    assert lines_as_of(refinery, offline, again) == dict.fromkeys(IDS, 9)


def test_a_basket_that_a_corrected_file_has_no_more_is_gone(refinery: Refinery, offline: Path) -> None:
    put(offline, *({"basket_id": each} for each in IDS[:3]))
    assert list(lines_as_of(refinery, offline, LATER)) == IDS[:3]
    assert list(lines_as_of(refinery, offline, FIRST)) == IDS


def test_a_product_that_only_records_know_has_no_category_and_can_be_read(refinery: Refinery, offline: Path) -> None:
    put(offline, *({"basket_id": each, "prod_codes": '["PRD9999999", "PRD0000000"]'} for each in IDS))
    lines_as_of(refinery, offline, LATER)
    query = "SELECT prod_code, prod_code_10 FROM read_parquet(?) WHERE prod_code LIKE 'PRD9%'"
    found = duckdb.execute(query, [str(refinery.root / "then/products/*/*.parquet")]).fetchall()
    assert found == [("PRD9999999", None)]


def test_what_cannot_be_read_is_named_and_leaves_what_was_there(
    refinery: Refinery, offline: Path, tmp_path: Path
) -> None:
    whole = lines_as_of(refinery, offline, FIRST)
    with pytest.raises(DataError, match="no records here"):
        lines_as_of(refinery, tmp_path / "nowhere", FIRST)
    with pytest.raises(DataError, match="nothing in it was known as of 2026-03-01"):
        lines_as_of(refinery, offline, datetime(2026, 3, 1, tzinfo=UTC))
    put(offline, {"basket_id": IDS[0], "quantity": "seven"})
    with pytest.raises(DataError, match=r"features: cannot be read: .*seven"):
        lines_as_of(refinery, offline, LATER)
    then = refinery.root / "then"
    assert duckdb.execute("SELECT count(*) FROM read_parquet(?)", [str(then / "baskets/*/*.parquet")]).fetchone() == (
        len(whole),
    )


def test_an_offline_store_without_a_column_is_refused_by_its_name(refinery: Refinery, tmp_path: Path) -> None:
    OfflineFolder(tmp_path / "other", now=lambda: FIRST).put(
        [{"basket_id": 1, "shop_week": WEEK, "event_time": "2026-03-02T10:00:00Z"}]
    )
    with pytest.raises(DataError, match=r"other: its records have no .*label, .*prod_codes"):
        lines_as_of(refinery, tmp_path / "other", FIRST)
