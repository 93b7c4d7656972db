"""Render Jinja templates to self-contained HTML pages."""

import base64
import io
from pathlib import Path
from typing import Any

import matplotlib as mpl
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from ml.files import new_file

# One palette for every page; the first colours tell classes apart for colour-blind readers too.
PALETTE = ("#1f6f8b", "#e07a2f", "#4f9d69", "#8e5ea2", "#c9485b", "#7a7a7a", "#b8a038")
INK, MUTED, GRID = "#1d2733", "#5d6b7a", "#d9e0e7"

mpl.rcParams.update(
    {
        "axes.edgecolor": GRID,
        "axes.grid": True,
        "axes.labelcolor": INK,
        "axes.prop_cycle": mpl.cycler(color=PALETTE),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlesize": 11,
        "figure.constrained_layout.use": True,
        "figure.dpi": 110,
        "font.size": 9,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
    }
)

_environment = Environment(
    loader=PackageLoader("ml.reports"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render_page(target: Path, template: str, **context: Any) -> Path:
    """Write ``template`` (which extends ``base.html.j2``) with ``context`` to ``target``; return ``target``."""
    text = _environment.get_template(template).render(**context)
    with new_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return target


def embed(figure: Figure, alt: str, *, png: Path | None = None) -> Markup:
    """Return ``figure`` as an ``<img>`` with its bytes inside; also keep it as ``png`` where one is named."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", metadata={"Software": None})
    if png is not None:
        with new_file(png) as temporary:
            temporary.write_bytes(buffer.getvalue())
    data = base64.b64encode(buffer.getvalue()).decode()
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(alt, data)


def _thousands(value: float) -> str:
    return f"{value:,.0f}"


def _percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


_environment.filters["thousands"] = _thousands
_environment.filters["percent"] = _percent
