"""A basket is accepted here exactly when the ETL would keep it."""

import msgspec
import pytest

from ml.serving.contract import Basket, Line
from ml.use_case import load_use_case

USE_CASE = load_use_case("price_sensitivity")


@pytest.mark.parametrize(
    ("struct", "field", "column", "unit"),
    [
        (Line, "quantity", "quantity", 1),
        (Line, "spend", "spend_pennies", 100),
        (Basket, "shop_hour", "shop_hour", 1),
        (Basket, "shop_weekday", "shop_weekday", 1),
    ],
)
def test_the_range_is_the_columns(struct: type, field: str, column: str, unit: int) -> None:
    name = struct.__name__
    schema = msgspec.json.schema(struct)["$defs"][name]["properties"][field]
    rule = USE_CASE.column(column)

    assert rule.minimum is not None
    assert rule.maximum is not None
    assert (schema["minimum"] * unit, schema["maximum"] * unit) == (rule.minimum, rule.maximum)
