"""How the service runs: limits and the keys that are valid at its start. Parsed once, at the edge."""

from typing import Annotated

from pydantic import Field

from config.document import Frozen
from ml.serving.keys import MOST_KEYS, SHORTEST_KEY


class ServiceSettings(Frozen):
    """Limits that keep one caller from taking the service from the others."""

    most_body_bytes: int = Field(default=8_000_000, ge=1_000)
    most_baskets: int = Field(default=5_000, ge=1)
    # Larger requests are computed beside the event loop, which goes on answering, two at a time.
    bytes_on_the_loop: int = Field(default=16_384, ge=0)
    # At work or in line for it, and of bodies that are not here yet: what the service holds for them is bounded.
    most_large: int = Field(default=16, ge=1)
    most_waiting_bytes: int = Field(default=32_000_000, ge=1_000)
    body_seconds: Annotated[float, Field(gt=0)] = 10.0
    metrics_seconds: Annotated[float, Field(gt=0)] = 10.0
    # Two may be valid at once, so that a key is changed without an outage; none: no key is asked for.
    api_keys: tuple[Annotated[str, Field(min_length=SHORTEST_KEY)], ...] = Field(default=(), max_length=MOST_KEYS)
