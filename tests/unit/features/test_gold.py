"""Gold's figures against another computation of them: pandas, straight from the file."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from ml.features.gold import BASKET_COLUMNS, PRODUCT_COLUMNS
from ml.features.refine_file import refine_file
from ml.use_case import load_use_case
from tests.weekly_files import valid_rows, write_week_file

USE_CASE = load_use_case("price_sensitivity")


def by_pandas(file: Path) -> pd.DataFrame:
    """Gold baskets in the tutorial's way: text in, one aggregation per column."""
    lines = pd.read_csv(file, dtype=str, keep_default_na=False)
    lines["QUANTITY"] = lines["QUANTITY"].astype(int)
    # Text to pennies without a float: the digits before and after the point.
    parts = lines["SPEND"].str.split(".", expand=True).reindex(columns=[0, 1])
    lines["PENNIES"] = parts[0].astype(int) * 100 + parts[1].fillna("").str.ljust(2, "0").astype(int)
    recode = {column.headers[0]: column.recode for column in USE_CASE.columns}
    grouped = lines.groupby(lines["BASKET_ID"].astype("int64"))
    found = {
        "shop_week": grouped["SHOP_WEEK"].first().astype(int),
        "label": grouped["BASKET_PRICE_SENSITIVITY"].first(),
        "shop_date": pd.to_datetime(grouped["SHOP_DATE"].first(), format="%Y%m%d").dt.strftime("%Y-%m-%d"),
        "shop_weekday": grouped["SHOP_WEEKDAY"].first().astype(int),
        "shop_hour": grouped["SHOP_HOUR"].first().astype(int),
        "lines": grouped.size(),
        "products": grouped["PROD_CODE"].nunique(),
        "quantity": grouped["QUANTITY"].sum(),
        "quantity_max": grouped["QUANTITY"].max(),
        "spend_pennies": grouped["PENNIES"].sum(),
        "spend_pennies_min": grouped["PENNIES"].min(),
        "spend_pennies_max": grouped["PENNIES"].max(),
        "prod_codes": grouped["PROD_CODE"].agg(lambda codes: ",".join(sorted(codes))),
    }
    for name in BASKET_COLUMNS:
        if name not in found and name != "basket_id":
            header = USE_CASE.column(name).headers[0]
            found[name] = grouped[header].first().replace(recode[header])
    return pd.DataFrame(found).reset_index(names="basket_id")[list(BASKET_COLUMNS)].sort_values("basket_id")


def assert_gold_is_right(file: Path, folder: Path) -> None:
    refined = refine_file(file, folder=folder, use_case=USE_CASE, require_label=True)
    columns = {
        "shop_date": "strftime(shop_date, '%Y-%m-%d') AS shop_date",
        "prod_codes": "array_to_string(list_sort(prod_codes), ',') AS prod_codes",
        **{name: f"coalesce({name}, '') AS {name}" for name in ("cust_code", "seg_1", "seg_2", "basket_type")},
    }
    chosen = ", ".join(columns.get(name, name) for name in BASKET_COLUMNS)
    gold = duckdb.execute(f"SELECT {chosen} FROM read_parquet(?) ORDER BY basket_id", [str(refined.baskets)]).df()

    pd.testing.assert_frame_equal(gold, by_pandas(file).reset_index(drop=True), check_dtype=False)

    lines = pd.read_csv(file, dtype=str, keep_default_na=False)
    products = duckdb.execute("SELECT * FROM read_parquet(?) ORDER BY prod_code", [str(refined.products)]).df()
    headers = [name.upper() for name in PRODUCT_COLUMNS]
    expected = lines[headers].drop_duplicates().sort_values("PROD_CODE").to_numpy().tolist()
    assert products.fillna("").to_numpy().tolist() == expected


def test_gold_of_made_up_baskets_is_what_pandas_computes(tmp_path: Path) -> None:
    assert_gold_is_right(write_week_file(tmp_path / "transactions_200720.csv", valid_rows()), tmp_path / "out")


@pytest.mark.real_data
def test_gold_of_a_real_week_is_what_pandas_computes(real_files: list[Path], tmp_path: Path) -> None:
    assert_gold_is_right(real_files[len(real_files) // 2], tmp_path / "out")


def test_gold_has_the_types_that_readers_rely_on(tmp_path: Path) -> None:
    file = write_week_file(tmp_path / "transactions_200720.csv")
    refined = refine_file(file, folder=tmp_path / "out", use_case=USE_CASE, require_label=True)

    types = {
        name: kind
        for name, kind, *_ in duckdb.execute(
            "DESCRIBE SELECT * FROM read_parquet(?)", [str(refined.baskets)]
        ).fetchall()
    }

    assert tuple(types) == BASKET_COLUMNS
    integers = {"shop_week", "shop_weekday", "shop_hour", "lines", "products"}
    longs = {"basket_id", "quantity", "quantity_max", *(name for name in types if name.startswith("spend"))}
    assert {name for name, kind in types.items() if kind == "INTEGER"} == integers
    assert {name for name, kind in types.items() if kind == "BIGINT"} == longs
    assert (types["shop_date"], types["prod_codes"], types["label"]) == ("DATE", "VARCHAR[]", "VARCHAR")


def test_a_file_without_labels_has_baskets_without_labels(tmp_path: Path) -> None:
    rows = valid_rows()
    header = [name for name in rows[0] if name not in ("BASKET_PRICE_SENSITIVITY", "PROD_CODE_40")]
    file = write_week_file(tmp_path / "transactions_200720.csv", rows, header=header)

    refined = refine_file(file, folder=tmp_path / "out", use_case=USE_CASE, require_label=False)

    found = duckdb.execute("SELECT DISTINCT label, typeof(label) FROM read_parquet(?)", [str(refined.baskets)])
    assert found.fetchall() == [(None, "VARCHAR")]
    levels = duckdb.execute("SELECT DISTINCT prod_code_40 FROM read_parquet(?)", [str(refined.products)])
    assert levels.fetchall() == [(None,)]
