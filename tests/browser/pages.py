"""What every report must be in a browser, on a wide screen and on a telephone."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page

WIDTHS = (1280, 390)


def check_page(browser: Browser, file: Path) -> None:
    """Open ``file`` at both widths and assert all that ``checked_page`` does."""
    for width in WIDTHS:
        with checked_page(browser, file, width=width):
            pass


@contextmanager
def checked_page(browser: Browser, file: Path, *, width: int) -> Iterator[Page]:
    """Yield ``file`` open at ``width`` CSS pixels, every ``<details>`` opened, after checking it.

    Checked: the document does not overflow sideways, every image is decoded and has alt text, nothing but
    the file is requested, nothing is logged as an error, every link within the page has its target, ids
    are unique, and the page has a language, a title and one first heading.
    """
    page = browser.new_page(viewport={"width": width, "height": 900})
    requests: list[str] = []
    errors: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    try:
        page.goto(file.absolute().as_uri())
        page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
        strangers = [url for url in requests if url != file.absolute().as_uri() and not url.startswith("data:")]
        assert strangers == [], "the page asks for other files"
        assert errors == [], "the page logs errors"
        assert page.evaluate("document.documentElement.scrollWidth") <= width, f"overflows at {width}: " + str(
            page.evaluate(_WIDEST)
        )
        assert page.evaluate(_BROKEN_IMAGES) == [], "images without content or alt text"
        assert page.evaluate(_DEAD_ANCHORS) == [], "links within the page that lead nowhere"
        assert page.evaluate(_REPEATED_IDS) == [], "ids used twice"
        assert page.evaluate("document.documentElement.lang") == "en"
        assert page.title() != ""
        assert page.locator("h1").count() == 1
        yield page
    finally:
        page.close()


_WIDEST = """() => [...document.querySelectorAll('body *')].filter(each =>
    each.getBoundingClientRect().left + each.scrollWidth > document.documentElement.clientWidth + 1
    && !each.parentElement.closest('.wide, nav, pre')).map(each => each.outerHTML.slice(0, 120)).slice(0, 5)"""
_BROKEN_IMAGES = """() => [...document.images].filter(each => !each.naturalWidth || !each.alt.trim())
    .map(each => each.outerHTML.slice(0, 120))"""
_DEAD_ANCHORS = """() => [...document.querySelectorAll('a[href^="#"]')].map(each => each.getAttribute('href'))
    .filter(href => !document.getElementById(href.slice(1)))"""
_REPEATED_IDS = """() => [...document.querySelectorAll('[id]')].map(each => each.id)
    .filter((id, place, all) => all.indexOf(id) !== place)"""

# Text with less contrast than WCAG AA asks for: 4.5 to 1. In drawings a text stands on the box of its item or node.
FAINT = """() => { const parts = (text) => text.match(/[\\d.]+/g).map(Number);
    const light = (rgb) => rgb.slice(0, 3).map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
        .reduce((sum, part, place) => sum + part * [0.2126, 0.7152, 0.0722][place], 0);
    const ground = (each) => { for (let at = each; at; at = at.parentElement) {
        const box = at.matches('.item, .node') && at.querySelector('rect'), style = getComputedStyle(box || at);
        const found = box ? style.fill : style.backgroundColor;
        if (found !== 'none' && (parts(found).length < 4 || parts(found)[3] > 0)) return parts(found); }
        return [255, 255, 255]; };
    const ink = (each) => getComputedStyle(each)[each.closest('svg') ? 'fill' : 'color'];
    return [...document.querySelectorAll('body *')].filter((each) => each.checkVisibility() && !each.disabled
        && !each.matches('script, style, title')
        && (each.value || [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim())))
        .map((each) => { const [one, two] = [parts(ink(each)), ground(each)].map(light);
            return [(Math.max(one, two) + 0.05) / (Math.min(one, two) + 0.05), each.outerHTML.slice(0, 120)]; })
        .filter(([contrast]) => contrast < 4.5); }"""
