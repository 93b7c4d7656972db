"""The pages of load tests: one for a single test, one that sets several side by side."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml.errors import SettingsError
from ml.loadtest import charts
from ml.loadtest.results import passed
from ml.loadtest.summary import THRESHOLD_TITLES, TIMES, differences, milliseconds, names_of, plain_number
from ml.reports.figures import embed
from ml.reports.page import render_page

_MOST_COMPARED = 6


def write_page(target: Path, result: Mapping[str, Any]) -> Path:
    """Write the self-contained page of one test; return ``target``."""
    made = {
        "over_time": charts.over_time(result),
        "rates": charts.rates(result),
        "distribution": charts.distribution([result], [result["name"]]),
    }
    return render_page(
        target,
        "loadtest.html.j2",
        result=result,
        passed=passed(result),
        times=TIMES,
        titles=THRESHOLD_TITLES,
        images={name: embed(chart.figure, chart.alt) for name, chart in made.items()},
        ms=milliseconds,
        number=plain_number,
    )


def write_comparison(target: Path, results: Sequence[Mapping[str, Any]], *, files: Sequence[Path]) -> Path:
    """Write the self-contained page that compares ``results`` with the first of them; return ``target``.

    Raises:
        SettingsError: there are fewer than two results or too many for a page.

    """
    if not 2 <= len(results) <= _MOST_COMPARED:
        raise SettingsError(f"compare: {len(results)} results given; it takes 2 to {_MOST_COMPARED}")
    names = names_of(results, files)
    made = {
        "distribution": charts.distribution(results, names),
        "p99": charts.compared_over_time(results, names, key="p99_ms", title="p99"),
    }
    return render_page(
        target,
        "loadtest_compare.html.j2",
        results=results,
        names=names,
        differences=differences(results),
        times=TIMES,
        images={name: embed(chart.figure, chart.alt) for name, chart in made.items()},
        ms=milliseconds,
        number=plain_number,
    )
