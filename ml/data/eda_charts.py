"""Charts of the exploratory report. Each function returns a figure and the text that stands in for it."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

from ml.reports.figures import GRID, INK, MUTED, PALETTE

Chart = tuple[Figure, str]
Rows = Sequence[tuple[Any, ...]]

# Basket totals: the sample's name → title, unit of the axis.
TOTALS = {
    "lines": ("Lines per basket", "lines"),
    "quantity": ("Pieces per basket", "pieces"),
    "spend": ("Spend per basket", "pounds"),
    "dearest": ("Dearest line of a basket", "pounds"),
    "hour": ("Hour of the day", "hour"),
}
_WHOLE = ("lines", "quantity", "hour")
_CORRELATED = {
    "lines": "lines",
    "quantity": "pieces",
    "quantity_max": "most pieces\non a line",
    "spend": "spend",
    "dearest": "dearest\nline",
    "hour": "hour",
}
_SMALL = (4.7, 3.0)  # inches: still legible on a telephone
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def volume(weeks: Rows) -> Chart:
    """Baskets and lines of each week, from rows (week, lines, baskets, …)."""
    figure, axes = _axes(height=3.2)
    names = [str(row[0]) for row in weeks]
    for index, title in ((1, "lines"), (2, "baskets")):
        axes.plot(names, [row[index] for row in weeks], marker="o", markersize=3, label=title)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(_thousands))
    axes.legend(frameon=False, ncols=2, loc="lower right")
    axes.set_title("Lines and baskets per week")
    _sparse(axes, len(names))
    return figure, f"Lines and baskets of {len(names)} weeks"


def label_shares(rows: Rows, words: Mapping[str, str]) -> Chart:
    """Each class's share of a week's baskets, from rows (week, label, baskets)."""
    values, labels, shares = _shares(rows, words)
    figure, axes = _axes(height=3.2)
    names = [str(value) for value in values]
    for label, share in zip(labels, shares, strict=True):
        axes.plot(names, share, marker="o", markersize=3, label=words.get(label, label), color=_colour(label, words))
    axes.set_ylim(0, max(0.01, 1.15 * float(shares.max(initial=0.0))))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_title("Share of baskets by class")
    _legend_below(figure, axes)
    _sparse(axes, len(names))
    return figure, "Share of baskets by class over the weeks"


def shares_by(rows: Rows, words: Mapping[str, str]) -> Chart:
    """Class shares for each value of a column as stacked bars, from rows (value, label, baskets)."""
    values, labels, shares = _shares(rows, words)
    figure, axes = _axes(height=1.5 + 0.27 * len(values))
    left = np.zeros(len(values))
    names = [str(value) for value in values]
    for label, share in zip(labels, shares, strict=True):
        axes.barh(names, share, left=left, label=words.get(label, label), color=_colour(label, words), height=0.7)
        left += share
    axes.set_xlim(0, 1)
    axes.invert_yaxis()
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.grid(visible=False)
    _legend_below(figure, axes)
    return figure, f"Share of baskets by class for {', '.join(names)}"


def histogram(sample: Mapping[str, Any], name: str) -> Chart:
    """How one basket total is distributed over the sample."""
    title, unit = TOTALS[name]
    figure, axes = _axes()
    values = _numbers(sample[name])
    values = values[~np.isnan(values)]
    if len(values):
        if name in _WHOLE:
            top = max(values.min(), np.quantile(values, 0.99))
            bins, scope = np.arange(values.min(), top + 2) - 0.5, "" if name == "hour" else ", up to P99"
        else:  # money spreads over orders of magnitude
            values = values[values > 0]
            bins, scope = np.geomspace(values.min(), max(values.max(), 1.01 * values.min()), 40), ""
            axes.set_xscale("log")
            _plain_numbers(axes)
        axes.hist(values, bins=bins.tolist(), edgecolor="white", linewidth=0.4)
        axes.axvline(float(np.median(values)), color=PALETTE[1], linewidth=1.6)
        title = f"{title}{scope}: median {np.median(values):,.4g}"
    axes.set_title(title)
    axes.set_xlabel(unit)
    axes.set_ylabel("baskets")
    axes.grid(visible=False, axis="x")
    axes.yaxis.set_major_formatter(FuncFormatter(_thousands))
    return figure, f"Histogram: {title}"


def boxes(sample: Mapping[str, Any], name: str, words: Mapping[str, str]) -> Chart:
    """One basket total by class: median, quartiles, 1st to 99th percentile."""
    title, unit = TOTALS[name]
    figure, axes = _axes()
    values = _numbers(sample[name])
    label_of_row = np.asarray(sample["label"]).astype(str)
    labels = _in_order(set(label_of_row.tolist()), words)
    groups = [values[label_of_row == label] for label in labels]
    drawn = axes.boxplot(
        groups or [[]],
        orientation="horizontal",
        whis=(1, 99),
        showfliers=False,
        patch_artist=True,
        widths=0.55,
        medianprops={"color": INK, "linewidth": 1.4},
        whiskerprops={"color": MUTED},
        capprops={"color": MUTED},
    )
    for box, label in zip(drawn["boxes"], labels, strict=False):
        box.set(facecolor=_colour(label, words), edgecolor="none", alpha=0.75)
    axes.set_yticks(range(1, len(labels) + 1), [words.get(label, label) for label in labels])
    if name != "hour":
        axes.set_xscale("log")
        _plain_numbers(axes)
    axes.invert_yaxis()
    axes.set_title(f"{title} by class")
    axes.set_xlabel(unit)
    axes.grid(visible=False, axis="y")
    return figure, f"Box plots by class: {title.lower()}"


def correlation(sample: Mapping[str, Any]) -> Chart:
    """Spearman's rank correlation of basket totals (ranks, because a few values are wild)."""
    columns = [_ranks(_numbers(sample[name])) for name in _CORRELATED]
    matrix = np.eye(len(columns))
    for row, one in enumerate(columns):
        for column, other in enumerate(columns):
            varies = len(one) > 1 and one.std() > 0 and other.std() > 0
            matrix[row, column] = np.corrcoef(one, other)[0, 1] if varies else np.nan
    figure, axes = _axes(height=4.1)
    image = axes.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1)
    for row in range(len(columns)):
        for column in range(len(columns)):
            value = matrix[row, column]
            text = "–" if np.isnan(value) else f"{value:.2f}"
            axes.text(column, row, text, ha="center", va="center", color="white" if abs(value) > 0.6 else INK)
    names = list(_CORRELATED.values())
    axes.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, shrink=0.8)
    axes.set_title("Rank correlation of basket totals")
    return figure, "Correlation heat map of basket totals"


def hours(rows: Rows) -> Chart:
    """Baskets by weekday and hour, from rows (weekday with Sunday = 1, hour, baskets)."""
    first = min((row[1] for row in rows), default=0)
    last = max((row[1] for row in rows), default=23)
    grid = np.zeros((7, last - first + 1))
    for weekday, hour, baskets in rows:
        if 1 <= weekday <= 7:
            grid[(weekday - 2) % 7, hour - first] += baskets
    figure, axes = _axes(height=2.7)
    image = axes.imshow(grid, cmap="Blues", aspect="auto", vmin=0)
    axes.set_yticks(range(7), _DAYS)
    step = 2 if grid.shape[1] > 12 else 1
    axes.set_xticks(range(0, grid.shape[1], step), [str(hour) for hour in range(first, last + 1, step)])
    axes.set_xlabel("hour")
    axes.grid(visible=False)
    axes.spines[:].set_visible(False)
    figure.colorbar(image, ax=axes, format=FuncFormatter(_thousands))
    axes.set_title("Baskets by day and hour")
    return figure, "Heat map of baskets by day of the week and hour"


def quantities(rows: Rows) -> Chart:
    """Pieces per line, from rows (pieces, lines); the last row stands for itself and more."""
    figure, axes = _axes()
    names = [f"{row[0]}+" if row[0] == 10 else str(row[0]) for row in rows]
    total = sum(row[1] for row in rows) or 1
    bars = axes.bar(names, [row[1] / total for row in rows], width=0.75)
    axes.bar_label(bars, labels=[f"{100 * row[1] / total:.2g}" for row in rows], color=MUTED, fontsize=8)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_title("Pieces per line (% of lines)")
    axes.set_xlabel("pieces")
    axes.grid(visible=False, axis="x")
    return figure, "Share of lines by number of pieces"


def _axes(*, height: float = _SMALL[1]) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_SMALL[0], height))
    return figure, figure.subplots()


def _numbers(values: Any) -> npt.NDArray[np.float64]:
    return np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)


def _ranks(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return ranks from 0; equal values share their mean rank, a missing value takes the median's."""
    known = np.where(np.isnan(values), np.nanmedian(values) if len(values) else 0.0, values)
    _, inverse, counts = np.unique(known, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[inverse]


def _shares(rows: Rows, words: Mapping[str, str]) -> tuple[list[Any], list[str], npt.NDArray[np.float64]]:
    """Return values, labels and an array (labels × values) of each label's share of a value's baskets."""
    values = sorted({row[0] for row in rows}, key=str)
    labels = _in_order({row[1] for row in rows}, words)
    counts = np.zeros((len(labels), len(values)))
    for value, label, baskets in rows:
        counts[labels.index(label), values.index(value)] += baskets
    return values, labels, counts / np.maximum(counts.sum(axis=0), 1)


def _in_order(labels: set[str], words: Mapping[str, str]) -> list[str]:
    known = list(words)
    return sorted(labels, key=lambda label: (known.index(label) if label in known else len(known), label))


def _colour(label: str, words: Mapping[str, str]) -> str:
    known = list(words)
    if label not in known:
        return GRID
    return MUTED if known.index(label) >= len(known) - 2 else PALETTE[known.index(label) % len(PALETTE)]


def _legend_below(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", frameon=False, ncols=2)


def _sparse(axes: Axes, count: int) -> None:
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.grid(visible=False, axis="x")
    if count > 1:
        axes.margins(x=0.02)


def _plain_numbers(axes: Axes) -> None:
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.4g}"))


def _thousands(value: float, _: int) -> str:
    return f"{value:,.0f}"
