from pathlib import Path

import pytest
from playwright.sync_api import Browser

from config.monitoring import Answer, Intake, Monitoring
from ml.jobs.monitor import detail_of
from ml.monitoring.counts import VersionCounts
from ml.monitoring.judge import Known, verdict
from ml.monitoring.report import write_report
from tests.browser.pages import WIDTHS, check_page, checked_page
from tests.unit.monitoring.worlds import WEEK, known, use_case, week

INTAKE = Intake(
    files=2, lines=20, refused={"Input data was truncated": 3}, repeated=1, predictions=16, without_basket_id=0
)


def a_report(folder: Path, *versions: VersionCounts, unknown: str = "") -> Path:
    """Write the report of ``versions``, the first of which serves; one has no reference."""
    chosen = use_case()
    facts = {each.version: known(accuracy=0.98, macro_f1=0.98) for each in versions}
    facts |= {unknown: Known({}, None, "no reference: there is no bundle of this version")} if unknown else {}
    whole = {name for each in versions for counts in each.weeks[:-1] for name in counts.weeks}
    found = Monitoring(
        use_case=chosen.name,
        intake=INTAKE,
        versions=tuple(
            verdict(each, facts[each.version], chosen, whole=whole, current=place == 0)[0]
            for place, each in enumerate(versions)
        ),
        metrics=(),
    )
    return write_report(folder, found, detail_of(versions, facts, chosen, whole=whole), chosen)


def falling(version: str, *, weeks: int = 14) -> VersionCounts:
    """Return a version that gets worse, whose last week waits for labels."""
    judged = [week(WEEK + place, accuracy=0.98 - 0.01 * place, unseen=0.005 * place) for place in range(weeks)]
    return VersionCounts(version, "2006-07-12 10:00:00", (*judged, week(WEEK + weeks, labelled=0, waiting=700)))


def test_the_page_is_whole_at_both_widths(browser: Browser, tmp_path: Path) -> None:
    healthy = VersionCounts("200719-aaaaaaaaaa", "2006-07-01 10:00:00", tuple(week(WEEK + place) for place in range(3)))
    check_page(browser, a_report(tmp_path, falling("200720-bbbbbbbbbb"), healthy, unknown="200719-aaaaaaaaaa"))


def test_the_page_of_nothing_is_whole_and_is_no_alarm(browser: Browser, tmp_path: Path) -> None:
    page_file = a_report(tmp_path)
    check_page(browser, page_file)
    with checked_page(browser, page_file, width=WIDTHS[0]) as page:
        assert page.get_by_text(Answer.NOT_ENOUGH_DATA.value, exact=True).count() == 1
        assert page.get_by_text("That is no alarm").is_visible()


def test_a_version_called_like_markup_does_not_break_the_page(browser: Browser, tmp_path: Path) -> None:
    name = "<script>throw new Error('version')</script>" + "x" * 120
    check_page(browser, a_report(tmp_path, falling(name, weeks=2)))


@pytest.mark.parametrize("width", WIDTHS)
def test_worse_is_seen_before_anything_needs_scrolling(browser: Browser, tmp_path: Path, width: int) -> None:
    with checked_page(browser, a_report(tmp_path, falling("v1")), width=width) as page:
        box = page.locator("#answer h2 .badge.bad").bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < 900
