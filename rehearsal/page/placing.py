"""Where the boxes of a row stand: as near to what they are joined with as their order and their widths allow."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from operations.architecture.layout import Edge

_GAP: Final = 22.0
_LANE_WIDTH: Final = 10.0
# What must be left beside a line.
_NARROW: Final = 4.0
_SWEEPS: Final = 24
# In so many of them, the last, what is above and what is below count alike.
_BOTH: Final = 6
# A line that passes a row by is to be straight, before a box is to stand in the middle.
_LANE_WEIGHT: Final = 8.0


@dataclass(frozen=True, kw_only=True)
class Passing:
    """A gap in a row that a line passes through."""

    edge: Edge
    row: int


Layered = str | Passing


def centres(
    rows: Sequence[Sequence[Layered]], widths: Mapping[str, float], paths: Sequence[Sequence[Layered]]
) -> dict[Layered, float]:
    """Return the middle of each box and lane, in pixels from the left end.

    Args:
        rows: boxes and lanes from the top row to the lowest, in their order from left to right.
        widths: box → its width.
        paths: each line's boxes and lanes, from the upper end to the lower.

    """
    beside: dict[Layered, list[Layered]] = {each: [] for row in rows for each in row}
    for path in paths:
        for upper, lower in pairwise(path):
            beside[upper].append(lower)
            beside[lower].append(upper)
    found: dict[Layered, float] = {}
    for row in rows:
        found |= _spread(row, [0.0] * len(row), widths)
    places = {each: number for number, row in enumerate(rows) for each in row}
    for turn in range(_SWEEPS):
        down = turn % 2 == 0
        for number in range(len(rows)) if down else reversed(range(len(rows))):
            row = rows[number]
            wanted = []
            for each in row:
                near = [
                    found[other]
                    for other in beside[each]
                    if turn >= _SWEEPS - _BOTH or (places[other] < number if down else places[other] > number)
                ]
                wanted.append(_median(near) if near else found[each])
            found |= _spread(row, wanted, widths)
    for row in rows:
        found |= _spread(row, [_below(each, beside, places, found) for each in row], widths)
    for path in paths:
        _straighten(path, rows, places, found, widths)
    left = min((found[each] - _width(each, widths) / 2 for each in found), default=0.0)
    return {each: centre - left for each, centre in found.items()}


def _below(
    node: Layered,
    beside: Mapping[Layered, Sequence[Layered]],
    places: Mapping[Layered, int],
    found: Mapping[Layered, float],
) -> float:
    """Return where a box stands if it is under the only one that leads to it, and only there; else where it is."""
    above = [each for each in beside[node] if places[each] < places[node]]
    if len(above) == 1 and sum(places[each] > places[above[0]] for each in beside[above[0]]) == 1:
        return found[above[0]]
    return found[node]


def _straighten(
    path: Sequence[Layered],
    rows: Sequence[Sequence[Layered]],
    places: Mapping[Layered, int],
    found: dict[Layered, float],
    widths: Mapping[str, float],
) -> None:
    """Let a line pass as many rows as it can at one place, before it bends."""
    run: list[Layered] = []
    low, high, wish = -math.inf, math.inf, found[path[0]]
    for each in path[1:]:
        if isinstance(each, Passing):
            least, most = _free(each, rows[places[each]], found, widths)
            if max(low, least) <= min(high, most):
                run, low, high = [*run, each], max(low, least), min(high, most)
                continue
        wish = min(max(wish, low), high)
        found |= dict.fromkeys(run, wish)
        if isinstance(each, Passing):
            run, low, high = [each], least, most


def _free(
    lane: Layered, row: Sequence[Layered], found: Mapping[Layered, float], widths: Mapping[str, float]
) -> tuple[float, float]:
    """Return between which places a lane may stand without touching its neighbours in the row."""
    place, own = row.index(lane), _width(lane, widths)
    least = most = None
    if place > 0:
        least = found[row[place - 1]] + (_width(row[place - 1], widths) + own) / 2 + _NARROW
    if place + 1 < len(row):
        most = found[row[place + 1]] - (_width(row[place + 1], widths) + own) / 2 - _NARROW
    return -math.inf if least is None else least, math.inf if most is None else most


def _width(node: Layered, widths: Mapping[str, float]) -> float:
    return _LANE_WIDTH if isinstance(node, Passing) else widths[node]


def _median(values: Sequence[float]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def _spread(row: Sequence[Layered], wanted: Sequence[float], widths: Mapping[str, float]) -> dict[Layered, float]:
    """Return the places nearest to those wanted that keep order and gaps (pool adjacent violators, least squares)."""
    offsets: list[float] = [0.0]
    for one, other in pairwise(row):
        offsets.append(offsets[-1] + (_width(one, widths) + _width(other, widths)) / 2 + _GAP)
    pools: list[tuple[float, float, int]] = []
    for each, wish, offset in zip(row, wanted, offsets, strict=False):
        pool = (wish - offset, _LANE_WEIGHT if isinstance(each, Passing) else 1.0, 1)
        while pools and pools[-1][0] > pool[0]:
            value, weight, count = pools.pop()
            total = weight + pool[1]
            pool = ((value * weight + pool[0] * pool[1]) / total, total, count + pool[2])
        pools.append(pool)
    values = [value for value, _, count in pools for _ in range(count)]
    return {each: value + offset for each, value, offset in zip(row, values, offsets, strict=False)}
