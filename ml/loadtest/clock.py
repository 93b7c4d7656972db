"""An event loop that wakes to the tenth of a millisecond.

asyncio waits in epoll, which counts whole milliseconds and rounds up: every request would be sent half a millisecond
late on average, and the server blamed for it, since latency counts from when a request was due.
"""

import asyncio
import select
import selectors


def precise_loop() -> asyncio.AbstractEventLoop:
    """Return a new event loop with timers as exact as the system's."""
    return asyncio.SelectorEventLoop(_selector())


def _selector() -> selectors.BaseSelector:
    """Return a selector that waits in select(), exact to the microsecond, for its own epoll descriptor.

    One descriptor to wait for, however many connections there are. Where there is no epoll (macOS has kqueue), the
    default selector is exact already.
    """
    if not hasattr(selectors, "EpollSelector"):
        return selectors.DefaultSelector()

    class _Precise(selectors.EpollSelector):
        def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
            if timeout is not None and timeout > 0:
                select.select((self.fileno(),), (), (), timeout)
                timeout = 0
            return super().select(timeout)

    return _Precise()
