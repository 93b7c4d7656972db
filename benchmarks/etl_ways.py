"""Ways from weekly files to gold baskets, each run by ``benchmarks.etl`` as a process of its own.

All make the same table of baskets, ``gold.parquet`` in the output folder, but for the order of rows and of
products within a basket; ``benchmarks.etl`` compares them. Only our own also validates, quarantines, and
keeps manifests and the table of products.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

# Libraries are imported by the way that needs them: each process shall pay for its own only.
# ruff: noqa: PLC0415

CONSTANT = [
    "SHOP_WEEK",
    "BASKET_PRICE_SENSITIVITY",
    "STORE_CODE",
    "STORE_FORMAT",
    "STORE_REGION",
    "SHOP_DATE",
    "SHOP_WEEKDAY",
    "SHOP_HOUR",
    "CUST_CODE",
    "seg_1",
    "seg_2",
    "BASKET_SIZE",
    "BASKET_TYPE",
    "BASKET_DOMINANT_MISSION",
]
TEXT = [
    *("PROD_CODE", "PROD_CODE_10", "PROD_CODE_20", "PROD_CODE_30", "PROD_CODE_40", "CUST_CODE", "seg_1", "seg_2"),
    *("BASKET_SIZE", "BASKET_PRICE_SENSITIVITY", "BASKET_TYPE", "BASKET_DOMINANT_MISSION"),
    *("STORE_CODE", "STORE_FORMAT", "STORE_REGION"),
]


def tutorial(files: Sequence[Path], output: Path) -> None:
    """The way tutorials do it: read all, group by basket, a lambda for each figure."""
    import pandas as pd

    lines = pd.concat([pd.read_csv(file) for file in files], ignore_index=True).drop_duplicates()
    lines["SHOP_DATE"] = pd.to_datetime(lines["SHOP_DATE"].astype(str), format="%Y%m%d")
    lines.to_parquet(output / "silver", partition_cols=["SHOP_WEEK", "STORE_REGION"])
    baskets = (
        lines.groupby("BASKET_ID")
        .agg(
            **{column: (column, "first") for column in CONSTANT},
            lines=("PROD_CODE", lambda codes: len(codes)),  # noqa: PLW0108 - as tutorials write it
            products=("PROD_CODE", lambda codes: codes.nunique()),
            quantity=("QUANTITY", lambda pieces: pieces.sum()),
            quantity_max=("QUANTITY", lambda pieces: pieces.max()),
            spend_pennies=("SPEND", lambda spend: round(100 * spend.sum())),
            spend_pennies_min=("SPEND", lambda spend: round(100 * spend.min())),
            spend_pennies_max=("SPEND", lambda spend: round(100 * spend.max())),
            prod_codes=("PROD_CODE", lambda codes: list(codes)),  # noqa: PLW0108
        )
        .reset_index()
    )
    baskets.to_parquet(output / "gold.parquet")


def careful(files: Sequence[Path], output: Path) -> None:
    """Pandas by someone who knows it: categories, Arrow's parser, no Python function per group."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    types = {name: pa.dictionary(pa.int32(), pa.string()) for name in TEXT} | {"SHOP_DATE": pa.timestamp("s")}
    options = csv.ConvertOptions(
        column_types=types, strings_can_be_null=True, null_values=[""], timestamp_parsers=["%Y%m%d"]
    )
    tables = [csv.read_csv(file, convert_options=options) for file in files]
    lines = pa.concat_tables(tables).unify_dictionaries().to_pandas()
    lines = lines[~lines.duplicated()]
    lines["SPEND"] = (100 * lines["SPEND"]).round().astype("int64")
    for (week, region), part in lines.groupby(["SHOP_WEEK", "STORE_REGION"], observed=True):
        folder = output / "silver" / f"SHOP_WEEK={week}" / f"STORE_REGION={region}"
        folder.mkdir(parents=True)
        part.to_parquet(folder / "part-0.parquet", index=False)
    lines = lines.sort_values("BASKET_ID", kind="stable", ignore_index=True)
    groups = lines.groupby("BASKET_ID", sort=True, observed=True)
    baskets = groups.agg(
        lines=("QUANTITY", "size"),
        products=("PROD_CODE", "nunique"),
        quantity=("QUANTITY", "sum"),
        quantity_max=("QUANTITY", "max"),
        spend_pennies=("SPEND", "sum"),
        spend_pennies_min=("SPEND", "min"),
        spend_pennies_max=("SPEND", "max"),
    )
    starts = np.concatenate([[0], np.cumsum(baskets["lines"].to_numpy())])
    constant = lines.loc[starts[:-1], ["BASKET_ID", *CONSTANT]].set_index("BASKET_ID")
    table = pa.Table.from_pandas(baskets.join(constant).reset_index())
    codes = pa.array(lines["PROD_CODE"]).cast(pa.string())
    lists = pa.ListArray.from_arrays(pa.array(starts, pa.int32()), codes)
    pq.write_table(table.append_column("prod_codes", lists), output / "gold.parquet")


def polars(files: Sequence[Path], output: Path) -> None:
    """Polars, lazy, all cores."""
    from importlib import import_module

    pl = import_module("polars")  # not a dependency: measured where it is installed
    kinds = {"SHOP_DATE": pl.String, "BASKET_ID": pl.Int64}
    lines = (
        pl.concat([pl.scan_csv(file, schema_overrides=kinds, null_values="") for file in files])
        .unique()
        .with_columns(pl.col("SHOP_DATE").str.to_date("%Y%m%d"), SPEND=(100 * pl.col("SPEND")).round().cast(pl.Int64))
        .collect()
    )
    for (week, region), part in lines.partition_by("SHOP_WEEK", "STORE_REGION", as_dict=True).items():
        folder = output / "silver" / f"SHOP_WEEK={week}" / f"STORE_REGION={region}"
        folder.mkdir(parents=True)
        part.write_parquet(folder / "part-0.parquet")
    lines.group_by("BASKET_ID").agg(
        *(pl.col(column).first() for column in CONSTANT),
        lines=pl.len(),
        products=pl.col("PROD_CODE").n_unique(),
        quantity=pl.col("QUANTITY").sum(),
        quantity_max=pl.col("QUANTITY").max(),
        spend_pennies=pl.col("SPEND").sum(),
        spend_pennies_min=pl.col("SPEND").min(),
        spend_pennies_max=pl.col("SPEND").max(),
        prod_codes=pl.col("PROD_CODE"),
    ).write_parquet(output / "gold.parquet")


def parsing(files: Sequence[Path], output: Path) -> None:
    """DuckDB reading all 22 columns with their types, and nothing else."""
    import duckdb

    names = files[0].open(encoding="utf-8").readline().strip().split(",")
    typed = {"SHOP_DATE": "DATE", "SPEND": "DECIMAL(18, 2)", "BASKET_ID": "BIGINT"}
    columns = {name: "VARCHAR" if name in TEXT else typed.get(name, "INTEGER") for name in names}
    counts = duckdb.connect().execute(
        f"SELECT count(COLUMNS(*)) FROM read_csv($files, header = true, columns = {columns}, dateformat = '%Y%m%d')",
        {"files": [str(file) for file in files]},
    )
    (output / "counts.txt").write_text(str(counts.fetchall()), encoding="utf-8")


def ours(files: Sequence[Path], output: Path, *, great_expectations: bool = False) -> None:
    """Our own ETL: validated, quarantined, silver by week and region, gold baskets and products."""
    from ml.features.refine import refine
    from ml.use_case import load_use_case

    refine(
        files,
        silver=output / "silver",
        gold=output / "gold",
        reports=output / "reports",
        use_case=load_use_case("price_sensitivity"),
        great_expectations=great_expectations,
    )


def ours_reported(files: Sequence[Path], output: Path) -> None:
    """Our own ETL with Great Expectations' look at a sample."""
    ours(files, output, great_expectations=True)


def generate(files: Sequence[Path], output: Path) -> None:
    """Not a way: write the ``len(files)`` weeks that are measured; ``files`` are basket counts."""
    from ml.data.generate import generate_weeks

    generate_weeks(weeks=len(files), baskets_per_week=int(str(files[0])), seed=7, output=output)


def compare(files: Sequence[Path], output: Path) -> None:
    """Not a way: fail unless gold in ``files`` is that of the first one, whatever its order."""
    import duckdb

    figures = "lines, products, quantity, quantity_max, spend_pennies, spend_pennies_min, spend_pennies_max"
    names = {"label": "BASKET_PRICE_SENSITIVITY"}
    ours_named = ", ".join(f"{'label' if name == names['label'] else name.lower()}::VARCHAR" for name in CONSTANT)
    theirs_named = ", ".join(f"{name}::VARCHAR" for name in CONSTANT)
    found = set()
    for number, file in enumerate(files):
        constant = ours_named if number == 0 else theirs_named
        constant = re.sub("(shop_date)", r"\1::DATE", constant, flags=re.IGNORECASE)  # others keep a time of day
        row = duckdb.connect().execute(
            f"""SELECT count(*), bit_xor(hash([basket_id, {figures}]::BIGINT[])), bit_xor(hash([{constant}])),
                       bit_xor(hash(list_sort(prod_codes)))
                FROM read_parquet('{file}')"""
        )
        found.add(str(row.fetchall()[0]))
    (output / "compared.txt").write_text("\n".join(sorted(found)), encoding="utf-8")
    if len(found) > 1:
        raise SystemExit(f"gold differs between {', '.join(map(str, files))}: {found}")


WAYS: dict[str, Callable[[Sequence[Path], Path], None]] = {
    each.__name__: each for each in (tutorial, careful, polars, parsing, ours, ours_reported, generate, compare)
}
LIBRARY = {"tutorial": "pandas", "careful": "pandas", "polars": "polars", "parsing": "duckdb", "ours": "duckdb"}


def library_version(way: str) -> str:
    """Return name and version of the library that ``way`` stands on."""
    name = LIBRARY[way.removesuffix("_reported")]
    return f"{name} {version(name)}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=sorted(WAYS))
    parser.add_argument("output", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    chosen = parser.parse_args()
    chosen.output.mkdir(parents=True, exist_ok=True)
    WAYS[chosen.way](chosen.files, chosen.output)
