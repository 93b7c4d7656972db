"""The gate: may a candidate be registered? A decision with its reasons, never an error."""

import math
from collections.abc import Iterator

from config.document import Frozen
from config.names import ModelStatus
from ml.evaluation.comparison import Comparison
from ml.evaluation.metrics import Scores
from ml.use_case import Gate

# How the sentence of a rule begins; the report puts failed rules first.
PASSED, FAILED = "Passed", "Failed"


class Rule(Frozen):
    """One rule of the gate; ``value`` and ``threshold`` are None where the rule is not about a number."""

    name: str
    passed: bool
    value: float | None
    threshold: float | None
    sentence: str


class Decision(Frozen):
    """The outcome: ``reasons`` is a sentence for every rule, failed ones first."""

    accepted: bool
    status: ModelStatus
    reasons: tuple[str, ...]
    rules: tuple[Rule, ...]


def decide(scores: Scores, gate: Gate, *, champion: Scores | None, comparison: Comparison | None) -> Decision:
    """Return whether the candidate with these hold-out ``scores`` is accepted, and why.

    It must reach the gate's accuracy and macro F1, the precision of each class, predict every class,
    give a probability for every row, and, where there is a champion, reach the champion's macro F1 on
    the same rows less ``gate.max_regression``. A figure that is not a number fails its rule.

    Args:
        scores: of the candidate.
        gate: the thresholds, shares in [0, 1].
        champion: its scores on the same rows; None where no version is champion yet.
        comparison: candidate (a) against champion (b), for the interval of the difference.

    Raises:
        ValueError: candidate and champion were not scored on the same rows.

    """
    rules = [
        _at_least("accuracy", scores.accuracy.value, gate.accuracy),
        _at_least("macro F1", scores.macro_f1.value, gate.macro_f1),
        *_class_rules(scores, gate),
        _usable(scores),
    ]
    if champion is not None:
        rules.append(_not_worse(scores, champion, comparison, gate.max_regression))
    rules.sort(key=lambda rule: rule.passed)
    accepted = all(rule.passed for rule in rules)
    waiting = ModelStatus.APPROVED if gate.approval == "automatic" else ModelStatus.PENDING
    return Decision(
        accepted=accepted,
        status=waiting if accepted else ModelStatus.REJECTED,
        reasons=tuple(rule.sentence for rule in rules),
        rules=tuple(rules),
    )


def _at_least(name: str, value: float, threshold: float) -> Rule:
    if not math.isfinite(value):
        return _failed(name, threshold, f"{name} is not a number, so it cannot reach {_threshold(threshold)}")
    passed = value >= threshold
    verdict = "reaches" if passed else "is below"
    return Rule(
        name=name,
        passed=passed,
        value=value,
        threshold=threshold,
        sentence=f"{_word(passed)}: {name} {_shown(value, threshold)} {verdict} the required {_threshold(threshold)}.",
    )


def _class_rules(scores: Scores, gate: Gate) -> Iterator[Rule]:
    for each in scores.per_class:
        name = f"precision of {each.name}"
        if each.predicted == 0:
            yield _failed(name, gate.class_precision, f"class {each.name} is never predicted")
        elif each.support == 0:
            yield _failed(name, gate.class_precision, f"the hold-out has no basket of class {each.name} to judge it by")
        else:
            yield _at_least(name, each.precision.value, gate.class_precision)


def _usable(scores: Scores) -> Rule:
    passed = scores.unusable_rows == 0
    return Rule(
        name="a probability for every row",
        passed=passed,
        value=float(scores.unusable_rows),
        threshold=0.0,
        sentence=f"{_word(passed)}: "
        + (
            f"all {scores.rows:,} rows have probabilities that sum to 1."
            if passed
            else f"{scores.unusable_rows:,} of {scores.rows:,} rows have no usable probabilities "
            "(not a number, negative, or not summing to 1)."
        ),
    )


def _not_worse(scores: Scores, champion: Scores, comparison: Comparison | None, max_regression: float) -> Rule:
    if scores.rows != champion.rows or any(
        ours.support != theirs.support for ours, theirs in zip(scores.per_class, champion.per_class, strict=True)
    ):
        raise ValueError("candidate and champion must be scored on the same rows")
    name = "not worse than the champion"
    ours, theirs = scores.macro_f1.value, champion.macro_f1.value
    threshold = theirs - max_regression
    if not (math.isfinite(ours) and math.isfinite(theirs)):
        return _failed(name, None, "macro F1 of candidate or champion is not a number")
    passed = ours >= threshold
    allowance = f", {max_regression:g} less allowed" if max_regression else ""
    interval = ""
    if comparison is not None:
        low, high = comparison.macro_f1_difference.low, comparison.macro_f1_difference.high
        interval = f" (95 % interval of the difference {low:+.4f} to {high:+.4f})".replace("-", "−")
    return Rule(
        name=name,
        passed=passed,
        value=ours,
        threshold=threshold,
        sentence=f"{_word(passed)}: macro F1 {_shown(ours, threshold)} {'reaches' if passed else 'is below'} "
        f"the champion's {_shown(theirs, ours)} on the same {scores.rows:,} rows{allowance}{interval}.",
    )


def _failed(name: str, threshold: float | None, why: str) -> Rule:
    return Rule(name=name, passed=False, value=None, threshold=threshold, sentence=f"{FAILED}: {why}.")


def _word(passed: bool) -> str:
    return PASSED if passed else FAILED


def _threshold(value: float) -> str:
    return f"{value:.2f}" if round(value, 2) == value else f"{value:g}"


def _shown(value: float, other: float) -> str:
    """Return ``value`` with as many digits as it takes to tell it from ``other``."""
    for digits in range(4, 17):
        if value == other or f"{value:.{digits}f}" != f"{other:.{digits}f}":
            return f"{value:.{digits}f}"
    return repr(value)
