"""A charge: how much of what, at which price, and what it would be without the optimisations."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Basis(StrEnum):
    """Whether a charge runs by the hour or by use."""

    ALWAYS_ON = "always on"
    BY_USE = "by use"


class Optimisation(StrEnum):
    """Why an environment costs something else than the same stacks would with defaults."""

    SPOT = "spot capacity"
    OFF_HOURS = "nodes off at night"
    EGRESS = "one small egress"
    S3_GATEWAY = "free endpoint for S3"
    ENDPOINTS = "interface endpoints"
    LIFECYCLE = "lifecycle and expiry"


@dataclass(frozen=True, kw_only=True)
class Charge:
    """One line of a resource's monthly bill."""

    what: str
    quantity: float
    unit: str
    monthly: float
    basis: Basis
    estimated: bool
    # Keys of the price list.
    prices: tuple[str, ...] = ()
    # What the quantity rests on, where it is not in the template.
    assumption: str = ""
    # What each optimisation takes off; below zero where it adds.
    savings: Mapping[Optimisation, float] = field(default_factory=dict)

    @property
    def before(self) -> float:
        """What it would be without any optimisation."""
        return self.monthly + sum(self.savings.values())


@dataclass(frozen=True, kw_only=True)
class Line:
    """A charge and the resource that causes it."""

    stack: str
    resource: str
    kind: str
    charge: Charge
