from pathlib import Path

import pytest
from playwright.sync_api import Browser

from config.settings import load_environment
from operations.architecture.__main__ import CAPTION
from operations.architecture.model import read_stacks
from operations.architecture.svg import draw
from operations.cost.estimate import estimate
from operations.cost.prices import load_prices
from operations.cost.report import write_reports
from operations.cost.usage import load_assumptions
from tests.browser.pages import check_page, checked_page
from tests.stacks.assembly import ENVIRONMENTS, environment


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    prices, assumptions = load_prices(), load_assumptions()
    estimates = [
        estimate(load_environment(name), environment(name).templates, prices=prices, assumptions=assumptions)
        for name in ENVIRONMENTS
    ]
    return write_reports(tmp_path_factory.mktemp("cost"), estimates, prices=prices, assumptions=assumptions)


def test_the_estimate_is_whole_at_both_widths(browser: Browser, page: Path) -> None:
    check_page(browser, page)


@pytest.mark.parametrize("width", [1280, 390])
def test_the_totals_are_seen_without_scrolling(browser: Browser, page: Path, width: int) -> None:
    with checked_page(browser, page, width=width) as opened:
        for name in ENVIRONMENTS:
            box = opened.locator(".card", has_text=name).first.bounding_box()
            assert box is not None
            assert box["y"] + box["height"] < 900


def test_no_text_of_the_architecture_picture_leaves_its_box_or_meets_another(browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "architecture.svg"
    file.write_text(draw(read_stacks(environment("prod").templates, start="mlops-prod-"), caption=CAPTION), "utf-8")
    opened = browser.new_page(viewport={"width": 1280, "height": 900})
    try:
        opened.goto(file.as_uri())
        assert opened.evaluate(_OUTSIDE) == []
        assert opened.evaluate(_MEETING) == []
    finally:
        opened.close()


_OUTSIDE = """() => { const boxes = [...document.querySelectorAll('.box')].map(each => each.getBoundingClientRect());
    return [...document.querySelectorAll('text')].filter(each => { const own = each.getBoundingClientRect();
        const box = boxes.find(box => own.left >= box.left && own.left < box.right && own.top >= box.top
            && own.top < box.bottom);
        return box && (own.right > box.right || own.bottom > box.bottom + 1); }).map(each => each.textContent); }"""
_MEETING = """() => { const all = [...document.querySelectorAll('text')].map(each => [each.textContent,
        each.getBoundingClientRect()]); const found = [];
    all.forEach(([words, one], place) => all.slice(place + 1).forEach(([other, two]) => {
        if (one.left < two.right - 1 && two.left < one.right - 1
            && one.top < two.bottom - 3 && two.top < one.bottom - 3)
            found.push([words, other]); }));
    return found; }"""
