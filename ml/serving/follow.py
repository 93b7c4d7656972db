"""The model that should answer is looked for again and again, and takes the place of the one that does."""

import asyncio
import contextlib
import signal
from collections.abc import Callable

from ml.bundle import read_manifest
from ml.errors import ModelError, StoreError, UserError
from ml.serving.beside import beside
from ml.serving.models import Models
from ml.serving.observe import FAILED, REFUSED, SWAPPED
from ml.serving.slot import ModelSlot


class Follower:
    """Swaps in what ``models`` want, every so many seconds or when told to look.

    A bundle that is refused is not tried again before another is wanted, or someone says to look: the old one goes on
    answering. A store that cannot be read is read again at the next look.
    """

    def __init__(
        self,
        models: Models,
        slot: ModelSlot,
        *,
        seconds: float | None,
        counted: Callable[[str], None],
        log: Callable[[str], None],
    ) -> None:
        self._models = models
        self._slot = slot
        self._seconds = seconds
        self._counted = counted
        self._log = log
        self._told = asyncio.Event()
        self._refused = ""
        self._said = ""

    def look_now(self) -> None:
        """Look at once, and try again what was refused."""
        self._refused = ""
        self._told.set()

    async def run(self) -> None:
        """Look until cancelled; SIGHUP means now."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self.look_now)
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._seconds):
                    await self._told.wait()
            self._told.clear()
            await self.look()

    async def look(self) -> None:
        """Look once, and swap where another version is wanted. Nothing is raised."""
        wanted = ""
        try:
            wanted = await beside(self._models.wanted)
            answering = self._slot.predictor.version if self._slot.predictor else "no version"
            if wanted not in (answering, self._refused):
                await self._swap(wanted)
                self._counted(SWAPPED)
                self._log(f"model: {wanted} answers now, in place of {answering}")
            self._said = ""
        except StoreError as error:
            self._counted(FAILED)
            self._say(f"model: cannot look for another: {error}")
        except Exception as error:  # noqa: BLE001  a bundle can be wrong in any way; the old one goes on answering
            self._refused = wanted
            self._counted(REFUSED)
            why = error if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            self._say(f"model: {wanted or 'the new one'} is refused, the old one stays: {why}")

    async def _swap(self, version: str) -> None:
        folder = await beside(lambda: self._models.bundle(version))
        found = await beside(lambda: read_manifest(folder)["version"])
        if found != version:
            raise ModelError(f"{folder}: is version {found}, not {version}")
        await self._slot.swap(folder)

    def _say(self, text: str) -> None:
        """Log a trouble once, however long it lasts."""
        if text != self._said:
            self._log(text)
        self._said = text
