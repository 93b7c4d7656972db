"""API keys: compared in constant time, two valid at once."""

import hmac
from collections.abc import Sequence

from starlette.types import Scope

from config.names import API_KEY_HEADER

_HEADER = API_KEY_HEADER.encode()


class WrongKeyError(Exception):
    """A request without a valid key."""


class Keys:
    """The keys that are valid now; none at all means that none is asked for."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(key.encode() for key in keys)

    @property
    def asked(self) -> bool:
        """Whether a key is asked for at all."""
        return bool(self._keys)

    def check(self, scope: Scope) -> None:
        """Raise WrongKeyError unless the request carries a valid key."""
        if not self._keys:
            return
        given = next((value for name, value in scope["headers"] if name == _HEADER), b"")
        # All keys are compared, so that the time does not tell which one came close.
        if not sum(hmac.compare_digest(given, key) for key in self._keys):
            raise WrongKeyError
