"""Boxes and lines that are put together to a drawing."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rehearsal.page.asl import Way
from rehearsal.page.document import Edge, Node

Point = tuple[float, float]
_ROUND = 7.0


@dataclass(frozen=True, kw_only=True)
class Line:
    """A way as the points it goes through: ``bent`` ones are curves, others have corners."""

    way: Way
    points: tuple[Point, ...]
    bent: bool


@dataclass
class Drawn:
    """Boxes by their state's name, lines, and how much room they take; the left upper corner is (0, 0)."""

    nodes: dict[str, Node] = field(default_factory=dict)
    lines: list[Line] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0

    def add(self, other: "Drawn", *, x: float, y: float) -> None:
        """Put another drawing with its corner at (x, y)."""
        for name, node in other.nodes.items():
            self.nodes[name] = node.model_copy(update={"x": node.x + x, "y": node.y + y})
        for line in other.lines:
            points = tuple((each_x + x, each_y + y) for each_x, each_y in line.points)
            self.lines.append(Line(way=line.way, points=points, bent=line.bent))
        self.width = max(self.width, x + other.width)
        self.height = max(self.height, y + other.height)


def edges(lines: Iterable[Line]) -> tuple[Edge, ...]:
    """Return the lines as SVG paths."""
    return tuple(
        Edge(
            source=line.way.source,
            target=line.way.target,
            kind=line.way.kind,
            label=line.way.label,
            path=_curves(line.points) if line.bent else _corners(line.points),
        )
        for line in lines
    )


def _curves(points: Sequence[Point]) -> str:
    """Return a path that leaves and comes in vertically."""
    (x, y), *others = points
    steps = [f"M{x:.1f} {y:.1f}"]
    for next_x, next_y in others:
        middle = (y + next_y) / 2
        if abs(next_x - x) < 0.5:
            steps.append(f"L{next_x:.1f} {next_y:.1f}")
        else:
            steps.append(f"C{x:.1f} {middle:.1f} {next_x:.1f} {middle:.1f} {next_x:.1f} {next_y:.1f}")
        x, y = next_x, next_y
    return "".join(steps)


def _corners(points: Sequence[Point]) -> str:
    """Return a path of straight lines with rounded corners."""
    steps = [f"M{points[0][0]:.1f} {points[0][1]:.1f}"]
    for before, corner, after in zip(points, points[1:], points[2:], strict=False):
        (start_x, start_y), (end_x, end_y) = _towards(corner, before), _towards(corner, after)
        steps.append(f"L{start_x:.1f} {start_y:.1f}Q{corner[0]:.1f} {corner[1]:.1f} {end_x:.1f} {end_y:.1f}")
    steps.append(f"L{points[-1][0]:.1f} {points[-1][1]:.1f}")
    return "".join(steps)


def _towards(corner: Point, other: Point) -> Point:
    """Return where a corner's rounding begins on the side of ``other``."""
    across, down = other[0] - corner[0], other[1] - corner[1]
    length = max(abs(across) + abs(down), 1e-9)
    share = min(_ROUND, length / 2) / length
    return corner[0] + across * share, corner[1] + down * share
