"""Fixtures of the ETL's tests."""

from pathlib import Path

import pytest

from tests.unit.features.refinery import Refinery


@pytest.fixture
def refinery(tmp_path: Path) -> Refinery:
    """An empty lake."""
    return Refinery(tmp_path / "lake")
