"""URLs, headers and requests on the wire."""

import ssl
from pathlib import Path

import pytest

from ml.errors import SettingsError
from ml.loadtest.target import Target, headers_of, requests_of, tls_of


@pytest.mark.parametrize(
    ("url", "parts", "shown"),
    [
        ("http://a.example/predict", ("a.example", 80, "/predict", "a.example"), "http://a.example/predict"),
        ("https://a.example", ("a.example", 443, "/", "a.example"), "https://a.example/"),
        ("http://[::1]:8080/x?key=secret", ("::1", 8080, "/x?key=secret", "[::1]:8080"), "http://[::1]:8080/x?…"),
    ],
)
def test_a_url_is_taken_apart(url: str, parts: tuple[str, int, str, str], shown: str) -> None:
    target = Target.parse(url)
    assert (target.host, target.port, target.path, target.authority) == parts
    assert target.shown == shown


@pytest.mark.parametrize(
    "url", ["localhost:8080", "ftp://a/b", "http://", "http://a:99999/", "http://u:p@a/", "http://a/b c", "http://é/"]
)
def test_a_url_that_cannot_be_used_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="--url"):
        Target.parse(url)


def test_a_request_is_head_and_body() -> None:
    target = Target.parse("http://a.example:81/predict")
    request = requests_of(target, method="POST", headers={"x-api-key": "k"}, bodies=lambda number: b"%d" % number)
    assert request(12) == (
        b"POST /predict HTTP/1.1\r\nhost: a.example:81\r\nx-api-key: k\r\ncontent-length: 2\r\n\r\n12"
    )
    get = requests_of(target, method="GET", headers={}, bodies=None)
    assert get(0) == b"GET /predict HTTP/1.1\r\nhost: a.example:81\r\n\r\n"


@pytest.mark.parametrize(
    "text", ["novalue", "a b: c", ": c", "x: a\r\nevil: 1", "x: €", "Host: b", "Content-Length: 1"]
)
def test_a_header_that_cannot_be_sent_is_refused_without_showing_its_value(text: str) -> None:
    with pytest.raises(SettingsError, match="--header") as error:
        headers_of([text])
    assert "evil" not in str(error.value)


def test_headers_are_read_by_name() -> None:
    assert headers_of(["X-API-Key:  abc:def ", "accept: text/csv"]) == {"x-api-key": "abc:def", "accept": "text/csv"}


def test_certificates_are_verified_unless_the_caller_says_otherwise(tmp_path: Path) -> None:
    target = Target.parse("https://a.example/")
    verified = tls_of(target, ca_file=None, verify=True)
    trusting = tls_of(target, ca_file=None, verify=False)
    assert verified is not None
    assert trusting is not None
    assert (verified.verify_mode, verified.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert trusting.verify_mode == ssl.CERT_NONE
    assert tls_of(Target.parse("http://a.example/"), ca_file=None, verify=True) is None
    (tmp_path / "ca.pem").write_text("no certificate")
    with pytest.raises(SettingsError, match="--ca-file"):
        tls_of(target, ca_file=tmp_path / "ca.pem", verify=True)
