"""Where requests go and what they look like on the wire."""

import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from ml.errors import SettingsError

# Gives the body of request number 0, 1, 2, …
Bodies = Callable[[int], bytes]

_PORTS = {"http": 80, "https": 443}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_OURS = frozenset({"host", "content-length", "transfer-encoding", "connection"})


@dataclass(frozen=True)
class Target:
    """A parsed URL. ``shown`` is the URL without its query, which may hold a secret."""

    scheme: str
    host: str
    port: int
    path: str
    shown: str

    @classmethod
    def parse(cls, url: str) -> Self:
        """Return the target of an ``http://`` or ``https://`` URL.

        Raises:
            SettingsError: it is no such URL, or holds a password or characters that need escaping.

        """
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise SettingsError(f"--url: {url!r} cannot be read: {error}") from error
        if parts.scheme not in _PORTS or not parts.hostname:
            raise SettingsError(f"--url: {url!r} is not of the form http://host:port/path or https://host/path")
        if parts.username is not None:
            raise SettingsError("--url: it holds a user name; send credentials with --header or --api-key-env instead")
        path = parts.path or "/"
        target = f"{path}?{parts.query}" if parts.query else path
        if not re.fullmatch("[!-~]+", target) or not parts.hostname.isascii():
            raise SettingsError("--url: it holds blanks or characters beyond ASCII; percent-encode them")
        shown = f"{parts.scheme}://{parts.netloc}{path}" + ("?…" if parts.query else "")
        return cls(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], target, shown)

    @property
    def authority(self) -> str:
        """The value of the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"


def tls_of(target: Target, *, ca_file: Path | None, verify: bool) -> ssl.SSLContext | None:
    """Return the TLS settings, or none for ``http``. Certificates are verified unless ``verify`` is false.

    Raises:
        SettingsError: ``ca_file`` cannot be used.

    """
    if target.scheme == "http":
        return None
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"--ca-file: {ca_file} is no file of PEM certificates: {error}") from error
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def headers_of(given: Sequence[str]) -> dict[str, str]:
    """Return ``Name: value`` texts as a mapping with names in lower case.

    Raises:
        SettingsError: a text is not of that form, or names a header that the generator sets itself.

    """
    found = {}
    for text in given:
        name, colon, value = text.partition(":")
        name, value = name.strip().lower(), value.strip()
        # The text may hold a key: only its name is shown.
        if not colon or not _TOKEN.fullmatch(name):
            raise SettingsError(f"--header: {name[:40]!r} is no header name; write --header 'name: value'")
        if not value.isprintable() or not _is_latin(value):
            raise SettingsError(f"--header: the value of {name} holds characters that a header cannot carry")
        if name in _OURS:
            raise SettingsError(f"--header: {name} is set by the load test itself")
        found[name] = value
    return found


def requests_of(target: Target, *, method: str, headers: Mapping[str, str], bodies: Bodies | None) -> Bodies:
    """Return the function that gives request number n, head and body, ready to be written to a connection."""
    lines = [f"{method} {target.path} HTTP/1.1", f"host: {target.authority}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    start = "\r\n".join(lines).encode("latin-1")
    if bodies is None:
        return lambda _: start + b"\r\n\r\n"

    def request(number: int) -> bytes:
        body = bodies(number)
        return b"%b\r\ncontent-length: %d\r\n\r\n%b" % (start, len(body), body)

    return request


def _is_latin(text: str) -> bool:
    return all(ord(letter) < 256 for letter in text)
