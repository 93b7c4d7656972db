"""What a caller sends and gets: typed structs, decoded and encoded by msgspec.

Limits are the use case's own column rules, so a basket is accepted here exactly when the ETL would keep it. Unknown
products and categories are no error: they are counted, and the model falls back on what it knows.
"""

from typing import Annotated

import msgspec
from msgspec import Meta

MOST_LINES = 1_000
_Code = Annotated[str, Meta(min_length=1, max_length=64)]
_Text = Annotated[str, Meta(max_length=64)]


class Line(msgspec.Struct, frozen=True, gc=False):
    """One product of a basket: how many, and what the whole line cost."""

    prod_code: _Code
    quantity: Annotated[int, Meta(ge=1, le=10_000)]
    spend: Annotated[float, Meta(ge=0, le=100_000, description="value of the whole line, at most two decimals")]
    prod_code_10: _Text | None = None
    prod_code_20: _Text | None = None
    prod_code_30: _Text | None = None
    prod_code_40: _Text | None = None


class Basket(msgspec.Struct, frozen=True, gc=False):
    """One basket: its lines, and where, when and by whom it was bought."""

    lines: Annotated[list[Line], Meta(min_length=1, max_length=MOST_LINES)]
    shop_hour: Annotated[int, Meta(ge=0, le=23)]
    shop_weekday: Annotated[int, Meta(ge=1, le=7, description="1 is Sunday")]
    store_format: _Text
    store_region: _Text
    store_code: _Text = ""
    basket_id: Annotated[str, Meta(max_length=64)] | Annotated[int, Meta(ge=0, le=2**63 - 1)] | None = None
    seg_1: _Text | None = None
    seg_2: _Text | None = None


class Reason(msgspec.Struct, frozen=True, gc=False):
    """A product of the basket and what it says by itself: a share per class."""

    prod_code: str
    known: bool
    says: dict[str, float]


class Prediction(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """The class of a basket, in the users' word and the data set's code, and how sure the model is."""

    prediction: str
    code: str
    probabilities: dict[str, float]
    model_version: str
    basket_id: str | int | None = None
    unknown_products: int = 0
    unknown_categories: int = 0
    reasons: list[Reason] | None = None
