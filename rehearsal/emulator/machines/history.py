"""An execution's history as Step Functions writes it: each event knows the one before it on its own branch."""

import contextvars
import threading
from typing import Any, Final

_LOCK: Final = threading.Lock()
# The last event of this branch. A Map's items run in copies of its context: each goes on from the Map's own event.
_LAST: Final[contextvars.ContextVar[tuple[str, int]]] = contextvars.ContextVar("last_event", default=("", 0))


def add_event(execution: dict[str, Any], kind: str, details: dict[str, Any] | None = None) -> dict[str, Any]:
    """Append an event, in place of the emulator's own way, which may give two branches the same number."""
    from ministack.core.responses import now_iso

    arn = execution["executionArn"]
    known, last = _LAST.get()
    with _LOCK:
        # What is said of the execution as a whole, from outside of its threads, follows the last of all.
        previous = last if known == arn else len(execution["events"])
        event = {
            "id": len(execution["events"]) + 1,
            "previousEventId": previous,
            "type": kind,
            "timestamp": now_iso(),
            **(details or {}),
        }
        execution["events"].append(event)
    _LAST.set((arn, event["id"]))
    return event
