"""The benchmark's own promises: what it compares is comparable, and what it measures is measured."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks import etl
from benchmarks.etl_ways import WAYS
from benchmarks.measure import Usage, median, run
from benchmarks.sections import keep
from ml.data.generate import generate_weeks


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return generate_weeks(weeks=1, baskets_per_week=300, seed=2, output=tmp_path_factory.mktemp("weeks"))


@pytest.fixture(scope="module")
def made(week: list[Path], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("made")
    gold = {"ours": "gold/baskets/shop_week=200607/part-0.parquet"}
    for way in ("tutorial", "careful", "ours"):
        (folder / way).mkdir()
        WAYS[way](week, folder / way)
    return {way: folder / way / gold.get(way, "gold.parquet") for way in ("ours", "tutorial", "careful")}


def test_all_ways_make_the_same_gold(made: dict[str, Path], tmp_path: Path) -> None:
    WAYS["compare"](list(made.values()), tmp_path)


@pytest.mark.parametrize(
    "change",
    ["spend_pennies = spend_pennies + 1", "prod_codes = prod_codes[2:]", "STORE_REGION = 'E09'"],
)
def test_a_way_that_makes_other_gold_is_found_out(made: dict[str, Path], tmp_path: Path, change: str) -> None:
    connection = duckdb.connect()
    connection.execute(f"CREATE TABLE gold AS FROM '{made['careful']}'")
    connection.execute(f"UPDATE gold SET {change} WHERE BASKET_ID = (SELECT max(BASKET_ID) FROM gold)")
    changed = tmp_path / "gold.parquet"
    connection.execute(f"COPY gold TO '{changed}'")
    with pytest.raises(SystemExit, match="gold differs"):
        WAYS["compare"]([made["ours"], changed], tmp_path)


def test_a_process_is_charged_for_the_memory_and_cpu_it_takes() -> None:
    # Measured from a process as small as the benchmark is, not from this one.
    program = """
import sys
from benchmarks.measure import run
small = run([sys.executable, "-c", "pass"])
large = run([sys.executable, "-c", "x = bytearray(300_000_000); sum(range(10_000_000))"])
print(large.peak - small.peak, large.cpu - small.cpu)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    memory, cpu = map(float, done.stdout.split())
    assert 290e6 < memory < 320e6
    assert cpu > 0.05


def test_a_failing_process_stops_the_benchmark() -> None:
    with pytest.raises(RuntimeError, match="exit code 3"):
        run([sys.executable, "-c", "raise SystemExit(3)"])


def test_medians_are_taken_of_times_and_the_most_of_memory() -> None:
    runs = [Usage(1.0, 9.0, 10), Usage(5.0, 2.0, 30), Usage(3.0, 4.0, 20)]
    assert median(runs) == Usage(wall=3.0, cpu=4.0, peak=30)


def test_the_section_replaces_the_last_one_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    usage = {way: Usage(8.0, 8.0, 10**9) for way in ("tutorial", "careful", "parsing", "ours_reported")}
    usage["ours"] = Usage(1.0, 1.0, 10**9)
    monkeypatch.setattr(etl, "_measure", lambda _: (2_700_000, usage, Usage(12.0, 12.0, 2 * 10**9)))
    target = tmp_path / "benchmarks.md"
    target.write_text("# Benchmarks\n\n<!-- etl -->\nstale\n<!-- /etl -->\n\n## Model\nkept\n")
    etl.main(["--output", str(target)])
    text = target.read_text()
    assert "stale" not in text
    assert text.endswith("<!-- /etl -->\n\n## Model\nkept\n")
    assert "| wall time at least 8× less than the tutorial way | 8.00× | met |" in text
    assert "| peak for 12 weeks at most 1.1× that for one | 2.00× | **missed** |" in text
    assert "| peak memory at most 1.5 GB | 2.00 GB | **missed** |" in text
    assert "2,700,000 lines" in capsys.readouterr().out


def test_markers_are_added_where_there_are_none(tmp_path: Path) -> None:
    target = tmp_path / "benchmarks.md"
    keep(target, "etl", "first")
    keep(target, "etl", "second")
    assert target.read_text() == "# Benchmarks\n\n<!-- etl -->\nsecond\n<!-- /etl -->\n"
