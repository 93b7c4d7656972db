from collections.abc import Iterator

import pytest

from tests.unit.operations.aws import Aws


@pytest.fixture
def aws() -> Iterator[Aws]:
    """AWS that answers what the test prepares; the test fails where it prepared what nobody asked for."""
    prepared = Aws()
    yield prepared
    prepared.assert_all_was_asked()
