import json
from pathlib import Path

import duckdb
import pytest

from ml.data import io_formats
from ml.data.generate import generate_weeks
from ml.data.io_formats import FORMATS, io_report
from ml.errors import DataError, SettingsError
from ml.use_case import load_use_case

USE_CASE = load_use_case("price_sensitivity")


@pytest.fixture(scope="module")
def weeks(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return generate_weeks(weeks=2, baskets_per_week=300, seed=5, output=tmp_path_factory.mktemp("weeks"))


def test_every_format_is_measured_and_the_page_and_the_json_say_the_same(tmp_path: Path, weeks: list[Path]) -> None:
    page = io_report(weeks, target=tmp_path / "io.html", work=tmp_path / "work", use_case=USE_CASE, repeats=1)
    results = json.loads((tmp_path / "io.json").read_text())
    assert results["rows"] == sum(len(week.read_text().splitlines()) - 1 for week in weeks)
    by_name = {each["name"]: each for each in results["formats"]}
    assert list(by_name) == ["CSV", "JSON Lines", "Parquet (zstd)"]
    for each in by_name.values():
        assert min(each[measure] for measure in io_formats.MEASURES) > 0
    assert by_name["Parquet (zstd)"]["megabytes"] < by_name["CSV"]["megabytes"] < by_name["JSON Lines"]["megabytes"]
    text = page.read_text(encoding="utf-8")
    assert f"{results['rows']:,} lines" in text
    assert f"DuckDB {duckdb.__version__}" in text
    assert text.count("<img ") == len(io_formats.MEASURES) == len(list((tmp_path / "charts").iterdir()))
    assert 'src="http' not in text


def test_the_measured_files_are_cleared_away(tmp_path: Path, weeks: list[Path]) -> None:
    work = tmp_path / "work"
    io_report(weeks[:1], target=tmp_path / "io.html", work=work, use_case=USE_CASE, repeats=1)
    assert list(work.iterdir()) == []


def test_all_formats_give_back_what_was_written(tmp_path: Path, weeks: list[Path]) -> None:
    connection = duckdb.connect()
    connection.execute(
        f"CREATE TABLE lines AS SELECT BASKET_ID, SPEND, seg_1, SHOP_DATE::VARCHAR AS day FROM '{weeks[0]}'"
    )
    described = connection.execute("DESCRIBE lines").fetchall()
    columns = "{" + ", ".join(f"'{name}': '{kind}'" for name, kind, *_ in described) + "}"
    for each in FORMATS:
        file = tmp_path / each.file
        connection.execute(f"COPY lines TO '{file}' ({each.written})")
        table = each.read.format(file=file, columns=columns)
        lost = connection.execute(f"FROM lines EXCEPT ALL FROM {table}").fetchall()
        assert lost == [], each.name


def test_large_input_is_measured_up_to_a_limit(
    tmp_path: Path, weeks: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = len(weeks[0].read_text().splitlines()) - 1
    monkeypatch.setattr(io_formats, "MOST_ROWS", first + 10)
    io_report(weeks, target=tmp_path / "io.html", work=tmp_path / "work", use_case=USE_CASE, repeats=1)
    assert json.loads((tmp_path / "io.json").read_text())["rows"] == first + 10


def test_no_repeat_at_all_is_refused(tmp_path: Path, weeks: list[Path]) -> None:
    with pytest.raises(SettingsError, match="repeats"):
        io_report(weeks, target=tmp_path / "io.html", work=tmp_path, use_case=USE_CASE, repeats=0)


def test_a_file_with_a_header_and_no_rows_is_named(tmp_path: Path, weeks: list[Path]) -> None:
    empty = tmp_path / "transactions_200607.csv"
    empty.write_text(weeks[0].read_text().splitlines()[0] + "\n")
    with pytest.raises(DataError, match="transactions_200607"):
        io_report([empty], target=tmp_path / "io.html", work=tmp_path / "work", use_case=USE_CASE)
