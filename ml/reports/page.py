"""Render Jinja templates to self-contained HTML pages and to plain text."""

from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined

from ml.files import new_file


def render_page(target: Path, template: str, **context: Any) -> Path:
    """Write ``template`` (which extends ``base.html.j2``) with ``context`` to ``target``; return ``target``."""
    return _write(target, _environment.get_template(template).render(**context))


def render_text(target: Path, template: str, **context: Any) -> Path:
    """Write ``template``, which is not HTML, with ``context`` to ``target``; return ``target``."""
    return _write(target, _plain.get_template(template).render(**context))


def _write(target: Path, text: str) -> Path:
    with new_file(target) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return target


def _thousands(value: float) -> str:
    return f"{value:,.0f}".replace("-", "−")


def _percent(value: float, digits: int = 1) -> str:
    return f"{100 * value:.{digits}f} %"


def _figure(value: float, digits: int = 4) -> str:
    return f"{value:.{digits}f}".replace("-", "−")


def _signed(value: float, digits: int = 4) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


def environment(*packages: str) -> Environment:
    """Return the templates of ``packages`` and these ones, with the filters for figures."""
    found = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (*packages, "ml.reports")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(thousands=_thousands, percent=_percent, figure=_figure, signed=_signed)
    return found


_environment = environment()
_plain = _environment.overlay(autoescape=False)
