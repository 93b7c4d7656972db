"""Small trained bundles for tests."""

from functools import cache
from pathlib import Path
from typing import Any

from ml.training.encoders import fit_encoder_set, search_encoder
from ml.training.split import assign_folds
from ml.training.train import TrainingData, train_candidate
from ml.use_case import ModelName, UseCase
from tests.baskets import draw_baskets, small_use_case


@cache
def small() -> UseCase:
    """Return the use case of these models; it is made once."""
    use_case = small_use_case()
    return use_case.model_copy(update={"split": use_case.split.model_copy(update={"folds": 3})})


@cache
def training_data(baskets: int = 600) -> TrainingData:
    """Return training data of a few hundred drawn baskets; it is made once."""
    use_case = small()
    train = draw_baskets(baskets=baskets, products=50).baskets
    folds = assign_folds(train, folds=use_case.split.folds, seed=use_case.split.seed)
    parameters, tried = search_encoder(train, folds, use_case)
    encoders = fit_encoder_set(train, folds, parameters, classes=3, search=tried)
    return TrainingData.prepare(train, folds, encoders, use_case)


def description() -> dict[str, Any]:
    """Return what the train job says of a bundle."""
    use_case = small()
    return {
        "use_case": use_case.name,
        "classes": [each.model_dump() for each in use_case.label.classes],
        "trained_on": {"weeks": [200701], "baskets": 600},
        "code_version": "0.1.0+abc",
    }


def train_bundle(folder: Path, name: ModelName = "decision_tree", *, baskets: int = 600) -> dict[str, Any]:
    """Train candidate ``name`` into the new ``folder``; return its manifest."""
    folder.mkdir(parents=True)
    return train_candidate(name, training_data(baskets), small(), folder=folder, description=description(), threads=1)
