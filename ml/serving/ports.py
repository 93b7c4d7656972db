"""What the service needs from outside, and how an adapter for it is found.

``ml`` knows folders and files. Whatever else has an address ``scheme://…`` is served by an adapter that an installed
package names under an entry-point group: a callable that takes the address and returns the port.
"""

from collections.abc import Callable, Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Final, Protocol

from ml.errors import SettingsError

MODELS: Final = "mlops.models"
CAPTURE: Final = "mlops.capture"
KEYS: Final = "mlops.keys"


class Files(Protocol):
    """Files below one address, to read. Each call raises StoreError where the store cannot be reached or refuses."""

    def read(self, name: str) -> bytes | None:
        """Return a small file's bytes; none where there is no such file."""

    def download(self, name: str, target: Path) -> None:
        """Write a file's bytes to ``target``; raises StoreError where there is no such file."""


class Sink(Protocol):
    """Where captured predictions go."""

    def write(self, lines: Sequence[bytes]) -> int:
        """Keep JSON lines; return how many of them are lost. Called beside the event loop, one call at a time."""


class KeySource(Protocol):
    """Where API keys come from."""

    def read(self) -> tuple[str, ...]:
        """Return the keys that are valid now, one or two.

        Raises:
            StoreError: they cannot be read.

        """


def scheme_of(address: str) -> str:
    """Return the scheme of ``scheme://…``; empty for a path."""
    scheme, separator, _ = address.partition("://")
    return scheme.lower() if separator else ""


def adapter(group: str, scheme: str) -> Callable[[str], Any]:
    """Return the adapter of a group for a scheme.

    Raises:
        SettingsError: no installed package has one, or what it needs is not installed.

    """
    found = entry_points(group=group)
    if scheme not in found.names:
        known = ", ".join(sorted(found.names)) or "none"
        raise SettingsError(f"{scheme}: no adapter for it is installed ({group}); there is: {known}")
    try:
        made: Callable[[str], Any] = found[scheme].load()
    except ImportError as error:
        raise SettingsError(f"{scheme}: its adapter {found[scheme].value} cannot be loaded: {error}") from error
    return made
