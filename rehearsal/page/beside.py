"""What only errors lead to: a column at the right of a state machine's drawing, and the ways there."""

from collections.abc import Sequence
from typing import Final

from rehearsal.page.asl import Way
from rehearsal.page.document import Node
from rehearsal.page.drawing import Drawn, Line

# Between the main part and the column; and between ways of errors to different states.
_ROOM: Final = 26.0
_STEP: Final = 10.0
_APART: Final = 34.0

Group = tuple[list[str], Drawn]


def add_errors(drawn: Drawn, groups: Sequence[Group], every: Sequence[Way]) -> None:
    """Add ``groups`` (states that errors lead to, laid out) at the right of ``drawn``, and every error's way."""
    caught = [each for each in every if each.kind == "catch"]
    targets = list(dict.fromkeys(each.target for each in caught))
    main = drawn.width
    lanes = {target: main + _ROOM + _STEP * number for number, target in enumerate(targets)}
    left = main + 2 * _ROOM + _STEP * len(targets)
    bottom = 0.0
    for names, group in sorted(groups, key=lambda each: _wish(drawn, each, every)):
        top = max(_wish(drawn, (names, group), every), bottom)
        drawn.add(group, x=left, y=top)
        bottom = top + group.height + _APART
    for names, _ in groups:
        for each in every:
            if each.kind != "catch" and each.source in names and each.target not in names:
                drawn.lines.append(_back_into(drawn, each))
    for each in caught:
        drawn.lines.append(_round(drawn, each, lanes[each.target]))
    if caught:
        drawn.width = max(drawn.width, max(lanes.values()) + _ROOM)


def _wish(drawn: Drawn, group: Group, every: Sequence[Way]) -> float:
    """Return how far down a group is to be: above what it leads back to, else beside the first that leads to it."""
    names, own = group
    back = [
        drawn.nodes[each.target].y
        for each in every
        if each.source in names and each.target in drawn.nodes.keys() - names
    ]
    if back:
        return max(0.0, min(back) - own.height - _APART)
    return min(
        (drawn.nodes[each.source].y for each in every if each.target in names and each.source in drawn.nodes),
        default=0.0,
    )


def _back_into(drawn: Drawn, way: Way) -> Line:
    """Return the way from the column into the main part: down, then to the left."""
    one, other = drawn.nodes[way.source], drawn.nodes[way.target]
    middle = one.x + one.width / 2
    across = _middle(other)
    return Line(
        way=way, points=((middle, one.y + one.height), (middle, across), (other.x + other.width, across)), bent=False
    )


def _round(drawn: Drawn, way: Way, lane: float) -> Line:
    """Return an error's way: to the right, along the lane of its target, and to that."""
    one, other = drawn.nodes[way.source], drawn.nodes[way.target]
    # A third of the way down, so that it does not hide a way that ends in the middle.
    start, end = one.y + one.height / 3, other.y + other.height / 3
    side = other.x if other.x >= lane else other.x + other.width
    return Line(way=way, points=((one.x + one.width, start), (lane, start), (lane, end), (side, end)), bent=False)


def _middle(node: Node) -> float:
    return node.y + node.height / 2
