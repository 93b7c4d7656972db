"""Settings of the delivery: what would open a door is refused, naming file and key."""

import re
from typing import Any

import pytest

from config.delivery import EXAMPLE_REPOSITORY, load_delivery
from config.document import ConfigError


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"approval": []}, "approval: prod is opened by a person"),
        ({"repository": "https://github.com/acme/x"}, "repository"),
        ({"github": {"subjects": {"dev": ["environment:dev"]}}}, "nothing for stg, prod"),
        ({"github": {"subjects": {"dev": ["*"]}}}, "github.subjects.dev.0"),
        ({"github": {"subjects": {"dev": ["pull_request"]}}}, "github.subjects.dev.0"),
        ({"github": {"subjects": {"dev": ["environment:x"], "stg": ["environment:x"]}}}, "under two environments"),
        ({"account": "123456789012", "region": None}, "an account needs a region"),
        ({"brunch": "main"}, "brunch"),
    ],
)
def test_settings_that_would_open_a_door_are_refused_by_name(changes: dict[str, Any], expected: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(expected)) as refused:
        load_delivery(**changes)

    assert "delivery.yaml" in str(refused.value)


def test_the_file_names_no_repository_until_somebody_does() -> None:
    assert load_delivery().repository == EXAMPLE_REPOSITORY
