from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ml.loadtest.report import write_comparison, write_page
from ml.loadtest.results import Thresholds
from tests.browser.pages import WIDTHS, check_page, checked_page
from tests.unit.loadtest.loads import a_record

HOSTILE = {"name": "<script>throw new Error('name')</script>" + "x" * 90, "url": "https://" + "u" * 200 + ".example/"}


def test_the_page_is_whole_at_both_widths(browser: Browser, tmp_path: Path) -> None:
    record = a_record(errors=["HTTP 503", "connection cut"], lag=0.02, thresholds=Thresholds(p95_ms=5, error_rate=0.5))
    check_page(browser, write_page(tmp_path / "page.html", record))


def test_the_page_of_a_test_without_one_answer_is_whole(browser: Browser, tmp_path: Path) -> None:
    record = a_record(latencies=[], errors=["connection refused"], thresholds=Thresholds(p95_ms=5))
    check_page(browser, write_page(tmp_path / "page.html", record))


def test_names_that_are_long_or_look_like_markup_do_not_break_the_pages(browser: Browser, tmp_path: Path) -> None:
    hostile = a_record(repeat=1, described=HOSTILE)
    check_page(browser, write_page(tmp_path / "page.html", hostile))
    compared = write_comparison(tmp_path / "c.html", [hostile, a_record()], files=[Path("a.json"), Path("b.json")])
    check_page(browser, compared)


def test_the_comparison_is_whole_at_both_widths(browser: Browser, tmp_path: Path) -> None:
    records = [
        a_record(),
        a_record(latencies=[0.05, 0.4], errors=["HTTP 503"], rate=100.0, described={"name": "cloud"}),
        a_record(latencies=[], errors=["connection refused"], described={"name": "nobody there"}),
    ]
    check_page(browser, write_comparison(tmp_path / "c.html", records, files=[Path(f"{n}.json") for n in "abc"]))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_missed_threshold_is_seen_before_anything_needs_scrolling(
    browser: Browser, tmp_path: Path, width: int
) -> None:
    page_file = write_page(tmp_path / "page.html", a_record(thresholds=Thresholds(p95_ms=5)))
    with checked_page(browser, page_file, width=width) as page:
        box = page.get_by_text("p95: 20.0 ms, at most 5.00 ms").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900
