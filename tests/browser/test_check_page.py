"""The check itself: a page with a planted fault must not pass it."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.pages import check_page

PIXEL = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
PAGE = """<!doctype html><html lang="en"><head><title>A page</title><link rel="icon" href="data:,"></head>
<body><h1 id="top">A page</h1><a href="#top">up</a><img alt="a dot" src="{pixel}">{planted}</body></html>"""


def page(folder: Path, planted: str) -> Path:
    file = folder / "page.html"
    file.write_text(PAGE.format(pixel=PIXEL, planted=planted), encoding="utf-8")
    return file


def test_a_sound_page_passes(browser: Browser, tmp_path: Path) -> None:
    check_page(browser, page(tmp_path, ""))


@pytest.mark.parametrize(
    ("planted", "fault"),
    [
        ('<div style="width: 500px">wide</div>', "overflows at 390"),
        ('<details><div style="width: 2000px">wide</div></details>', "overflows at 1280"),
        ('<img alt="broken" src="data:image/png;base64,AAAA">', "images without"),
        (f'<img src="{PIXEL}">', "images without"),
        ('<link rel="stylesheet" href="http://127.0.0.1:9/style.css">', "asks for other files"),
        ('<script src="beside.js"></script>', "asks for other files"),
        ("<script>throw new Error('planted')</script>", "logs errors"),
        ('<a href="#nowhere">nowhere</a>', "lead nowhere"),
        ('<p id="top">again</p>', "ids used twice"),
    ],
)
def test_a_planted_fault_is_found(browser: Browser, tmp_path: Path, planted: str, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        check_page(browser, page(tmp_path, planted))
