"""The service's own page, on a real server: what a person sees, by mouse, by keys and on a telephone."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import FAINT
from tests.integration.runs import command
from tests.integration.service import ask, free_port, serving, serving_by
from tests.versions import trained

KEY = "a-key-of-enough-length"
HOSTILE = "<img src=x onerror=alert(1)>"
TELEPHONE = 360
REFUSED = "Failed to load resource: the server responded with a status of 4"
NOT_READY = REFUSED.replace(" 4", " 503")
BASKET = {
    "shop_hour": 9,
    "shop_weekday": 7,
    "store_format": "LS",
    "store_region": "E01",
    "lines": [{"prod_code": "P0001", "quantity": 1, "spend": 1.5}, {"prod_code": HOSTILE, "quantity": 2, "spend": 3}],
}
WEEKLY = """SHOP_WEEKDAY,SHOP_HOUR,QUANTITY,SPEND,PROD_CODE,PROD_CODE_10,CUST_PRICE_SENSITIVITY,BASKET_ID,\
STORE_FORMAT,STORE_REGION
7,9,1,1.50,P0001,D01,LA,994100100000001,LS,E01
7,9,2,3.00,P0002,,LA,994100100000001,LS,E01
1,20,1,0.10,P0003,D03,,994100100000002,SS,W03
"""


@pytest.fixture(scope="module")
def bundle() -> Path:
    return trained()


@pytest.fixture(scope="module")
def port(bundle: Path) -> Iterator[int]:
    with serving("--model", bundle) as (port, _):
        yield port


@pytest.fixture(scope="module")
def guarded(bundle: Path) -> Iterator[int]:
    """The port of a service that asks for a key."""
    port = free_port()
    asked = command("serve", "--port", str(port), "--model", str(bundle))
    with serving_by(asked, port=port, environment={"MLOPS_API_KEYS": KEY}):
        yield port


@contextmanager
def opened(
    browser: Browser, port: int, *, width: int = 1280, scheme: Any = "light", provoked: str = "never"
) -> Iterator[Page]:
    """Yield the page; fail where it asked another host, or logged an error that does not start with ``provoked``."""
    page = browser.new_page(viewport={"width": width, "height": 780}, color_scheme=scheme, reduced_motion="reduce")
    asked: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type in ("error", "warning") else None)
    try:
        page.goto(f"http://127.0.0.1:{port}/")
        yield page
        assert [url for url in asked if not url.startswith(f"http://127.0.0.1:{port}/")] == []
        assert [text for text in errors if not text.startswith(provoked)] == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    finally:
        page.close()


def sample(page: Page, title: str) -> None:
    page.get_by_role("button", name=title).click()
    expect(page.locator("#answer .class")).to_be_visible()


def sent(page: Page) -> Any:
    """Press Predict; return the body that was sent."""
    with page.expect_request("**/predict?explain=true") as request:
        page.get_by_role("button", name="Predict").click()
    return request.value.post_data_json


def paste(page: Page, text: str) -> None:
    page.get_by_role("radio", name="Paste").check()
    page.locator("#text").fill(text)


def test_a_sample_is_answered_with_all_that_the_service_says(browser: Browser, port: int) -> None:
    with opened(browser, port) as page:
        sample(page, "Mostly Low")
        basket = sent(page)
        _, answer = ask(port, "POST", "/predict?explain=true", json.dumps(basket))

        expect(page.locator("#answer .class")).to_have_text("Low code UM")
        assert answer["prediction"] == "Low"
        shown = page.locator(".bars > span").all_inner_texts()
        assert shown[::2] == list(answer["probabilities"])
        assert [float(each.strip("<> %")) for each in shown[1::2]] == pytest.approx(
            [100 * each for each in answer["probabilities"].values()], abs=0.1
        )
        assert page.locator(".reasons code").all_inner_texts() == [each["prod_code"] for each in answer["reasons"]]
        expect(page.locator(".reasons b").first).to_have_text("speaks for Low")
        expect(page.locator(".card", has_text="model version").locator("b")).to_have_text(answer["model_version"])
        expect(page.locator("#version")).to_have_text(answer["model_version"])
        latency = page.locator(".card", has_text="latency")
        expect(latency).to_contain_text("measured in this browser")
        assert re.fullmatch(r"\d+(\.\d)? ms", latency.locator("b").inner_text())
        expect(page.get_by_role("status")).to_contain_text("Low")


def test_unknown_products_are_counted_and_marked(browser: Browser, port: int) -> None:
    with opened(browser, port) as page:
        sample(page, "Unknown products")
        expect(page.locator(".card", has_text="unknown products").locator("b")).to_have_text("2 of 3")
        marked = page.locator(".reasons li", has=page.locator(".badge")).locator("code")
        assert set(marked.all_inner_texts()) == {"UNKNOWN-1", "UNKNOWN-2"}
        expect(page.get_by_role("status")).to_contain_text("2 lines have products unknown to the model")


def test_a_composed_basket_is_sent_as_it_was_typed(browser: Browser, port: int) -> None:
    with opened(browser, port) as page:
        for _ in range(page.locator("#lines > li").count() - 1):
            page.get_by_role("button", name="Remove line 1").click()
        page.get_by_label("Line 1, product code").fill("P0001")
        page.get_by_label("Line 1, quantity").fill("3")
        page.get_by_label("Line 1, spend").fill("4.20")
        page.get_by_role("button", name="Add a line").click()
        page.keyboard.type("P0002")
        page.get_by_label("Line 2, spend").fill("0.99")
        page.get_by_label("Line 2, category").fill("D03")
        page.get_by_label("Store format").select_option("SS")
        page.get_by_label("Store region").select_option("W03")
        page.get_by_label("Weekday").select_option("Saturday")
        page.get_by_label("Hour").select_option("20:00")
        page.get_by_label("Segment 1").select_option("none")
        page.get_by_label("Segment 2").select_option("none")

        assert sent(page) == {
            "shop_weekday": 7,
            "shop_hour": 20,
            "store_format": "SS",
            "store_region": "W03",
            "lines": [
                {"prod_code": "P0001", "quantity": 3, "spend": 4.2},
                {"prod_code": "P0002", "quantity": 1, "spend": 0.99, "prod_code_10": "D03"},
            ],
        }
        expect(page.locator("#answer .class")).to_be_visible()
        expect(page.locator("#stale")).to_be_hidden()
        page.get_by_label("Line 1, quantity").fill("4")
        expect(page.locator("#stale")).to_be_visible()


def test_pasted_json_is_answered_and_its_text_stays_text(browser: Browser, port: int) -> None:
    with opened(browser, port) as page:
        paste(page, json.dumps(BASKET))
        assert sent(page) == BASKET
        expect(page.locator(".reasons code").filter(has_text="onerror")).to_have_text(HOSTILE)
        assert page.locator("img").count() == 0

        page.get_by_role("radio", name="Form").click()
        expect(page.get_by_label("Line 2, product code")).to_have_value(HOSTILE)
        assert sent(page) == BASKET


def test_pasted_lines_of_an_older_weekly_file_are_answered_by_basket(browser: Browser, port: int) -> None:
    with opened(browser, port) as page:
        paste(page, WEEKLY)
        first, second = sent(page)
        assert first == {
            "basket_id": "994100100000001",
            "shop_weekday": 7,
            "shop_hour": 9,
            "store_format": "LS",
            "store_region": "E01",
            "seg_1": "LA",
            "lines": [
                {"prod_code": "P0001", "quantity": 1, "spend": 1.5, "prod_code_10": "D01"},
                {"prod_code": "P0002", "quantity": 2, "spend": 3},
            ],
        }
        assert (second["basket_id"], len(second["lines"]), "seg_1" in second) == ("994100100000002", 1, False)
        expect(page.locator("#answer > .class")).to_have_text("2 baskets")
        assert [each.split(":")[0] for each in page.locator("#answer > details > summary").all_inner_texts()] == [
            "994100100000001",
            "994100100000002",
        ]
        page.get_by_role("radio", name="Form").click()
        expect(page.get_by_role("alert")).to_have_text("The form holds one basket, the text has 2.")
        expect(page.locator("#text")).to_be_visible()


@pytest.mark.parametrize("text", ["{not json", "a,b\n1,2", ""])
def test_text_that_is_no_basket_is_marked_before_anything_is_sent(browser: Browser, port: int, text: str) -> None:
    with opened(browser, port) as page:
        paste(page, text)
        page.get_by_role("button", name="Predict").click()
        expect(page.get_by_role("alert")).to_contain_text("JSON")
        expect(page.locator("#text")).to_have_attribute("aria-invalid", "true")


@pytest.mark.parametrize(
    ("label", "typed", "said"),
    [
        ("Line 2, spend", "abc", "Expected a number, got text"),
        ("Line 2, spend", "1.234", "Expected an amount with at most two decimals"),
        ("Line 1, quantity", "0", "Expected a whole number >= 1"),
        ("Line 3, quantity", "", "Expected a whole number, got nothing"),
        ("Line 1, product code", "", "Expected text, got nothing"),
    ],
)
def test_an_error_is_shown_at_its_field_until_it_is_right(
    browser: Browser, port: int, label: str, typed: str, said: str
) -> None:
    with opened(browser, port, provoked=REFUSED) as page:
        field = page.get_by_label(label)
        right = field.input_value()
        field.fill(typed)
        field.press("Enter")

        expect(page.get_by_role("alert")).to_have_text(f"{label}: {said}")
        marked = page.locator("[aria-invalid=true]")
        expect(marked).to_have_count(1)
        expect(marked).to_have_attribute("aria-label", label)
        expect(marked).to_be_focused()
        expect(marked).to_have_accessible_description(said)

        field.fill(right)
        field.press("Enter")
        expect(page.locator("#answer .class")).to_be_visible()
        expect(page.locator("[aria-invalid]")).to_have_count(0)
        expect(page.get_by_role("alert")).to_have_count(0)


def test_a_basket_without_lines_is_refused_with_a_word_about_lines(browser: Browser, port: int) -> None:
    with opened(browser, port, provoked=REFUSED) as page:
        while page.locator("#lines > li").count():
            page.get_by_role("button", name="Remove line 1", exact=True).click()
        page.get_by_role("button", name="Predict").click()
        expect(page.get_by_role("alert")).to_contain_text("Lines: Expected a list of length >= 1")


def test_a_key_is_asked_for_and_kept_nowhere(browser: Browser, guarded: int) -> None:
    with opened(browser, guarded, provoked=REFUSED) as page:
        key = page.get_by_label("This service asks for a key")
        expect(key).to_be_focused()
        expect(page.locator("#all")).to_be_hidden()
        key.fill("another-key-of-some-length")
        key.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("The key is not valid.")
        expect(key).to_have_attribute("aria-invalid", "true")

        key.fill(KEY)
        key.press("Enter")
        expect(page.get_by_role("alert")).to_have_count(0)
        sample(page, "Mostly High")
        expect(page.locator("#answer .class")).to_have_text("High code LA")
        assert KEY not in page.url
        kept = "[{...localStorage}, {...sessionStorage}, document.cookie, document.documentElement.outerHTML]"
        assert KEY not in str(page.evaluate(kept))
        page.reload()
        expect(key).to_have_value("")


def test_without_a_model_the_page_says_so_and_tries_again(browser: Browser) -> None:
    with serving() as (port, _), opened(browser, port, provoked=NOT_READY) as page:
        expect(page.get_by_role("alert")).to_contain_text("no model is loaded yet")
        with page.expect_request("**/samples"):
            page.get_by_role("button", name="Try again").click()


def test_everything_is_reached_and_done_by_keys_alone(browser: Browser, port: int) -> None:
    with opened(browser, port) as page:
        expect(page.get_by_role("button", name="Predict")).to_be_enabled()
        reached = []
        for _ in range(100):
            page.keyboard.press("Tab")
            name, outline = page.evaluate(_FOCUSED)
            if name == "BODY":
                break
            assert outline, f"nothing shows that {name} has the focus"
            reached.append(name)
        ends = reached.index("Predict")
        lines = page.locator("#lines > li").count()
        assert reached[0] == "Mostly High"
        assert reached[5] == "form"
        assert reached[6:11] == [f"Line 1, {each}" for each in ("product code", "quantity", "spend", "category")] + [
            "Remove line 1"
        ]
        assert reached[6 + 5 * lines : ends] == [
            "Add a line",
            "store_format",
            "store_region",
            "shop_weekday",
            "shop_hour",
            "seg_1",
            "seg_2",
        ]

        page.get_by_label("Line 1, quantity").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#answer .class")).to_be_visible()
        page.get_by_role("radio", name="Form").focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("Tab")
        expect(page.locator("#text")).to_be_focused()
        with page.expect_request("**/predict?explain=true"):
            page.keyboard.press("Control+Enter")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_can_be_read(browser: Browser, port: int, scheme: str) -> None:
    with opened(browser, port, scheme=scheme, provoked=REFUSED) as page:
        sample(page, "Unknown products")
        page.get_by_label("Line 1, spend").fill("abc")
        page.get_by_label("Line 1, spend").press("Enter")
        expect(page.get_by_role("alert")).to_be_visible()
        page.get_by_label("Line 1, spend").fill("1")
        page.evaluate("document.querySelector('.old').classList.remove('old')")
        assert page.evaluate(FAINT) == []


def test_a_telephone_shows_all_of_it_without_scrolling_sideways(browser: Browser, port: int) -> None:
    with opened(browser, port, width=TELEPHONE) as page:
        sample(page, "Unknown products")
        expect(page.locator("#answer .class")).to_be_in_viewport()
        page.get_by_label("Line 1, product code").fill("X" * 64)
        sent(page)
        expect(page.locator(".reasons code", has_text="X" * 64)).to_be_visible()
        assert page.evaluate("document.documentElement.scrollWidth") <= TELEPHONE
        paste(page, "x" * 500)
        page.get_by_role("button", name="Predict").click()
        expect(page.get_by_role("alert")).to_be_in_viewport()


def test_the_policy_holds_in_the_browser(browser: Browser, port: int) -> None:
    page = browser.new_page()
    try:
        page.goto(f"http://127.0.0.1:{port}/")
        assert page.evaluate(_BLOCKED) == ["TrustedHTML", "connect-src", "img-src", "style-src-attr"]
    finally:
        page.close()


_FOCUSED = """() => { const each = document.activeElement;
    const style = getComputedStyle(each.type === 'radio' ? each.nextElementSibling : each);
    return [each === document.body ? 'BODY' : each.getAttribute('aria-label') || each.id && each.name || each.value
        || each.textContent.trim(), style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2]; }"""
_BLOCKED = """async () => { const found = new Set();
    document.addEventListener('securitypolicyviolation', (event) => found.add(event.effectiveDirective));
    try { document.body.innerHTML = '<b>x</b>'; } catch (error) { found.add(/TrustedHTML/.exec(error.message)[0]); }
    await fetch('http://127.0.0.1:9/').catch(() => null);
    document.body.setAttribute('style', 'color: red');
    const image = new Image(); image.src = 'http://127.0.0.1:9/x.png';
    const script = document.createElement('script'); script.append('window.planted = 1');
    document.head.append(script);
    await new Promise((done) => setTimeout(done, 50));
    if (window.planted) found.add('an inline script ran');
    found.delete('require-trusted-types-for');
    return [...found].sort(); }"""


def test_the_contracts_page_needs_nothing_from_outside(browser: Browser, port: int) -> None:
    with opened(browser, port) as page:
        page.goto(f"http://127.0.0.1:{port}/docs")
        expect(page.get_by_text("Predict the price sensitivity of one basket or many")).to_be_visible()
