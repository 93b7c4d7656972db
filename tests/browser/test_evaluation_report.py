from pathlib import Path

import pytest
from playwright.sync_api import Browser

from ml.evaluation.report import write_report
from tests.browser.pages import WIDTHS, check_page, checked_page
from tests.evaluations import evaluation


@pytest.fixture(scope="module")
def rejected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("rejected"), evaluation(quality=0.4, champion=0.45))


def test_the_report_is_whole_at_both_widths(browser: Browser, rejected: Path) -> None:
    check_page(browser, rejected)


def test_a_report_of_one_bare_candidate_is_whole_at_both_widths(browser: Browser, tmp_path: Path) -> None:
    check_page(browser, write_report(tmp_path, evaluation(bare=True)))


def test_names_that_are_long_or_look_like_markup_do_not_break_the_page(browser: Browser, tmp_path: Path) -> None:
    content = evaluation(rows=600, bare=True)
    content["run"] = "run-" + "x" * 200
    content["use_case"]["title"] = "<script>throw new Error('title')</script>"
    content["candidates"][0]["title"] = "<img src=x onerror=alert(1)>" + "y" * 60
    content["decision"]["reasons"] = ["Passed: " + "z" * 300, *content["decision"]["reasons"]]
    content["lineage"]["libraries"] = {"l" * 120: "1"}
    check_page(browser, write_report(tmp_path, content))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_rejected_run_says_why_before_anything_needs_scrolling(browser: Browser, rejected: Path, width: int) -> None:
    with checked_page(browser, rejected, width=width) as page:
        reason = page.get_by_text("Failed: accuracy").first
        box = reason.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900


def test_the_contents_lead_to_their_sections_below_the_sticky_bar(browser: Browser, rejected: Path) -> None:
    with checked_page(browser, rejected, width=1280) as page:
        page.get_by_role("link", name="Slices").click()
        section, bar = page.locator("#slices").bounding_box(), page.locator("nav").bounding_box()
        assert section is not None
        assert bar is not None
        assert bar["y"] == 0
        assert bar["height"] <= section["y"] < 200


def test_the_text_of_a_chart_is_no_smaller_than_nine_pixels_on_a_telephone(browser: Browser, rejected: Path) -> None:
    nine_points_in_inches = 9 / 72
    with checked_page(browser, rejected, width=390) as page:
        scales = page.evaluate("[...document.images].map(each => each.getBoundingClientRect().width / each.width)")
        pixels = page.evaluate("[...document.images].map(each => each.getBoundingClientRect().width)")
        assert len(scales) > 10
        assert min(pixels) / 4.2 * nine_points_in_inches >= 7  # even the small matrices, drawn 2.5 inches wide
        wide = [each for each in pixels if each > 300]
        assert min(wide) / 4.2 * nine_points_in_inches >= 9
