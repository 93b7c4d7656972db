from collections.abc import Iterator
from pathlib import Path

import pytest

from rehearsal.aws import emulated
from rehearsal.world import World


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An emulated AWS of the test module's own."""
    folder: Path = tmp_path_factory.mktemp("rehearsal")
    with emulated(folder, speed=60.0) as started:
        yield started
