"""The charts of an evaluation: each takes parts of ``evaluation.json`` and returns a figure and its alt text.

A figure is half a page wide (``WIDTH`` inches) so that its text stays readable on a narrow screen.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator
from numpy.typing import NDArray

from ml.evaluation.calibration import TOP_CLASS
from ml.reports.figures import INK, MUTED, PALETTE

Part = Mapping[str, Any]

WIDTH = 4.2
SMALL_WIDTH = 2.5
IMPORTANT_FEATURES = 15
LONGEST_LABEL = 26
BLUES = LinearSegmentedColormap.from_list("blues", ["#f3f6f8", "#9cc3d1", "#1f6f8b", "#12465a"])


class Chart(NamedTuple):
    """A figure and what it shows, in words, for those who cannot see it."""

    figure: Figure
    alt: str


def comparison(candidates: Sequence[Part], *, metric: str, title: str, winner: str) -> Chart:
    """Dots with intervals per candidate: with the product encoding, without it, and each fold."""
    figure, axes = _canvas(0.95 + 0.42 * len(candidates))
    for place, each in enumerate(candidates):
        folds = [fold[metric] for fold in each["cross_validation"]["folds"]]
        axes.plot(folds, [place + 0.22] * len(folds), "|", color=MUTED, markersize=6, alpha=0.8)
        plain = each["without_encoding"]
        if plain:
            _dot(axes, plain["holdout"][metric], place, PALETTE[1], hollow=True)
        estimate = each["holdout"][metric]
        _dot(axes, estimate, place, PALETTE[0])
        side = -1 if estimate["value"] > 0.75 else 1
        axes.annotate(
            f"{estimate['value']:.4f}",
            (estimate["value"], place),
            (side * 9, 0),
            textcoords="offset points",
            va="center",
            ha="right" if side < 0 else "left",
            fontweight="bold" if each["name"] == winner else "normal",
            fontsize=8.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.8},
        )
    axes.set_yticks(range(len(candidates)), [_label(each["title"]) for each in candidates], color=INK)
    axes.set_ylim(len(candidates) - 0.5, -0.5)
    axes.set_xlim(0, 1.02)
    axes.set_xlabel(f"{title} on the hold-out, 95 % interval")
    handles = [
        axes.plot([], [], "o", color=PALETTE[0], label="with encoding")[0],
        axes.plot([], [], "|", color=MUTED, label="folds")[0],
    ]
    if any(each["without_encoding"] for each in candidates):
        handles.insert(1, axes.plot([], [], "o", mfc="white", color=PALETTE[1], label="without")[0])
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=8.5)
    said = "; ".join(f"{each['title']} {each['holdout'][metric]['value']:.4f}" for each in candidates)
    return Chart(figure, f"{title} of each candidate on the hold-out with its 95 % interval: {said}.")


def confusion(scores: Part, *, shares: bool, title: str, width: float = WIDTH, axis_names: bool = True) -> Chart:
    """A confusion matrix as counts, or as shares of each true class."""
    counts = np.array(scores["confusion"], dtype=np.int64)
    names = [_label(name) for name in scores["classes"]]
    rows = counts.sum(axis=1, keepdims=True)
    share = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0)
    figure = Figure(figsize=(width, 0.82 * width))
    axes = figure.subplots()
    axes.imshow(share, cmap=BLUES, vmin=0, vmax=1, aspect="auto")
    size = 11 if width == WIDTH else 9
    for (i, j), cell in np.ndenumerate(share):
        text = _share(cell) if shares else f"{counts[i, j]:,}"
        axes.text(j, i, text, ha="center", va="center", fontsize=size, color="white" if cell > 0.5 else INK)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    if axis_names:
        axes.set_xlabel("predicted")
        axes.set_ylabel("true")
    axes.set_title(_label(title))
    said = "; ".join(f"of true {name} {_share(share[i, i])} are right" for i, name in enumerate(names))
    return Chart(figure, f"Confusion matrix, {title}: {said}.")


def classes(scores: Part) -> Chart:
    """Precision, recall and F1 of each class with their intervals."""
    names = [_label(each["name"]) for each in scores["per_class"]]
    figure, axes = _canvas(1.0 + 0.5 * len(names))
    for number, metric in enumerate(("precision", "recall", "f1")):
        for place, each in enumerate(scores["per_class"]):
            _dot(axes, each[metric], place + 0.2 * (number - 1), PALETTE[number])
    axes.set_yticks(range(len(names)), names, color=INK)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel("95 % interval")
    handles = [
        axes.plot([], [], "o", color=PALETTE[number], label=label)[0]
        for number, label in enumerate(("precision", "recall", "F1"))
    ]
    figure.legend(handles=handles, loc="outside upper center", ncols=3, fontsize=8.5)
    said = "; ".join(
        f"{each['name']} precision {each['precision']['value']:.4f}, recall {each['recall']['value']:.4f}"
        for each in scores["per_class"]
    )
    return Chart(figure, f"Precision, recall and F1 by class: {said}.")


def calibration(bins: Sequence[Part]) -> Chart:
    """One panel per curve: the probability that was said against the share that came true."""
    curves = list(dict.fromkeys(each["curve"] for each in bins))
    lines = -(-len(curves) // 2)
    figure = Figure(figsize=(WIDTH, 0.5 + 2.0 * lines))
    panels = np.atleast_1d(figure.subplots(lines, 2, sharex=True, sharey=True)).ravel()
    for panel, curve in zip(panels, curves, strict=False):
        own = [each for each in bins if each["curve"] == curve]
        said = np.array([each["mean_probability"] for each in own])
        came = np.array([each["share"]["value"] for each in own])
        panel.plot([0, 1], [0, 1], color=MUTED, linewidth=0.8, linestyle="--")
        panel.errorbar(said, came, yerr=_ends([each["share"] for each in own]), fmt="none", ecolor=MUTED, elinewidth=1)
        sizes = 8 + 42 * np.sqrt([each["rows"] / max(e["rows"] for e in own) for each in own])
        panel.scatter(said, came, s=sizes, color=PALETTE[0], zorder=3)
        panel.set_title(curve if curve == TOP_CLASS else f"class {curve}")
        panel.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03))
    for panel in panels[len(curves) :]:
        panel.set_visible(False)
    figure.supxlabel("probability said", fontsize=9)
    figure.supylabel("share that came true", fontsize=9)
    return Chart(figure, "Calibration: the probability said against the share that came true, one panel per class.")


def importance(features: Sequence[Part]) -> Chart:
    """Bars of the largest drops in macro F1."""
    shown = list(features)[:IMPORTANT_FEATURES]
    figure, axes = _canvas(0.8 + 0.25 * len(shown))
    places = range(len(shown))
    axes.barh(
        places,
        [each["drop"] for each in shown],
        xerr=[each["std"] for each in shown],
        color=PALETTE[0],
        error_kw={"ecolor": INK, "elinewidth": 1},
        height=0.65,
    )
    axes.set_yticks(places, [_label(each["feature"]) for each in shown], color=INK)
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("loss in macro F1 (± 1 s.d.)")
    said = "; ".join(f"{each['feature']} {each['drop']:.4f}" for each in shown[:5])
    return Chart(figure, f"Loss in macro F1 when a feature group is shuffled, largest first: {said}.")


def slice_range(slices: Mapping[str, Sequence[Part]], whole: Part) -> tuple[float, float]:
    """Return the range of macro F1 that all slices large enough and all rows together span."""
    estimates = [each["macro_f1"] for values in slices.values() for each in values if not each["small"]]
    low = min(each["low"] for each in (*estimates, whole))
    high = max(each["high"] for each in (*estimates, whole))
    margin = max(0.04 * (high - low), 1e-4)
    return low - margin, min(1.0, high) + margin


def slices(column: str, values: Sequence[Part], *, whole: Part, between: tuple[float, float]) -> Chart:
    """Macro F1 of each value of a column with its interval, on an axis that all columns share.

    The line is all rows, hollow dots are few rows; an arrow at the edge is a small slice outside the axis.
    """
    figure, axes = _canvas(0.8 + 0.25 * len(values))
    axes.axvspan(whole["low"], whole["high"], color=PALETTE[0], alpha=0.15, linewidth=0)
    axes.axvline(whole["value"], color=PALETTE[0], linewidth=1, linestyle="--")
    for place, each in enumerate(values):
        if each["macro_f1"]["value"] < between[0]:
            axes.plot(between[0], place, "<", color=PALETTE[0], mfc="white", clip_on=False)
        else:
            _dot(axes, each["macro_f1"], place, PALETTE[0], hollow=each["small"])
    labels = [f"{_label(each['value'])}  ({_count(each['rows'])})" for each in values]
    axes.set_yticks(range(len(values)), labels, color=INK)
    axes.set_ylim(len(values) - 0.5, -0.5)
    axes.set_xlim(between)
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.set_title(column)
    axes.set_xlabel("macro F1, 95 % interval")
    worst = min(values, key=lambda each: float(each["macro_f1"]["value"]))
    return Chart(
        figure,
        f"Macro F1 by {column}, {len(values)} values; the lowest is {worst['value']} "
        f"with {worst['macro_f1']['value']:.4f}.",
    )


def learning_curve(points: Sequence[Part]) -> Chart:
    """Hold-out macro F1 and accuracy, and training accuracy where known, by training baskets."""
    figure, axes = _canvas(3.1)
    baskets = [each["baskets"] for each in points]
    for number, (key, label) in enumerate(
        (("macro_f1", "macro F1"), ("accuracy", "accuracy"), ("train_accuracy", "accuracy in training"))
    ):
        drawn = [(each["baskets"], each[key]) for each in points if each.get(key) is not None]
        if drawn:
            (line,) = axes.plot(*zip(*drawn, strict=True), marker="o", markersize=4, label=label)
            line.set(color=MUTED if number == 2 else PALETTE[number], linestyle="--" if number == 2 else "-")
    axes.set_xscale("log")
    axes.xaxis.set_major_locator(FixedLocator(baskets))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _count(value)))
    axes.set_xlabel("training baskets (log scale)")
    figure.legend(loc="outside upper center", ncols=3, fontsize=8.5)
    first, last = points[0], points[-1]
    return Chart(
        figure,
        f"Learning curve: macro F1 from {first['macro_f1']:.4f} with {first['baskets']:,} training baskets "
        f"to {last['macro_f1']:.4f} with {last['baskets']:,}.",
    )


def business(impact: Part) -> Chart:
    """Bars of each amount per year with its interval."""
    figures = impact["figures"]
    figure, axes = _canvas(1.0 + 0.45 * len(figures))
    values = [each["per_year"]["value"] for each in figures]
    axes.barh(
        range(len(figures)),
        values,
        xerr=_ends([each["per_year"] for each in figures]),
        color=[PALETTE[0]] * (len(figures) - 1) + [PALETTE[2]],
        error_kw={"ecolor": INK, "elinewidth": 1},
        height=0.6,
    )
    axes.set_yticks(range(len(figures)), [_two_lines(each["title"]) for each in figures], color=INK)
    axes.set_ylim(len(figures) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _count(value)))
    axes.set_xlabel(f"{impact['currency']} per year, 95 % interval")
    said = "; ".join(f"{each['title']} {value:,.0f}" for each, value in zip(figures, values, strict=True))
    return Chart(figure, f"Business impact in {impact['currency']} per year: {said}.")


def _canvas(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height))
    return figure, figure.subplots()


def _dot(axes: Axes, estimate: Part, place: float, color: str, *, hollow: bool = False) -> None:
    axes.plot([estimate["low"], estimate["high"]], [place, place], color=color, linewidth=1.6, alpha=0.7)
    axes.plot(estimate["value"], place, "o", color=color, mfc="white" if hollow else color, markersize=5.5)


def _ends(estimates: Sequence[Part]) -> NDArray[np.float64]:
    """Return the distances (2, n) from each value down and up to the ends of its interval."""
    found = [(each["value"] - each["low"], each["high"] - each["value"]) for each in estimates]
    return np.array(found, dtype=np.float64).T.clip(min=0)


def _share(value: float) -> str:
    digits = 1 if value in (0.0, 1.0) or 0.0005 <= value < 0.9995 else 2
    return f"{100 * value:.{digits}f} %"


def _count(value: float) -> str:
    """Return 950 as 950, 12,300 as 12.3k and 4,500,000 as 4.5M."""
    for size, letter in ((1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.0f}"


def _label(text: str) -> str:
    return text if len(text) <= LONGEST_LABEL else f"{text[: LONGEST_LABEL - 1]}…"


def _two_lines(text: str) -> str:
    words = text.split()
    middle = -(-len(words) // 2)
    return " ".join(words[:middle]) + "\n" + " ".join(words[middle:])
