"""Memory that was freed goes back to the system."""

import asyncio
from pathlib import Path

import pytest

from ml.serving import memory


def _resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4_096 / 1e6


@pytest.mark.skipif(memory.trimming() is None, reason="the C library keeps what it keeps")
def test_what_was_freed_is_given_back_at_the_next_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "SECONDS", 0.01)

    async def look() -> None:
        looking = asyncio.create_task(memory.give_back())
        await asyncio.sleep(0.5)
        looking.cancel()

    blocks = [bytes(2_000) for _ in range(100_000)]
    last = bytes(2_000)  # the system would take what lies above it back by itself
    del blocks
    held = _resident_mb()
    asyncio.run(look())
    assert held - _resident_mb() > 100
    assert last
