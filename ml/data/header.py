"""The header of a weekly file: which of the use case's columns it holds, and where."""

import csv
import difflib
import gzip
import re
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from ml.errors import DataError
from ml.use_case import Column, UseCase

_LONGEST_LINE = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Header:
    """A header that has been matched: ``position`` and ``spelt`` per column name.

    ``names`` are all headers in file order, ``ignored`` those that no column knows, ``absent`` the
    optional columns that the file lacks, ``first_row`` the cells of its first data row (empty if none).
    """

    names: tuple[str, ...]
    position: dict[str, int]
    ignored: tuple[str, ...]
    absent: tuple[str, ...]
    first_row: tuple[str, ...]
    carriage_returns: bool

    def spelt(self, column: str) -> str:
        """Return the header that ``column`` goes by in this file."""
        return self.names[self.position[column]]


def read_header(path: Path, *, use_case: UseCase, require_label: bool) -> Header:
    """Read and match the first line of a ``.csv`` or ``.csv.gz`` file.

    Raises:
        DataError: the file is empty, unreadable or not UTF-8, or its header lacks a required column,
            names one twice or under both of its names.

    """
    first, second = _first_lines(path)
    if not first.strip():
        raise DataError(f"{path}: the file is empty; a header line and rows are expected")
    names = tuple(name.strip() for name in next(csv.reader([first.strip("\r\n")])))
    for name, count in Counter(names).items():
        if count > 1:
            raise DataError(f"{path}: the header names column {name!r} {count} times; keep one of them")
    position = _match(path, names, use_case)
    unknown = tuple(name for index, name in enumerate(names) if index not in set(position.values()))
    absent = tuple(column.name for column in use_case.columns if column.name not in position)
    for name in absent:
        column = use_case.column(name)
        needed = require_label if name == use_case.label.column else not column.optional
        if needed:
            raise DataError(_missing(path, column, unknown))
    return Header(
        names=names,
        position=position,
        ignored=unknown,
        absent=absent,
        first_row=tuple(next(csv.reader([second.strip("\r\n")]), [])),
        carriage_returns=first.endswith("\r\n"),
    )


def week_of(path: Path, *, use_case: UseCase, header: Header | None = None) -> int:
    """Return a file's week as YYYYWW: the one in its name, else the SHOP_WEEK of its first row.

    Raises:
        DataError: neither says it.

    """
    found = re.search(use_case.file_week, path.name)
    if found:
        return int(found.group(found.lastindex or 0))
    if header is None:
        header = read_header(path, use_case=use_case, require_label=False)
    column = next(each for each in use_case.columns if each.type == "week")
    where = header.position[column.name]
    text = header.first_row[where] if where < len(header.first_row) else ""
    if not re.fullmatch("[0-9]{6}", text):
        raise DataError(
            f"{path}: no week: the name has none (such as transactions_200720.csv) and row 2, column "
            f"{header.names[where]} holds {text!r}"
        )
    return int(text)


def _first_lines(path: Path) -> tuple[str, str]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as stream:
            lines = [stream.readline(_LONGEST_LINE) for _ in range(2)]
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: not a gzip file although its name ends in .gz ({error})") from error
    except EOFError as error:
        raise DataError(f"{path}: the gzip file is truncated; fetch it again") from error
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        first, second = (line.decode("utf-8") for line in lines)
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 in the first two lines ({error.reason})") from error
    return first.removeprefix("\ufeff"), second


def _match(path: Path, names: tuple[str, ...], use_case: UseCase) -> dict[str, int]:
    position: dict[str, int] = {}
    for column in use_case.columns:
        present = [header for header in column.headers if header in names]
        if len(present) > 1:
            raise DataError(
                f"{path}: the header holds {' and '.join(present)}, two names of one column; keep one of them"
            )
        if present:
            position[column.name] = names.index(present[0])
    return position


def _missing(path: Path, column: Column, unknown: tuple[str, ...]) -> str:
    message = f"{path}: column {' or '.join(column.headers)} is missing from the header"
    folded = {name.casefold(): name for name in unknown}
    close = [
        folded[match]
        for header in column.headers
        for match in difflib.get_close_matches(header.casefold(), list(folded), n=1, cutoff=0.5)
    ]
    if close:
        return f"{message}; has it been renamed to {close[0]!r}? Add that name to `headers` in the use case"
    if unknown:
        return f"{message}; the unknown columns are {', '.join(unknown)}"
    return message
