"""What a training has worked out so far, kept so that an interrupted one goes on instead of starting again."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from ml.files import fingerprint, read_json, write_json


@dataclass(frozen=True)
class Checkpoints:
    """JSON files by name below ``folder``, for one training only: of equal data, settings and code.

    Spot capacity is taken away with two minutes' notice. Each figure is written when it is known, so nothing has to
    be done in these two minutes. Without a folder nothing is kept.
    """

    folder: Path | None = None

    def of(self, description: Mapping[str, Any], *arrays: np.ndarray) -> Self:
        """Return the checkpoints of the training that ``description`` and the content of ``arrays`` tell apart."""
        if self.folder is None:
            return self
        content = [hashlib.sha256(np.ascontiguousarray(each).tobytes()).hexdigest() for each in arrays]
        return type(self)(self.folder / fingerprint({"description": dict(description), "content": content})[:16])

    def kept(self, name: str, given: Any, compute: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """Return the figures ``name`` of ``given``, as they were kept, or else computed and kept now."""
        if self.folder is None:
            return compute()
        file = self.folder / f"{name}-{fingerprint(given)[:12]}.json"
        if not file.is_file():
            write_json(file, compute())
        figures: dict[str, Any] = read_json(file)
        return figures
