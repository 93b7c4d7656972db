"""The charts of load tests: each takes records (``ml.loadtest.results``) and returns a figure and its words.

A figure is half a page wide (``WIDTH`` inches) so that its text stays readable on a narrow screen.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter, NullLocator
from numpy.typing import NDArray

from ml.reports.figures import MUTED, PALETTE

Result = Mapping[str, Any]

WIDTH = 4.2
_TAILS = (0.0, 50.0, 90.0, 99.0, 99.9, 99.99, 99.999)
_LONGEST_NAME = 24
_ERROR_COLOR = PALETTE[4]


class Chart(NamedTuple):
    """A figure and what it shows, in words, for those who cannot see it."""

    figure: Figure
    alt: str


def over_time(result: Result) -> Chart:
    """The median, p99 and slowest latency of the requests that were due in each stretch of time."""
    figure = Figure(figsize=(WIDTH, 2.8))
    axes = figure.subplots()
    seconds = _seconds(result)
    for key, label, color, width in (
        ("max_ms", "slowest", MUTED, 0.8),
        ("p99_ms", "p99", PALETTE[1], 1.3),
        ("p50_ms", "p50", PALETTE[0], 1.6),
    ):
        axes.plot(seconds, _series(result, key), color=color, linewidth=width, label=label, **_marks(seconds))
    _log_milliseconds(axes)
    _time_axis(axes, result)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8.5)
    return Chart(figure, f"Latency over time, by when requests were due: {_said(result)}.")


def rates(result: Result) -> Chart:
    """Requests due, answered and failed per second, by when they were due."""
    figure = Figure(figsize=(WIDTH, 2.8))
    axes = figure.subplots()
    seconds, length = _seconds(result), result["interval_seconds"]
    # The last stretch may be cut off by the end of the test.
    lengths = np.minimum(length, np.maximum(result["seconds"]["due"] - seconds, 1e-9))
    for key, label, color, width in (
        ("due", "due", MUTED, 3.0),
        ("succeeded", "answered", PALETTE[2], 1.4),
        ("failed", "failed", _ERROR_COLOR, 1.4),
    ):
        axes.plot(seconds, _series(result, key) / lengths, color=color, linewidth=width, label=label, **_marks(seconds))
    axes.set_ylim(bottom=0)
    axes.set_ylabel("requests per second")
    _time_axis(axes, result)
    figure.legend(loc="outside upper center", ncols=3, fontsize=8.5)
    found = result["requests"]
    return Chart(
        figure,
        f"Requests per second, by when they were due: {found['due']:,} due, {found['succeeded']:,} answered,"
        f" {found['failed']:,} failed.",
    )


def distribution(results: Sequence[Result], names: Sequence[str]) -> Chart:
    """Latency by percentile, the tail stretched: each step to the right is ten times rarer."""
    figure = Figure(figsize=(WIDTH, 2.8))
    axes = figure.subplots()
    most = 1
    for number, (result, name) in enumerate(zip(results, names, strict=True)):
        pairs = np.array(result["histogram_ms"], dtype=np.float64).reshape(-1, 2)
        if not len(pairs):
            continue
        counts = pairs[:, 1]
        total = counts.sum()
        most = max(most, int(total))
        # How many times rarer than "every request": 1 at the fastest, the number of requests at the slowest.
        rarity = total / np.maximum(total - np.concatenate([[0.0], counts.cumsum()[:-1]]), 1)
        axes.step(rarity, pairs[:, 0], where="post", color=PALETTE[number % len(PALETTE)], label=_short(name))
    axes.set_xscale("log")
    ticks = [each for each in _TAILS if 100 / (100 - each) <= most] or [0.0]
    axes.xaxis.set_major_locator(FixedLocator([100 / (100 - each) for each in ticks]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticks([100 / (100 - each) for each in ticks], [f"{each:g}" for each in ticks])
    axes.set_xlabel("percentile (each step right is rarer)")
    _log_milliseconds(axes)
    if len(results) > 1:
        figure.legend(loc="outside upper center", ncols=2, fontsize=8.5)
    said = "; ".join(f"{name}: {_said(result)}" for name, result in zip(names, results, strict=True))
    return Chart(figure, f"Latency by percentile. {said}.")


def compared_over_time(results: Sequence[Result], names: Sequence[str], *, key: str, title: str) -> Chart:
    """One latency figure of several tests over time."""
    figure = Figure(figsize=(WIDTH, 2.8))
    axes = figure.subplots()
    for number, (result, name) in enumerate(zip(results, names, strict=True)):
        seconds = _seconds(result)
        axes.plot(
            seconds,
            _series(result, key),
            color=PALETTE[number % len(PALETTE)],
            linewidth=1.4,
            label=_short(name),
            **_marks(seconds),
        )
    _log_milliseconds(axes)
    _time_axis(axes, max(results, key=lambda result: float(result["seconds"]["due"])))
    axes.set_title(title)
    figure.legend(loc="outside upper center", ncols=2, fontsize=8.5)
    return Chart(figure, f"{title} over time of {', '.join(names)}.")


def _seconds(result: Result) -> NDArray[np.float64]:
    return np.array([each["second"] for each in result["timeline"]], dtype=np.float64)


def _series(result: Result, key: str) -> NDArray[np.float64]:
    """Return a figure of each interval; one without answers is a gap."""
    return np.array([np.nan if each[key] is None else each[key] for each in result["timeline"]], dtype=np.float64)


def _marks(seconds: NDArray[np.float64]) -> dict[str, Any]:
    """A line through few points shows where they are."""
    return {"marker": "o", "markersize": 3} if len(seconds) <= 40 else {}


def _time_axis(axes: Axes, result: Result) -> None:
    axes.set_xlim(0, max(1.0, float(result["seconds"]["due"])))
    step = result["interval_seconds"]
    axes.set_xlabel(f"seconds since the start ({step} s steps)")


def _log_milliseconds(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0), numticks=12))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_ylabel("latency, ms (log scale)")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"


def _said(result: Result) -> str:
    times = result["latency_ms"]
    if times is None:
        return "no request was answered"
    return f"p50 {times['p50']:,.2f} ms, p99 {times['p99']:,.2f} ms, slowest {times['max']:,.2f} ms"
