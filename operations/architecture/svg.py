"""The stacks as SVG: equal stacks give equal bytes. It brings its own background, so that it reads on any theme."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from operations.architecture.layout import Lane, Node, layers_of
from operations.architecture.model import StackView

WIDTH = 1280
MARGIN, GAP, CHANNEL, LANE = 24, 26, 64, 14
PADDING, LINE, TITLE = 14, 18, 17
SIZE = 13
# The width of a letter in text of SIZE, on the safe side: fonts differ between machines.
LETTER = 0.56 * SIZE
WIDEST_BOX = 330

_STYLE = """\
  .paper { fill: #ffffff; stroke: #d0d7de } .box { fill: #f6f8fa; stroke: #8c959f } .head { fill: #1a6480 }
  .title { fill: #ffffff; font-weight: 600; font-size: 15px } .text { fill: #1f2328 } .muted { fill: #59636e }
  .uses { fill: #8a4b08 } .names { fill: #6639a6 }
  .arrow { fill: none; stroke: #6e7781; stroke-width: 1.5 } .tip { fill: #6e7781 }
  text { font: 13px -apple-system, "Segoe UI", Roboto, "DejaVu Sans", Helvetica, Arial, sans-serif }
  @media (prefers-color-scheme: dark) {
    .paper { fill: #0d1117; stroke: #30363d } .box { fill: #161b22; stroke: #6e7681 } .head { fill: #1f6f8b }
    .text { fill: #e6edf3 } .muted { fill: #9198a1 } .uses { fill: #e3a45b } .names { fill: #c5a5f5 }
    .arrow { stroke: #9198a1 } .tip { fill: #9198a1 }
  }
"""

_TIP = (
    '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
    '<path class="tip" d="M0 0 10 5 0 10z"/></marker></defs>'
)


@dataclass(frozen=True, kw_only=True)
class _Text:
    words: str
    style: str


@dataclass(frozen=True, kw_only=True)
class _Place:
    x: float
    y: float
    width: float
    height: float


def draw(stacks: Sequence[StackView], *, caption: str) -> str:
    """Return the picture of the stacks and of what they use of each other."""
    by_name = {each.component: each for each in stacks}
    uses = {each.component: [name for name in each.uses if name in by_name] for each in stacks}
    rows = layers_of(uses)
    width = _box_width(rows)
    texts = {name: list(_texts(view, width)) for name, view in by_name.items()}
    places, bottom = _place(rows, texts, width)
    body = [
        *_arrows(uses, rows, places),
        *(part for view in stacks for part in _box(view, places[view.component], texts[view.component])),
    ]
    height = bottom + 40
    size = f'viewBox="0 0 {WIDTH} {height:g}" width="{WIDTH}" height="{height:g}"'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-labelledby="title">',
            f'<title id="title">{escape(_spoken(stacks))}</title>',
            f"<style>\n{_STYLE}</style>",
            _TIP,
            f'<rect class="paper" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:g}" rx="8"/>',
            *body,
            f'<text class="muted" x="{MARGIN}" y="{height - 16:g}">{escape(caption)}</text>',
            "</svg>",
            "",
        ]
    )


def _box_width(rows: Sequence[Sequence[Node]]) -> int:
    return min(WIDEST_BOX, *(int(_room(row) / max(_boxes(row), 1)) for row in rows))


def _room(row: Sequence[Node]) -> float:
    lanes = len(row) - _boxes(row)
    return WIDTH - 2 * MARGIN - GAP * (len(row) - 1) - LANE * lanes


def _boxes(row: Sequence[Node]) -> int:
    return sum(isinstance(each, str) for each in row)


def _texts(view: StackView, width: float) -> Iterator[_Text]:
    letters = int((width - 2 * PADDING) / LETTER)
    yield from _wrapped(view.description, "muted", letters)
    for line in view.holds:
        yield from _wrapped(f"• {line}", "text", letters)
    for owner, things in view.uses.items():
        told = f": {', '.join(things)}" if things else ""
        yield from _wrapped(f"↑ {owner}{told}", "uses", letters)
    for owner, things in view.names.items():
        yield from _wrapped(f"≈ {owner}: {', '.join(things)}", "names", letters)


def _wrapped(words: str, style: str, letters: int) -> Iterator[_Text]:
    for line in textwrap.wrap(words, letters, subsequent_indent="\u2003" if style != "muted" else ""):
        yield _Text(words=line, style=style)


def _place(
    rows: Sequence[Sequence[Node]], texts: dict[str, list[_Text]], width: float
) -> tuple[dict[Node, _Place], float]:
    """Return where everything is, rows centred and as tall as their tallest box, and where the last row ends."""
    places: dict[Node, _Place] = {}
    top = float(MARGIN)
    for row in rows:
        height = max(2 * TITLE + PADDING + LINE * len(texts[each]) for each in row if isinstance(each, str))
        taken = sum(width if isinstance(each, str) else LANE for each in row) + GAP * (len(row) - 1)
        x = (WIDTH - taken) / 2
        for each in row:
            own = width if isinstance(each, str) else LANE
            places[each] = _Place(x=x, y=top, width=own, height=height)
            x += own + GAP
        top += height + CHANNEL
    return places, top - CHANNEL


def _box(view: StackView, place: _Place, texts: Sequence[_Text]) -> Iterator[str]:
    x, y, width = place.x, place.y, place.width
    yield f'<rect class="box" x="{x:g}" y="{y:g}" width="{width:g}" height="{place.height:g}" rx="8"/>'
    yield (f'<path class="head" d="M{x:g} {y + 28:g}v-20a8 8 0 0 1 8-8h{width - 16:g}a8 8 0 0 1 8 8v20z"/>')
    yield f'<text class="title" x="{x + PADDING:g}" y="{y + 19:g}">{escape(view.title)}</text>'
    for number, text in enumerate(texts):
        line = y + 28 + PADDING + 4 + LINE * number
        yield f'<text class="{text.style}" x="{x + PADDING:g}" y="{line:g}">{escape(text.words)}</text>'


def _arrows(uses: dict[str, list[str]], rows: Sequence[Sequence[Node]], places: dict[Node, _Place]) -> Iterator[str]:
    """Yield an arrow from each stack to one that uses it; ends on one side of a box are spread over that side."""
    paths: list[list[Node]] = [
        [used, *(each for row in rows for each in row if each == Lane(edge=(used, user))), user]
        for user, others in uses.items()
        for used in others
    ]
    for path in paths:
        starts = sorted((places[each[1]].x, each) for each in paths if each[0] == path[0])
        ends = sorted((places[each[-2]].x, each) for each in paths if each[-1] == path[-1])
        x, y = _port(places[path[0]], [each for _, each in starts].index(path), len(starts), below=True)
        steps = [f"M{x:g} {y:g}"]
        for lane in path[1:-1]:
            place = places[lane]
            middle = place.x + place.width / 2
            steps += [_curve(y, middle, place.y, x), f"V{place.y + place.height:g}"]
            x, y = middle, place.y + place.height
        end_x, end_y = _port(places[path[-1]], [each for _, each in ends].index(path), len(ends), below=False)
        steps.append(_curve(y, end_x, end_y, x))
        yield f'<path class="arrow" marker-end="url(#tip)" d="{"".join(steps)}"/>'


def _port(place: _Place, number: int, count: int, *, below: bool) -> tuple[float, float]:
    share = (number + 1) / (count + 1)
    return place.x + place.width * share, place.y + place.height if below else place.y


def _curve(from_y: float, x: float, y: float, from_x: float) -> str:
    middle = (from_y + y) / 2
    return f" C{from_x:g} {middle:g} {x:g} {middle:g} {x:g} {y:g}"


def _spoken(stacks: Sequence[StackView]) -> str:
    """Return the picture in words, for those who do not see it."""
    return "; ".join(
        f"{each.title} uses {', '.join(each.uses)}" if each.uses else f"{each.title} uses no other stack"
        for each in stacks
    )
