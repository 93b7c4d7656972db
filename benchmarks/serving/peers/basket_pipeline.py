"""The bundle's model as tutorials build it: pandas features in front of XGBoost, one scikit-learn pipeline.

In come lines, a row each, with the columns of their basket repeated, as in the weekly files.
"""

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline
from xgboost import XGBClassifier

PARTS, PIPELINE, PROBABILITIES = "parts.json", "pipeline.joblib", "predict_proba"
CATEGORIES = ["store_format", "store_region", "seg_1", "seg_2", "shop_weekday"]
LEVELS = ["prod_code", "prod_code_10", "prod_code_20", "prod_code_30", "prod_code_40"]


class BasketFeatures(TransformerMixin, BaseEstimator):
    """Lines to the feature columns of their baskets: pandas' own grouped functions once each, arithmetic in NumPy."""

    def __init__(self, parts: dict[str, Any]) -> None:
        self.parts = parts
        self.names_ = parts["names"]
        self.words_ = parts["words"]
        self.states_ = [*self.words_, "neutral"][: len(parts["prior"])]
        self.dummies_ = [name.split("=", 1) for name in self.names_ if "=" in name]
        self.tables_ = {
            level["name"]: pd.DataFrame(level["vectors"], index=level["codes"], columns=self.states_)
            for level in parts["levels"]
            if level["codes"]
        }

    def __sklearn_is_fitted__(self) -> bool:
        """It is made of fitted parts."""
        return True

    def fit(self, lines: pd.DataFrame, labels: Any = None) -> "BasketFeatures":  # noqa: ARG002  scikit-learn's contract
        """Return itself."""
        return self

    def transform(self, lines: pd.DataFrame) -> NDArray[np.float32]:
        """Return a row per basket."""
        vectors = self._vectors(lines)
        likeliest = np.eye(len(self.states_))[vectors.to_numpy().argmax(axis=1)]
        values = pd.concat([vectors.add_prefix("mean_"), pd.DataFrame(likeliest, lines.index, self.states_)], axis=1)
        values["quantity"] = lines["quantity"]
        values["spend"] = (lines["spend"] * 100).round()
        groups = values.groupby(lines["basket_id"], sort=False)
        sums, least, most = groups.sum(), groups.min(), groups.max()
        sizes = groups.size().to_numpy()
        first = lines.drop_duplicates("basket_id")
        different = lines.drop_duplicates(["basket_id", "prod_code"]).groupby("basket_id", sort=False).size()
        found = self._totals(sums, least, most, sizes)
        found |= {"products": different.to_numpy(), "shop_hour": first["shop_hour"].to_numpy()}
        texts = {name: first[name].fillna("(missing)").astype(str).to_numpy() for name in CATEGORIES}
        found |= {f"{name}={value}": texts[name] == value for name, value in self.dummies_}
        for state in self.states_:
            found[f"min_{state}"] = least[f"mean_{state}"].to_numpy()
            found[f"max_{state}"] = most[f"mean_{state}"].to_numpy()
            found[f"count_{state}"] = sums[state].to_numpy()
        found |= self._shares("mean", {state: sums[f"mean_{state}"].to_numpy() / sizes for state in self.states_})
        found |= self._shares("share", {state: sums[state].to_numpy() / sizes for state in self.states_})
        return np.column_stack([found[name] for name in self.names_]).astype(np.float32)

    def _totals(self, sums: pd.DataFrame, least: pd.DataFrame, most: pd.DataFrame, sizes: Any) -> dict[str, Any]:
        limit = self.parts["cutoffs"]
        quantity = np.minimum(sums["quantity"].to_numpy(), limit["quantity"])
        spend = np.minimum(sums["spend"].to_numpy(), limit["spend_pennies"]) / 100
        return {
            "lines": sizes,
            "quantity": quantity,
            "quantity_max": np.minimum(most["quantity"].to_numpy(), limit["quantity_max"]),
            "spend": spend,
            "spend_min": np.minimum(least["spend"].to_numpy(), limit["spend_pennies_min"]) / 100,
            "spend_max": np.minimum(most["spend"].to_numpy(), limit["spend_pennies_max"]) / 100,
            "spend_per_line": spend / sizes,
            "spend_per_unit": spend / quantity,
            "quantity_per_line": quantity / sizes,
        }

    def _shares(self, kind: str, by_state: dict[str, Any]) -> dict[str, Any]:
        """Return shares by state, the same among the lines that tell, and both's differences between classes."""
        tables = {"": by_state}
        if "neutral" in by_state:
            telling = np.maximum(1 - by_state["neutral"], 1e-6)
            tables["_of_telling"] = {word: by_state[word] / telling for word in self.words_}
        found: dict[str, Any] = {}
        for suffix, table in tables.items():
            found |= {f"{kind}_{state}{suffix}": share for state, share in table.items()}
            for a, b in combinations(self.words_, 2):
                found[f"{kind}_{a}_minus_{b}{suffix}"] = table[a] - table[b]
        return found

    def _vectors(self, lines: pd.DataFrame) -> pd.DataFrame:
        """Return each line's product vector: the product's own, its nearest known category's, or the prior."""
        vectors = self.tables_["prod_code"].reindex(lines["prod_code"]).set_axis(lines.index)
        for level in LEVELS[1:]:
            unknown = vectors[self.states_[0]].isna()
            if not unknown.any():
                return vectors
            if level in self.tables_ and level in lines:
                codes = lines.loc[unknown, level]
                vectors.loc[unknown] = self.tables_[level].reindex(codes).to_numpy()
        return vectors.fillna(dict(zip(self.states_, self.parts["prior"], strict=True)))


def load_pipeline(folder: Path) -> Pipeline:
    """Return the pipeline over the parts that the benchmark exported to ``folder``."""
    parts = json.loads((folder / PARTS).read_text(encoding="utf-8"))
    model = XGBClassifier()
    model.load_model(folder / "model.ubj")
    model.set_params(n_jobs=1)
    return Pipeline([("features", BasketFeatures(parts)), ("model", model)])


def lines_of(basket: dict[str, Any]) -> pd.DataFrame:
    """Return one basket's lines with its own columns repeated."""
    lines = pd.DataFrame(basket["lines"])
    return lines.assign(**{name: value for name, value in basket.items() if name != "lines"})


def answer(pipeline: Pipeline, basket: dict[str, Any]) -> dict[str, Any]:
    """Return the class and probabilities of one basket."""
    words = pipeline[0].words_
    shares = pipeline.predict_proba(lines_of(basket))[0].tolist()
    return {"prediction": words[int(np.argmax(shares))], "probabilities": dict(zip(words, shares, strict=True))}
