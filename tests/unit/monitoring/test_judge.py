import numpy as np
import pytest

from config.monitoring import Answer
from config.names import MODEL_VERSION_DIMENSION, MonitoringMetric
from ml.monitoring.counts import VersionCounts, WeekCounts
from ml.monitoring.judge import Known, drift, looks, quality, verdict, worst
from ml.monitoring.metrics import metrics
from tests.unit.monitoring.worlds import WEEK, known, use_case, week

OK, WORSE, NOT_ENOUGH = Answer.OK, Answer.WORSE, Answer.NOT_ENOUGH_DATA
USE_CASE = use_case(minimum_baskets=300, most_weeks=3, max_drop=0.02, unseen_share=0.05)
PROMISED = {"accuracy": 0.98, "macro_f1": 0.98}


def answers(*weeks: WeekCounts, promised: dict[str, float] | None = None) -> tuple[Answer, Answer]:
    found = quality(weeks, Known(PROMISED if promised is None else promised, None), USE_CASE)
    return found[0].answer, found[1].answer


def test_a_model_as_good_as_promised_is_ok() -> None:
    assert answers(week(accuracy=0.98)) == (OK, OK)


def test_a_model_clearly_below_its_promise_is_worse() -> None:
    assert answers(week(accuracy=0.93)) == (WORSE, WORSE)


def test_a_figure_below_the_limit_is_no_proof_while_its_interval_reaches_above() -> None:
    assert answers(week(labelled=300, accuracy=0.95)) == (OK, OK)
    assert answers(week(labelled=30_000, accuracy=0.95)) == (WORSE, WORSE)


def test_too_few_labels_are_no_answer_however_bad_they_look() -> None:
    few = quality([week(labelled=297, accuracy=0.0)], known(**PROMISED), USE_CASE)
    assert {check.answer for check in few} == {NOT_ENOUGH}
    assert "300 are needed" in few[0].sentence


def test_no_labels_at_all_are_no_answer() -> None:
    [accuracy, _] = quality([week(labelled=0, waiting=5_000)], known(**PROMISED), USE_CASE)
    assert (accuracy.answer, accuracy.value, accuracy.weeks) == (NOT_ENOUGH, None, ())


def test_without_a_promise_the_gates_figures_hold() -> None:
    assert answers(week(accuracy=0.85), promised={}) == (OK, OK)
    # 0.76 is below the gate's accuracy of 0.80, and above its macro F1 of 0.70.
    assert answers(week(accuracy=0.76), promised={}) == (WORSE, OK)


def test_a_promise_below_the_gate_does_not_lower_it() -> None:
    [accuracy, _] = quality([week()], known(accuracy=0.5), USE_CASE)
    assert accuracy.limit == USE_CASE.gate.accuracy


def test_a_look_takes_no_more_weeks_than_it_needs() -> None:
    before, now = week(WEEK, accuracy=0.98), week(WEEK + 1, labelled=300, accuracy=0.8)
    [accuracy, _] = quality([before, now], known(**PROMISED), USE_CASE)
    assert accuracy.weeks == (WEEK + 1,)
    assert accuracy.answer is WORSE


def test_small_weeks_are_looked_at_together_but_not_forever() -> None:
    small = [week(WEEK + place, labelled=120) for place in range(3)]
    [accuracy, _] = quality(small, known(**PROMISED), USE_CASE)
    assert (accuracy.weeks, accuracy.baskets) == ((WEEK, WEEK + 1, WEEK + 2), 360)
    smaller = [week(WEEK + place, labelled=90) for place in range(12)]
    [accuracy, _] = quality(smaller, known(**PROMISED), USE_CASE)
    assert (accuracy.answer, accuracy.baskets) == (NOT_ENOUGH, 270)


def test_weeks_still_without_labels_do_not_hide_the_ones_before() -> None:
    assert answers(week(WEEK, accuracy=0.9), week(WEEK + 1, labelled=0, waiting=900)) == (WORSE, WORSE)


def test_input_that_moved_is_told_with_the_feature_that_moved_most() -> None:
    moved = week(labelled=999, spend=[900, 11, 11, 11, 11, 11, 11, 11, 11, 11])
    [inputs, predictions, unseen], features = drift([moved], known(), USE_CASE)
    assert inputs.answer is WORSE
    assert inputs.value == features["spend"] > 0.25
    assert "spend" in inputs.sentence
    assert predictions.answer is unseen.answer is OK


def test_predictions_that_moved_are_told() -> None:
    base = week(labelled=999)
    moved = WeekCounts(**{**vars(base), "predicted": np.array([900, 50, 49])})
    [inputs, predictions, _], _ = drift([moved], known(), USE_CASE)
    assert (inputs.answer, predictions.answer) == (OK, WORSE)


def test_unseen_products_need_proof() -> None:
    for share, labelled, expected in ((0.04, 999, OK), (0.055, 300, OK), (0.055, 9_999, WORSE), (0.2, 300, WORSE)):
        checks, _ = drift([week(labelled=labelled, unseen=share)], known(), USE_CASE)
        assert checks[2].answer is expected, share


def test_without_a_reference_there_is_no_answer_on_drift_but_on_unseen_products() -> None:
    checks, features = drift([week(unseen=0.5)], Known({}, None, "no reference: made without one"), USE_CASE)
    assert [check.answer for check in checks] == [NOT_ENOUGH, NOT_ENOUGH, WORSE]
    assert "no reference" in checks[0].sentence
    assert features == {}


def test_few_predictions_are_no_answer_on_drift() -> None:
    checks, _ = drift([week(labelled=90, unseen=0.9, spend=[90] + [0] * 9)], known(), USE_CASE)
    assert {check.answer for check in checks} == {NOT_ENOUGH}


def test_a_week_that_is_not_over_is_not_looked_at_for_drift() -> None:
    monday = week(WEEK + 1, labelled=0, waiting=2_000, spend=[2_000] + [0] * 9)
    counts = VersionCounts("v1", "", (week(WEEK), monday))
    found, _ = verdict(counts, known(**PROMISED), USE_CASE, whole={WEEK}, current=True)
    assert found.drift is OK
    found, _ = verdict(counts, known(**PROMISED), USE_CASE, whole={WEEK, WEEK + 1}, current=True)
    assert found.drift is WORSE


def test_one_worse_figure_is_enough_and_no_answer_outweighs_none() -> None:
    checks = {
        answer: quality([week()], known(), USE_CASE)[0].model_copy(update={"answer": answer}) for answer in Answer
    }
    assert worst([checks[OK], checks[WORSE], checks[NOT_ENOUGH]]) is WORSE
    assert worst([checks[NOT_ENOUGH], checks[OK]]) is OK
    assert worst([checks[NOT_ENOUGH]]) is NOT_ENOUGH


def test_looks_say_what_was_known_then() -> None:
    counts = VersionCounts(
        "v1", "", (week(WEEK), week(WEEK + 1, accuracy=0.8), week(WEEK + 2, labelled=0, waiting=500))
    )
    found = list(looks(counts, known(**PROMISED), USE_CASE, whole={WEEK, WEEK + 1}))
    assert [[check.name for check in look.checks] for look in found][2] == []
    assert [look.checks[0].answer for look in found[:2]] == [OK, WORSE]


def test_metrics_say_nothing_where_there_is_no_answer() -> None:
    counts = VersionCounts("v1", "", (week(labelled=90, waiting=10),))
    found, features = verdict(counts, known(**PROMISED), USE_CASE, whole={WEEK}, current=True)
    names = [datum.name for datum in metrics(counts, found, features, USE_CASE)]
    assert names == ["Predictions", "LabelledBaskets", "LabelCoverage", "LabelDelayWeeks"]


def test_metrics_carry_the_answer_and_only_features_that_moved() -> None:
    moved = week(labelled=999, accuracy=0.9, spend=[900, 11, 11, 11, 11, 11, 11, 11, 11, 11])
    counts = VersionCounts("v1", "", (moved, week(WEEK + 1, labelled=0, waiting=20)))
    found, features = verdict(counts, known(**PROMISED), USE_CASE, whole={WEEK}, current=True)
    data = list(metrics(counts, found, features, USE_CASE))
    assert all(datum.dimensions[MODEL_VERSION_DIMENSION] == "v1" for datum in data)
    by_name = {(datum.name, datum.dimensions.get("Feature")): datum.value for datum in data}
    assert by_name[MonitoringMetric.QUALITY_WORSE, None] == by_name[MonitoringMetric.DRIFT_WORSE, None] == 1.0
    assert by_name[MonitoringMetric.INPUT_DRIFT, "spend"] == by_name[MonitoringMetric.INPUT_DRIFT, None]
    assert by_name[MonitoringMetric.LABEL_DELAY_WEEKS, None] == 1
    assert by_name[MonitoringMetric.LABEL_COVERAGE, None] == pytest.approx(999 / 1_019)


@pytest.mark.parametrize("baskets", [300, 1_000, 4_000])
def test_healthy_weeks_raise_no_alarm_and_a_broken_model_does(baskets: int) -> None:
    rng = np.random.default_rng(baskets)

    def drawn(accuracy: float) -> WeekCounts:
        right = rng.binomial(baskets, accuracy)
        counts = np.diag(rng.multinomial(right, [0.24, 0.52, 0.24]))
        counts[0, 1] += baskets - right
        return WeekCounts(**{**vars(week()), "confusion": counts})

    healthy = [answers(drawn(0.975)) for _ in range(400)]
    assert sum(WORSE in pair for pair in healthy) <= 2
    assert all(WORSE in answers(drawn(0.85)) for _ in range(20))
