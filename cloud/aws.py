"""Clients of AWS services, and what went wrong with them in words."""

import functools
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlsplit

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, NoRegionError

from ml.errors import SettingsError, StoreError

# Each call ends: at worst after three attempts of connecting and reading.
_CONFIG: Final = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 3})
_HINTS: Final = {
    "AccessDenied": "this identity may not do it, or there is no such object",
    "AccessDeniedException": "this identity may not do it",
    "NoSuchBucket": "is the bucket's name right?",
    "ResourceNotFoundException": "is its name right, and the region?",
}


def client(service: str, config: Config | None = None) -> Any:
    """Return a client with the credentials and region of the environment; ``config`` changes what is usual here.

    Raises:
        SettingsError: there is no region.

    """
    try:
        # AWS_REGION is what EKS, Lambda and the other SDKs go by; botocore by itself reads AWS_DEFAULT_REGION.
        region = os.environ.get("AWS_REGION") or None
        merged = _CONFIG if config is None else _CONFIG.merge(config)
        return _session().create_client(service, region_name=region, config=merged)
    except NoRegionError as error:
        raise SettingsError("AWS_REGION is not set, and no profile names a region") from error


@functools.cache
def _session() -> Any:
    """One for all clients: each would load the descriptions of AWS's endpoints anew, 9 MB of them."""
    return botocore.session.get_session()


def place_of(address: str, *, scheme: str) -> tuple[str, str]:
    """Return the name and the rest, without slashes around it, of ``scheme://name/rest``.

    Raises:
        SettingsError: there is no name.

    """
    parts = urlsplit(address)
    if parts.scheme != scheme or not parts.netloc:
        raise SettingsError(f"{address}: is not {scheme}://name")
    return parts.netloc, parts.path.strip("/")


def code_of(error: ClientError) -> str:
    """Return AWS's code of an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


@contextmanager
def named(place: str) -> Iterator[None]:
    """Let what AWS refuses, and what does not reach it, be a StoreError that names the place."""
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        message = error.response.get("Error", {}).get("Message", "")
        hint = f" ({_HINTS[code]})" if code in _HINTS else ""
        raise StoreError(f"{place}: {code}: {message}{hint}") from error
    except BotoCoreError as error:
        raise StoreError(f"{place}: {error}") from error
