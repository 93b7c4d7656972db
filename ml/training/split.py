"""Who may learn from what: hold-out by time, folds by basket, and no basket on both sides."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ml.errors import DataError, SettingsError
from ml.features.baskets import Baskets


@dataclass(frozen=True)
class WeekSplit:
    """Weeks to learn from and the later weeks held out, each in order."""

    train: tuple[int, ...]
    holdout: tuple[int, ...]


@dataclass(frozen=True)
class Labelled:
    """Labelled baskets and what was set aside to get them, by reason."""

    baskets: Baskets
    dropped: dict[str, int]


def split_weeks(weeks: Sequence[int], holdout_weeks: int) -> WeekSplit:
    """Hold out the last ``holdout_weeks`` of ``weeks``.

    Raises:
        SettingsError: no week would be left to learn from.

    """
    ordered = sorted(weeks)
    if holdout_weeks >= len(ordered):
        raise SettingsError(
            f"holdout_weeks is {holdout_weeks}, but there are {len(ordered)} weeks of data: "
            "give more weeks, or hold out fewer (--holdout-weeks)"
        )
    return WeekSplit(train=tuple(ordered[:-holdout_weeks]), holdout=tuple(ordered[-holdout_weeks:]))


def labelled(baskets: Baskets) -> Labelled:
    """Leave out baskets without a class, and basket ids that occur in more than one week.

    An id seen in two weeks could stand on both sides of the split, so neither basket is used.
    """
    ids, first, counts = np.unique(baskets.ids, return_index=True, return_counts=True)
    repeated = np.isin(baskets.ids, ids[counts > 1]) if len(first) < len(baskets) else np.zeros(len(baskets), bool)
    unlabelled = baskets.labels < 0
    dropped = {"unclassified": int(unlabelled.sum()), "basket in two weeks": int((repeated & ~unlabelled).sum())}
    return Labelled(baskets=baskets.take(~(unlabelled | repeated)), dropped=dropped)


def check_disjoint(train: Baskets, holdout: Baskets) -> None:
    """Stop where a basket or a week stands on both sides of the split.

    Raises:
        DataError: naming a basket or week that does.

    """
    shared = np.intersect1d(train.ids, holdout.ids)
    if len(shared):
        raise DataError(f"basket {shared[0]} is in the training weeks and in the hold-out")
    weeks = np.intersect1d(train.weeks, holdout.weeks)
    if len(weeks):
        raise DataError(f"week {weeks[0]} is in the training weeks and in the hold-out")


def check_learnable(baskets: Baskets, words: Sequence[str], *, folds: int, where: str) -> None:
    """Stop where a class has too few baskets to be learnt.

    Raises:
        DataError: naming the class and the count.

    """
    for index, word in enumerate(words):
        count = int((baskets.labels == index).sum())
        if count < folds:
            raise DataError(
                f"{where} hold {count} baskets of class {word}, fewer than the {folds} folds of the "
                "cross-validation: give more data"
            )


def assign_folds(baskets: Baskets, *, folds: int, seed: int) -> NDArray[np.int64]:
    """Return each basket's fold (n,): equal sizes, drawn once from ``seed``."""
    order = np.random.default_rng(seed).permutation(len(baskets))
    assigned = np.empty(len(baskets), dtype=np.int64)
    assigned[order] = np.arange(len(baskets)) % folds
    return assigned
