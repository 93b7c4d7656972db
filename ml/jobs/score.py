"""The score job: weekly files, with or without labels, to a Parquet file of predictions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ml.bundle import Bundle
from ml.features.gold_reader import read_baskets
from ml.features.refine_file import refine_file
from ml.files import new_file
from ml.progress import track
from ml.use_case import UseCase


@dataclass(frozen=True)
class Scored:
    """What was scored: counts over all files, and how many lines held a product the model does not know."""

    files: int
    rows_in: int
    dropped: dict[str, int]
    baskets: int
    lines: int
    unseen_lines: int
    predictions: dict[str, int]
    model_version: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def score(*, model: Path, inputs: Sequence[Path], output: Path, use_case: UseCase) -> Scored:
    """Write ``output``: basket_id, prediction, probability_<class> for each class, model_version.

    One file is in memory at a time. Rows that the ETL would drop are dropped here too, and counted.

    Raises:
        DataError: a file cannot be read or breaks a rule beyond tolerance.
        ModelError: the bundle is damaged or does not fit.

    """
    bundle = Bundle.load(model, threads=0)
    words = np.asarray(bundle.words)
    schema = pa.schema(
        [
            ("basket_id", pa.int64()),
            ("prediction", pa.string()),
            *((f"probability_{word}", pa.float64()) for word in words),
            ("model_version", pa.string()),
        ]
    )
    rows_in, lines, unseen, baskets = 0, 0, 0, 0
    dropped: Counter[str] = Counter()
    predictions: Counter[str] = Counter(dict.fromkeys(words.tolist(), 0))
    with new_file(output) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        for source in track(inputs, label="score"):
            with TemporaryDirectory(prefix="score-") as scratch:
                refined = refine_file(source, folder=Path(scratch), use_case=use_case, require_label=False)
                week = read_baskets([str(refined.baskets)], [str(refined.products)], use_case)
            probabilities = bundle.probabilities(week)
            likeliest = words[probabilities.argmax(axis=1)]
            columns: list[Any] = [week.ids, likeliest, *probabilities.T, [bundle.version] * len(week)]
            writer.write_table(pa.Table.from_arrays([pa.array(each) for each in columns], schema=schema))
            counts = refined.check.to_json()
            rows_in, baskets = rows_in + counts["rows_in"], baskets + len(week)
            dropped.update(counts["dropped"])
            lines, unseen = lines + len(week.line_products), unseen + bundle.features.unseen_lines(week)
            predictions.update(likeliest.tolist())
    return Scored(
        files=len(inputs),
        rows_in=rows_in,
        dropped=dict(dropped),
        baskets=baskets,
        lines=lines,
        unseen_lines=unseen,
        predictions={str(word): count for word, count in predictions.items()},
        model_version=bundle.version,
    )
