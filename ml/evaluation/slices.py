"""Figures per value of a column: where is the model weaker than on the whole?"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from config.document import Frozen
from ml.evaluation.confusion import rates
from ml.evaluation.intervals import Estimate, percentiles, proportion, resample

MISSING = "(missing)"
OTHER = "(other)"
MINIMUM_ROWS = 200
MAXIMUM_VALUES = 30


class SliceScore(Frozen):
    """The rows of one value of a column; ``small`` where they are too few to lean on."""

    value: str
    rows: int
    accuracy: Estimate
    macro_f1: Estimate
    small: bool


def slice_scores(
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    slices: Mapping[str, NDArray[Any]],
    *,
    seed: int,
    replicates: int = 1000,
    minimum_rows: int = MINIMUM_ROWS,
) -> dict[str, list[SliceScore]]:
    """Return, per column, the figures of each of its values, missing values last.

    Macro F1 is over the classes that occur in the slice. Of a column with more than ``MAXIMUM_VALUES``
    values the rarest share the slice ``(other)``. A row whose probabilities hold a NaN is a mistake.

    Args:
        labels: (n,) class indices.
        probabilities: (n, K).
        slices: column → (n,) values of any type; None, NaN, empty text or a mask is missing.
        seed: of the bootstrap.
        replicates: of the bootstrap.
        minimum_rows: a slice with fewer is ``small``.

    """
    classes = probabilities.shape[1]
    finite = np.isfinite(probabilities).all(axis=1)
    predicted = np.where(finite, probabilities.argmax(axis=1), (labels + 1) % classes)
    result: dict[str, list[SliceScore]] = {}
    for column, values in slices.items():
        codes, names = _coded(values)
        cells = (codes * classes + labels) * classes + predicted
        tables = np.bincount(cells, minlength=len(names) * classes**2).reshape(-1, classes, classes)
        result[column] = [
            _scored(name, table.astype(np.int64), seed, replicates, minimum_rows)
            for name, table in zip(names, tables, strict=True)
            if table.sum() > 0
        ]
    return result


def _scored(name: str, table: NDArray[np.int64], seed: int, replicates: int, minimum_rows: int) -> SliceScore:
    rows = int(table.sum())
    drawn = rates(resample(table, replicates=replicates, seed=seed))
    return SliceScore(
        value=name,
        rows=rows,
        accuracy=proportion(successes=int(np.trace(table)), rows=rows),
        macro_f1=percentiles(float(rates(table).macro_f1), drawn.macro_f1),
        small=rows < minimum_rows,
    )


def _coded(values: NDArray[Any]) -> tuple[NDArray[np.int64], list[str]]:
    """Return (n,) codes and the name of each code: values in order, then (other), then (missing)."""
    objects = np.asarray(values, dtype=object)
    if isinstance(values, np.ma.MaskedArray):
        objects = np.ma.getdata(values).astype(object)
        objects[np.ma.getmaskarray(values)] = None
    codes, found = pd.factorize(objects, use_na_sentinel=True)
    counts = np.bincount(codes[codes >= 0], minlength=len(found))
    kept = sorted((index for index in range(len(found)) if found[index] != ""), key=lambda index: -counts[index])
    kept = kept[: MAXIMUM_VALUES if len(kept) <= MAXIMUM_VALUES else MAXIMUM_VALUES - 1]
    numeric = all(isinstance(found[index], int | float | np.number) for index in kept)
    kept.sort(key=lambda index: (found[index] if numeric else 0, str(found[index])))
    new_code = np.full(len(found) + 1, len(kept), dtype=np.int64)  # by default (other)
    new_code[kept] = np.arange(len(kept))
    new_code[[index for index in range(len(found)) if found[index] == ""] + [len(found)]] = len(kept) + 1
    return new_code[codes], [*(str(found[index]) for index in kept), OTHER, MISSING]
