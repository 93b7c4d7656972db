"""The trend charts of a version: each takes its weeks from ``monitoring_detail.json`` and returns figure and words."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ml.reports.figures import MUTED, PALETTE

Part = Mapping[str, Any]
WIDTH = 4.2
_MOST_TICKS = 8
_WORSE = PALETTE[4]


class Chart(NamedTuple):
    """A figure and what it shows, in words, for those who cannot see it."""

    figure: Figure
    alt: str


def trend(weeks: Sequence[Part], *, name: str, title: str) -> Chart:
    """One check's figure over the weeks with its interval and limit; hollow where there was not enough data."""
    figure, axes = _canvas(weeks)
    shown = [(place, week["checks"].get(name)) for place, week in enumerate(weeks)]
    found = [(place, check) for place, check in shown if check and check["value"] is not None]
    for place, check in found:
        color = _WORSE if check["answer"] == "worse" else PALETTE[0]
        axes.plot([place, place], [check["low"], check["high"]], color=color, linewidth=1.6, alpha=0.7)
        hollow = check["answer"] == "not enough data"
        axes.plot(place, check["value"], "o", color=color, mfc="white" if hollow else color, markersize=5)
    axes.plot([place for place, _ in found], [check["value"] for _, check in found], color=MUTED, linewidth=0.8)
    limits = [check["limit"] for _, check in found if check["limit"] is not None]
    if limits:
        axes.axhline(limits[-1], color=_WORSE, linewidth=1, linestyle="--")
    axes.set_title(title)
    said = "; ".join(f"{weeks[place]['week']}: {check['value']:.4f}, {check['answer']}" for place, check in found[-6:])
    limit = f" The limit is {limits[-1]:.4g}." if limits else ""
    return Chart(figure, f"{title} by week. {said or 'No figure yet'}.{limit}")


def predictions(weeks: Sequence[Part]) -> Chart:
    """Predictions of each week by whether their label has come."""
    figure, axes = _canvas(weeks)
    places = range(len(weeks))
    below = [0] * len(weeks)
    for color, (label, heights) in zip(
        (PALETTE[0], PALETTE[6], "#c3ccd4"),
        {
            "labelled": [week["labelled"] for week in weeks],
            "no class": [week["unclassified"] + week["contradictory"] for week in weeks],
            "waiting for a label": [
                week["predictions"] - week["labelled"] - week["unclassified"] - week["contradictory"] for week in weeks
            ],
        }.items(),
        strict=True,
    ):
        axes.bar(places, heights, bottom=below, color=color, label=label, width=0.7)
        below = [low + height for low, height in zip(below, heights, strict=True)]
    axes.set_title("Predictions and their labels")
    figure.legend(loc="outside lower center", ncols=3, fontsize=8.5)
    said = "; ".join(f"{week['week']}: {week['labelled']:,} of {week['predictions']:,}" for week in weeks[-6:])
    return Chart(figure, f"Labelled baskets among the predictions of each week. {said}.")


def _canvas(weeks: Sequence[Part]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, 2.5))
    axes = figure.subplots()
    step = -(-len(weeks) // _MOST_TICKS)
    axes.set_xticks(range(0, len(weeks), step), [str(week["week"]) for week in weeks[::step]], rotation=30, ha="right")
    axes.set_xlim(-0.6, len(weeks) - 0.4)
    return figure, axes
