"""The exploratory report: what transaction files hold, before anything is made of them."""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from ml.data import eda_charts as charts
from ml.data.weekly_lines import WeekSource, find_weeks, lines_of, reading, scratch_database
from ml.errors import DataError
from ml.progress import track
from ml.reports.figures import embed
from ml.reports.page import render_page
from ml.use_case import UseCase

# Distributions, box plots and correlations are drawn from a sample of baskets; everything else is exact.
SAMPLE_BASKETS = 60_000
TOP_PRODUCTS = 15
NO_LABEL = "none"


@dataclass(frozen=True)
class Findings:
    """What is shown. Rows are tuples as the queries in this module name their columns."""

    weeks: list[tuple[Any, ...]]
    labels_by_week: list[tuple[Any, ...]]
    missing: list[tuple[str, int]]
    products: list[tuple[Any, ...]]
    labels_by: dict[str, list[tuple[Any, ...]]]
    hours: list[tuple[Any, ...]]
    quantities: list[tuple[Any, ...]]
    sample: dict[str, Any]
    catalogue: int


def eda_report(inputs: Sequence[Path], *, target: Path, use_case: UseCase) -> Path:
    """Write a self-contained page about ``inputs`` to ``target`` and its charts to ``charts/`` beside it.

    Weeks are read one at a time and only sums of them are kept, so memory does not grow with their
    number.

    Args:
        inputs: weekly files (either header), folders of them, or the lake's folder of silver transactions.
        target: the page, such as ``reports/eda.html``.
        use_case: names the columns and the classes.

    Returns:
        ``target``.

    Raises:
        DataError: there is no weekly file, one cannot be read, or all are empty.

    """
    sources = find_weeks(inputs, use_case=use_case)
    with tempfile.TemporaryDirectory() as folder, scratch_database(Path(folder)) as connection:
        for number, source in enumerate(track(sources, label="reading weeks")):
            with reading(source):
                _add_week(connection, source, use_case=use_case, first=number == 0, weeks=len(sources))
        findings = _findings(connection, use_case)
    if sum(week[1] or 0 for week in findings.weeks) == 0:
        raise DataError(f"{sources[0].path}: there are no lines to describe below the header")
    return _render(findings, target=target, use_case=use_case, files=len(sources))


def _add_week(
    connection: duckdb.DuckDBPyConnection, source: WeekSource, *, use_case: UseCase, first: bool, weeks: int
) -> None:
    """Add one week's sums to the tables that the report is made of."""
    label = use_case.label.column
    counts = ", ".join(f"count({column.name}) AS {column.name}" for column in use_case.columns)
    connection.execute(f"CREATE OR REPLACE TABLE lines AS {lines_of(source, use_case=use_case)}")
    connection.execute(
        f"""
        CREATE OR REPLACE TABLE week_baskets AS
        SELECT basket_id,
               coalesce(min({label}), '{NO_LABEL}') AS label,
               min(store_region) AS store_region, min(store_format) AS store_format,
               coalesce(min(seg_1), 'unknown') AS seg_1,
               min(shop_weekday) AS shop_weekday, min(shop_hour) AS shop_hour,
               count(*) AS lines, sum(quantity)::BIGINT AS quantity, max(quantity) AS quantity_max,
               sum(spend_pennies)::BIGINT AS spend_pennies, max(spend_pennies) AS spend_pennies_max
        FROM lines GROUP BY basket_id
        """
    )
    quota = -(-SAMPLE_BASKETS // weeks)
    for table, query in {
        "weeks": f"""
            SELECT {source.week} AS week, sum(lines)::BIGINT AS lines, count(*) AS baskets,
                   sum(spend_pennies)::BIGINT AS spend_pennies,
                   (SELECT count(DISTINCT cust_code) FROM lines) AS customers,
                   (SELECT count(DISTINCT store_code) FROM lines) AS stores
            FROM week_baskets""",
        "present": f"SELECT count(*) AS all_lines, {counts} FROM lines",
        "labels": f"""
            SELECT {source.week} AS week, label, store_region, store_format, seg_1, count(*) AS baskets
            FROM week_baskets GROUP BY ALL""",
        "hours": "SELECT shop_weekday, shop_hour, count(*) AS baskets FROM week_baskets GROUP BY ALL",
        "quantities": """
            SELECT least(quantity, 10) AS quantity, count(*) AS lines
            FROM lines WHERE quantity IS NOT NULL GROUP BY ALL""",
        "products": """
            SELECT prod_code, min(prod_code_10) AS prod_code_10, min(prod_code_40) AS prod_code_40,
                   count(*) AS lines, sum(quantity)::BIGINT AS quantity, sum(spend_pennies)::BIGINT AS pennies
            FROM lines WHERE prod_code IS NOT NULL GROUP BY prod_code""",
        # The order by hash draws the same baskets each time, whatever order the file came in.
        "sample": f"SELECT * FROM week_baskets ORDER BY hash(basket_id), basket_id LIMIT {quota}",
    }.items():
        start = f"CREATE TABLE {table} AS" if first else f"INSERT INTO {table}"
        connection.execute(f"{start} {query}")


def _findings(connection: duckdb.DuckDBPyConnection, use_case: UseCase) -> Findings:
    def rows(query: str) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = connection.execute(query).fetchall()
        return found

    names = [column.name for column in use_case.columns]
    missing = ", ".join(f"sum(all_lines - {name})::BIGINT" for name in names)
    return Findings(
        weeks=rows(
            """SELECT week, sum(lines)::BIGINT, sum(baskets)::BIGINT, sum(spend_pennies)::BIGINT,
                      max(customers), max(stores)
               FROM weeks GROUP BY week ORDER BY week"""
        ),
        labels_by_week=_labels_by(connection, "week"),
        missing=list(zip(names, rows(f"SELECT {missing} FROM present")[0], strict=True)),
        products=rows(
            f"""SELECT prod_code, min(prod_code_10), min(prod_code_40), sum(lines)::BIGINT AS bought,
                       sum(quantity)::BIGINT, sum(pennies)::BIGINT
                FROM products GROUP BY prod_code ORDER BY bought DESC, prod_code LIMIT {TOP_PRODUCTS}"""
        ),
        labels_by={name: _labels_by(connection, name) for name in ("store_region", "store_format", "seg_1")},
        hours=rows(
            """SELECT shop_weekday, shop_hour, sum(baskets)::BIGINT FROM hours
               WHERE shop_weekday IS NOT NULL AND shop_hour IS NOT NULL GROUP BY ALL ORDER BY ALL"""
        ),
        quantities=rows("SELECT quantity, sum(lines)::BIGINT FROM quantities GROUP BY ALL ORDER BY ALL"),
        sample=connection.execute(
            """SELECT label, lines, quantity, quantity_max, spend_pennies / 100.0 AS spend,
                      spend_pennies_max / 100.0 AS dearest, shop_hour AS hour
               FROM sample WHERE quantity IS NOT NULL AND spend_pennies IS NOT NULL ORDER BY basket_id"""
        ).fetchnumpy(),
        catalogue=rows("SELECT count(DISTINCT prod_code) FROM products")[0][0],
    )


def _labels_by(connection: duckdb.DuckDBPyConnection, name: str) -> list[tuple[Any, ...]]:
    """Return (value, label, baskets) for all values of column ``name``."""
    found: list[tuple[Any, ...]] = connection.execute(
        f"""SELECT {name}, label, sum(baskets)::BIGINT FROM labels
            WHERE {name} IS NOT NULL GROUP BY ALL ORDER BY ALL"""
    ).fetchall()
    return found


def _render(findings: Findings, *, target: Path, use_case: UseCase, files: int) -> Path:
    words = {each.code: f"{each.word} ({each.code})" for each in use_case.label.classes}
    words |= {use_case.label.unclassified: f"Unclassified ({use_case.label.unclassified})"}
    words |= {NO_LABEL: "No label"}
    figures = {
        "volume": charts.volume(findings.weeks),
        "labels": charts.label_shares(findings.labels_by_week, words),
        "hours": charts.hours(findings.hours),
        "quantities": charts.quantities(findings.quantities),
        "correlation": charts.correlation(findings.sample),
        **{f"histogram_{name}": charts.histogram(findings.sample, name) for name in charts.TOTALS},
        **{f"box_{name}": charts.boxes(findings.sample, name, words) for name in charts.TOTALS},
        **{f"by_{name}": charts.shares_by(rows, words) for name, rows in findings.labels_by.items()},
    }
    folder = target.parent / "charts"
    images = {name: embed(figure, alt, png=folder / f"eda_{name}.png") for name, (figure, alt) in figures.items()}
    lines = sum(week[1] or 0 for week in findings.weeks)
    return render_page(
        target,
        "eda.html.j2",
        use_case=use_case,
        files=files,
        weeks=findings.weeks,
        lines=lines,
        baskets=sum(week[2] for week in findings.weeks),
        pennies=sum(week[3] or 0 for week in findings.weeks),
        sampled=len(findings.sample["label"]),
        catalogue=findings.catalogue,
        missing=[(name, count, count / lines if lines else 0.0) for name, count in findings.missing],
        products=findings.products,
        images=images,
        totals=charts.TOTALS,
    )
