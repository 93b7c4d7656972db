"""A layered layout: each stack one row below the lowest of those it uses, with lanes for arrows that pass a row by.

After Sugiyama, Tagawa and Toda (1981): layers by the longest path, order within a layer by the mean place of the
neighbours above. Small and deterministic; a handful of stacks needs no more.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean

Edge = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A gap in a layer that an arrow between layers further apart passes through."""

    edge: Edge


Node = str | Lane


def layers_of(uses: Mapping[str, Sequence[str]]) -> list[list[Node]]:
    """Return the rows, from stacks that use nothing to those that use most; a stack's lanes stand between others.

    Args:
        uses: stack → those it uses, all of them keys.

    Raises:
        ValueError: stacks use each other in a circle.

    """
    depth: dict[str, int] = {}
    while len(depth) < len(uses):
        ready = [name for name, others in uses.items() if name not in depth and all(each in depth for each in others)]
        if not ready:
            raise ValueError(f"these stacks use each other in a circle: {', '.join(sorted(set(uses) - set(depth)))}")
        for name in ready:
            depth[name] = max((depth[each] + 1 for each in uses[name]), default=0)
    rows: list[list[Node]] = [[] for _ in range(max(depth.values(), default=-1) + 1)]
    for name in uses:
        rows[depth[name]].append(name)
    for user, others in uses.items():
        for used in others:
            for row in range(depth[used] + 1, depth[user]):
                rows[row].append(Lane(edge=(used, user)))
    return _ordered(rows, uses)


def _ordered(rows: list[list[Node]], uses: Mapping[str, Sequence[str]]) -> list[list[Node]]:
    """Put each row in the order of its neighbours, downwards and upwards, a few times."""
    neighbours: dict[Node, list[Node]] = defaultdict(list)
    for user, others in uses.items():
        for used in others:
            path: list[Node] = [used, *(each for row in rows for each in row if each == Lane(edge=(used, user))), user]
            for upper, lower in pairwise(path):
                neighbours[upper].append(lower)
                neighbours[lower].append(upper)
    for turn in range(4):
        order = range(1, len(rows)) if turn % 2 == 0 else range(len(rows) - 2, -1, -1)
        for row in order:
            beside = rows[row - 1] if turn % 2 == 0 else rows[row + 1]
            places: dict[Node, float] = {node: (place + 0.5) / len(beside) for place, node in enumerate(beside)}
            current: dict[Node, float] = {node: (place + 0.5) / len(rows[row]) for place, node in enumerate(rows[row])}

            def mean(
                node: Node, places: Mapping[Node, float] = places, current: Mapping[Node, float] = current
            ) -> float:
                found = [places[each] for each in neighbours[node] if each in places]
                return fmean(found) if found else current[node]

            rows[row] = sorted(rows[row], key=mean)
    return rows
