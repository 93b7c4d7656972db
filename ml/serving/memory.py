"""Memory that large requests leave behind goes back to the system."""

import asyncio
import ctypes
from collections.abc import Callable
from typing import Final

SECONDS: Final = 10.0


def trimming() -> Callable[[], object] | None:
    """Return what gives freed memory back, where the C library can; None elsewhere.

    glibc keeps what was freed for the next large request: once several megabytes were freed at a time, it lets tens
    of them stay. The worker's limit is for what it uses.
    """
    try:
        trim = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return lambda: trim(0)


async def give_back() -> None:
    """Give back what was freed, every ten seconds, beside the event loop; milliseconds without the interpreter."""
    trim = trimming()
    while trim is not None:
        await asyncio.sleep(SECONDS)
        await asyncio.to_thread(trim)
