"""The base of all settings and documents. Functions import it without what reads YAML."""

from pydantic import BaseModel, ConfigDict


class Frozen(BaseModel):
    """Base of all settings: immutable, typed, closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid")
