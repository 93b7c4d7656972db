"""A real browser for tests that look at pages; without one they are skipped, saying so."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
# A busy machine is slow, not wrong.
expect.set_options(timeout=20_000)
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


# Not for the session: playwright's event loop would run on under the tests that start their own.
@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium without a window: the system's, or the one that playwright installed."""
    with sync_playwright() as playwright:
        found = next((path for path in map(shutil.which, NAMES) if path), playwright.chromium.executable_path)
        if not Path(found).exists():
            pytest.skip("no browser here: install chromium, or run 'playwright install chromium'")
        browser = playwright.chromium.launch(executable_path=found, args=ARGUMENTS)
        yield browser
        browser.close()
