"""The picture and the tables say what the app says, and notice when it says something else."""

import copy
import re
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from operations.architecture import __main__ as command
from operations.architecture.layout import Lane, layers_of
from operations.architecture.model import StackView, read_stacks
from operations.architecture.page import PageError, fill
from operations.architecture.svg import draw
from operations.synthesis import synthesize
from tests.stacks.assembly import environment

PAGE = (
    "# Page\n<!-- generated: stacks -->\n<!-- /generated -->\n\n<!-- generated: environments -->\n<!-- /generated -->\n"
)


@pytest.fixture(scope="module")
def templates() -> dict[str, dict[str, Any]]:
    return environment("prod").templates


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "architecture.md").write_text(PAGE, encoding="utf-8")
    return tmp_path


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch, templates: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Templates that the command works from, to be changed by a test."""
    changed = copy.deepcopy(templates)
    monkeypatch.setattr(command, "synthesize", lambda _: changed)
    return changed


def view(name: str, *uses: str, holds: tuple[str, ...] = ("thing",)) -> StackView:
    return StackView(component=name, description="A stack", holds=holds, uses=dict.fromkeys(uses, ("key",)))


def test_every_stack_is_drawn_below_all_that_it_uses(templates: dict[str, dict[str, Any]]) -> None:
    stacks = read_stacks(templates, start="mlops-prod-")
    assert [each.component for each in stacks][:2] == ["security", "network"]
    rows = layers_of({each.component: list(each.uses) for each in stacks})
    row = {node: number for number, nodes in enumerate(rows) for node in nodes if isinstance(node, str)}
    assert all(row[used] < row[each.component] for each in stacks for used in each.uses)
    assert {"security", "network"} <= set(next(each for each in stacks if each.component == "eks").uses)


def test_a_bucket_that_another_stack_knows_by_name_is_told_and_makes_no_arrow() -> None:
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": {"Fn::Join": ["-", ["x-lake", {"Ref": "Id"}]]}}}
    reader = {
        "Type": "AWS::IAM::Policy",
        "Properties": {"To": {"Fn::Join": ["", ["arn::x-lake-", {"Ref": "Id"}, "/*"]]}},
    }
    other = {"Type": "AWS::IAM::Policy", "Properties": {"To": {"Fn::Join": ["", ["x-lake-", {"Ref": "Id"}, "-old"]]}}}
    stacks = {
        "x-a": {"Resources": {"Lake": bucket}},
        "x-b": {"Resources": {"P": reader}},
        "x-c": {"Resources": {"P": other}},
    }
    _, reads, stranger = read_stacks(stacks, start="x-")
    assert reads.names == {"a": ("bucket (Lake)",)}
    assert reads.uses == {}
    assert stranger.names == {}


def test_the_picture_and_the_tables_hold_no_token_hash_or_account(
    templates: dict[str, dict[str, Any]], folder: Path
) -> None:
    for path, text in command.generate(templates, folder=folder).items():
        assert not re.search(r"Token|AWS::|\$\{|\b\d{12}\b|[0-9A-F]{8}\b", text), path.name


def test_equal_stacks_give_equal_bytes_whatever_the_run(templates: dict[str, dict[str, Any]], folder: Path) -> None:
    again = synthesize("prod")
    assert command.generate(again, folder=folder) == command.generate(templates, folder=folder)


def test_a_written_page_passes_its_check(quick: dict[str, dict[str, Any]], folder: Path) -> None:
    assert command.main(["--folder", str(folder)]) == 0
    assert command.main(["--folder", str(folder), "--check"]) == 0


def test_the_check_notices_a_new_resource_and_says_what_to_run(
    quick: dict[str, dict[str, Any]], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.main(["--folder", str(folder)])
    quick["mlops-prod-network"]["Resources"]["Another"] = {"Type": "AWS::SNS::Topic"}
    assert command.main(["--folder", str(folder), "--check"]) == 1
    said = capsys.readouterr().err
    assert "run python -m operations.architecture" in said
    assert "Another" in said


def test_the_check_writes_nothing(quick: dict[str, dict[str, Any]], folder: Path) -> None:
    assert command.main(["--folder", str(folder), "--check"]) == 1
    assert [each.name for each in folder.iterdir()] == ["architecture.md"]
    assert (folder / "architecture.md").read_text(encoding="utf-8") == PAGE


def test_prose_written_by_hand_stays(quick: dict[str, dict[str, Any]], folder: Path) -> None:
    page = folder / "architecture.md"
    page.write_text(f"before\n{PAGE}after\n", encoding="utf-8")
    command.main(["--folder", str(folder)])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("before\n# Page")
    assert text.endswith("after\n")
    assert "| **security** |" in text


def test_a_page_without_a_place_for_a_table_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(PageError, match=r"page\.md has places for nothing; generated: stacks"):
        fill("no place", {"stacks": "table"}, origin=tmp_path / "page.md")


def test_an_arrow_past_a_row_has_a_lane_between_its_boxes() -> None:
    rows = layers_of({"a": [], "b": ["a"], "c": ["a", "b"]})
    assert rows[0] == ["a"]
    assert set(rows[1]) == {"b", Lane(edge=("a", "c"))}
    assert rows[2] == ["c"]


def test_a_circle_of_stacks_is_an_error_that_names_them() -> None:
    with pytest.raises(ValueError, match="circle: b, c"):
        layers_of({"a": [], "b": ["c"], "c": ["b"]})


def test_text_that_looks_like_markup_stays_text() -> None:
    picture = draw([view("a", holds=("<script>&",))], caption="a < b")
    texts = [each.text for each in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")]
    assert "• <script>&" in texts
    assert "a < b" in texts


def test_boxes_keep_apart_and_inside_however_many_stand_in_a_row() -> None:
    stacks = [view("a"), *(view(f"b{number}", "a") for number in range(5)), view("c", "a", "b1")]
    boxes = [
        [float(each.attrib[name]) for name in ("x", "y", "width", "height")]
        for each in ET.fromstring(draw(stacks, caption="")).iter("{http://www.w3.org/2000/svg}rect")
        if each.attrib["class"] == "box"
    ]
    assert len(boxes) == 7
    assert all(x >= 0 and x + width <= 1280 for x, _, width, _ in boxes)
    for number, (x, y, width, height) in enumerate(boxes):
        for other_x, other_y, other_width, other_height in boxes[number + 1 :]:
            apart = x + width <= other_x or other_x + other_width <= x
            assert apart or y + height <= other_y or other_y + other_height <= y
