import csv
import gzip
import re
from collections import Counter, defaultdict
from datetime import date
from itertools import pairwise
from pathlib import Path

import duckdb
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from ml.data.generate import generate_weeks
from ml.data.market import GROUPS, LABELS, MM, PRODUCTS, market_of
from ml.errors import SettingsError
from ml.use_case import load_use_case

SEED = 7
REPOSITORY = Path(__file__).resolve().parents[3]
Row = dict[str, str]


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


@pytest.fixture(scope="module")
def week(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A week of 20,000 baskets."""
    folder = tmp_path_factory.mktemp("week")
    return generate_weeks(weeks=1, baskets_per_week=20_000, seed=SEED, output=folder)[0]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three weeks of 500 baskets that cross the end of a year."""
    folder = tmp_path_factory.mktemp("few")
    return generate_weeks(weeks=3, baskets_per_week=500, seed=SEED, output=folder, first_week=200651)


def table(week: Path) -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect(config={"threads": 2})
    connection.execute(f"CREATE TABLE lines AS FROM read_csv('{week}', all_varchar = true)")
    connection.execute("CREATE VIEW sizes AS SELECT count(*) AS n FROM lines GROUP BY BASKET_ID")
    return connection


def test_the_same_seed_gives_the_same_bytes_and_another_seed_gives_others(tmp_path: Path) -> None:
    content = [
        generate_weeks(weeks=1, baskets_per_week=200, seed=seed, output=tmp_path / name, compress=True)[0]
        for name, seed in (("a", 1), ("b", 1), ("c", 2))
    ]
    first, again, other = (path.read_bytes() for path in content)
    assert first == again
    assert first != other


def test_asking_for_more_weeks_adds_files_and_changes_none(tmp_path: Path, few: list[Path]) -> None:
    alone = generate_weeks(weeks=1, baskets_per_week=500, seed=SEED, output=tmp_path, first_week=200652)[0]
    assert alone.read_bytes() == few[1].read_bytes()


def test_weeks_differ_but_share_the_catalogue(few: list[Path]) -> None:
    parents: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    baskets = Counter[str]()
    for path in few:
        rows = rows_of(path)
        baskets.update({row["BASKET_ID"] for row in rows})
        for row in rows:
            parents[row["PROD_CODE"]].add(tuple(row[f"PROD_CODE_{level}"] for level in (10, 20, 30, 40)))
    assert len(parents) > 1000
    assert all(len(groups) == 1 for groups in parents.values())
    assert len(baskets) == 1500  # no basket number is used twice
    assert few[0].read_text().splitlines()[1:9] != few[1].read_text().splitlines()[1:9]


def test_weeks_roll_over_at_52_and_dates_follow_the_fiscal_calendar(few: list[Path]) -> None:
    assert [path.name for path in few] == [
        "transactions_200651.csv",
        "transactions_200652.csv",
        "transactions_200701.csv",
    ]
    rows = rows_of(few[2])
    assert {row["SHOP_WEEK"] for row in rows} == {"200701"}
    days = {(row["SHOP_DATE"], row["SHOP_WEEKDAY"]) for row in rows}
    assert min(days)[0] == "20070226"  # week 200701 of the official calendar: 26 February to 4 March 2007
    assert max(days)[0] == "20070304"
    assert len(days) == 7
    for shop_date, weekday in days:
        assert date.fromisoformat(shop_date).isoweekday() % 7 + 1 == int(weekday)  # 1 is Sunday


def test_every_column_and_value_is_one_the_use_case_allows(week: Path, few: list[Path]) -> None:
    use_case = load_use_case("price_sensitivity")
    header = week.read_text(encoding="utf-8")[:400].splitlines()[0].split(",")
    assert header == [column.headers[0] for column in use_case.columns]
    rows = rows_of(few[0])
    for column in use_case.columns:
        values = {row[column.headers[0]] for row in rows}
        assert column.nullable or "" not in values, column.name
        if column.allowed:
            assert values - {""} <= set(column.allowed), column.name
        if column.minimum is not None and column.type == "integer":
            assert all(column.minimum <= int(value) <= (column.maximum or 0) for value in values), column.name


def test_the_older_header_carries_the_older_codes_of_the_same_baskets(tmp_path: Path, few: list[Path]) -> None:
    older = generate_weeks(
        weeks=1, baskets_per_week=500, seed=SEED, output=tmp_path, first_week=200651, header="older"
    )[0]
    for column in ("seg_1", "seg_2"):
        today, then = load_use_case("price_sensitivity").column(column).headers
        recode = load_use_case("price_sensitivity").column(column).recode | {"": ""}
        assert [recode[row[then]] for row in rows_of(older)] == [row[today] for row in rows_of(few[0])]


def test_a_file_without_label_lacks_that_column_only(tmp_path: Path, few: list[Path]) -> None:
    bare = generate_weeks(weeks=1, baskets_per_week=500, seed=SEED, output=tmp_path, first_week=200651, label=False)[0]
    expected = [{k: v for k, v in row.items() if k != "BASKET_PRICE_SENSITIVITY"} for row in rows_of(few[0])]
    assert rows_of(bare) == expected


def test_a_gzipped_week_holds_what_the_plain_one_holds(tmp_path: Path, few: list[Path]) -> None:
    packed = generate_weeks(
        weeks=1, baskets_per_week=500, seed=SEED, output=tmp_path, first_week=200651, compress=True
    )[0]
    assert packed.name == "transactions_200651.csv.gz"
    assert gzip.decompress(packed.read_bytes()) == few[0].read_bytes()


def test_baskets_have_the_shape_of_real_ones(week: Path) -> None:
    found = (
        table(week)
        .execute(
            """SELECT avg(n), median(n), quantile_cont(n, 0.99),
                  (SELECT count(*) - count(DISTINCT (BASKET_ID, PROD_CODE)) FROM lines),
                  (SELECT count(DISTINCT BASKET_ID) FILTER (CUST_CODE IS NULL) / count(DISTINCT BASKET_ID)
                   FROM lines),
                  (SELECT count(*) FILTER (CUST_CODE IS NULL AND coalesce(seg_1, seg_2) IS NOT NULL)
                   FROM lines),
                  (SELECT count(*) FILTER (seg_2 IS NULL) - count(*) FILTER (CUST_CODE IS NULL) FROM lines)
           FROM sizes"""
        )
        .fetchall()[0]
    )
    mean, median, p99, twice, nobody, segment_of_nobody, stage_missing = found
    assert mean == pytest.approx(6.4, abs=0.2)
    assert median == 4
    assert p99 == pytest.approx(30, abs=2.5)
    assert twice == 0
    assert nobody == pytest.approx(0.20, abs=0.01)
    assert segment_of_nobody == 0
    assert stage_missing > 0


def test_product_popularity_falls_like_a_power_of_the_rank(week: Path) -> None:
    sales = table(week).execute("SELECT count(*) FROM lines GROUP BY PROD_CODE ORDER BY 1 DESC").fetchall()
    ranks = np.arange(10, 1500)
    slope = np.polyfit(np.log(ranks), np.log(np.array(sales)[ranks - 1, 0]), 1)[0]
    assert slope == pytest.approx(-0.7, abs=0.08)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_label_shares_come_out_as_in_the_real_data_for_any_seed(tmp_path: Path, seed: int) -> None:
    path = generate_weeks(weeks=1, baskets_per_week=8_000, seed=seed, output=tmp_path)[0]
    label_of_basket = {row["BASKET_ID"]: row["BASKET_PRICE_SENSITIVITY"] for row in rows_of(path)}
    found = Counter(label_of_basket.values())
    for label, share in {"MM": 0.51, "UM": 0.24, "LA": 0.23, "XX": 0.02}.items():
        assert found[label] / 8_000 == pytest.approx(share, abs=0.025), label


@pytest.mark.parametrize("products", [PRODUCTS, GROUPS[0], 600])
def test_levels_are_strictly_nested_and_of_the_given_sizes(products: int) -> None:
    market = market_of(SEED, products)
    parents = (np.arange(market.products), *market.parents)
    assert [len(np.unique(level)) for level in parents] == [products, 250, 90, 31, 9]
    for child, parent in pairwise(parents):
        pairs = np.unique(np.stack([child, parent]), axis=1)
        assert pairs.shape[1] == len(np.unique(child))  # a group lies in one parent only


def test_a_basket_has_one_label_and_it_follows_from_its_products_alone(few: list[Path]) -> None:
    classes = market_of(SEED).product_class
    products: dict[str, list[str]] = defaultdict(list)
    labels: dict[str, set[str]] = defaultdict(set)
    for row in rows_of(few[0]):
        number = int(row["PROD_CODE"].removeprefix("PRD09")) - 1
        products[row["BASKET_ID"]].append(LABELS[classes[number]])
        labels[row["BASKET_ID"]].add(row["BASKET_PRICE_SENSITIVITY"])
    for basket, found in labels.items():
        count = Counter(products[basket])
        classed = count["MM"] + count["LA"] + count["UM"]
        if classed == 0:
            assert found == {"XX"}
            continue
        net = (count["UM"] - count["LA"]) / classed
        assert found == {"LA" if net <= -0.2273 else "UM" if net >= 0.1837 else "MM"}


def test_segments_lean_towards_their_label(week: Path) -> None:
    shares = dict(
        table(week)
        .execute(
            """SELECT seg_1, avg((BASKET_PRICE_SENSITIVITY = 'LA')::INT - (BASKET_PRICE_SENSITIVITY = 'UM')::INT)
               FROM (SELECT DISTINCT BASKET_ID, seg_1, BASKET_PRICE_SENSITIVITY FROM lines) GROUP BY 1"""
        )
        .fetchall()
    )
    assert shares["AZ"] > 0.15 > abs(shares["CT"])
    assert shares["BG"] < -0.15


def test_totals_and_segments_say_little_about_the_label(week: Path) -> None:
    found = (
        table(week)
        .execute(
            """SELECT count(*) AS n, sum(QUANTITY::INT) AS q, sum(SPEND::DOUBLE) AS s, max(SPEND::DOUBLE) AS top,
                  any_value(SHOP_HOUR::INT) AS hour, any_value((STORE_FORMAT = 'LS')::INT) AS large,
                  any_value((coalesce(seg_1, '') = 'AZ')::INT) AS az,
                  any_value((coalesce(seg_1, '') = 'BG')::INT) AS bg,
                  any_value(BASKET_PRICE_SENSITIVITY) AS label
           FROM lines GROUP BY BASKET_ID HAVING label <> 'XX' ORDER BY BASKET_ID"""
        )
        .fetchnumpy()
    )
    label = found.pop("label").astype(str)
    totals = np.column_stack([np.log1p(column.astype(float)) for column in found.values()])
    half = len(label) // 2
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(totals[:half], label[:half])
    majority = float(np.mean(label[half:] == LABELS[MM]))
    assert accuracy_score(label[half:], model.predict(totals[half:])) < majority + 0.06


def test_wild_values_are_few_and_inside_what_validation_accepts(tmp_path: Path) -> None:
    path = generate_weeks(weeks=1, baskets_per_week=100_000, seed=SEED, output=tmp_path)[0]
    wild, most, dearest = (
        table(path)
        .execute(
            """SELECT count(*) FILTER (QUANTITY::INT >= 100), max(QUANTITY::INT), max(SPEND::DOUBLE)
               FROM lines"""
        )
        .fetchall()[0]
    )
    assert 1 <= wild <= 20
    assert most <= 10_000
    assert dearest <= 100_000


@pytest.mark.parametrize(
    ("argument", "value"),
    [("weeks", 0), ("baskets_per_week", 0), ("seed", -1), ("first_week", 200653), ("header", "newer")],
)
def test_an_argument_out_of_range_is_named(tmp_path: Path, argument: str, value: int | str) -> None:
    arguments = {"weeks": 1, "baskets_per_week": 5, "seed": 1, "first_week": 200607, "header": "segments"}
    with pytest.raises(SettingsError, match=re.escape(argument)):
        generate_weeks(**(arguments | {argument: value}), output=tmp_path)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_an_output_that_is_a_file_is_refused(tmp_path: Path) -> None:
    target = tmp_path / "weeks"
    target.write_text("kept")
    with pytest.raises(SettingsError, match="weeks is a file"):
        generate_weeks(weeks=1, baskets_per_week=5, seed=1, output=target)
    assert target.read_text() == "kept"


def test_nothing_but_the_generator_knows_the_invented_market() -> None:
    secret = re.compile(r"ml\.data\.(market|invented_week|weekly_file)|from ml\.data import .*market")
    told = {
        path.relative_to(REPOSITORY).as_posix()
        for path in (REPOSITORY / "ml").rglob("*.py")
        if secret.search(path.read_text(encoding="utf-8"))
    }
    assert told == {"ml/data/generate.py", "ml/data/invented_week.py", "ml/data/weekly_file.py"}
