"""The rehearsal's page in a browser: it is whole, quiet and readable, and what can be touched answers."""

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from rehearsal.page.build import write_page
from rehearsal.page.document import Document, Link, Outcome, Run
from rehearsal.page.live import watching
from tests.browser.pages import FAINT, check_page, checked_page
from tests.rehearsal.page.sample import sample
from tests.rehearsal.page.sample_watch import after


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_page(tmp_path_factory.mktemp("rehearsal"), sample())


@pytest.fixture
def page(browser: Browser, file: Path) -> Iterator[Page]:
    with checked_page(browser, file, width=1600) as opened:
        yield opened


def test_the_page_is_whole_at_every_width(browser: Browser, file: Path) -> None:
    check_page(browser, file)
    for width in (400, 1600):
        with checked_page(browser, file, width=width):
            pass


def test_the_page_of_a_run_that_has_just_begun_is_whole(browser: Browser, tmp_path: Path) -> None:
    check_page(browser, write_page(tmp_path, Document(run=Run(started=after(0), speed=12))))


def test_an_execution_that_is_chosen_colours_its_path(page: Page) -> None:
    page.locator("[data-machine$=training]").click()
    page.locator("[data-arn$='data-4']").click()
    expect(page.locator(".node.caught")).to_have_attribute("data-state", "Validate and refine")
    expect(page.locator("[data-state='Register the version']")).to_have_class("node Task unvisited")
    taken = page.locator(".way.taken[data-from='Validate and refine']")
    expect(taken).to_have_attribute("data-to", "Record the failure")
    expect(page.locator(".detail-box")).to_contain_text("data-4")


def test_an_act_leads_to_the_executions_that_it_set_going(page: Page) -> None:
    begun = page.locator("#act-bad-file .began button")
    expect(begun).to_have_text(["training: Failed"])
    begun.click()
    expect(page.locator("[data-arn$='data-4']")).to_have_attribute("aria-pressed", "true")


def test_a_state_that_is_chosen_shows_what_went_in_and_what_went_wrong(page: Page) -> None:
    page.locator("[data-machine$=training]").click()
    page.locator("[data-arn$='data-4']").click()
    page.locator("[data-state='Validate and refine']").click()
    reason = page.locator(".detail-box .visit .failure > p")
    expect(reason).to_have_text("transactions_200607.csv: row 3, SPEND: 'abc' is no number")
    given = page.locator(".detail-box .visit > details", has_text="Input")
    given.locator("summary").click()
    expect(given.locator("pre")).to_be_visible()


def test_a_bar_of_the_timeline_tells_and_leads_to_its_execution(page: Page) -> None:
    bar = page.locator("#timeline-box [aria-label^='approved-3']")
    bar.hover()
    expect(page.locator("#tip")).to_contain_text("failed")
    bar.click()
    expect(page.locator("[data-arn$='approved-3']")).to_have_attribute("aria-pressed", "true")


def test_the_timeline_is_zoomed_by_buttons_and_by_an_act(page: Page) -> None:
    whole = page.locator("#view").inner_text()
    page.locator("#closer").click()
    assert page.locator("#view").inner_text() != whole
    page.locator("#whole").click()
    assert page.locator("#view").inner_text() == whole
    page.locator("#act-bad-file").get_by_text("show in the timeline").click()
    expect(page.locator("#view")).to_have_text("10:03:10 to 10:03:34")


def test_the_timeline_is_walked_through_by_keys(page: Page) -> None:
    first = page.locator("#timeline-box [tabindex='0']")
    expect(first).to_have_count(1)
    first.focus()
    page.keyboard.press("ArrowRight")
    expect(page.locator("#tip")).to_contain_text("bootstrap")


def test_the_alarm_is_marked_where_it_was_raised(page: Page) -> None:
    chart = page.locator(".chart", has_text="accuracy-low")
    expect(chart.locator(".alarmed")).to_have_count(1)
    expect(chart.locator(".threshold")).to_have_count(1)
    expect(page.locator(".chart", has_text="latency-high").locator(".alarmed")).to_have_count(0)


def test_the_champion_is_marked_among_the_models(page: Page) -> None:
    expect(page.locator("#models-box tr.best")).to_contain_text("200606-1111aaaaaa")


def test_what_names_and_links_say_becomes_neither_markup_nor_script(browser: Browser, tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    document = sample()
    link = Link(text="more", href="javascript:alert(1)")
    act = document.acts[0].model_copy(update={"title": evil, "name": "evil", "links": (link,)})
    acts = (act, *document.acts[1:])
    written = write_page(tmp_path, document.model_copy(update={"acts": acts}))
    with checked_page(browser, written, width=1280) as opened:
        expect(opened.get_by_role("heading", name=evil)).to_be_visible()
        assert opened.locator("img").count() == 0
        expect(opened.get_by_role("link", name="more", exact=True)).to_have_attribute("href", "#acts")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_can_be_read(browser: Browser, file: Path, theme: Literal["light", "dark"]) -> None:
    with checked_page(browser, file, width=1280) as page:
        page.emulate_media(color_scheme=theme)
        page.locator("[data-arn$='data-4']").click()
        page.locator("[data-state='Validate and refine']").click()
        assert page.evaluate(FAINT) == []


def test_a_page_that_is_live_shows_what_comes_and_leaves_what_is_open(browser: Browser, tmp_path: Path) -> None:
    whole = sample()
    first = whole.acts[0].model_copy(update={"status": Outcome.RUNNING, "ended": None})
    running = whole.model_copy(
        update={
            "run": whole.run.model_copy(update={"ended": None}),
            "acts": (first,),
            "executions": whole.executions[:1],
        }
    )
    shown = [running]
    with watching(tmp_path, lambda: shown[-1], seconds=0.05) as address:
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        try:
            page.goto(address)
            expect(page.locator("#verdict")).to_have_text("running")
            expect(page.locator(".acts > li.running")).to_have_count(1)
            page.locator("#jobs summary, #run summary").first.click()
            page.locator("[data-state='Begin']").click()
            shown.append(whole)
            expect(page.locator("#verdict")).to_have_text("1 act failed")
            expect(page.locator("#live")).to_have_text("ended")
            expect(page.locator("[data-machine$=training]")).to_contain_text("5")
            expect(page.locator(".node.picked")).to_have_attribute("data-state", "Begin")
            expect(page.locator("#run details").first).to_have_attribute("open", "")
        finally:
            page.close()


def test_a_long_rehearsal_is_still_a_whole_page(browser: Browser, tmp_path: Path) -> None:
    document = sample()
    release = next(each for each in document.executions if each.name == "approved-1")
    many = tuple(
        release.model_copy(update={"arn": f"{release.arn}-{number}", "visits": release.visits * 15})
        for number in range(40)
    )
    assert sum(len(each.visits) for each in many) > 10_000
    with checked_page(
        browser, write_page(tmp_path, document.model_copy(update={"executions": many})), width=1280
    ) as page:
        page.locator("[data-machine$=release]").click()
        expect(page.locator(".executions li")).to_have_count(40)
        page.locator("[data-arn$='-39']").click()
        expect(page.locator("[data-state='Released'] .detail")).to_contain_text("×15")
