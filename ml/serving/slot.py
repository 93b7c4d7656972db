"""The model that answers now, and how another takes its place."""

import asyncio
from pathlib import Path

from ml.errors import ModelError
from ml.serving.predictor import Predictor


class ModelSlot:
    """Holds one predictor. A request takes it once and keeps it, so a swap meets nobody half-way."""

    def __init__(self, predictor: Predictor | None = None) -> None:
        self._predictor = predictor
        self._loading = asyncio.Lock()

    @property
    def predictor(self) -> Predictor | None:
        """The predictor that answers now; none before the first is loaded."""
        return self._predictor

    async def swap(self, folder: Path) -> str:
        """Load the bundle in ``folder`` beside the event loop, then let it answer; return its version.

        Raises:
            ModelError: the bundle is damaged, does not fit or fails its parity sample; the old one stays.

        """
        async with self._loading:
            predictor = await asyncio.to_thread(Predictor.load, folder)
            if self._predictor is not None and predictor.words != self._predictor.words:
                raise ModelError(f"{folder}: its classes {predictor.words} are not those of the model that answers now")
            self._predictor = predictor
        return predictor.version
