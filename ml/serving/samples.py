"""Baskets to try, made from what the model that answers knows: its products, categories and cut-offs.

Nothing of a data set is written here, so samples are real for whichever model is loaded, and change with it.
"""

from typing import Any

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from ml.features.encoder import ProductEncoder
from ml.features.vector import PENNIES, BasketFeatures
from ml.serving.contract import Basket, Line
from ml.serving.examples import EXAMPLE
from ml.serving.predictor import Predictor

_LINES = 5
# Invented prices, as shares of what the dearest line of a training basket cost at most.
_PRICES = (0.05, 0.08, 0.12, 0.06, 0.2)
_FIRST_HOUR = 9


class Named(Struct, frozen=True):
    """A class as the data set and as users call it."""

    code: str
    word: str


class Sample(Struct, frozen=True):
    """A basket in the contract's shape, and what it holds."""

    title: str
    basket: dict[str, Any]


class Samples(Struct, frozen=True):
    """What a page needs to offer baskets: classes, the values of each category, and a few baskets."""

    model_version: str
    classes: list[Named]
    categories: dict[str, list[str]]
    samples: list[Sample]


def make_samples(predictor: Predictor) -> Samples:
    """Return one basket of the products that say most for each class, one of all, and one of unknown products.

    A model that knows no products has one sample, of invented codes.
    """
    features = predictor.features
    known = features.basket_features.values
    found = Samples(
        model_version=predictor.version,
        classes=[Named(code=code, word=word) for code, word in zip(predictor.codes, predictor.words, strict=True)],
        categories={name: [value for value in values if value] for name, values in known.items()},
        samples=[],
    )
    if features.encoder is None or not len(features.encoder.codes[features.encoder.levels[0]]):
        found.samples.append(Sample("Example", EXAMPLE))
        return found
    strongest = _strongest(features.encoder)
    baskets = {f"Mostly {word}": strongest[:, place] for place, word in enumerate(predictor.words)}
    baskets["Mixed"] = strongest[: -(-_LINES // len(predictor.words))].ravel()
    for title, codes in baskets.items():
        lines = [{"prod_code": code} for code in dict.fromkeys(codes[:_LINES].tolist())]
        found.samples.append(_sample(title, lines, features.basket_features, len(found.samples)))
    unknown = [*_unknown(features.encoder), {"prod_code": str(strongest[0, 0])}]
    found.samples.append(_sample("Unknown products", unknown, features.basket_features, len(found.samples)))
    return found


def _strongest(encoder: ProductEncoder) -> NDArray[np.str_]:
    """Return (up to ``_LINES``, classes) codes: those that say most for each class, first the strongest."""
    products = encoder.levels[0]
    order = np.argsort(-encoder.vectors[products][:, : encoder.classes], axis=0, kind="stable")
    return encoder.codes[products][order[:_LINES]]


def _unknown(encoder: ProductEncoder) -> list[dict[str, str]]:
    """Return lines of products nobody has seen: one with a known category, one without."""
    lines = [{"prod_code": "UNKNOWN-1"}, {"prod_code": "UNKNOWN-2"}]
    for level in encoder.levels[1:]:
        if level in Line.__struct_fields__ and len(encoder.codes[level]):
            lines[0][level] = str(encoder.codes[level][0])
            break
    return lines


def _sample(title: str, lines: list[dict[str, str]], features: BasketFeatures, place: int) -> Sample:
    """Return a basket of ``lines``, with prices and with values of the categories that differ by ``place``."""
    dearest = features.cutoffs["spend_pennies_max"]
    priced = [
        {**line, "quantity": 1, "spend": max(1, round(share * dearest)) / PENNIES}
        for line, share in zip(lines, _PRICES, strict=False)
    ]
    chosen = {name: EXAMPLE[name] for name in ("store_format", "store_region", "shop_weekday")}
    for name, values in features.values.items():
        named = [value for value in values if value]
        if named and name in Basket.__struct_fields__:
            chosen[name] = named[place % len(named)]
    # A weekday is a number in the contract and a text among the model's values.
    chosen["shop_weekday"] = int(chosen["shop_weekday"])
    return Sample(title, {**chosen, "shop_hour": (_FIRST_HOUR + 2 * place) % 24, "lines": priced})
