"""API keys: compared in constant time, two valid at once, changed while the service runs."""

import asyncio
import hmac
from collections.abc import Callable, Sequence
from pathlib import Path

from starlette.types import Scope

from config.names import API_KEY_HEADER
from ml.errors import SettingsError, StoreError, UserError
from ml.serving.beside import beside
from ml.serving.ports import KeySource

_HEADER = API_KEY_HEADER.encode()
SHORTEST_KEY = 16
MOST_KEYS = 2
NO_KEY = "a valid x-api-key is needed"


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

    def replace(self, keys: Sequence[str]) -> bool:
        """Let ``keys`` be the valid ones; return whether that changes anything. There is no way back to none."""
        if not keys:
            raise ValueError("keys are replaced by keys")
        new = tuple(key.encode() for key in keys)
        changed = set(new) != set(self._keys)
        self._keys = new
        return changed


def checked(keys: Sequence[str], *, source: str) -> tuple[str, ...]:
    """Return ``keys``, one or two of enough length, each once.

    Raises:
        SettingsError: they are not; the message names ``source`` and no key.

    """
    found = tuple(dict.fromkeys(keys))
    if not 1 <= len(found) <= MOST_KEYS:
        raise SettingsError(f"{source}: holds {len(found)} keys, not one or two")
    for number, key in enumerate(found, 1):
        if len(key) < SHORTEST_KEY or not key.isascii() or not key.isprintable() or " " in key:
            raise SettingsError(f"{source}: key {number} is not {SHORTEST_KEY} or more ASCII characters without blanks")
    return found


class KeyFile:
    """Keys in a file, one a line, at most two."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> tuple[str, ...]:
        """Return the keys in the file.

        Raises:
            StoreError: it cannot be read.

        """
        try:
            text = self._path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise StoreError(f"{self._path}: the keys cannot be read: {error}") from error
        return tuple(line.strip() for line in text.splitlines() if line.strip())


class KeyRefresh:
    """Reads the keys again and again, so that one is changed without a restart."""

    def __init__(
        self,
        keys: Keys,
        source: KeySource,
        *,
        name: str,
        seconds: float,
        log: Callable[[str], None],
        failed: Callable[[], None],
    ) -> None:
        self._keys = keys
        self._source = source
        self._name = name
        self._seconds = seconds
        self._log = log
        self._failed = failed

    async def run(self) -> None:
        """Read them every so many seconds until cancelled. Where that fails, the old ones stay."""
        while True:
            await asyncio.sleep(self._seconds)
            await self.read()

    async def read(self) -> None:
        """Read them once."""
        try:
            found = checked(await beside(self._source.read), source=self._name)
        except UserError as error:
            self._failed()
            self._log(f"the API keys stay as they are: {error}")
        except Exception as error:  # noqa: BLE001  a source that fails in a new way must not end the reading
            self._failed()
            self._log(f"the API keys stay as they are: {self._name}: {type(error).__name__}")
        else:
            if self._keys.replace(found):
                self._log(f"the API keys have changed: {len(found)} valid, read from {self._name}")
