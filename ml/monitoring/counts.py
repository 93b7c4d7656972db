"""All that a decision needs of the predictions of a week: counts, however many predictions there were."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Self

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class WeekCounts:
    """One version's predictions of one week, or of several that were added up.

    weeks: where they are from, rising. predictions: distinct ones, of them ``unclassified`` have a basket without
    a class, ``contradictory`` one with two labels. lines: product lines, ``unseen_lines`` of products that the model
    does not know. confusion: (K, K) of the labelled ones, rows true classes. predicted: (K,) of all. histograms:
    for each feature of the reference a count per bin; empty without a reference.
    """

    weeks: tuple[int, ...]
    predictions: int
    unclassified: int
    contradictory: int
    lines: int
    unseen_lines: int
    confusion: Counts
    predicted: Counts
    histograms: tuple[Counts, ...]

    @property
    def labelled(self) -> int:
        """How many predictions have a label to be judged by."""
        return int(self.confusion.sum())

    @property
    def known(self) -> int:
        """How many predictions are of a basket whose class, or lack of one, has arrived."""
        return self.labelled + self.unclassified + self.contradictory

    def __add__(self, other: Self) -> Self:
        """Return both together; they are of the same version."""
        return type(self)(
            weeks=tuple(sorted({*self.weeks, *other.weeks})),
            predictions=self.predictions + other.predictions,
            unclassified=self.unclassified + other.unclassified,
            contradictory=self.contradictory + other.contradictory,
            lines=self.lines + other.lines,
            unseen_lines=self.unseen_lines + other.unseen_lines,
            confusion=self.confusion + other.confusion,
            predicted=self.predicted + other.predicted,
            histograms=tuple(ours + theirs for ours, theirs in zip(self.histograms, other.histograms, strict=True)),
        )


@dataclass(frozen=True)
class VersionCounts:
    """A version's weeks, rising, each at least one prediction; ``last_seen`` is its newest prediction's time."""

    version: str
    last_seen: str
    weeks: tuple[WeekCounts, ...]


def newest(weeks: Sequence[WeekCounts], *, minimum: int, most_weeks: int, labelled: bool) -> WeekCounts | None:
    """Return the newest of ``weeks`` together, as few as hold ``minimum`` baskets and at most ``most_weeks``.

    What counts are the labelled baskets or all predictions. None where there are no weeks; the sum may hold fewer.
    """
    taken: list[WeekCounts] = []
    held = 0
    for week in reversed(weeks[-most_weeks:]):
        taken.append(week)
        held += week.labelled if labelled else week.predictions
        if held >= minimum:
            break
    return reduce(WeekCounts.__add__, taken) if taken else None
