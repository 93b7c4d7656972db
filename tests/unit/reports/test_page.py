import base64
import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError
from matplotlib.figure import Figure

from ml.reports.figures import PIXELS_PER_INCH, embed
from ml.reports.page import render_page, render_text
from tests.evaluations import evaluation


def test_a_chart_is_shown_at_its_size_with_its_text_escaped_and_kept_as_the_same_png(tmp_path: Path) -> None:
    figure = Figure(figsize=(4, 2))
    figure.subplots().plot([1, 2])
    image = str(embed(figure, 'more than "half" < all', png=tmp_path / "charts" / "one.png"))
    assert 'alt="more than &#34;half&#34; &lt; all"' in image
    assert f'width="{4 * PIXELS_PER_INCH}" height="{2 * PIXELS_PER_INCH}"' in image
    inside = re.search(r'base64,([^"]*)"', image)
    assert inside is not None
    assert base64.b64decode(inside[1]) == (tmp_path / "charts" / "one.png").read_bytes()


def test_the_same_chart_gives_the_same_bytes() -> None:
    def image() -> str:
        figure = Figure(figsize=(2, 1))
        figure.subplots().plot([1, 3, 2])
        return str(embed(figure, "a line"))

    assert image() == image()


def test_a_value_that_a_template_lacks_fails_and_leaves_the_old_page(tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("the page of before", encoding="utf-8")
    with pytest.raises(UndefinedError):
        render_page(page, "evaluation.html.j2", evaluation={})
    assert page.read_text(encoding="utf-8") == "the page of before"
    assert list(tmp_path.iterdir()) == [page]


def test_plain_text_is_not_escaped(tmp_path: Path) -> None:
    content = evaluation(rows=500, bare=True)
    winner = content["candidates"][0]
    card = render_text(
        tmp_path / "card.md",
        "model_card.md.j2",
        evaluation=content,
        winner=winner,
        card={"Use": ["a customer's basket & more"]},
    )
    assert "- a customer's basket & more\n" in card.read_text(encoding="utf-8")
