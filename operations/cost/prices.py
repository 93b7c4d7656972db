"""Unit prices: each with the region, date and source it comes from, and marked up where that is another region."""

import datetime
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from config.document import Frozen, read_document

FILE = Path(__file__).with_name("prices.yaml")


class UnknownPriceError(Exception):
    """A template needs a unit price that ``prices.yaml`` does not have."""


class Source(Frozen):
    """Where prices come from. ``mark_up`` turns a price of ``region`` into one of ours."""

    title: str
    region: str
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
    estimated: bool
    mark_up: float = Field(ge=1.0, le=2.0)


class Price(Frozen):
    """A unit price in US dollars as its source gives it."""

    usd: float = Field(ge=0.0)
    per: str
    source: str


class PriceList(Frozen):
    """Prices for one region."""

    date: datetime.date
    region: str
    sources: dict[str, Source]
    spot_discount: float = Field(ge=0.0, lt=1.0)
    prices: dict[str, Price]

    @model_validator(mode="after")
    def _says_where_from(self) -> Self:
        for name, price in self.prices.items():
            if price.source not in self.sources:
                raise ValueError(f"{name} names the source {price.source}, which is not among sources")
        for name, source in self.sources.items():
            elsewhere = source.region not in (self.region, "any")
            if elsewhere != source.estimated:
                raise ValueError(f"source {name} speaks of {source.region}: estimated must be {elsewhere}")
            if source.mark_up > 1 and not elsewhere:
                raise ValueError(f"source {name} speaks of {self.region} itself and is marked up")
        return self

    def usd(self, key: str) -> float:
        """Return the price ``key`` in our region, marked up where its source speaks of another.

        Raises:
            UnknownPriceError: there is no such price.

        """
        return self._price(key).usd * self.source(key).mark_up

    def per(self, key: str) -> str:
        """Return what the price ``key`` is for."""
        return self._price(key).per

    def source(self, key: str) -> Source:
        """Return where the price ``key`` comes from."""
        return self.sources[self._price(key).source]

    def _price(self, key: str) -> Price:
        try:
            return self.prices[key]
        except KeyError as error:
            raise UnknownPriceError(f"{FILE.name} has no price {key}: add it with its source") from error


def load_prices(file: Path = FILE) -> PriceList:
    """Return the price list.

    Raises:
        ConfigError: a wrong key or value in ``file``.

    """
    return read_document(PriceList, file)
