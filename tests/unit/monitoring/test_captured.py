import gzip
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ml.errors import DataError
from ml.monitoring.captured import capture_files, read_captured
from ml.use_case import UseCase
from tests.unit.monitoring.worlds import capture, line, use_case


def tolerant() -> UseCase:
    made = use_case()
    return made.model_copy(update={"validation": made.validation.model_copy(update={"max_dropped_share": 1.0})})


def read(folder: Path, tmp_path: Path, chosen: UseCase | None = None) -> tuple[dict[str, int], list[dict[str, object]]]:
    table, quarantine = tmp_path / "table.parquet", tmp_path / "quarantine.parquet"
    reading = read_captured(
        capture_files(folder),
        table=table,
        quarantine=quarantine,
        counted=lambda _: None,
        use_case=chosen or tolerant(),
    )
    return dict(reading.refused), pq.read_table(table).to_pylist()


def test_a_line_becomes_a_row(tmp_path: Path) -> None:
    folder = capture(tmp_path / "in", [line(994100100000001, "UM", unseen=1), line("till-7", "LA"), line(None)])
    refused, rows = read(folder, tmp_path)
    assert refused == {}
    assert [row["basket_id"] for row in rows] == ["994100100000001", "till-7", None]
    assert [row["predicted"] for row in rows] == [2, 0, 1]
    assert (rows[0]["week"], rows[0]["lines"], rows[0]["unseen_lines"]) == (200620, 1, 1)
    assert not (tmp_path / "quarantine.parquet").exists()


def test_the_week_is_of_the_time_in_utc(tmp_path: Path) -> None:
    # 17 July 2006 was a Monday: half past midnight in Berlin is still the Sunday before.
    times = ["2006-07-17T00:30:00+02:00", "2006-07-17T00:30:00+00:00", "2006-07-17T00:30:00"]
    _, rows = read(capture(tmp_path / "in", [line(1, time=time) for time in times]), tmp_path)
    assert [row["week"] for row in rows] == [200620, 200621, 200621]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (line(1)[:80], "Input data was truncated"),
        (b'{"level": "info", "message": "not a prediction"}', "Object missing required field `time`"),
        (line(1, "ZZ"), "class 'ZZ' is none of LA, MM, UM"),
        (line(1, time="yesterday"), "Invalid isoformat string: 'yesterday'"),
        (line(1, shop_weekday=9), "Expected `int` <= 7"),
        (b"\xff\xfe", "JSON is malformed: invalid character"),
    ],
)
def test_a_line_that_is_no_prediction_is_refused_counted_and_kept(tmp_path: Path, text: bytes, reason: str) -> None:
    folder = capture(tmp_path / "in", [line(1), text, line(2)])
    refused, rows = read(folder, tmp_path)
    assert refused == {reason: 1}
    assert [row["basket_id"] for row in rows] == ["1", "2"]
    [kept] = pq.read_table(tmp_path / "quarantine.parquet").to_pylist()
    assert (kept["file"], kept["row"]) == (str(folder / "000.jsonl"), 2)
    assert kept["line"] == text.decode("utf-8", "replace")


def test_too_many_of_them_stop_the_job_and_the_first_is_named(tmp_path: Path) -> None:
    folder = capture(tmp_path / "in", [line(number) for number in range(50)], [line(99), b"torn"])
    with pytest.raises(DataError, match=r"001\.jsonl: row 2: .*1 of 52 captured lines cannot be used"):
        read(folder, tmp_path, use_case())
    assert (tmp_path / "quarantine.parquet").is_file()


def test_gzip_is_read_and_a_file_that_was_cut_gives_what_it_has(tmp_path: Path) -> None:
    folder = capture(tmp_path / "in")
    whole = gzip.compress(b"\n".join(line(number) for number in range(3)))
    (folder / "a.jsonl.gz").write_bytes(whole)
    (folder / "b.jsonl.gz").write_bytes(whole[:-20])
    refused, rows = read(folder, tmp_path)
    assert list(refused) == ["the gzip file is cut off here"]
    assert len(rows) >= 3


def test_other_files_are_left_aside(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = capture(tmp_path / "in", [line(1)])
    (folder / "notes.txt").write_text("not a capture")
    (folder / ".tmp-1-000.jsonl").write_text("half")
    assert [path.name for path in capture_files(folder)] == ["000.jsonl"]
    assert "1 files ignored" in capsys.readouterr().err


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nowhere: there is no such folder"):
        capture_files(tmp_path / "nowhere")
