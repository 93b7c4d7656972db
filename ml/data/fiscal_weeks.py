"""The retailer's calendar: fiscal weeks YYYYWW of 52 to the year, each from a Monday to a Sunday."""

from datetime import date, timedelta

WEEKS_PER_YEAR = 52
# Week 200607 runs from Monday 10 April to Sunday 16 April 2006; every other week follows from that.
_ANCHOR_WEEK = 200607
_ANCHOR_MONDAY = date(2006, 4, 10)
FIRST_YEAR, LAST_YEAR = 1990, 2150


def is_fiscal_week(week: int) -> bool:
    """Tell whether ``week`` is a YYYYWW with WW from 01 to 52 and a year this calendar covers."""
    return FIRST_YEAR <= week // 100 <= LAST_YEAR and 1 <= week % 100 <= WEEKS_PER_YEAR


def weeks_since_anchor(week: int) -> int:
    """Return how many weeks ``week`` comes after 200607 (negative before it)."""
    return _ordinal(week) - _ordinal(_ANCHOR_WEEK)


def week_after(week: int, steps: int = 1) -> int:
    """Return the week ``steps`` later; 52 is followed by 01 of the next year."""
    year, index = divmod(_ordinal(week) + steps, WEEKS_PER_YEAR)
    return year * 100 + index + 1


def monday_of(week: int) -> date:
    """Return the first day of ``week``."""
    return _ANCHOR_MONDAY + timedelta(weeks=weeks_since_anchor(week))


def week_of_day(day: date) -> int:
    """Return the week that ``day`` falls in."""
    return week_after(_ANCHOR_WEEK, (day - _ANCHOR_MONDAY).days // 7)


def _ordinal(week: int) -> int:
    return week // 100 * WEEKS_PER_YEAR + week % 100 - 1
