"""The look of every chart, and how a chart gets into a page.

Apart from ``ml.reports.page``, so that a page without charts does not load matplotlib.
"""

import base64
import io
from pathlib import Path

import matplotlib as mpl
from cycler import cycler
from markupsafe import Markup
from matplotlib.figure import Figure

from ml.files import new_file

# One palette for every page; the first colours tell classes apart for colour-blind readers too.
PALETTE = ("#1f6f8b", "#e07a2f", "#4f9d69", "#8e5ea2", "#c9485b", "#7a7a7a", "#b8a038")
INK, MUTED, GRID = "#1d2733", "#5d6b7a", "#d9e0e7"

# A chart is shown at this many CSS pixels per inch and drawn twice as fine, for dense screens and print.
# A figure 4.2 inches wide fills half a page's width, and its 9-point text stays readable on a telephone.
PIXELS_PER_INCH = 110

mpl.rcParams.update(
    {
        "axes.axisbelow": True,
        "axes.edgecolor": GRID,
        "axes.grid": True,
        "axes.labelcolor": INK,
        "axes.prop_cycle": cycler(color=PALETTE),
        "axes.spines.right": False,
        "axes.spines.top": False,
        "axes.titlelocation": "left",
        "axes.titlesize": 10,
        "axes.titleweight": "bold",
        "figure.constrained_layout.use": True,
        "figure.dpi": 110,
        "font.size": 9,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "text.color": INK,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
    }
)


def embed(figure: Figure, alt: str, *, png: Path | None = None) -> Markup:
    """Return ``figure`` as an ``<img>`` with its bytes inside; also keep it as ``png`` where one is named."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=2 * PIXELS_PER_INCH, metadata={"Software": None})
    if png is not None:
        with new_file(png) as temporary:
            temporary.write_bytes(buffer.getvalue())
    data = base64.b64encode(buffer.getvalue()).decode()
    width, height = (round(inches * PIXELS_PER_INCH) for inches in figure.get_size_inches())
    return Markup('<img alt="{}" width="{}" height="{}" src="data:image/png;base64,{}">').format(
        alt, width, height, data
    )
