"""A state machine as a drawing: layers from the top, what is reached by errors only in a column to the right.

Layers and the order in them are the architecture picture's (``operations.architecture.layout``); a way back to an
earlier state goes through a lane of its own, as every way that passes a layer by.
"""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from operations.architecture.layout import Edge, layers_of
from rehearsal.page.asl import State, Way, detail, inner, reachable, ways
from rehearsal.page.beside import add_errors
from rehearsal.page.document import Graph, Node
from rehearsal.page.drawing import Drawn, Line, Point, edges
from rehearsal.page.placing import Layered, Passing, centres

WIDTH: Final = 204.0
_LETTERS: Final = 24
_TEXT, _PADDING = 16.0, 9.0
_CHANNEL: Final = 34.0
_MARGIN: Final = 14.0

Paths = Mapping[Edge, Sequence[Layered]]


def draw(definition: Mapping[str, Any]) -> Graph:
    """Return the drawing of a state machine's definition.

    Raises:
        KeyError: the definition is none: ``StartAt`` or ``States`` is missing, or a state's ``Type``.

    """
    whole = Drawn()
    whole.add(_machine(definition, inside=None), x=_MARGIN, y=_MARGIN)
    return Graph(
        width=whole.width + _MARGIN,
        height=whole.height + _MARGIN,
        nodes=tuple(whole.nodes.values()),
        edges=edges(whole.lines),
    )


def _machine(definition: Mapping[str, Any], *, inside: str | None) -> Drawn:
    states: Mapping[str, State] = definition["States"]
    every = ways(states)
    plain = [each for each in every if each.kind != "catch"]
    main = reachable(definition["StartAt"], plain)
    drawn = _layered(states, main, plain, inside)
    groups = [
        (names, _layered(states, names, plain, inside))
        for names in _groups([name for name in states if name not in main], plain)
    ]
    add_errors(drawn, groups, every)
    return drawn


def _groups(names: Sequence[str], joined: Sequence[Way]) -> list[list[str]]:
    """Return the states that are reached by errors only, those together that lead to each other."""
    groups: list[list[str]] = []
    for name in names:
        linked = {each.target for each in joined if each.source == name}
        linked |= {each.source for each in joined if each.target == name}
        touched = [group for group in groups if linked & set(group)]
        groups = [group for group in groups if group not in touched]
        groups.append([*(each for group in touched for each in group), name])
    return groups


def _layered(states: Mapping[str, State], names: Sequence[str], joined: Sequence[Way], inside: str | None) -> Drawn:
    """Lay out ``names`` and the ways among them, those of errors left out."""
    contents = {name: _machine(found, inside=name) for name in names if (found := inner(states[name])) is not None}
    boxes = {name: _box(name, states[name], contents.get(name), inside) for name in names}
    among = {
        each: _ends(each, turned)
        for each, turned in _directed(names, [each for each in joined if {each.source, each.target} <= boxes.keys()])
    }
    uses: dict[str, list[str]] = {name: [] for name in names}
    for upper, lower in dict.fromkeys(among.values()):
        uses[lower].append(upper)
    rows: list[list[Layered]] = [
        [each if isinstance(each, str) else Passing(edge=each.edge, row=number) for each in row]
        for number, row in enumerate(layers_of(uses))
    ]
    paths: Paths = {edge: [edge[0], *_lanes(rows, edge), edge[1]] for edge in dict.fromkeys(among.values())}
    middles = centres(rows, {name: box.width for name, box in boxes.items()}, list(paths.values()))
    drawn = Drawn()
    spans: dict[Layered, tuple[float, float]] = {}
    for row in rows:
        top = drawn.height + (_CHANNEL if drawn.nodes else 0.0)
        height = max(boxes[each].height for each in row if isinstance(each, str))
        for each in row:
            spans[each] = (top, top + height)
            if isinstance(each, str):
                place = Drawn(nodes={each: boxes[each]}, width=boxes[each].width, height=height)
                if each in contents:
                    box, content = boxes[each], contents[each]
                    place.add(content, x=(box.width - content.width) / 2, y=_head(box))
                drawn.add(place, x=middles[each] - boxes[each].width / 2, y=top)
    for way, edge in among.items():
        points = list(_points(drawn, edge, paths, middles, spans))
        drawn.lines.append(Line(way=way, points=tuple(points if edge[0] == way.source else points[::-1]), bent=True))
    return drawn


def _directed(names: Sequence[str], among: Sequence[Way]) -> Iterator[tuple[Way, bool]]:
    """Yield each way, and whether it leads back to where it came from; one from a state to itself is left out."""
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> Iterator[tuple[Way, bool]]:
        done.add(name)
        for each in among:
            if each.source == name and each.target != name:
                yield each, each.target in above
                if each.target not in done:
                    yield from visit(each.target, (*above, name))

    for name in names:
        if name not in done:
            yield from visit(name, ())


def _ends(way: Way, turned: bool) -> Edge:
    """Return the way's upper and lower state."""
    return (way.target, way.source) if turned else (way.source, way.target)


def _lanes(rows: Sequence[Sequence[Layered]], edge: Edge) -> list[Layered]:
    return [each for row in rows for each in row if isinstance(each, Passing) and each.edge == edge]


def _box(name: str, state: State, content: Drawn | None, inside: str | None) -> Node:
    """Return a state's box, at no place yet."""
    lines = tuple(textwrap.wrap(name, _LETTERS))
    height = 2 * _PADDING + _TEXT * (len(lines) + 1)
    return Node(
        id=name,
        kind=str(state["Type"]),
        comment=str(state.get("Comment", "")),
        detail=detail(state),
        x=0,
        y=0,
        width=WIDTH if content is None else max(WIDTH, content.width + 2 * _MARGIN),
        height=height if content is None else height + content.height + _MARGIN,
        lines=lines,
        inside=inside,
    )


def _head(box: Node) -> float:
    """Return how much of a Map's box its name takes."""
    return 2 * _PADDING + _TEXT * (len(box.lines) + 1)


def _points(
    drawn: Drawn,
    edge: Edge,
    paths: Paths,
    middles: Mapping[Layered, float],
    spans: Mapping[Layered, tuple[float, float]],
) -> Iterator[Point]:
    """Yield where a line goes, from the lower side of its upper box to the upper side of its lower one."""
    upper, lower = edge
    out = {each: middles[path[1]] for each, path in paths.items() if each[0] == upper}
    node = drawn.nodes[upper]
    yield node.x + node.width * _share(out, edge), node.y + node.height
    for lane in paths[edge][1:-1]:
        yield from ((middles[lane], end) for end in spans[lane])
    into = {each: middles[path[-2]] for each, path in paths.items() if each[1] == lower}
    node = drawn.nodes[lower]
    yield node.x + node.width * _share(into, edge), node.y


def _share(ends: Mapping[Edge, float], edge: Edge) -> float:
    """Return where on a box's side a line ends: beside the others, in the order of where they come from."""
    order = sorted(ends, key=lambda each: (ends[each], each))
    return (order.index(edge) + 1) / (len(order) + 1)
