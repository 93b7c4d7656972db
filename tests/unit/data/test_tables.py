"""Parquet as the ETL writes it: no enum, which DuckDB 2.0.0 does not always write right, leaves memory."""

from pathlib import Path

import duckdb
import pytest

import ml
from ml.data.tables import connect, without_enums, write_parquet


@pytest.mark.parametrize("query", ["SELECT * FROM rows", "SELECT region, list(shop) AS shop FROM rows GROUP BY region"])
def test_an_enum_is_text_before_it_is_written(tmp_path: Path, query: str) -> None:
    with connect(scratch=tmp_path / "scratch", memory_limit="100MB", threads=2) as connection:
        connection.execute("CREATE TYPE region AS ENUM ('N', 'S'); CREATE TYPE shop AS ENUM ('a', 'b', 'c')")
        values = "('S'::region, 'c'::shop), ('N', 'a'), (NULL, NULL)"
        connection.execute(f"CREATE TABLE rows AS SELECT * FROM (VALUES {values}) v(region, shop)")
        expected = sorted(connection.execute(query).fetchall(), key=str)

        kinds = [kind for _, kind, *_ in connection.execute(f"DESCRIBE {without_enums(connection, query)}").fetchall()]
        rows = write_parquet(connection, query, tmp_path / "rows.parquet")

    assert all(kind.startswith("VARCHAR") for kind in kinds), kinds
    found = duckdb.execute("SELECT * FROM read_parquet(?)", [str(tmp_path / "rows.parquet")]).fetchall()
    assert sorted(found, key=str) == expected
    assert rows == len(expected) == 3


def test_nothing_of_the_lake_is_written_past_it() -> None:
    writers = [
        str(path.relative_to(ml.__path__[0]))
        for path in sorted(Path(ml.__path__[0]).rglob("*.py"))
        if "COPY (" in path.read_text() or "FORMAT parquet" in path.read_text()
    ]
    # The comparison of formats writes its own table of plain text and numbers, and deletes it.
    assert writers == ["data/io_formats.py", "data/tables.py"]
