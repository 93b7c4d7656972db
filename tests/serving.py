"""Models for tests of the service."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ml.features.baskets import Baskets
from ml.training.encoders import fit_encoder_set
from ml.training.product_vectors import EncoderParameters
from ml.training.split import assign_folds
from ml.training.train import TrainingData, train_candidate
from ml.use_case import UseCase


def train_on(baskets: Baskets, use_case: UseCase, folder: Path, description: Mapping[str, Any]) -> None:
    """Train a shallow tree on the labelled ones of ``baskets`` into the new ``folder``."""
    labelled = baskets.take(baskets.labels >= 0)
    small = use_case.model_copy(update={"split": use_case.split.model_copy(update={"folds": 3})})
    folds = assign_folds(labelled, folds=3, seed=small.split.seed)
    parameters = EncoderParameters(basket_weight_power=2.0, smoothing=0.3, rounds=2, neutral_state=True)
    encoders = fit_encoder_set(labelled, folds, parameters, classes=3, search=[], label="")
    data = TrainingData.prepare(labelled, folds, encoders, small)
    chosen = small.with_changes(models=["decision_tree"], parameters={"decision_tree": {"max_depth": 6}})
    folder.mkdir(parents=True)
    train_candidate("decision_tree", data, chosen, folder=folder, description=description, threads=1)
