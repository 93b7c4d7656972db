"""Stages of which a test has only a part."""

from typing import Any

from rehearsal.story.stage import Stage


def stage_of(**parts: Any) -> Stage:
    """Return a stage with these parts; nothing else of it may be used."""
    return Stage(**{**dict.fromkeys(("world", "settings", "service", "weeks", "destroy", "loaded")), **parts})
