"""A loaded model that answers baskets; swapped as a whole, so a request sees one version only."""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

from msgspec import convert

from ml.bundle import Bundle
from ml.serving.contract import Basket, Prediction, Reason
from ml.serving.examples import EXAMPLE
from ml.serving.online import OnlineFeatures


class Predictor:
    """One model version with its features and labels."""

    def __init__(self, bundle: Bundle) -> None:
        self.name = str(bundle.manifest["use_case"])
        self.version = bundle.version
        self.words = bundle.words
        self.codes = tuple(each["code"] for each in bundle.manifest["classes"])
        self.features = bundle.features
        self._online = OnlineFeatures(bundle.features)
        self._classifier = bundle.classifier

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Load a bundle: checksums and parity sample verified, and one prediction made to warm up.

        Raises:
            ModelError: the bundle is damaged or does not fit.

        """
        predictor = cls(Bundle.load(folder))
        predictor.predict([convert(EXAMPLE, Basket)])
        return predictor

    def predict(self, baskets: Sequence[Basket], *, explain: bool = False) -> list[Prediction]:
        """Return a prediction for each basket, in order.

        Raises:
            NotAnAmountError: a spend has more than two decimals.

        """
        vectors = self._online.vectors(baskets)
        probabilities = self._classifier.probabilities(vectors.matrix)
        likeliest = probabilities.argmax(axis=1).tolist()
        return [
            Prediction(
                prediction=self.words[best],
                code=self.codes[best],
                probabilities=dict(zip(self.words, shares, strict=True)),
                model_version=self.version,
                basket_id=basket.basket_id,
                unknown_products=products,
                unknown_categories=categories,
                reasons=self._reasons(basket) if explain else None,
            )
            for basket, best, shares, products, categories in zip(
                baskets,
                likeliest,
                probabilities.tolist(),
                vectors.unknown_products,
                vectors.unknown_categories,
                strict=True,
            )
        ]

    def _reasons(self, basket: Basket) -> list[Reason]:
        """Return the basket's products, those that say most about its class first."""
        found = []
        for line in {line.prod_code: line for line in basket.lines}.values():
            shares, known = self._online.says(line)
            found.append(
                Reason(prod_code=line.prod_code, known=known, says=dict(zip(self.words, shares.tolist(), strict=True)))
            )
        return sorted(found, key=lambda reason: max(reason.says.values()), reverse=True)
