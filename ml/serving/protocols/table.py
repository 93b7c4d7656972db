"""Tables of basket lines, one row per line as in the weekly files, to baskets.

Columns go by the contract's names or the weekly files', in upper or lower case; columns of other names are ignored.
Rows are grouped by BASKET_ID, which is needed: whether rows without one are one basket or many is not ours to guess.
A basket's rows may be anywhere in the table, and must agree on where, when and by whom it was bought.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, NoReturn

import msgspec

from ml.serving.contract import Basket, Line
from ml.serving.protocols.codec import Refused, wrong_field

# What a cell of a JSON table holds: nothing nested.
Cell = str | int | float | bool | None

_ID: Final = "basket_id"
_LINE: Final = tuple(field.name for field in msgspec.structs.fields(Line))
_BASKET: Final = tuple(field.name for field in msgspec.structs.fields(Basket) if field.name not in ("lines", _ID))
_REQUIRED: Final = (
    _ID,
    *(
        field.name
        for struct in (Line, Basket)
        for field in msgspec.structs.fields(struct)
        if field.required and field.name != "lines"
    ),
)
# Columns of older weekly files.
_OLDER: Final = {"cust_price_sensitivity": "seg_1", "cust_lifestage": "seg_2"}
_NAMES: Final = {name: name for name in (_ID, *_LINE, *_BASKET)} | _OLDER
_PLACE: Final = re.compile(r"^\$\[(\d+)\](?:\.lines(?:\[(\d+)\])?)?(?:\.(\w+))?$")


class Tabled(NamedTuple):
    """Baskets in the order of their first rows, and where each of their lines and fields stands in the table."""

    baskets: list[Basket]
    rows: list[list[int]]
    columns: dict[str, str]

    def spend_field(self, basket: int, line: int) -> str:
        """Return where a line's spend stands."""
        return place(self.rows[basket][line], self.columns["spend"])


def place(row: int, column: str) -> str:
    """Return how a cell is named; rows are counted from 1, a header apart."""
    return f"row {row + 1}, column {column}"


def known(columns: Iterable[str]) -> list[str]:
    """Return those names that are a basket's columns, each once."""
    return [column for column in dict.fromkeys(columns) if column.lower() in _NAMES]


def to_baskets(columns: Sequence[str], rows: Iterable[Sequence[Cell]], *, text: bool) -> Tabled:
    """Return the baskets of a table; with ``text`` every cell is a string, numbers included.

    Raises:
        Refused: a column is missing or there twice, or a cell is wrong; the row and column are named (422).

    """
    positions = _positions(columns)
    names = {field: columns[index] for field, index in positions.items()}
    of_line = [(field, positions[field]) for field in _LINE if field in positions]
    of_basket = [(field, positions[field]) for field in _BASKET if field in positions]
    identity = positions[_ID]
    found: dict[Cell, dict[str, Any]] = {}
    places: dict[Cell, list[int]] = {}
    width = len(columns)
    for number, row in enumerate(rows):
        if len(row) != width:
            raise Refused(422, f"has {len(row)} cells where there are {width} columns", f"row {number + 1}")
        key = row[identity]
        if key in {"", None} or isinstance(key, bool | float):
            raise Refused(422, "Expected a basket's number or text", place(number, names[_ID]))
        basket = found.get(key)
        if basket is None:
            basket = found[key] = {field: row[index] for field, index in of_basket} | {_ID: key, "lines": []}
            places[key] = []
        else:
            for field, index in of_basket:
                if basket[field] != row[index]:
                    raise Refused(422, "differs within one basket", place(number, columns[index]))
        basket["lines"].append({field: row[index] for field, index in of_line})
        places[key].append(number)
    tabled = list(places.values())
    try:
        baskets = msgspec.convert(list(found.values()), list[Basket], strict=not text)
    except msgspec.ValidationError as error:
        _refuse(error, tabled, names)
    return Tabled(baskets, tabled, names)


def _positions(columns: Sequence[str]) -> dict[str, int]:
    """Return the contract's fields and at which position their columns are."""
    positions: dict[str, int] = {}
    for index, column in enumerate(columns):
        field = _NAMES.get(column.lower())
        if field is None:
            continue
        if field in positions:
            raise Refused(422, f"two columns hold {field}", column)
        positions[field] = index
    missing = [field.upper() for field in _REQUIRED if field not in positions]
    if missing:
        raise Refused(422, f"missing columns: {', '.join(missing)}", missing[0])
    return positions


def _refuse(error: msgspec.ValidationError, rows: Sequence[Sequence[int]], names: dict[str, str]) -> NoReturn:
    """Say which row and column the path of ``error`` means."""
    wrong = wrong_field(error)
    path = _PLACE.match(wrong.field)
    if path is None:
        raise wrong from error
    basket, line, field = path.groups()
    row = rows[int(basket)][int(line or 0)]
    if field is None:
        raise Refused(
            422, f"the basket that begins here has too many lines: {wrong.message}", f"row {row + 1}"
        ) from error
    raise Refused(422, wrong.message, place(row, names[field])) from error
