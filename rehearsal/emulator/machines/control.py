"""When a branch has to end early: its execution was stopped or took too long, or a branch beside it failed."""

import contextvars
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_SIBLINGS: Final[contextvars.ContextVar[tuple[threading.Event, ...]]] = contextvars.ContextVar("siblings", default=())


class EndedEarlyError(BaseException):
    """This branch is of no use any more: nothing that handles errors is to see it, neither Retry nor Catch."""


@contextmanager
def together() -> Iterator[threading.Event]:
    """Give what is run inside of the block a common event: once it is set, they end early."""
    event = threading.Event()
    token = _SIBLINGS.set((*_SIBLINGS.get(), event))
    try:
        yield event
    finally:
        _SIBLINGS.reset(token)


def ended_early(execution: dict[str, Any]) -> bool:
    """Say whether this branch of the execution has to end."""
    return execution["status"] != "RUNNING" or any(each.is_set() for each in _SIBLINGS.get())


def go_on(execution: dict[str, Any]) -> None:
    """Return if this branch goes on.

    Raises:
        EndedEarlyError: it has to end.

    """
    if ended_early(execution):
        raise EndedEarlyError
