"""Fed to a feature store and read back as of a time, gold is gold: columns, types and values, and what is trained."""

import shutil
from datetime import datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from config.names import EVENT_TIME, PRODUCTS
from ml.data.generate import generate_weeks
from ml.use_case import load_use_case
from stacks.constructs.schemas import baskets_schema
from tests.feature_groups import Store, feature_store
from tests.golds import assert_same, gold_of
from tests.integration.runs import mlops

CAME, CORRECTED = "2026-03-02T10:00:00Z", "2026-03-09T10:00:00Z"
USE_CASE = load_use_case("price_sensitivity")


def feed(gold: Path, to: Path | str, known_at: str) -> None:
    done = mlops("feed", "--gold", gold, "--to", to, "--known-at", known_at)
    assert done.returncode == 0, done.stderr


def as_of(time: str, *, offline: Path, gold: Path, output: Path) -> Path:
    done = mlops("as-of", "--time", time, "--offline", offline, "--products", gold / PRODUCTS, "--output", output)
    assert done.returncode == 0, done.stderr
    return output


def test_as_of_now_it_is_gold_and_as_of_before_a_correction_it_is_the_gold_of_then(tmp_path: Path) -> None:
    files = generate_weeks(weeks=2, baskets_per_week=400, seed=4, output=tmp_path / "in")
    gold, offline = gold_of(files, tmp_path / "lake"), tmp_path / "features"
    feed(gold, offline, CAME)
    then = shutil.copytree(gold, tmp_path / "then")
    # The second week comes again: other lines of some baskets, some baskets more, some fewer.
    corrected = generate_weeks(
        weeks=1, baskets_per_week=420, seed=9, output=tmp_path / "again", first_week=200608, header="older"
    )
    gold = gold_of([files[0], *corrected], tmp_path / "lake")
    done = mlops("feed", "--gold", gold, "--to", offline, "--known-at", CORRECTED, "--weeks", "200608")
    assert done.returncode == 0, done.stderr
    # Tried again, as after a failure half-way.
    feed(then, offline, CAME)

    assert_same(as_of(CORRECTED, offline=offline, gold=gold, output=tmp_path / "now"), gold)
    before = as_of("2026-03-09T09:59:59Z", offline=offline, gold=then, output=tmp_path / "before")
    assert_same(before, then)


def offline_of(store: Store, folder: Path) -> None:
    """Keep records as Feature Store does: typed by the group's definitions, with its own columns."""
    types = {
        name: pa.int64() if kind in {"int", "bigint"} else pa.string()
        for name, kind in baskets_schema(USE_CASE).items()
    }
    rows = [
        {name: int(text) if types.get(name) == pa.int64() else text for name, text in record.items()}
        for record in store.kept.values()
    ]
    now = datetime.fromisoformat(CORRECTED)
    stamps = {"write_time": now, "api_invocation_time": now, "is_deleted": False}
    schema = pa.schema(
        [
            *types.items(),
            (EVENT_TIME, pa.string()),
            ("write_time", pa.timestamp("ms", tz="UTC")),
            ("api_invocation_time", pa.timestamp("ms", tz="UTC")),
            ("is_deleted", pa.bool_()),
        ]
    )
    root = folder / "123456789012/sagemaker/ap-southeast-1/offline-store/mlops-dev-baskets-1772445600"
    hour = root / "data/year=2026/month=03/day=02/hour=10"
    hour.mkdir(parents=True)
    table = pa.Table.from_pylist([{**row, **stamps} for row in rows], schema=schema)
    pq.write_table(table, hour / "20260302T100000Z_0123456789abcdef.parquet")


def test_by_the_runtime_and_the_layout_of_sagemaker_it_is_gold_too(tmp_path: Path) -> None:
    gold = gold_of(generate_weeks(weeks=1, baskets_per_week=200, seed=4, output=tmp_path / "in"), tmp_path / "lake")
    with feature_store() as store:
        feed(gold, "featuregroup://mlops-dev-baskets", CAME)
    offline_of(store, tmp_path / "features")
    assert_same(as_of(CAME, offline=tmp_path / "features", gold=gold, output=tmp_path / "now"), gold)


@pytest.mark.real_data
def test_real_weeks(tmp_path: Path, real_files: list[Path]) -> None:
    gold, offline = gold_of(real_files[-2:], tmp_path / "lake"), tmp_path / "features"
    feed(gold, offline, CAME)
    assert_same(as_of(CAME, offline=offline, gold=gold, output=tmp_path / "now"), gold)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("feed", "--known-at", "2026-03-02T10:00:00"), "--known-at 2026-03-02T10:00:00: has no zone"),
        (("feed", "--known-at", "Monday"), "--known-at Monday: is no time such as"),
        (("feed", "--known-at", CAME, "--weeks", "one"), "--weeks one: weeks are numbers"),
        (("feed", "--weeks", "200607"), "--weeks needs --known-at"),
        (("feed",), "no run given"),
        (("as-of", "--time", "2026-03-02"), "--time 2026-03-02: has no zone"),
    ],
)
def test_what_is_asked_wrongly_is_named(tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    folder = tmp_path / "gold"
    (folder / "baskets" / "shop_week=200607").mkdir(parents=True)
    places = (
        ("--gold", folder, "--to", tmp_path / "features")
        if arguments[0] == "feed"
        else ("--offline", folder, "--products", folder, "--output", tmp_path / "then")
    )
    done = mlops(*arguments, *places)
    assert done.returncode == 2
    assert message in done.stderr
