from typing import Any

import numpy as np
import pytest

from ml.evaluation.gate import decide
from ml.evaluation.intervals import Estimate
from ml.evaluation.metrics import Scores, compare, score
from ml.use_case import Gate
from tests.unit.evaluation.samples import CLASSES, certain, predictions, scores

GATE = Gate(accuracy=0.8, macro_f1=0.7, class_precision=0.65, max_regression=0.0, approval="automatic")


def of_gate(**changes: Any) -> Gate:
    return GATE.model_copy(update=changes)


def of_scores(**changes: Any) -> Scores:
    return scores().model_copy(update=changes)


def not_a_number() -> Estimate:
    return Estimate(value=float("nan"), low=0.0, high=1.0)


def test_a_good_model_is_accepted_and_every_rule_says_why() -> None:
    decision = decide(scores(), GATE, champion=None, comparison=None)
    assert decision.accepted
    assert decision.status == "Approved"
    assert len(decision.reasons) == 6
    assert all(reason.startswith("Passed") for reason in decision.reasons)


def test_approval_by_hand_leaves_an_accepted_model_waiting() -> None:
    decision = decide(scores(), of_gate(approval="manual"), champion=None, comparison=None)
    assert (decision.accepted, decision.status) == (True, "PendingManualApproval")


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"accuracy": 1.0}, "accuracy"),
        ({"macro_f1": 1.0}, "macro F1"),
        ({"class_precision": 1.0}, "precision of High"),
    ],
)
def test_a_figure_below_its_threshold_is_rejected_with_both_numbers(change: dict[str, float], named: str) -> None:
    decision = decide(scores(), of_gate(**change), champion=None, comparison=None)
    assert not decision.accepted
    assert decision.status == "Rejected"
    assert decision.reasons[0].startswith(f"Failed: {named} 0.9")
    assert decision.reasons[0].endswith("is below the required 1.00.")


def test_a_figure_equal_to_its_threshold_passes() -> None:
    found = scores()
    gate = of_gate(accuracy=found.accuracy.value, macro_f1=found.macro_f1.value)
    assert decide(found, gate, champion=None, comparison=None).accepted


def test_a_figure_a_hair_below_is_shown_with_digits_that_tell_the_two_apart() -> None:
    found = of_scores(accuracy=Estimate(value=0.79999999, low=0.7, high=0.9))
    reason = decide(found, GATE, champion=None, comparison=None).reasons[0]
    assert "0.79999999 is below the required 0.8" in reason


def test_a_class_that_is_never_predicted_is_rejected_by_name() -> None:
    labels = np.array([0] * 400 + [1] * 500 + [2] * 10)
    predicted = np.where(labels == 2, 1, labels)
    found = score(labels, certain(predicted), classes=CLASSES, seed=1)
    decision = decide(found, of_gate(class_precision=0.0, macro_f1=0.1), champion=None, comparison=None)
    assert not decision.accepted
    assert decision.reasons[0] == "Failed: class Low is never predicted."


def test_a_class_the_hold_out_does_not_have_cannot_pass() -> None:
    labels = np.array([0] * 400 + [1] * 500)
    predicted = labels.copy()
    predicted[0] = 2
    decision = decide(
        score(labels, certain(predicted), classes=CLASSES, seed=1),
        of_gate(class_precision=0.0, macro_f1=0.1),
        champion=None,
        comparison=None,
    )
    assert decision.reasons[0] == "Failed: the hold-out has no basket of class Low to judge it by."


@pytest.mark.parametrize("figure", ["accuracy", "macro_f1"])
def test_a_figure_that_is_not_a_number_is_rejected(figure: str) -> None:
    decision = decide(of_scores(**{figure: not_a_number()}), GATE, champion=None, comparison=None)
    assert not decision.accepted
    assert "is not a number" in decision.reasons[0]
    assert decision.rules[0].value is None


def test_probabilities_that_are_not_numbers_are_rejected_even_if_all_else_is_well() -> None:
    labels, probabilities = predictions(1000, seed=3, quality=5.0)
    probabilities[7] = np.nan
    found = score(labels, probabilities, classes=CLASSES, seed=1)
    decision = decide(found, GATE, champion=None, comparison=None)
    assert not decision.accepted
    assert "1 of 1,000 rows" in decision.reasons[0]


def test_a_candidate_worse_than_the_champion_on_the_same_rows_is_rejected_with_the_interval() -> None:
    labels, probabilities = predictions(2000, seed=3, quality=4.0)
    candidate = score(labels, probabilities, classes=CLASSES, seed=1)
    champion = score(labels, certain(labels), classes=CLASSES, seed=1)
    comparison = compare(labels, probabilities.argmax(axis=1), labels, 1)
    decision = decide(candidate, GATE, champion=champion, comparison=comparison)
    assert not decision.accepted
    assert "is below the champion's 1.0000 on the same 2,000 rows" in decision.reasons[0]
    assert "95 % interval of the difference −0." in decision.reasons[0]
    tolerant = of_gate(max_regression=0.05)
    assert decide(candidate, tolerant, champion=champion, comparison=comparison).accepted


def test_a_candidate_equal_to_the_champion_is_accepted() -> None:
    assert decide(scores(), GATE, champion=scores(), comparison=None).accepted


def test_a_champion_without_a_figure_cannot_be_beaten_by_accident() -> None:
    champion = of_scores(macro_f1=not_a_number())
    assert not decide(scores(), GATE, champion=champion, comparison=None).accepted


def test_a_champion_scored_on_other_rows_is_refused() -> None:
    with pytest.raises(ValueError, match="same rows"):
        decide(scores(), GATE, champion=scores(2999), comparison=None)
