"""Weekly files for the acts: invented or the caller's, and what can be wrong with one."""

import csv
import gzip
import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Final, TextIO

from ml.data.generate import generate_weeks
from ml.errors import SettingsError

Row = dict[str, str]
_LABELS: Final = ("LA", "MM", "UM")
_LABEL: Final = "BASKET_PRICE_SENSITIVITY"
_FILE: Final = re.compile(r"\d{6}\.csv(\.gz)?$")
# So few that each is bought often enough for its class to be learnt from three small weeks.
_PRODUCTS: Final = 600
# So many weeks take part in the story.
NEEDED: Final = 7


@dataclass(frozen=True)
class Weeks:
    """The story's weekly files in order of time; what acts make of them is written below ``folder``."""

    files: tuple[Path, ...]
    folder: Path

    @classmethod
    def invented(cls, folder: Path, *, baskets: int, seed: int) -> "Weeks":
        """Invent weeks of ``baskets`` each, of a shop with few products; equal seeds give equal files."""
        files = generate_weeks(
            weeks=NEEDED, baskets_per_week=baskets, seed=seed, output=folder / "weeks", products=_PRODUCTS
        )
        return cls(tuple(sorted(files)), folder / "altered")

    @classmethod
    def of(cls, data: Path, folder: Path) -> "Weeks":
        """Take the first weeks of the folder ``data``.

        Raises:
            SettingsError: there are too few.

        """
        files = sorted(each for each in data.glob("*.csv*") if _FILE.search(each.name))
        if len(files) < NEEDED:
            raise SettingsError(f"{data}: has {len(files)} weekly files; the story takes {NEEDED}")
        return cls(tuple(files[:NEEDED]), folder / "altered")

    def broken(self, week: int) -> Path:
        """Return the week with every tenth line's quantity below zero: more than the rules let pass."""

        def spoil(number: int, row: Row) -> Row:
            return {**row, "QUANTITY": "-3"} if number % 10 == 0 else row

        return self._altered(self.files[week], "broken", spoil)

    def mislabelled(self, week: int, *, share: float, seed: int) -> Path:
        """Return the week with another label for ``share`` of the baskets, drawn anew among the other two."""
        draw = random.Random(seed)  # noqa: S311  labels, not secrets
        drawn: dict[str, str] = {}

        def relabel(_: int, row: Row) -> Row:
            basket, label = row["BASKET_ID"], row[_LABEL]
            if basket not in drawn:
                others = [each for each in _LABELS if each != label]
                drawn[basket] = draw.choice(others) if label in _LABELS and draw.random() < share else label
            return {**row, _LABEL: drawn[basket]}

        return self._altered(self.files[week], "mislabelled", relabel)

    def baskets(self, week: int, *, most: int) -> list[list[Row]]:
        """Return the lines of up to ``most`` baskets of the week, as a till would send them."""
        with _opened(self.files[week]) as stream:
            rows = sorted(csv.DictReader(stream), key=lambda row: row["BASKET_ID"])
        return [list(lines) for _, lines in groupby(rows, key=lambda row: row["BASKET_ID"])][:most]

    def _altered(self, file: Path, what: str, change: Callable[[int, Row], Row]) -> Path:
        target = self.folder / what / file.name.removesuffix(".gz")
        target.parent.mkdir(parents=True, exist_ok=True)
        with _opened(file) as stream, target.open("w", newline="", encoding="utf-8") as written:
            reader = csv.DictReader(stream)
            writer = csv.DictWriter(written, fieldnames=list(reader.fieldnames or ()), lineterminator="\n")
            writer.writeheader()
            writer.writerows(change(number, row) for number, row in enumerate(reader))
        return target


@contextmanager
def _opened(file: Path) -> Iterator[TextIO]:
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rt", newline="", encoding="utf-8") as stream:
        yield stream
