"""From the events of GetExecutionHistory to the states that an execution came through."""

from datetime import UTC, datetime, timedelta
from typing import Any

from rehearsal.page.document import Outcome, Visit
from rehearsal.page.history import LONGEST, visits
from tests.machines import TaskError
from tests.rehearsal.page.recorded import CANDIDATES, Recorded, definition
from tests.rehearsal.page.sample_flow import release_answers, training_answers

START = datetime(2026, 3, 2, 10, tzinfo=UTC)
APPROVED = {"key": "k", "at": "2026-03-02T09:59:58Z", "package": "arn"}


def events(*given: tuple[str, dict[str, Any]], follow: dict[int, int] | None = None) -> list[dict[str, Any]]:
    """Return events a second apart; each follows the one before it unless ``follow`` says otherwise."""
    return [
        {
            "id": number,
            "previousEventId": (follow or {}).get(number, number - 1),
            "type": kind,
            "timestamp": START + timedelta(seconds=number),
            **details,
        }
        for number, (kind, details) in enumerate(given, 1)
    ]


def entered(name: str, kind: str = "Task", given: str = "{}") -> tuple[str, dict[str, Any]]:
    return f"{kind}StateEntered", {"stateEnteredEventDetails": {"name": name, "input": given}}


def exited(name: str, kind: str = "Task", output: str = "{}") -> tuple[str, dict[str, Any]]:
    return f"{kind}StateExited", {"stateExitedEventDetails": {"name": name, "output": output}}


def failed(error: str) -> tuple[str, dict[str, Any]]:
    return "TaskFailed", {"taskFailedEventDetails": {"error": error, "cause": f"{error}, because"}}


def by_state(found: tuple[Visit, ...]) -> dict[str, Visit]:
    return {each.state: each for each in found}


def test_the_states_of_a_history_are_those_that_were_walked_through() -> None:
    walk = Recorded(definition("release"), release_answers("200606-1111aaaaaa"), APPROVED)
    found = visits(walk.history())
    assert [each.state for each in found] == walk.states
    assert {each.outcome for each in found} == {Outcome.PASSED}
    assert all(each.exited is not None and each.exited >= each.entered for each in found)


def test_what_a_map_runs_side_by_side_is_told_apart() -> None:
    walk = Recorded(definition("training"), training_answers(), {})
    inside = [each for each in visits(walk.history()) if each.iteration is not None]
    assert sorted(each.iteration or 0 for each in inside) == list(range(len(CANDIDATES)))
    assert {each.tries for each in inside} == {1}


def test_an_error_that_was_caught_is_with_the_state_that_raised_it() -> None:
    answers = training_answers() | {"Validate and refine": TaskError("States.TaskFailed", "row 3")}
    found = by_state(visits(Recorded(definition("training"), answers, {}).history()))
    assert found["Validate and refine"].outcome is Outcome.CAUGHT
    assert [each.cause for each in found["Validate and refine"].failures] == ["row 3"]
    assert found["Record the failure"].outcome is Outcome.PASSED
    assert found["Failed"].outcome is Outcome.FAILED


def test_a_failure_inside_of_a_map_ends_its_item_and_is_caught_by_the_map() -> None:
    answers = training_answers() | {"Train one candidate": TaskError("States.TaskFailed", "no memory")}
    found = by_state(visits(Recorded(definition("training"), answers, {}).history()))
    assert found["Train one candidate"].outcome is Outcome.CAUGHT
    assert found["Could not train"].outcome is Outcome.FAILED
    assert found["Train the candidates"].outcome is Outcome.CAUGHT


def test_a_try_that_failed_before_another_succeeded_is_kept_and_nothing_was_caught() -> None:
    scheduled: tuple[str, dict[str, Any]] = ("TaskScheduled", {})
    history = events(
        ("ExecutionStarted", {}),
        entered("Ask"),
        scheduled,
        failed("Throttled"),
        scheduled,
        ("TaskSucceeded", {}),
        exited("Ask"),
    )
    (visit,) = visits(history)
    assert (visit.outcome, visit.tries) == (Outcome.PASSED, 2)
    assert [each.error for each in visit.failures] == ["Throttled"]


def test_events_that_say_what_they_follow_belong_there_whatever_comes_between() -> None:
    start = ("MapIterationStarted", {"mapIterationStartedEventDetails": {"name": "Both", "index": 0}})
    other = ("MapIterationStarted", {"mapIterationStartedEventDetails": {"name": "Both", "index": 1}})
    history = events(
        entered("Both", "Map"),
        start,
        other,
        entered("Do"),
        entered("Do"),
        ("TaskScheduled", {}),
        failed("Broken"),
        follow={2: 1, 3: 1, 4: 2, 5: 3, 6: 4, 7: 6},
    )
    _, first, second = visits(history)
    assert (first.iteration, [each.error for each in first.failures]) == (0, ["Broken"])
    assert (second.iteration, second.failures) == (1, ())


def test_what_runs_has_no_end_and_what_was_stopped_has() -> None:
    history = events(("ExecutionStarted", {}), entered("Wait", "Wait"))
    assert [(each.outcome, each.exited) for each in visits(history)] == [(Outcome.RUNNING, None)]
    stopped = [*history, {**events(("ExecutionAborted", {}))[0], "id": 3, "previousEventId": 2}]
    assert [each.outcome for each in visits(stopped)] == [Outcome.STOPPED]


def test_a_history_without_what_follows_what_is_read_in_its_order() -> None:
    history = events(entered("One"), ("TaskScheduled", {}), failed("Broken"), exited("One"), entered("Two", "Pass"))
    found = visits([{key: value for key, value in each.items() if key != "previousEventId"} for each in history])
    assert [(each.state, each.outcome) for each in found] == [("One", Outcome.CAUGHT), ("Two", Outcome.RUNNING)]


def test_what_is_very_long_is_cut_and_says_so() -> None:
    (visit,) = visits(events(entered("One", given="x" * (LONGEST + 1))))
    assert visit.input.endswith(f"… ({LONGEST + 1:,} characters)")
    assert len(visit.input) < LONGEST + 40
