import json
import re
from pathlib import Path
from typing import Any

import pytest

from ml.evaluation.model_card import model_card, weakest_slices, weeks
from ml.evaluation.report import write_report
from tests.evaluations import evaluation

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return evaluation(champion=0.9)


@pytest.fixture(scope="module")
def folder(whole: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(tmp_path_factory.mktemp("run"), whole).parent


@pytest.fixture
def without_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the drawing out where only the text matters."""
    monkeypatch.setattr("ml.evaluation.report.embed", lambda *_, **__: "")


def text_of(page: Path) -> str:
    """The words of a page, without markup and images."""
    without = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(without.split())


def test_every_chart_of_the_page_is_also_a_png_file(folder: Path) -> None:
    files = sorted(folder.glob("charts/*.png"))
    assert all(file.read_bytes().startswith(PNG) for file in files)
    assert len(files) == (folder / "report.html").read_text(encoding="utf-8").count("<img ")
    assert {"comparison-macro-f1", "confusion-counts", "calibration", "slice-seg-1", "learning-curve"} <= {
        file.stem for file in files
    }


def test_the_page_names_nothing_outside_itself_but_relative_links(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    targets = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert {target for target in targets if not target.startswith(("#", "data:"))} == {"../../validation/report.html"}


def test_the_report_can_be_rendered_again_from_the_json_file_alone(
    whole: dict[str, Any], folder: Path, tmp_path: Path
) -> None:
    read_back = json.loads(json.dumps(whole, allow_nan=False))
    again = write_report(tmp_path, read_back)
    assert again.read_bytes() == (folder / "report.html").read_bytes()
    assert (tmp_path / "model_card.md").read_bytes() == (folder / "model_card.md").read_bytes()


def test_no_temporary_file_is_left_and_other_files_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}", encoding="utf-8")
    write_report(tmp_path, evaluation(rows=500, bare=True))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["charts", "model_card.md", "report.html", "run.json"]


def test_the_headline_shows_figures_with_their_intervals(whole: dict[str, Any], folder: Path) -> None:
    words = text_of(folder / "report.html")
    scores = whole["candidates"][-1]["holdout"]
    for key in ("accuracy", "macro_f1", "class_precision_minimum"):
        assert f"{scores[key]['value']:.4f}" in words
        assert f"{scores[key]['low']:.4f} to {scores[key]['high']:.4f}" in words
    assert "XGBoost: accepted Approved" in words
    assert "Champion: version v0007-9d2e41" in words


@pytest.mark.usefixtures("without_charts")
def test_a_rejected_run_gives_its_failed_rules_before_the_passed_ones(tmp_path: Path) -> None:
    words = text_of(write_report(tmp_path, evaluation(quality=0.4, champion=0.45)))
    assert "XGBoost: rejected Rejected" in words
    assert "This is a decision, not an error" in words
    assert words.index("Failed: accuracy") < words.index("Accuracy over baseline") < words.index("Passed:")
    assert "none registered" in words


@pytest.mark.usefixtures("without_charts")
def test_a_version_that_waits_for_approval_says_so(tmp_path: Path) -> None:
    content = evaluation(rows=500, bare=True)
    content["decision"]["status"] = "PendingManualApproval"
    page = write_report(tmp_path, content)
    assert 'class="verdict warn"' in page.read_text(encoding="utf-8")


def test_the_business_figures_stand_beside_every_assumption(folder: Path, whole: dict[str, Any]) -> None:
    words = text_of(folder / "report.html")
    for name in whole["business"]["assumptions"]:
        assert name.replace("_", " ") in words
    assert "Gain over the baseline" in words


@pytest.mark.usefixtures("without_charts")
def test_what_a_run_does_not_have_is_left_out_rather_than_shown_empty(tmp_path: Path) -> None:
    page = write_report(tmp_path, evaluation(rows=500, bare=True)).read_text(encoding="utf-8")
    for section in ("calibration", "importance", "slices", "learning", "business"):
        assert f'id="{section}"' not in page
        assert f'href="#{section}"' not in page


def test_a_weak_slice_is_named_in_the_page_and_in_the_card(folder: Path) -> None:
    assert re.search(r"Below all baskets beyond chance.*?seg_1 = DI", text_of(folder / "report.html"))
    assert "seg_1 = DI" in (folder / "model_card.md").read_text(encoding="utf-8")


def test_a_small_slice_is_never_called_weak() -> None:
    estimate = {"value": 0.1, "low": 0.0, "high": 0.2}
    small = {"value": "XLS", "rows": 9, "accuracy": estimate, "macro_f1": estimate, "small": True}
    whole = {"value": 0.9, "low": 0.8, "high": 0.95}
    assert weakest_slices({"store_format": [small]}, whole) == []
    assert weakest_slices({"store_format": [small | {"small": False}]}, whole) != []


def test_a_tiny_slice_far_below_the_others_still_gives_a_chart(tmp_path: Path, whole: dict[str, Any]) -> None:
    content = json.loads(json.dumps(whole))
    tiny = {"value": 0.0, "low": 0.0, "high": 0.0}
    content["winner_detail"]["slices"] = {
        "store_format": [{"value": "XLS", "rows": 1, "accuracy": tiny, "macro_f1": tiny, "small": True}]
    }
    write_report(tmp_path, content)
    assert (tmp_path / "charts" / "slice-store-format.png").exists()


def test_the_model_card_is_markdown_with_all_headings(folder: Path) -> None:
    card = (folder / "model_card.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", card, flags=re.MULTILINE)
    assert headings[:6] == ["Intended use", "Not for", "Training data", "Quality", "Limits", "Ethics and fairness"]
    assert "&#" not in card
    assert "| High | 959 |" in card


def test_the_owner_of_the_data_can_add_to_the_model_card(whole: dict[str, Any]) -> None:
    own = {"Not for": ["Baskets of alcohol."], "Contact": ["pricing team"]}
    card = model_card(whole | {"use_case": whole["use_case"] | {"model_card": own}})
    assert card["Not for"][0] == "Baskets of alcohol."
    assert len(card["Not for"]) > 1
    assert card["Contact"] == ["pricing team"]


def test_weeks_are_said_in_short() -> None:
    assert weeks([200702, 200701]) == "200701 to 200702 (2 weeks)"
    assert weeks([200701]) == "200701 (1 week)"
    assert weeks([]) == "no week"


def test_an_evaluation_of_another_schema_or_without_its_winner_is_refused(tmp_path: Path) -> None:
    content = evaluation(rows=500, bare=True)
    with pytest.raises(ValueError, match="schema 2"):
        write_report(tmp_path, content | {"schema": 2})
    with pytest.raises(ValueError, match="'svm' is not among the candidates"):
        write_report(tmp_path, content | {"winner": "svm"})
    assert list(tmp_path.iterdir()) == []
