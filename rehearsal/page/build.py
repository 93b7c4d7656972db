"""The page as one file: style, script and document inside of it."""

import json
from pathlib import Path
from typing import Final

from markupsafe import Markup

from ml.files import new_file, write_json
from ml.reports.page import environment
from rehearsal.page.document import Document

PAGE: Final = "rehearsal.html"
DOCUMENT: Final = "document.json"
_STATIC: Final = Path(__file__).parent / "static"
# In this order: later ones use what earlier ones name.
_SCRIPTS: Final = ("dom", "state", "timeline", "machines", "charts", "sections", "main")


def write_page(folder: Path, document: Document) -> Path:
    """Write ``document.json`` and the page of it into ``folder``; return the page."""
    write_json(folder / DOCUMENT, document.as_json())
    target = folder / PAGE
    with new_file(target) as temporary:
        temporary.write_text(render(document), encoding="utf-8")
    return target


def render(document: Document, *, live: bool = False) -> str:
    """Return the page's HTML; one that is ``live`` asks for ``document.json`` beside it again and again."""
    template = environment(__package__).get_template("rehearsal.html.j2")
    return template.render(
        live=live,
        document=_inside_html(document),
        style=_own("page.css"),
        script=Markup("\n").join(_own(f"{name}.js") for name in _SCRIPTS),
    )


def _inside_html(document: Document) -> Markup:
    """Return the document as JSON that cannot end its element: no ``<`` is left in it."""
    text = json.dumps(document.as_json(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704  the line above


def _own(name: str) -> Markup:
    return Markup((_STATIC / name).read_text(encoding="utf-8"))  # noqa: S704  our own file
