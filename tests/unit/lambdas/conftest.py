"""Fixtures of the Lambdas' tests."""

from collections.abc import Iterator

import pytest

from tests.flow import Account, account


@pytest.fixture
def cloud() -> Iterator[Account]:
    """An account with two versions, v1 and v2, whose packages are approved."""
    with account() as found:
        for version in ("v1", "v2"):
            found.add_version(version)
        yield found
