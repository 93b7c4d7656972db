"""The models that compete, as scikit-learn estimators over the feature vector."""

from collections.abc import Mapping
from typing import Any

from sklearn.base import BaseEstimator
from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from xgboost import XGBClassifier

from ml.errors import SettingsError
from ml.use_case import ModelName

TITLES: dict[ModelName, str] = {
    "majority": "Majority class",
    "logistic_regression": "Logistic regression",
    "decision_tree": "Decision tree",
    "random_forest": "Random forest",
    "xgboost": "XGBoost",
}
BASELINE: ModelName = "majority"


def build(name: ModelName, parameters: Mapping[str, Any], *, seed: int, threads: int) -> BaseEstimator:
    """Return an unfitted estimator.

    Raises:
        SettingsError: the model does not know a parameter, or refuses its value.

    """
    try:
        return _build(name, dict(parameters), seed=seed, threads=threads)
    except TypeError as error:
        raise SettingsError(f"candidates.{name}: {error}") from error


def _build(name: ModelName, parameters: dict[str, Any], *, seed: int, threads: int) -> BaseEstimator:
    if name == "majority":
        if parameters:
            raise TypeError(f"takes no parameters, but got {', '.join(parameters)}")
        # A tree that may not split: it answers with the class shares, so it exports like the others.
        return DecisionTreeClassifier(min_impurity_decrease=1e9, random_state=seed)
    if name == "logistic_regression":
        model = LogisticRegression(max_iter=300, tol=1e-3, **parameters)
        return make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), model)
    if name == "decision_tree":
        return make_pipeline(SimpleImputer(strategy="median"), DecisionTreeClassifier(random_state=seed, **parameters))
    if name == "random_forest":
        forest = RandomForestClassifier(random_state=seed, n_jobs=threads, **parameters)
        return make_pipeline(SimpleImputer(strategy="median"), forest)
    unknown = sorted(set(parameters) - set(XGBClassifier().get_params()))
    if unknown:
        # XGBoost itself only warns, and a misspelt parameter would then be searched in vain.
        raise TypeError(f"XGBClassifier has no parameter {unknown[0]!r}")
    return XGBClassifier(
        objective="multi:softprob", tree_method="hist", random_state=seed, n_jobs=threads, **parameters
    )
