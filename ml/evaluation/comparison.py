"""Two models on the same rows: is the difference more than the luck of the sample?"""

import numpy as np
from numpy.typing import NDArray

from config.document import Frozen
from ml.errors import DataError
from ml.evaluation.confusion import rates
from ml.evaluation.intervals import Estimate, percentiles, resample


class Comparison(Frozen):
    """Model a against model b on the same rows; differences are a − b, so above 0 means a is better.

    ``only_a_right`` and ``only_b_right`` count the rows that one got right and the other wrong.
    ``better_share`` is the share of bootstrap samples in which a's macro F1 is above b's, ties half.
    """

    rows: int
    a_accuracy: float
    b_accuracy: float
    a_macro_f1: float
    b_macro_f1: float
    accuracy_difference: Estimate
    macro_f1_difference: Estimate
    only_a_right: int
    only_b_right: int
    better_share: float


def compare(
    labels: NDArray[np.int64],
    predicted_a: NDArray[np.int64],
    predicted_b: NDArray[np.int64],
    seed: int,
    replicates: int = 1000,
) -> Comparison:
    """Return the paired comparison of two predictions of the same rows.

    The bootstrap is over rows: the joint table of (true class, a's, b's), K³ cells, is resampled (see
    ``intervals.resample``), so both models always meet the same rows.

    Args:
        labels: (n,) class indices.
        predicted_a: (n,) class indices.
        predicted_b: (n,) class indices.
        seed: of the bootstrap.
        replicates: of the bootstrap.

    Raises:
        DataError: there is not one row.
        ValueError: the three differ in length.

    """
    if not len(labels) == len(predicted_a) == len(predicted_b):
        raise ValueError("a paired comparison needs both predictions for every row")
    if len(labels) == 0:
        raise DataError("there is no labelled basket to compare two models on")
    count = 1 + int(max(labels.max(), predicted_a.max(), predicted_b.max()))
    cells = (labels * count + predicted_a) * count + predicted_b
    joint = np.bincount(cells, minlength=count**3).reshape(count, count, count).astype(np.int64)
    drawn = resample(joint, replicates=replicates, seed=seed)
    a, b = rates(joint.sum(axis=2)), rates(joint.sum(axis=1))
    drawn_a, drawn_b = rates(drawn.sum(axis=3)), rates(drawn.sum(axis=2))
    difference = drawn_a.macro_f1 - drawn_b.macro_f1
    a_right, b_right = predicted_a == labels, predicted_b == labels
    return Comparison(
        rows=len(labels),
        a_accuracy=float(a.accuracy),
        b_accuracy=float(b.accuracy),
        a_macro_f1=float(a.macro_f1),
        b_macro_f1=float(b.macro_f1),
        accuracy_difference=percentiles(float(a.accuracy - b.accuracy), drawn_a.accuracy - drawn_b.accuracy),
        macro_f1_difference=percentiles(float(a.macro_f1 - b.macro_f1), difference),
        only_a_right=int((a_right & ~b_right).sum()),
        only_b_right=int((b_right & ~a_right).sum()),
        better_share=float((difference > 0).mean() + 0.5 * (difference == 0).mean()),
    )
