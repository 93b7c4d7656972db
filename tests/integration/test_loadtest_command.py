"""``mlops loadtest`` from the command line against a tiny real server."""

import os
import re
import signal
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from ml.files import read_json, write_json
from ml.loadtest.recorder import Failure
from tests.conftest import REPOSITORY
from tests.integration.runs import mlops
from tests.unit.loadtest.loads import a_record
from tests.unit.loadtest.tiny_server import FAILED, OK, Seen, at_once, tiny_server_in_a_thread

SHORT = ("--rate", "50", "--duration", "1")


def url_of(seen: Seen) -> str:
    return f"http://127.0.0.1:{seen.port}/predict"


@pytest.mark.parametrize("name", ["loadtest", "loadtest compare"])
def test_the_commands_explain_themselves_with_an_example(name: str) -> None:
    done = mlops(*name.split(), "--help")
    assert done.returncode == 0
    assert "Example" in done.stdout
    assert f"mlops {name} " in done.stdout


def test_a_test_writes_its_table_its_page_and_its_figures(tmp_path: Path) -> None:
    with tiny_server_in_a_thread() as seen:
        done = mlops(
            *("loadtest", "--url", f"{url_of(seen)}?token=secret", *SHORT, "--report", tmp_path / "a.html"),
            *("--json", tmp_path / "a.json", "--header", "x-trace: hidden", "--api-key-env", "LOAD_KEY"),
            *("--name", "tiny", "--p95-ms", "60000", "--error-rate", "0"),
            environment={"LOAD_KEY": "k-123"},
        )
    assert done.returncode == 0, done.stderr
    assert "p99.9, ms" in done.stdout
    assert "met: p95" in done.stderr
    result = read_json(tmp_path / "a.json")
    assert result["requests"] == {"due": 50, "sent": 50, "succeeded": 50, "failed": 0}
    assert result["settings"]["headers"] == ["content-type", "x-api-key", "x-trace"]
    assert all(b"x-api-key: k-123" in head and b"POST /predict?token=secret" in head for head in seen.heads)
    assert len(set(seen.bodies)) == 50, "requests are alike"
    for file in ("a.html", "a.json"):
        text = (tmp_path / file).read_text()
        assert not re.search("secret|hidden|k-123", text), f"{file} gives a secret away"


def test_the_figures_hold_together(tmp_path: Path) -> None:
    async def bad(number: int) -> bytes:
        return FAILED if number % 5 == 0 else OK

    with tiny_server_in_a_thread(bad) as seen:
        done = mlops("loadtest", "--url", url_of(seen), *SHORT, "--arrivals", "poisson", "--json", tmp_path / "a.json")
    assert done.returncode == 0
    result = read_json(tmp_path / "a.json")
    requests = result["requests"]
    assert requests["succeeded"] + requests["failed"] == requests["due"]
    assert sum(result["errors"].values()) == requests["failed"] > 0
    assert sum(count for _, count in result["histogram_ms"]) == requests["succeeded"]
    assert sum(each["due"] for each in result["timeline"]) == requests["due"]


@pytest.mark.parametrize(
    ("limits", "code", "words"),
    [
        (["--error-rate", "0.01"], 3, "MISSED: error rate 20.000%, at most 1.000%"),
        (["--error-rate", "0.2"], 0, "met: error rate"),
        (["--p95-ms", "0"], 3, "MISSED: p95"),
        (["--p99-ms", "60000", "--p95-ms", "0"], 3, "met: p99"),
    ],
)
def test_a_missed_threshold_ends_with_code_3(limits: list[str], code: int, words: str) -> None:
    async def bad(number: int) -> bytes:
        return FAILED if number % 5 == 0 else OK

    with tiny_server_in_a_thread(bad) as seen:
        done = mlops("loadtest", "--url", url_of(seen), *SHORT, "--method", "GET", *limits)
    assert done.returncode == code
    assert words in done.stderr


def test_a_get_sends_no_body_and_a_file_is_sent_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "body.csv").write_text("a,b\n1,2\n")
    with tiny_server_in_a_thread() as seen:
        assert mlops("loadtest", "--url", url_of(seen), *SHORT, "--method", "get").returncode == 0
        assert set(seen.bodies) == {b""}
        assert mlops("loadtest", "--url", url_of(seen), *SHORT, "--body", tmp_path / "body.csv").returncode == 0
    assert seen.bodies[-1] == b"a,b\n1,2\n"
    assert b"content-type: text/csv" in seen.heads[-1]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["--url"]),
        (["--url", "localhost"], ["--url", "http://"]),
        (["--url", "http://localhost:1", "--rate", "0"], ["--rate"]),
        (["--url", "http://localhost:1", "--connections", "5000"], ["--connections", "900"]),
        (["--url", "http://localhost:1", "--arrivals", "random"], ["--arrivals", "poisson"]),
        (["--url", "http://localhost:1", "--method", "BREW"], ["--method", "POST"]),
        (["--url", "http://localhost:1", "--header", "nonsense"], ["--header"]),
        (["--url", "http://localhost:1", "--api-key-env", "NO_SUCH_KEY"], ["NO_SUCH_KEY"]),
        (["--url", "http://localhost:1", "--body", "nosuch.json"], ["nosuch.json"]),
        (["--url", "http://localhost:1", "--error-rate", "2"], ["--error-rate"]),
        (["--url", "http://localhost:1", "--seed", "-1"], ["--seed"]),
        (["--url", "http://nosuch.invalid", "--method", "GET"], ["nosuch.invalid", Failure.UNRESOLVED]),
        (["compare", "a.json"], ["compare", "two or more"]),
        (["compare", "a.json", "b.json"], ["a.json", "mlops loadtest --json"]),
    ],
)
def test_a_wrong_call_ends_with_code_2_and_names_what_is_wrong(
    arguments: list[str], words: list[str], tmp_path: Path
) -> None:
    done = mlops("loadtest", *arguments, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def test_a_server_that_is_not_there_ends_with_code_2_before_anything_is_sent() -> None:
    with tiny_server_in_a_thread() as seen:
        pass
    done = mlops("loadtest", "--url", url_of(seen), "--method", "GET")
    assert done.returncode == 2
    assert f"127.0.0.1:{seen.port}: connection refused" in done.stderr


def test_ctrl_c_ends_early_and_still_reports(tmp_path: Path) -> None:
    with tiny_server_in_a_thread() as seen:
        command = [sys.executable, "-m", "ml.cli", "loadtest", "--url", url_of(seen), "--duration", "600"]
        process = subprocess.Popen(
            [*command, "--method", "GET", "--json", str(tmp_path / "a.json")],
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while len(seen.heads) < 20 and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "ended early" in err
    assert "p99, ms" in out
    result = read_json(tmp_path / "a.json")
    assert result["interrupted"]
    assert 20 <= result["requests"]["due"] == result["requests"]["succeeded"]


def test_two_tests_are_compared_and_their_differences_named(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", a_record())
    write_json(tmp_path / "b.json", a_record(latencies=[0.05], rate=400.0, described={"name": "cloud"}))
    done = mlops("loadtest", "compare", tmp_path / "a.json", tmp_path / "b.json", "--report", tmp_path / "c.html")
    assert done.returncode == 0, done.stderr
    assert "laptop" in done.stdout
    assert "cloud" in done.stdout
    assert "requests per second: 200 and 400" in done.stderr
    page = (tmp_path / "c.html").read_text()
    assert "× 10.0" in page  # 5 ms against 50 ms at the median, to half a per cent
    assert "requests per second: 200 and 400" in page


def test_tests_of_one_name_are_told_apart_by_their_files(tmp_path: Path) -> None:
    for name in ("monday", "tuesday"):
        write_json(tmp_path / f"{name}.json", a_record())
    done = mlops("loadtest", "compare", tmp_path / "monday.json", tmp_path / "tuesday.json")
    assert "laptop (monday)" in done.stdout
    assert "laptop (tuesday)" in done.stdout


def test_a_certificate_is_verified(tmp_path: Path) -> None:
    context, certificate = _own_certificate(tmp_path)
    with tiny_server_in_a_thread(at_once, tls=context) as seen:
        call = ("loadtest", "--url", f"https://127.0.0.1:{seen.port}/", *SHORT, "--method", "GET")
        refused = mlops(*call)
        assert refused.returncode == 2
        assert Failure.TLS in refused.stderr
        assert mlops(*call, "--ca-file", certificate, "--error-rate", "0").returncode == 0
        assert mlops(*call, "--insecure", "--error-rate", "0").returncode == 0


def _own_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's TLS settings with a certificate that no authority signed, and that certificate."""
    x509 = pytest.importorskip("cryptography.x509")
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415

    key: Any = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tiny")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    (folder / "key.pem").write_bytes(key.private_bytes(encoding, plain, serialization.NoEncryption()))
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(encoding))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "certificate.pem", folder / "key.pem")
    return context, folder / "certificate.pem"
