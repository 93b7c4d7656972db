"""Fit the products' vectors on labelled baskets.

A weighted target encoding is the start. A basket's label speaks of all its lines at once, so it says little
about any one product of a large basket; the start therefore weights a line by a power of 1 / lines. Rounds
of expectation-maximisation then share each label out among the basket's lines: given the products' vectors,
a multinomial logistic regression on the basket mean predicts the label; a line's posterior over the states
follows from Bayes' rule with the line set to each state in turn; the posteriors, summed by product, are the
next vectors (Dempster, Laird and Rubin 1977, with latent states of lines as in multiple-instance learning).
One state beside the classes may be neutral: products that say nothing.

Vectors of rare products are drawn to their category's, and those to the category above (empirical Bayes).
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ml.features.baskets import Baskets
from ml.features.encoder import ProductEncoder, Vectors

# The label model of a round has one weight per state and class: more baskets would not move it.
LABEL_MODEL_BASKETS = 30_000
CHUNK_LINES = 200_000


@dataclass(frozen=True)
class EncoderParameters:
    """Hyper-parameters: power of 1 / lines in the start, pseudo-lines of the prior, rounds, neutral state."""

    basket_weight_power: float
    smoothing: float
    rounds: int
    neutral_state: bool


def fit_encoder(baskets: Baskets, parameters: EncoderParameters, *, classes: int) -> ProductEncoder:
    """Fit on labelled ``baskets``; a basket with label -1 raises ValueError, it must not get here."""
    if (baskets.labels < 0).any():
        raise ValueError("the encoder is fitted on labelled baskets only")
    tree = _Hierarchy.of(baskets.catalogue, seen=np.unique(baskets.line_products))
    counts = _label_counts(baskets, parameters.basket_weight_power, classes, len(tree))
    vectors = tree.smooth(counts, parameters.smoothing)
    if parameters.rounds:
        lines = _Lines.of(baskets)
        if parameters.neutral_state:
            vectors = _with_neutral_state(vectors)
        label_model = LogisticRegression(C=1e4, solver="newton-cholesky", warm_start=True)
        for _ in range(parameters.rounds):
            counts = _shared_out(lines, vectors, label_model)
            vectors = tree.smooth(counts, parameters.smoothing)
    codes, tables, prior = tree.tables(counts, parameters.smoothing)
    return ProductEncoder(levels=tuple(baskets.catalogue), codes=codes, vectors=tables, prior=prior, classes=classes)


@dataclass(frozen=True)
class _Hierarchy:
    """Where each product stands at each level; only products seen in fitting count."""

    levels: tuple[str, ...]
    codes: dict[str, NDArray[np.str_]]
    members: dict[str, NDArray[np.int64]]
    seen: NDArray[np.int64]
    size: int

    def __len__(self) -> int:
        return self.size

    @classmethod
    def of(cls, catalogue: dict[str, NDArray[np.str_]], *, seen: NDArray[np.int64]) -> Self:
        codes, members = {}, {}
        for level, values in catalogue.items():
            codes[level], inverse = np.unique(values[seen], return_inverse=True)
            members[level] = inverse.astype(np.int64)
        size = len(next(iter(catalogue.values())))
        return cls(levels=tuple(catalogue), codes=codes, members=members, seen=seen, size=size)

    def smooth(self, counts: Vectors, smoothing: float) -> Vectors:
        """Return (p, states) vectors from (p, states) counts, each drawn to its category's."""
        _, tables, prior = self.tables(counts, smoothing)
        vectors = np.tile(prior, (self.size, 1))
        vectors[self.seen] = tables[self.levels[0]][self.members[self.levels[0]]]
        return vectors

    def tables(
        self, counts: Vectors, smoothing: float
    ) -> tuple[dict[str, NDArray[np.str_]], dict[str, Vectors], Vectors]:
        """Return codes and vectors by level, and the prior, from the top of the hierarchy down."""
        seen = counts[self.seen]
        prior = seen.sum(axis=0) / seen.sum()
        above = np.tile(prior, (len(self.seen), 1))
        tables: dict[str, Vectors] = {}
        for level in reversed(self.levels):
            member, size = self.members[level], len(self.codes[level])
            total = np.stack([np.bincount(member, weights=column, minlength=size) for column in seen.T], axis=1)
            parent = np.empty_like(total)
            parent[member] = above
            tables[level] = (total + smoothing * parent) / (total.sum(axis=1, keepdims=True) + smoothing)
            # A missing code is no category: its products look one level further up.
            named = self.codes[level][member] != ""
            above = np.where(named[:, None], tables[level][member], above)
        return dict(self.codes), tables, prior


@dataclass(frozen=True)
class _Lines:
    products: NDArray[np.int64]
    offsets: NDArray[np.int64]
    labels: NDArray[np.int64]

    @classmethod
    def of(cls, baskets: Baskets) -> Self:
        return cls(products=baskets.line_products, offsets=baskets.offsets, labels=baskets.labels)

    def chunks(self) -> list[tuple[int, int]]:
        """Ranges of whole baskets of about ``CHUNK_LINES`` lines, which stay in the processor's cache."""
        wanted = np.arange(0, self.offsets[-1] + CHUNK_LINES, CHUNK_LINES)
        edges = np.unique(np.minimum(np.searchsorted(self.offsets, wanted), len(self.labels)))
        return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _label_counts(baskets: Baskets, power: float, classes: int, size: int) -> Vectors:
    sizes = baskets.line_counts
    weights = np.repeat(sizes.astype(np.float64) ** -power, sizes)
    cells = baskets.line_products * classes + np.repeat(baskets.labels, sizes)
    totals = np.bincount(cells, weights=weights, minlength=size * classes).astype(np.float64)
    return totals.reshape(size, classes)


def _with_neutral_state(vectors: Vectors) -> Vectors:
    """Add a state that starts with the vector's normalised entropy: what says nothing may be neutral."""
    spread = -(vectors * np.log(np.maximum(vectors, 1e-300))).sum(axis=1, keepdims=True) / np.log(vectors.shape[1])
    return np.hstack([vectors * (1 - spread), spread])


def _basket_sums(vectors: Vectors, products: NDArray[np.int64], starts: NDArray[np.int64]) -> Vectors:
    return np.stack([np.add.reduceat(column[products], starts) for column in vectors.T], axis=1)


def _shared_out(lines: _Lines, vectors: Vectors, label_model: LogisticRegression) -> Vectors:
    """One round: fit the label model, share the labels out among lines, return counts (p, states)."""
    weights, intercept = _fit_label_model(label_model, lines, vectors)
    states, classes = vectors.shape[1], len(intercept)
    counts = np.zeros_like(vectors)
    weighted = vectors @ weights.T
    # A line in a state moves the logit of class c against the label's own by step[label, state, c] / lines.
    step = weights.T[None, :, :] - weights[:, :, None]
    for first, last in lines.chunks():
        begin, end = lines.offsets[first], lines.offsets[last]
        products = lines.products[begin:end]
        size = np.diff(lines.offsets[first : last + 1])
        basket = np.repeat(np.arange(last - first), size)
        label = lines.labels[first:last]
        sums = _basket_sums(weighted, products, lines.offsets[first:last] - begin)
        others = (sums[basket] - weighted[products]).T
        own = np.choose(label[basket], others)
        # The step depends on label and size alone: one small table instead of an exponential per line.
        sizes, kind = np.unique(size * classes + label, return_inverse=True)
        table = np.exp(np.clip(step[sizes % classes] / (sizes // classes)[:, None, None], -300.0, 300.0))
        kind, scale = kind[basket], (1.0 / size)[basket]
        total = [np.zeros(len(products)) for _ in range(states)]
        for other in range(classes):
            gap = (others[other] - own) * scale + (intercept[other] - intercept[label])[basket]
            odds = np.exp(np.clip(gap, -300.0, 300.0, out=gap), out=gap)
            for state in range(states):
                total[state] += odds * table[:, state, other][kind]
        posterior = [vectors[:, state][products] / total[state] for state in range(states)]
        scale = 1.0 / np.maximum(np.sum(posterior, axis=0), 1e-300)
        for state in range(states):
            counts[:, state] += np.bincount(products, weights=posterior[state] * scale, minlength=len(counts))
    return counts


def _fit_label_model(
    model: LogisticRegression, lines: _Lines, vectors: Vectors
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Multinomial logistic regression of the label on the basket's mean vector: (classes, states), (classes,)."""
    means = _basket_sums(vectors, lines.products, lines.offsets[:-1]) / np.diff(lines.offsets)[:, None]
    chosen = np.linspace(0, len(means) - 1, min(LABEL_MODEL_BASKETS, len(means))).astype(np.int64)
    model.fit(means[chosen], lines.labels[chosen])
    classes = int(lines.labels.max()) + 1
    if len(model.classes_) == classes and classes > 2:
        return model.coef_, model.intercept_
    # Fewer classes than usual in a small sample: absent ones get weight nought and never win.
    weights, intercept = np.zeros((classes, vectors.shape[1])), np.full(classes, -50.0)
    present = model.classes_
    if len(present) == 2:
        weights[present[1]], intercept[present] = model.coef_[0], (0.0, model.intercept_[0])
    else:
        weights[present], intercept[present] = model.coef_, model.intercept_
    return weights, intercept
