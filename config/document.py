"""YAML documents parsed once into frozen types that refuse what they do not know."""

from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError

from config.frozen import Frozen as Frozen  # noqa: PLC0414  all but functions have it from here


class ConfigError(Exception):
    """A document that cannot be used; the message names the file and the key."""


Document = TypeVar("Document", bound=Frozen)


def read_document(kind: type[Document], path: Path, **changes: Any) -> Document:
    """Parse the YAML file ``path`` as ``kind``; ``changes`` replace top-level keys.

    Raises:
        ConfigError: there is no such file, or it has a wrong key or value.

    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text: {error}") from error
    return parse_document(kind, text, origin=str(path), **changes)


def parse_document(kind: type[Document], text: str, *, origin: str, **changes: Any) -> Document:
    """Parse YAML ``text`` as ``kind``; ``origin`` names it in errors, ``changes`` replace top-level keys."""
    try:
        values: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin}: not valid YAML: {error}") from error
    if changes and isinstance(values, dict):
        values |= changes
    return check_values(kind, values, origin=origin)


def check_values(kind: type[Document], values: Any, *, origin: str) -> Document:
    """Return ``values`` as ``kind``; ``origin`` names them in errors."""
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(
            f"{'.'.join(str(part) for part in each['loc']) or 'file'}: {each['msg']}" for each in error.errors()
        )
        raise ConfigError(f"{origin}: {problems}") from error
