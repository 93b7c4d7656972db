"""The encode job: choose the product encoder's settings and fit it for every fold of the training weeks."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ml.features.baskets import Baskets
from ml.features.gold_reader import gold_weeks, load_gold
from ml.files import new_folder, write_json
from ml.progress import say
from ml.training.encoders import EncoderSet, Folds, fit_encoder_set, search_encoder
from ml.training.split import (
    Labelled,
    WeekSplit,
    assign_folds,
    check_disjoint,
    check_learnable,
    labelled,
    split_weeks,
)
from ml.use_case import UseCase


def load_training(gold: Path, use_case: UseCase) -> tuple[WeekSplit, Labelled, Folds]:
    """Return the split, the training weeks' labelled baskets and their folds: the same in every job."""
    split = split_weeks(gold_weeks(gold), use_case.split.holdout_weeks)
    train = labelled(load_gold(gold, use_case, weeks=split.train))
    words, folds = use_case.label.words, use_case.split.folds
    check_learnable(train.baskets, words, folds=folds, where=f"the training weeks ({_span(split.train)})")
    return split, train, assign_folds(train.baskets, folds=folds, seed=use_case.split.seed)


def load_holdout(gold: Path, use_case: UseCase, split: WeekSplit) -> Labelled:
    """Return the held-out weeks' labelled baskets."""
    holdout = labelled(load_gold(gold, use_case, weeks=split.holdout))
    check_learnable(
        holdout.baskets, use_case.label.words, folds=1, where=f"the held-out weeks ({_span(split.holdout)})"
    )
    return holdout


def encode(*, gold: Path, output: Path, use_case: UseCase, threads: int) -> EncoderSet:
    """Fit the encoder set on gold's training weeks and write it to ``output``.

    Raises:
        DataError: a basket stands on both sides of the split, or a class has too few baskets.

    """
    split, train, folds = load_training(gold, use_case)
    check_disjoint(train.baskets, _identities(gold, use_case, split.holdout))
    say(
        f"  {len(train.baskets):,} labelled baskets in {len(split.train)} training weeks "
        f"({_span(split.train)}); {len(split.holdout)} held out ({_span(split.holdout)})"
    )
    parameters, tried = search_encoder(train.baskets, folds, use_case, threads=threads)
    classes = len(use_case.label.classes)
    encoders = fit_encoder_set(train.baskets, folds, parameters, classes=classes, search=tried, threads=threads)
    with new_folder(output) as temporary:
        encoders.save(temporary)
        write_json(
            temporary / "training.json",
            {
                "weeks": list(split.train),
                "baskets": len(train.baskets),
                "dropped": train.dropped,
                "products": len(np.unique(train.baskets.line_products)),
            },
        )
    return encoders


def _identities(gold: Path, use_case: UseCase, weeks: Sequence[int]) -> Baskets:
    return load_gold(gold, use_case, weeks=weeks)


def _span(weeks: Sequence[int]) -> str:
    return str(weeks[0]) if len(weeks) == 1 else f"{weeks[0]} to {weeks[-1]}"
