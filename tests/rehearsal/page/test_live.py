"""The page while a rehearsal runs: served to this machine only, its document as new as the last look."""

import json
import threading
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rehearsal.page.build import DOCUMENT, write_page
from rehearsal.page.document import Document
from rehearsal.page.live import watching
from tests.rehearsal.page.sample import sample

REPORT = "reports/validation-200607.html"


class Stage:
    """What is shown, and whether it was looked at again after a change."""

    def __init__(self) -> None:
        self.document = sample()
        self._looked = threading.Event()

    def read(self) -> Document:
        self._looked.set()
        return self.document

    def change(self, document: Document) -> None:
        """Change what is shown, and wait until two more looks have begun: the first has been taken over then."""
        self.document = document
        for _ in range(2):
            self._looked.clear()
            assert self._looked.wait(30)


@pytest.fixture
def stage() -> Stage:
    return Stage()


@pytest.fixture
def connection(stage: Stage, tmp_path: Path) -> Iterator[HTTPConnection]:
    for name in (REPORT, "world.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("its content")
    with watching(tmp_path, stage.read, seconds=0.05) as address:
        opened = HTTPConnection(urlsplit(address).netloc, timeout=30)
        yield opened
        opened.close()


def got(connection: HTTPConnection, path: str, **headers: str) -> tuple[HTTPResponse, bytes]:
    connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    answer = connection.getresponse()
    return answer, answer.read()


def test_the_page_is_live_and_its_document_comes_by_itself(connection: HTTPConnection, stage: Stage) -> None:
    page, body = got(connection, "/")
    assert page.status == 200
    assert b'data-live="yes"' in body
    assert "connect-src 'self'" in (page.headers["Content-Security-Policy"] or "")
    _, body = got(connection, f"/{DOCUMENT}")
    assert json.loads(body) == stage.document.as_json()


def test_a_document_that_has_not_changed_is_not_sent_again(connection: HTTPConnection, stage: Stage) -> None:
    first, _ = got(connection, f"/{DOCUMENT}")
    again, body = got(connection, f"/{DOCUMENT}", if_none_match=str(first.headers["ETag"]))
    assert (again.status, body) == (304, b"")
    stage.change(stage.document.model_copy(update={"faults": ("something",)}))
    after, body = got(connection, f"/{DOCUMENT}", if_none_match=str(first.headers["ETag"]))
    assert after.status == 200
    assert json.loads(body)["faults"] == ["something"]


def test_reports_are_served_and_nothing_else_of_the_folder(connection: HTTPConnection) -> None:
    answer, body = got(connection, f"/{REPORT}")
    assert (answer.status, body) == (200, b"its content")
    for path in ("/world.json", "/reports/../world.json", "/reports/none.html"):
        answer, body = got(connection, path)
        assert (answer.status, b"content" in body) == (404, False), path


def test_a_page_of_another_host_is_not_answered(connection: HTTPConnection) -> None:
    answer, body = got(connection, f"/{DOCUMENT}", host="elsewhere.example:80")
    assert (answer.status, body) == (403, b"")


def test_the_page_that_stays_is_one_file_and_its_document_beside_it(tmp_path: Path) -> None:
    page = write_page(tmp_path, sample())
    assert 'data-live="no"' in page.read_text()
    assert json.loads((tmp_path / DOCUMENT).read_text()) == sample().as_json()
    assert Document.model_validate_json((tmp_path / DOCUMENT).read_text()) == sample()
