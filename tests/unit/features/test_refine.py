"""What a run leaves behind: each week whole, nothing done twice, and a killed run completed by the next."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ml.errors import DataError
from ml.features.gold import BASKET_COLUMNS
from ml.features.refine_file import refine_file
from ml.files import replace_folder
from tests.unit.features.refinery import Refinery, use_case
from tests.weekly_files import HEADER, WEEK, valid_rows, write_week_file


def three_weeks(folder: Path) -> list[Path]:
    return [
        write_week_file(folder / f"transactions_{week}.csv.gz", valid_rows(week=week))
        for week in (200718, 200719, 200720)
    ]


def test_a_second_run_over_the_same_files_writes_nothing(refinery: Refinery, tmp_path: Path) -> None:
    files = three_weeks(tmp_path)
    first = refinery.refine(files)
    times = {path: path.stat().st_mtime_ns for path in (refinery.root / "silver").rglob("*")}

    second = refinery.refine(files)

    assert [each.status for each in first.files] == ["new"] * 3
    assert [each.status for each in second.files] == ["unchanged"] * 3
    assert {path: path.stat().st_mtime_ns for path in (refinery.root / "silver").rglob("*")} == times
    assert (second.rows_in, second.rows_kept, second.baskets) == (first.rows_in, first.rows_kept, first.baskets)
    assert second.dropped == first.dropped


def test_the_page_of_several_weeks_names_them_all(refinery: Refinery, tmp_path: Path) -> None:
    refinery.refine(three_weeks(tmp_path))

    rules = {each["expectation_config"]["meta"]["rule"]: each for each in refinery.validation()["results"]}
    week = rules["shop_week.week"]
    assert week["expectation_config"]["kwargs"]["value_set"] == [200718, 200719, 200720]
    assert week["expectation_config"]["meta"]["broken"] == "SHOP_WEEK is not a week of these files"
    assert week["expectation_config"]["kwargs"]["mostly"] == 1.0
    assert week["result"]["element_count"] == 3 * len(valid_rows(week=WEEK))


def test_only_a_new_file_is_refined(refinery: Refinery, tmp_path: Path) -> None:
    files = three_weeks(tmp_path)
    refinery.refine(files[:2])

    assert [each.status for each in refinery.refine(files).files] == ["unchanged", "unchanged", "new"]


def test_the_order_of_the_files_does_not_change_gold(refinery: Refinery, tmp_path: Path) -> None:
    files = three_weeks(tmp_path)
    refinery.refine(files)
    other = Refinery(tmp_path / "other")
    other.refine(files[::-1])

    columns = ", ".join(name for name in BASKET_COLUMNS if name != "prod_codes") + ", list_sort(prod_codes)"
    assert other.baskets(columns) == refinery.baskets(columns)
    assert other.products() == refinery.products()


def test_a_corrected_delivery_replaces_its_week_and_no_other(refinery: Refinery, tmp_path: Path) -> None:
    files = three_weeks(tmp_path)
    refinery.refine(files)
    corrected = valid_rows(week=200719, baskets=90)
    write_week_file(files[1], corrected)

    refinement = refinery.refine(files)

    assert [each.status for each in refinement.files] == ["unchanged", "replaced", "unchanged"]
    counts = refinery.baskets("shop_week, count(*) OVER (PARTITION BY shop_week)")
    assert set(counts) == {(200718, 100), (200719, 90), (200720, 100)}
    assert set(refinery.silver("shop_week, count(*) OVER (PARTITION BY shop_week)")) == {
        (200718, 400),
        (200719, 360),
        (200720, 400),
    }


def test_a_corrected_delivery_that_is_worse_leaves_the_week_as_it_was(refinery: Refinery, tmp_path: Path) -> None:
    files = three_weeks(tmp_path)
    refinery.refine(files)
    before = refinery.contents()
    write_week_file(files[1], [{**row, "QUANTITY": "x"} for row in valid_rows(week=200719)])

    with pytest.raises(DataError, match="QUANTITY is not a whole number"):
        refinery.refine(files)

    assert refinery.contents() == before


def test_other_data_settings_refine_a_week_anew(refinery: Refinery, tmp_path: Path) -> None:
    files = three_weeks(tmp_path)
    refinery.refine(files)

    assert {each.status for each in refinery.refine(files, max_dropped_share=0.02).files} == {"replaced"}


def test_a_week_whose_gold_was_deleted_is_refined_anew(refinery: Refinery, tmp_path: Path) -> None:
    files = three_weeks(tmp_path)
    refinery.refine(files)
    (refinery.root / "gold/baskets/shop_week=200719/part-0.parquet").unlink()
    (refinery.root / "gold/baskets/shop_week=200719").rmdir()

    assert [each.status for each in refinery.refine(files).files] == ["unchanged", "replaced", "unchanged"]
    assert len(refinery.baskets("basket_id")) == 300


_KILLED = """
import os, signal, sys
from pathlib import Path
import ml.features.refine as module
from ml.use_case import load_use_case

root, stop = Path(sys.argv[1]), int(sys.argv[2])
calls = 0

def counted(function):
    def wrapper(*arguments, **options):
        global calls
        if calls == stop:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return function(*arguments, **options)
    return wrapper

for name in ("refine_file", "replace_folder", "write_json"):
    setattr(module, name, counted(getattr(module, name)))
module.refine([Path(file) for file in sys.argv[3:]], silver=root / "silver", gold=root / "gold",
    reports=root / "reports", use_case=load_use_case("price_sensitivity"), great_expectations=False)
"""


@pytest.mark.parametrize("stop", range(5))
def test_a_run_killed_at_any_step_shows_no_half_week_and_is_completed_by_the_next(
    refinery: Refinery, tmp_path: Path, stop: int
) -> None:
    old, new = valid_rows(week=200719), valid_rows(week=200719, baskets=90)
    file = write_week_file(tmp_path / "transactions_200719.csv", old)
    refinery.refine([file])
    write_week_file(file, new)
    arguments = [sys.executable, "-c", _KILLED, str(refinery.root), str(stop), str(file)]

    killed = subprocess.run(arguments, check=False, capture_output=True, env=dict(os.environ))

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    for layer, sizes in (("silver/transactions", {400, 360}), ("gold/baskets", {100, 90})):
        week = refinery.root / layer / "shop_week=200719"
        rows = len(refinery.silver("1") if layer.startswith("silver") else refinery.baskets("1"))
        assert rows in sizes or not week.exists()
    write_week_file(file, old)  # even where the interrupted delivery is withdrawn
    assert refinery.refine([file]).baskets == 100
    assert (len(refinery.silver("1")), len(refinery.baskets("1"))) == (400, 100)
    assert not list(refinery.root.rglob(".tmp-*"))


def test_a_file_to_be_scored_may_lack_the_label(tmp_path: Path) -> None:
    header = [name for name in HEADER if name != "BASKET_PRICE_SENSITIVITY"]
    file = write_week_file(tmp_path / "to-score.csv", header=header)

    refined = refine_file(file, folder=tmp_path / "out", use_case=use_case(), require_label=False)

    assert (refined.check.week, refined.check.baskets, refined.check.rows_kept) == (WEEK, 100, 400)
    assert refined.baskets.is_file()
    assert refined.products.is_file()
    assert not (tmp_path / "out" / "scratch").exists()


def test_the_outcome_is_plain_values_without_the_long_results(refinery: Refinery, tmp_path: Path) -> None:
    found = refinery.refine(three_weeks(tmp_path)).to_json()

    assert found["weeks"] == [200718, 200719, 200720]
    assert found["files"][0]["rows_in"] == 400
    assert found["files"][0]["status"] == "new"
    assert len(found["files"][0]["sha256"]) == 64
    assert "results" not in found["files"][0]


def test_silver_and_gold_may_be_different_mounts(
    refinery: Refinery, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Renaming across mounts fails: every rename of the lake must stay inside silver or inside gold.
    seen = []

    def watched(source: Path, target: Path) -> None:
        seen.append((source.relative_to(refinery.root).parts[0], target.relative_to(refinery.root).parts[0]))
        replace_folder(source, target)

    monkeypatch.setattr("ml.features.refine.replace_folder", watched)
    refinery.refine(three_weeks(tmp_path)[:1])

    assert sorted(seen) == [("gold", "gold"), ("gold", "gold"), ("silver", "silver")]
