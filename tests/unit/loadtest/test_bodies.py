"""What requests carry."""

import json
import sys
from pathlib import Path

import pytest

from ml.errors import SettingsError
from ml.loadtest.bodies import CSV, JSON, bodies_from, sample_baskets


def test_sample_baskets_differ_all_of_them_and_are_equal_for_equal_seeds() -> None:
    bodies = sample_baskets(seed=7)
    first = [json.loads(bodies(number)) for number in range(1200)]
    assert len({json.dumps(each) for each in first}) == 1200
    lines = [json.dumps(each["lines"]) for each in first]
    assert len(set(lines)) >= 490, "the same few baskets under many names"
    assert bodies(3) == sample_baskets(seed=7)(3) != sample_baskets(seed=8)(3)


def test_sample_baskets_fit_the_contract_of_the_service() -> None:
    msgspec = pytest.importorskip("msgspec")
    contract = pytest.importorskip("ml.serving.contract")
    bodies = sample_baskets(seed=7)
    for number in range(500):
        basket = msgspec.json.decode(bodies(number), type=contract.Basket)
        assert all(abs(line.spend * 100 - round(line.spend * 100)) < 1e-6 for line in basket.lines)


def test_bodies_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "one.json").write_bytes(b'{"a": 1}\n')
    (tmp_path / "many.jsonl").write_bytes(b'{"a": 1}\n\n{"a": 2}\n')
    (tmp_path / "rows.csv").write_bytes(b"a,b\n1,2\n")
    one, kind = bodies_from(tmp_path / "one.json")
    assert (one(0), one(1), kind) == (b'{"a": 1}\n', b'{"a": 1}\n', JSON)
    many, kind = bodies_from(tmp_path / "many.jsonl")
    assert (list(map(many, range(3))), kind) == ([b'{"a": 1}', b'{"a": 2}', b'{"a": 1}'], JSON)
    rows, kind = bodies_from(tmp_path / "rows.csv")
    assert (rows(5), kind) == (b"a,b\n1,2\n", CSV)
    (tmp_path / "empty.jsonl").write_bytes(b"\n")
    for name in ("empty.jsonl", "nosuch.json"):
        with pytest.raises(SettingsError, match=name):
            bodies_from(tmp_path / name)


def test_where_baskets_cannot_be_invented_the_way_out_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the service's image, which has no data engine."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for name in [name for name in sys.modules if name.startswith("ml.data.")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SettingsError, match="--body: pyarrow"):
        sample_baskets(seed=7)
