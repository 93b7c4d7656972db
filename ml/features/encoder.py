"""Products as vectors: what a product in a basket says about the basket's class.

A weighted target encoding is the start. A basket's label speaks of all its lines at once, so it says little
about any one product of a large basket; the start therefore weights a line by a power of 1 / lines. Rounds
of expectation-maximisation then share each label out among the basket's lines: given the products' vectors,
a multinomial logistic regression on the basket mean predicts the label; a line's posterior over the states
follows from Bayes' rule with the line set to each state in turn; the posteriors, summed by product, are the
next vectors (Dempster, Laird and Rubin 1977, with latent states of lines as in multiple-instance learning).
One state beside the classes may be neutral: products that say nothing.

Vectors of rare products are drawn to their category's, and those to the category above (empirical Bayes);
an unseen product takes its nearest known category's vector, at last the prior.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from ml.errors import ModelError
from ml.features.baskets import Baskets

# The label model of a round has one weight per state and class: more baskets would not move it.
LABEL_MODEL_BASKETS = 30_000
CHUNK_LINES = 200_000

Vectors = NDArray[np.float64]


@dataclass(frozen=True)
class EncoderParameters:
    """Hyper-parameters: power of 1 / lines in the start, pseudo-lines of the prior, rounds, neutral state."""

    basket_weight_power: float
    smoothing: float
    rounds: int
    neutral_state: bool


@dataclass(frozen=True)
class ProductEncoder:
    """Fitted vectors: for each level, sorted codes (c,) and their vectors (c, states); and the prior (states,).

    The first states are the use case's classes in order; one more is the neutral state, where there is one.
    """

    levels: tuple[str, ...]
    codes: dict[str, NDArray[np.str_]]
    vectors: dict[str, Vectors]
    prior: Vectors
    classes: int

    @property
    def states(self) -> int:
        """Length of a product's vector."""
        return len(self.prior)

    @classmethod
    def fit(cls, baskets: Baskets, parameters: EncoderParameters, *, classes: int) -> Self:
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
        return cls(levels=tuple(baskets.catalogue), codes=codes, vectors=tables, prior=prior, classes=classes)

    def catalogue_vectors(self, catalogue: dict[str, NDArray[np.str_]]) -> tuple[Vectors, NDArray[np.bool_]]:
        """Return each product's vector (p, states) and whether the product itself is known (p,)."""
        size = len(catalogue[self.levels[0]])
        vectors = np.tile(self.prior, (size, 1))
        open_rows = np.ones(size, dtype=bool)
        known = np.zeros(size, dtype=bool)
        for depth, level in enumerate(self.levels):
            codes = self.codes[level]
            if not len(codes) or level not in catalogue:
                continue
            positions = np.minimum(np.searchsorted(codes, catalogue[level]), len(codes) - 1)
            found = open_rows & (codes[positions] == catalogue[level]) & (catalogue[level] != "")
            vectors[found] = self.vectors[level][positions[found]]
            open_rows &= ~found
            if depth == 0:
                known = found
        return vectors, known

    def save(self, path: Path) -> None:
        """Write the vectors as Parquet: level, code, state_0 … ; the prior is the row of level ""."""
        levels = np.concatenate([np.repeat([level], len(self.codes[level])) for level in self.levels] + [[""]])
        codes = np.concatenate([*(self.codes[level] for level in self.levels), [""]])
        values = np.vstack([*(self.vectors[level] for level in self.levels), self.prior])
        columns: dict[str, object] = {"level": levels, "code": codes}
        columns |= {f"state_{state}": values[:, state] for state in range(self.states)}
        table = pa.table(columns).replace_schema_metadata(
            {"levels": ",".join(self.levels), "classes": str(self.classes)}
        )
        pq.write_table(table, path)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what ``save`` wrote.

        Raises:
            ModelError: the file is missing or is not an encoder.

        """
        try:
            table = pq.read_table(path)
            metadata = table.schema.metadata
            levels = tuple(metadata[b"levels"].decode().split(","))
            classes = int(metadata[b"classes"])
            of_row = np.asarray(table.column("level").to_pylist(), dtype=str)
            codes = np.asarray(table.column("code").to_pylist(), dtype=str)
        except (OSError, pa.ArrowException, KeyError, TypeError) as error:
            raise ModelError(f"{path}: not an encoder: {error}") from error
        states = [name for name in table.column_names if name.startswith("state_")]
        values = np.column_stack([table.column(name).to_numpy() for name in states])
        return cls(
            levels=levels,
            codes={level: codes[of_row == level] for level in levels},
            vectors={level: values[of_row == level] for level in levels},
            prior=values[of_row == ""][0],
            classes=classes,
        )


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
