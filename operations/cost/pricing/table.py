"""Which function prices which resource type."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from operations.cost.charges import Charge
from operations.cost.scene import Scene

Properties = Mapping[str, Any]
Pricing = Callable[[str, Properties, Scene], Iterator[Charge]]

PRICED: dict[str, Pricing] = {}


def prices(kind: str) -> Callable[[Pricing], Pricing]:
    """Register a function that yields the charges of a resource: logical id, properties, scene."""

    def register(function: Pricing) -> Pricing:
        PRICED[kind] = function
        return function

    return register
