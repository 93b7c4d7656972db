"""What the ETL writes is what the features read: weekly files, refined, against a reading line by line."""

import csv
from collections import defaultdict
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.names import BASKETS, PRODUCTS
from ml.data.generate import generate_weeks
from ml.features.baskets import Baskets
from ml.features.gold_reader import gold_weeks, load_gold
from ml.features.refine import refine
from ml.use_case import UseCase, load_use_case
from tests.baskets import draw_baskets, write_gold

Lines = list[dict[str, str]]


@pytest.fixture(scope="module")
def use_case() -> UseCase:
    return load_use_case("price_sensitivity")


@pytest.fixture(scope="module")
def weekly(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("weekly")
    return generate_weeks(weeks=2, baskets_per_week=150, seed=4, output=folder)


@pytest.fixture(scope="module")
def gold(weekly: list[Path], use_case: UseCase, tmp_path_factory: pytest.TempPathFactory) -> Path:
    lake = tmp_path_factory.mktemp("lake")
    refine(
        weekly,
        silver=lake / "silver",
        gold=lake / "gold",
        reports=lake / "reports",
        use_case=use_case,
        great_expectations=False,
    )
    return lake / "gold"


@pytest.fixture(scope="module")
def by_basket(weekly: list[Path]) -> dict[int, Lines]:
    found: dict[int, Lines] = defaultdict(list)
    for path in weekly:
        with path.open(newline="") as stream:
            for row in csv.DictReader(stream):
                found[int(row["BASKET_ID"])].append(row)
    return found


@pytest.fixture(scope="module")
def baskets(gold: Path, use_case: UseCase) -> Baskets:
    return load_gold(gold, use_case, weeks=gold_weeks(gold))


def test_every_basket_arrives_with_its_label_and_products(
    baskets: Baskets, by_basket: dict[int, Lines], use_case: UseCase
) -> None:
    assert sorted(baskets.ids.tolist()) == sorted(by_basket)
    codes = (*use_case.label.codes, use_case.label.unclassified)
    products = baskets.catalogue["prod_code"]
    for row, basket in enumerate(baskets.ids.tolist()):
        lines = by_basket[basket]
        assert codes[baskets.labels[row]] == lines[0]["BASKET_PRICE_SENSITIVITY"]
        mine = products[baskets.line_products[baskets.offsets[row] : baskets.offsets[row + 1]]]
        assert mine.tolist() == sorted(line["PROD_CODE"] for line in lines)


def test_totals_are_exact_in_pennies_and_units(baskets: Baskets, by_basket: dict[int, Lines]) -> None:
    for row, basket in enumerate(baskets.ids.tolist()):
        lines = by_basket[basket]
        pennies = [round(float(line["SPEND"]) * 100) for line in lines]
        units = [int(line["QUANTITY"]) for line in lines]
        assert {name: values[row] for name, values in baskets.numbers.items()} == {
            "lines": len(lines),
            "products": len({line["PROD_CODE"] for line in lines}),
            "quantity": sum(units),
            "quantity_max": max(units),
            "spend_pennies": sum(pennies),
            "spend_pennies_min": min(pennies),
            "spend_pennies_max": max(pennies),
            "shop_hour": int(lines[0]["SHOP_HOUR"]),
        }


@pytest.mark.parametrize("name", ["store_region", "store_format", "seg_1", "shop_weekday", "store_code"])
def test_texts_arrive_as_they_are_and_missing_ones_empty(
    name: str, baskets: Baskets, by_basket: dict[int, Lines]
) -> None:
    header = "seg_1" if name == "seg_1" else name.upper()
    expected = [by_basket[basket][0][header] for basket in baskets.ids.tolist()]
    assert baskets.categories[name].tolist() == expected


def test_the_catalogue_holds_every_product_once_with_its_categories(
    baskets: Baskets, by_basket: dict[int, Lines]
) -> None:
    levels = list(baskets.catalogue)
    rows = {tuple(line[level.upper()] for level in levels) for lines in by_basket.values() for line in lines}
    found = list(zip(*(baskets.catalogue[level].tolist() for level in levels), strict=True))
    assert found == sorted(rows)


def test_the_gold_that_tests_write_has_columns_that_real_gold_has_too(
    gold: Path, use_case: UseCase, tmp_path: Path
) -> None:
    invented = write_gold(tmp_path, draw_baskets(baskets=50).baskets, use_case)
    for table in (BASKETS, PRODUCTS):
        real = pq.read_schema(next((gold / table).glob("*/*.parquet")))
        made = pq.read_schema(next((invented / table).glob("*/*.parquet")))
        assert set(made.names) <= set(real.names)
        whole = [name for name in made.names if pa.types.is_integer(made.field(name).type)]
        assert all(pa.types.is_integer(real.field(name).type) for name in whole)
