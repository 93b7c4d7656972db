"""How faithfully each kind of resource is there: said by the plug-ins, counted while templates are deployed.

``fidelity.json`` in the emulator's folder: ``{"types": {TYPE: {"how", "why", "resources", "unread"}}}``. ``how`` is
*emulated* (it does what it says), *accepted* (kept, described, and does nothing here) or *refused*; ``why`` says what
is missing; ``unread`` counts the properties of deployed resources that nothing ever looked at.
"""

import json
import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from rehearsal.emulator.settings import Settings

FILE: Final = "fidelity.json"
How = Literal["emulated", "accepted", "refused"]


@dataclass(kw_only=True)
class _Fidelity:
    how: How
    why: str = ""
    resources: int = 0
    unread: Counter[str] = field(default_factory=Counter)


_types: Final[dict[str, _Fidelity]] = {}
_lock: Final = threading.Lock()
_target: Path | None = None


def install(settings: Settings) -> None:
    """Write what is counted from now on into the settings' folder."""
    global _target  # noqa: PLW0603  one emulator is one process
    _target = settings.folder / FILE


def emulated(resource_type: str, but: str = "") -> None:
    """Say that resources of this type do what they say, ``but`` for what is missing."""
    _types[resource_type] = _Fidelity(how="emulated", why=but)


def accepted(resource_type: str, why: str) -> None:
    """Say that resources of this type are kept and described, and do nothing here."""
    _types[resource_type] = _Fidelity(how="accepted", why=why)


def refused(resource_type: str) -> None:
    """Count a resource that a template wanted, and did not get."""
    with _lock:
        _types.setdefault(resource_type, _Fidelity(how="refused", why="The emulator does not know it.")).resources += 1
        _write()


def deployed(resource_type: str, *, unread: Iterable[str]) -> None:
    """Count a resource that was made, and those of its properties that nothing looked at."""
    with _lock:
        known = _types.setdefault(resource_type, _Fidelity(how="emulated"))
        known.resources += 1
        known.unread.update(unread)
        _write()


def _write() -> None:
    if _target is None:
        return
    seen = {name: vars(known) for name, known in sorted(_types.items()) if known.resources}
    temporary = _target.with_suffix(".new")
    temporary.write_text(json.dumps({"types": seen}, indent=2), encoding="utf-8")
    temporary.replace(_target)
