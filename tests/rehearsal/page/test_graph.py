"""State machines as drawings: every state and way is there, no box touches another, lines go around boxes."""

import re
from itertools import combinations, pairwise
from typing import Any

import pytest

from rehearsal.page.document import Graph, Node
from rehearsal.page.graph import draw
from tests.machines import State, following
from tests.rehearsal.page.recorded import definition
from tests.rehearsal.page.sample_flow import MACHINES

machines = pytest.mark.parametrize("machine", MACHINES)


def every_state(machine: State) -> dict[str, State]:
    """Return all states, those inside of Maps too."""
    found = dict(machine["States"])
    for state in machine["States"].values():
        if state["Type"] == "Map":
            found |= every_state(state["ItemProcessor"])
    return found


def boxes(graph: Graph) -> dict[str, Node]:
    return {each.id: each for each in graph.nodes}


@machines
def test_every_state_is_a_box_and_every_way_a_line(machine: str) -> None:
    graph, states = draw(definition(machine)), every_state(definition(machine))
    assert sorted(boxes(graph)) == sorted(states)
    wanted = {(name, target) for name, state in states.items() for target in following(state)}
    assert {(each.source, each.target) for each in graph.edges} == wanted


@machines
def test_boxes_stand_apart_and_inside_of_the_drawing(machine: str) -> None:
    graph = draw(definition(machine))
    for one, other in combinations(graph.nodes, 2):
        if other.inside == one.id or one.inside == other.id:
            outer, inner = (one, other) if other.inside == one.id else (other, one)
            assert outer.x < inner.x
            assert inner.x + inner.width < outer.x + outer.width
            assert outer.y < inner.y
            assert inner.y + inner.height < outer.y + outer.height
        elif one.inside == other.inside:
            across = one.x + one.width <= other.x or other.x + other.width <= one.x
            down = one.y + one.height <= other.y or other.y + other.height <= one.y
            assert across or down, f"{one.id} and {other.id}"
    assert all(each.x >= 0 and each.x + each.width <= graph.width for each in graph.nodes)
    assert all(each.y >= 0 and each.y + each.height <= graph.height for each in graph.nodes)


@machines
def test_lines_begin_and_end_at_their_boxes(machine: str) -> None:
    graph = draw(definition(machine))
    for edge in graph.edges:
        numbers = [float(each) for each in re.findall(r"-?\d+\.\d", edge.path)]
        for name, (x, y) in ((edge.source, numbers[:2]), (edge.target, numbers[-2:])):
            box = boxes(graph)[name]
            assert box.x - 1 <= x <= box.x + box.width + 1, edge
            assert box.y - 1 <= y <= box.y + box.height + 1, edge


def corners(path: str) -> list[tuple[float, float]]:
    """Return where the parts of a path end."""
    parts = re.findall(r"[MLCQ]([^MLCQ]+)", path)
    return [(float(numbers[-2]), float(numbers[-1])) for numbers in (part.split() for part in parts)]


@machines
def test_no_way_but_an_errors_runs_through_a_box_that_it_has_nothing_to_do_with(machine: str) -> None:
    graph = draw(definition(machine))
    passed = 0
    for edge in graph.edges:
        ends = corners(edge.path)
        for (x, y), (next_x, next_y) in [] if edge.kind == "catch" else pairwise(ends[1:-1]):
            passed += 1
            for box in graph.nodes:
                beside = max(x, next_x) < box.x or min(x, next_x) > box.x + box.width
                apart = max(y, next_y) <= box.y or min(y, next_y) >= box.y + box.height
                assert beside or apart or box.kind == "Map", f"{edge.source} to {edge.target} runs through {box.id}"
    assert passed > 0 or machine == "monitoring"


def test_what_different_errors_lead_to_stands_apart() -> None:
    def task(error: str, **then: Any) -> State:
        catch = [{"ErrorEquals": ["States.ALL"], "Next": error}]
        return {"Type": "Task", "Resource": "a:b", "Catch": catch, **then}

    states = {
        "One": task("Bad", Next="Two"),
        "Two": task("Worse", End=True),
        "Bad": {"Type": "Pass", "Next": "Told"},
        "Told": {"Type": "Fail"},
        "Worse": {"Type": "Fail"},
    }
    found = boxes(draw({"StartAt": "One", "States": states}))
    assert found["Told"].x == found["Worse"].x
    assert found["Told"].y + found["Told"].height < found["Worse"].y


def test_what_only_errors_lead_to_is_at_the_right() -> None:
    found = boxes(draw(definition("training")))
    main = max(box.x + box.width for name, box in found.items() if name in {"Resolve the run", "Decide"})
    assert found["Record the failure"].x > main


def test_a_way_back_is_drawn_from_the_lower_state_to_the_upper_one() -> None:
    graph = draw(definition("release"))
    (back,) = [each for each in graph.edges if (each.source, each.target) == ("Let it serve", "Read the alarms")]
    numbers = [float(each) for each in re.findall(r"-?\d+\.\d", back.path)]
    assert numbers[1] > numbers[-1]


def test_equal_definitions_give_equal_drawings() -> None:
    assert draw(definition("release")) == draw(definition("release"))


@pytest.mark.parametrize(
    ("state", "detail"),
    [
        (
            {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke", "Arguments": {"FunctionName": "a:b:decide"}},
            "λ decide",
        ),
        ({"Type": "Task", "Resource": "arn:aws:states:::aws-sdk:s3:putObject"}, "s3 putObject"),
        (
            {"Type": "Task", "Resource": "arn:aws:states:::sagemaker:createTrainingJob.sync"},
            "sagemaker createTrainingJob",
        ),
        ({"Type": "Wait", "Seconds": 30}, "30 s"),
        ({"Type": "Wait", "Seconds": "{% $left %}"}, "a time worked out"),
    ],
)
def test_a_box_says_what_its_state_does(state: dict[str, Any], detail: str) -> None:
    (node,) = draw({"StartAt": "It", "States": {"It": {**state, "End": True}}}).nodes
    assert node.detail == detail


def test_a_state_that_leads_to_itself_is_drawn_without_a_line() -> None:
    graph = draw({"StartAt": "It", "States": {"It": {"Type": "Pass", "Next": "It"}}})
    assert (len(graph.nodes), graph.edges) == (1, ())


def test_an_error_that_leads_where_the_state_goes_anyway_is_one_line() -> None:
    state = {
        "Type": "Task",
        "Resource": "a:b",
        "Next": "End",
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "End"}],
    }
    graph = draw({"StartAt": "It", "States": {"It": state, "End": {"Type": "Succeed"}}})
    assert [each.kind for each in graph.edges] == ["next"]
