"""Tests of the stacks. The package finds Node for CDK before anything imports it."""

import stacks  # noqa: F401
