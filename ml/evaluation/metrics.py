"""How good predictions are: every figure with its 95 % interval, all from one pass over the rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from config.document import Frozen
from ml.errors import DataError
from ml.evaluation.calibration import CalibrationBin, calibration_curve, calibration_error
from ml.evaluation.comparison import Comparison, compare
from ml.evaluation.confusion import confusion_matrix, rates
from ml.evaluation.intervals import Estimate, mean_of, percentiles, proportion, resample
from ml.evaluation.slices import SliceScore, slice_scores

__all__ = [
    "CalibrationBin",
    "ClassScore",
    "Comparison",
    "Estimate",
    "Scores",
    "SliceScore",
    "calibration_curve",
    "compare",
    "score",
    "slice_scores",
]

# Probabilities come from single-precision models: their sum may be off 1 by rounding, not by more.
SUM_TOLERANCE = 1e-3


class ClassScore(Frozen):
    """One class: rows that are of it (support), rows predicted as it, and its rates."""

    name: str
    support: int
    predicted: int
    precision: Estimate
    recall: Estimate
    f1: Estimate


class Scores(Frozen):
    """The figures of one model on one set of rows; ``model_dump(mode="json")`` is its JSON form.

    ``unusable_rows`` counts rows whose probabilities are not a distribution (NaN, negative, sum not 1).
    ``confusion`` has rows by true class and columns by predicted class, in the order of ``classes``.
    """

    rows: int
    classes: tuple[str, ...]
    unusable_rows: int
    accuracy: Estimate
    macro_precision: Estimate
    macro_recall: Estimate
    macro_f1: Estimate
    log_loss: Estimate
    brier: Estimate
    calibration_error: Estimate
    class_precision_minimum: Estimate
    weakest_class: str
    per_class: tuple[ClassScore, ...]
    confusion: tuple[tuple[int, ...], ...]


def score(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    *,
    classes: Sequence[str],
    seed: int,
    replicates: int = 1000,
) -> Scores:
    """Return the figures of ``probabilities`` against ``labels``.

    Accuracy has a Wilson interval, log loss and Brier score a normal one (they are means over rows), what
    follows from the confusion matrix a bootstrap one (see ``intervals.resample``). Log loss is in nats,
    with probabilities held at least one rounding step above 0; the Brier score is the sum over classes of
    squared errors, in [0, 2] (G. W. Brier, "Verification of forecasts expressed in terms of probability",
    Mon. Weather Rev. 78, 1950). A row whose probabilities are not a distribution counts as a mistake (as
    the next class) and as maximally unsure.

    Args:
        labels: (n,) class indices in [0, K).
        probabilities: (n, K), columns in the order of ``classes``.
        classes: K names.
        seed: of the bootstrap.
        replicates: of the bootstrap.

    Raises:
        DataError: there is not one row.
        ValueError: shapes or class indices do not fit ``classes``.

    """
    _check(labels, probabilities, classes)
    usable = _distributions(probabilities)
    kept = np.where(usable[:, None], probabilities, 1.0 / len(classes))
    predicted = np.where(usable, kept.argmax(axis=1), (labels + 1) % len(classes))
    matrix = confusion_matrix(labels, predicted, classes=len(classes))
    found = rates(matrix)
    drawn = rates(resample(matrix, replicates=replicates, seed=seed))
    of_truth = kept[np.arange(len(labels)), labels]
    truth = np.eye(len(classes))[labels]
    occurring = np.where(matrix.sum(axis=0) + matrix.sum(axis=1) > 0, found.precision, np.inf)
    return Scores(
        rows=len(labels),
        classes=tuple(classes),
        unusable_rows=int((~usable).sum()),
        accuracy=proportion(successes=int(np.trace(matrix)), rows=len(labels)),
        macro_precision=percentiles(float(found.macro_precision), drawn.macro_precision),
        macro_recall=percentiles(float(found.macro_recall), drawn.macro_recall),
        macro_f1=percentiles(float(found.macro_f1), drawn.macro_f1),
        log_loss=mean_of(-np.log(np.clip(of_truth, np.finfo(np.float64).eps, 1.0))),
        brier=mean_of(((kept - truth) ** 2).sum(axis=1)),
        calibration_error=calibration_error(kept.max(axis=1), predicted == labels, seed=seed, replicates=replicates),
        class_precision_minimum=percentiles(float(found.precision_minimum), drawn.precision_minimum),
        weakest_class=classes[int(occurring.argmin())],
        per_class=tuple(
            ClassScore(
                name=name,
                support=int(matrix[index].sum()),
                predicted=int(matrix[:, index].sum()),
                precision=percentiles(found.precision[index], drawn.precision[:, index]),
                recall=percentiles(found.recall[index], drawn.recall[:, index]),
                f1=percentiles(found.f1[index], drawn.f1[:, index]),
            )
            for index, name in enumerate(classes)
        ),
        confusion=tuple(tuple(int(cell) for cell in row) for row in matrix),
    )


def _check(labels: NDArray[np.int64], probabilities: NDArray[np.float64], classes: Sequence[str]) -> None:
    if len(labels) == 0:
        raise DataError("there is no labelled basket to score on: hold out more weeks or give more files")
    if probabilities.shape != (len(labels), len(classes)):
        raise ValueError(f"probabilities are {probabilities.shape}, not {(len(labels), len(classes))}")
    if labels.min() < 0 or labels.max() >= len(classes):
        raise ValueError(f"a label lies outside 0 … {len(classes) - 1}")


def _distributions(probabilities: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return (n,): whether the row is finite, nowhere negative and sums to 1."""
    finite = np.isfinite(probabilities)
    filled = np.where(finite, probabilities, -1.0)
    sums = np.abs(filled.sum(axis=1) - 1.0) <= SUM_TOLERANCE
    return np.asarray((filled >= 0.0).all(axis=1) & sums, dtype=np.bool_)
