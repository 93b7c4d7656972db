"""A bounded, spread-out sample of a file's rows as text, read without scanning the file."""

import csv
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from ml.data.header import Header

_BLOCKS = 20


@dataclass(frozen=True, kw_only=True)
class SampledRows:
    """Rows of one file as text cells, with what is needed to read them."""

    header: Header
    week: int
    rows: tuple[tuple[str, ...], ...]


def sample_rows(plain: Path, header: Header, *, week: int, lines: int, count: int) -> SampledRows:
    """Return up to ``count`` rows from evenly spaced places of an uncompressed file; always the same ones.

    ``lines`` is the number of lines in the file; with no more than ``count`` it comes back whole. Lines that
    cannot be taken apart are left out, as they are in silver.
    """
    size = plain.stat().st_size
    blocks = 1 if lines <= count + 1 else _BLOCKS
    texts: list[str] = []
    with plain.open("rb") as stream:
        first = read_to = len(stream.readline())
        for block in range(blocks):
            start = first + (size - first) * block // blocks
            if start > read_to:
                stream.seek(start)
                stream.readline()  # the rest of a line that began before
            share = count // blocks + (block < count % blocks)
            texts += [line.decode("utf-8", errors="replace") for line in islice(stream, share)]
            read_to = stream.tell()
    rows = (tuple(row) for row in csv.reader(texts))
    return SampledRows(header=header, week=week, rows=tuple(row for row in rows if len(row) == len(header.names)))
