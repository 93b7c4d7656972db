"""ONNX export behind a parity gate: the exported model answers as the fitted one, or there is no bundle."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnxmltools import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as XgboostFloats
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

from ml.bundle import PARITY_TOLERANCE, Classifier, parity_gap
from ml.errors import ModelError
from ml.features.vector import Matrix

OPSET = {"": 18, "ai.onnx.ml": 3}
REAL_ROWS, MISSING_ROWS, THRESHOLD_ROWS = 2_000, 200, 1_000
MISSING_SHARE = 0.2
# The sample that a bundle carries: enough for a service to notice a damaged model, small enough to ship.
CARRIED_ROWS = 64


def export(estimator: BaseEstimator, width: int) -> bytes:
    """Return the fitted ``estimator`` over ``width`` float32 columns as ONNX."""
    if isinstance(estimator, XGBClassifier):
        model = convert_xgboost(
            estimator, name="model", initial_types=[("features", XgboostFloats([None, width]))], target_opset=15
        )
    else:
        final = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
        model = to_onnx(
            estimator,
            name="model",
            initial_types=[("features", FloatTensorType([None, width]))],
            options={id(final): {"zipmap": False}},
            target_opset=OPSET,
        )
    exported: bytes = model.SerializeToString()
    return exported


def parity_rows(estimator: BaseEstimator, vectors: Matrix, *, seed: int) -> Matrix:
    """Return rows to compare on: real ones, real ones with values missing, and ones on the trees' thresholds."""
    rng = np.random.default_rng(seed)
    real = vectors[np.unique(np.linspace(0, len(vectors) - 1, min(REAL_ROWS, len(vectors))).astype(np.int64))]
    missing = real[:MISSING_ROWS].copy()
    missing[rng.random(missing.shape) < MISSING_SHARE] = np.nan
    thresholds = list(_thresholds(estimator))
    chosen = rng.permutation(len(thresholds))[:THRESHOLD_ROWS]
    on_threshold = real[np.arange(len(chosen)) % len(real)].copy()
    for row, index in enumerate(chosen):
        column, value = thresholds[index]
        on_threshold[row, column] = np.float32(value)
    return np.vstack([real, missing, on_threshold])


def check_parity(estimator: BaseEstimator, model: bytes, rows: Matrix) -> NDArray[np.float64]:
    """Return the exported model's probabilities on ``rows``.

    Raises:
        ModelError: a probability differs by more than 1e-5, or the model does not fit the rows. Labels need
            no check of their own: where they could differ, the two likeliest classes are within 2e-5.

    """
    wanted = np.asarray(estimator.predict_proba(rows), dtype=np.float64)
    given = Classifier(model).probabilities(rows)
    gap = parity_gap(wanted, given)
    if not gap <= PARITY_TOLERANCE:
        raise ModelError(f"the exported model differs from the fitted one by {gap:.2g} (at most {PARITY_TOLERANCE})")
    return given


def _trees(estimator: BaseEstimator) -> Iterator[Any]:
    final = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    if hasattr(final, "estimators_"):
        yield from (member.tree_ for member in final.estimators_)
    elif hasattr(final, "tree_"):
        yield final.tree_


def _thresholds(estimator: BaseEstimator) -> Iterator[tuple[int, float]]:
    if isinstance(estimator, XGBClassifier):
        frame = estimator.get_booster().trees_to_dataframe()
        splits = frame[frame["Feature"] != "Leaf"]
        columns = splits["Feature"].str.removeprefix("f").astype(int)
        yield from zip(columns.tolist(), splits["Split"].tolist(), strict=True)
        return
    for tree in _trees(estimator):
        inner = tree.feature >= 0
        yield from zip(tree.feature[inner].tolist(), tree.threshold[inner].tolist(), strict=True)
