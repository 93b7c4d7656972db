"""The decision about each model version: counts in, answers with their reasons out; no file, no clock."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from config.monitoring import Answer, Check, VersionVerdict
from ml.evaluation.confusion import rates
from ml.evaluation.intervals import Estimate, percentiles, proportion, resample
from ml.features.reference import Reference
from ml.monitoring.counts import VersionCounts, WeekCounts, newest
from ml.monitoring.drift import psi
from ml.use_case import UseCase

ACCURACY, MACRO_F1 = "accuracy", "macro_f1"
INPUT_DRIFT, PREDICTION_DRIFT, UNSEEN_PRODUCTS = "input_drift", "prediction_drift", "unseen_products"
_TITLES = {ACCURACY: "accuracy", MACRO_F1: "macro F1"}
_REPLICATES = 400


@dataclass(frozen=True)
class Known:
    """What is known of a version apart from its predictions.

    ``promised`` holds the hold-out's accuracy and macro F1 as far as its manifest has them; ``reference`` is None for
    a version without one, and ``why`` says why.
    """

    promised: Mapping[str, float]
    reference: Reference | None
    why: str = ""


@dataclass(frozen=True)
class Look:
    """One week's look at a version, over the weeks it had to reach back to."""

    week: int
    checks: tuple[Check, ...]
    features: Mapping[str, float]


def quality(weeks: Sequence[WeekCounts], known: Known, use_case: UseCase) -> tuple[Check, Check]:
    """Return the checks of accuracy and macro F1 as of the last of ``weeks`` (rising).

    A figure is worse where even the upper end of its interval is below what was promised: the hold-out's figure less
    ``max_drop``, and the gate's own in any case. Weeks without labels are passed over.
    """
    settings = use_case.monitoring
    with_labels = [week for week in weeks if week.labelled]
    seen = newest(with_labels, minimum=settings.minimum_baskets, most_weeks=settings.most_weeks, labelled=True)
    floors = {ACCURACY: use_case.gate.accuracy, MACRO_F1: use_case.gate.macro_f1}
    found: list[Check] = []
    for name, floor in floors.items():
        limit = max(floor, known.promised.get(name, 0.0) - settings.max_drop)
        estimate = _estimate(name, seen, seed=use_case.split.seed) if seen is not None else None
        baskets = seen.labelled if seen is not None else 0
        enough = baskets >= settings.minimum_baskets
        worse = estimate is not None and estimate.high < limit
        found.append(
            Check(
                name=name,
                answer=_answer(enough=enough, worse=worse),
                value=estimate.value if estimate else None,
                low=estimate.low if estimate else None,
                high=estimate.high if estimate else None,
                limit=limit,
                baskets=baskets,
                minimum=settings.minimum_baskets,
                weeks=seen.weeks if seen else (),
                sentence=_quality_sentence(_TITLES[name], estimate, limit, baskets, settings.minimum_baskets),
            )
        )
    return found[0], found[1]


def drift(weeks: Sequence[WeekCounts], known: Known, use_case: UseCase) -> tuple[tuple[Check, ...], dict[str, float]]:
    """Return the checks of input, predictions and unseen products as of the last of ``weeks``, and PSI by feature.

    ``weeks`` must be whole: a Monday alone differs from training's weeks in its weekday already.
    """
    settings, reference = use_case.monitoring, known.reference
    seen = newest(weeks, minimum=settings.minimum_baskets, most_weeks=settings.most_weeks, labelled=False)
    if seen is None:
        why = "no whole week of predictions yet"
        limits = {INPUT_DRIFT: settings.input_psi, PREDICTION_DRIFT: settings.prediction_psi}
        limits[UNSEEN_PRODUCTS] = settings.unseen_share
        return tuple(
            _drift_check(name, found=None, limit=limit, seen=seen, use_case=use_case, said=why)
            for name, limit in limits.items()
        ), {}

    def check(name: str, found: Estimate | None, limit: float, said: str) -> Check:
        return _drift_check(name, found=found, limit=limit, seen=seen, use_case=use_case, said=said)

    features: dict[str, float] = {}
    moved: float | None = None
    largest: float | None = None
    feature_said, class_said = known.why, known.why
    if reference is not None:
        pairs = zip(reference.features, seen.histograms, strict=True)
        features = {feature.name: psi(feature.counts, now) for feature, now in pairs}
        farthest = max(features, key=lambda name: features[name])
        largest, moved = features[farthest], psi(reference.predicted, seen.predicted)
        feature_said = f"PSI of {farthest}, the feature that moved most, is {largest:.3f}"
        class_said = f"PSI of the predicted classes is {moved:.3f}"
    # Unseen products need no reference: the service counts them as it predicts.
    share = proportion(successes=seen.unseen_lines, rows=seen.lines)
    share_said = f"{100 * share.value:.1f} % of {seen.lines:,} lines hold a product that the model has not seen"
    return (
        check(INPUT_DRIFT, _exactly(largest), settings.input_psi, feature_said),
        check(PREDICTION_DRIFT, _exactly(moved), settings.prediction_psi, class_said),
        check(UNSEEN_PRODUCTS, share, settings.unseen_share, share_said),
    ), features


def verdict(
    counts: VersionCounts, known: Known, use_case: UseCase, *, whole: set[int], current: bool
) -> tuple[VersionVerdict, dict[str, float]]:
    """Return what is to be said of a version, and PSI by feature; ``whole`` are the weeks that are over."""
    judged = quality(counts.weeks, known, use_case)
    moved, features = drift([week for week in counts.weeks if set(week.weeks) <= whole], known, use_case)
    found = VersionVerdict(
        version=counts.version, current=current, quality=worst(judged), drift=worst(moved), checks=(*judged, *moved)
    )
    return found, features


def looks(counts: VersionCounts, known: Known, use_case: UseCase, *, whole: set[int]) -> Iterator[Look]:
    """Yield what each whole or labelled week's look found, as it would have been said then."""
    for place, week in enumerate(counts.weeks):
        until = counts.weeks[: place + 1]
        judged = quality(until, known, use_case) if week.labelled else ()
        moved, features = drift(until, known, use_case) if set(week.weeks) <= whole else ((), {})
        yield Look(week=week.weeks[0], checks=(*judged, *moved), features=features)


def worst(checks: Sequence[Check]) -> Answer:
    """Return worse where one check is, ok where one is and none is worse, else not enough data."""
    answers = {check.answer for check in checks}
    return next(
        (answer for answer in (Answer.WORSE, Answer.OK, Answer.NOT_ENOUGH_DATA) if answer in answers),
        Answer.NOT_ENOUGH_DATA,
    )


def _answer(*, enough: bool, worse: bool) -> Answer:
    if not enough:
        return Answer.NOT_ENOUGH_DATA
    return Answer.WORSE if worse else Answer.OK


def _estimate(name: str, seen: WeekCounts, *, seed: int) -> Estimate | None:
    if not seen.labelled:
        return None
    if name == ACCURACY:
        return proportion(successes=int(np.trace(seen.confusion)), rows=seen.labelled)
    drawn = rates(resample(seen.confusion, replicates=_REPLICATES, seed=seed)).macro_f1
    return percentiles(float(rates(seen.confusion).macro_f1), drawn)


def _quality_sentence(title: str, estimate: Estimate | None, limit: float, baskets: int, minimum: int) -> str:
    if estimate is None or baskets < minimum:
        return f"{title}: {baskets:,} labelled baskets, {minimum:,} are needed for an answer."
    said = f"{title} {estimate.value:.4f} on {baskets:,} labelled baskets ({estimate.low:.4f} to {estimate.high:.4f})"
    if estimate.high < limit:
        return f"{said}: even the upper end is below {limit:.4f}."
    return f"{said}: not shown to be below {limit:.4f}."


def _exactly(value: float | None) -> Estimate | None:
    """Return a figure that has no interval."""
    return None if value is None else Estimate(value=value, low=value, high=value)


def _drift_check(
    name: str, *, found: Estimate | None, limit: float, seen: WeekCounts | None, use_case: UseCase, said: str
) -> Check:
    """Return a check that is worse where even the lower end of ``found`` is above ``limit``."""
    minimum = use_case.monitoring.minimum_baskets
    baskets = seen.predictions if seen is not None else 0
    enough = found is not None and baskets >= minimum
    worse = found is not None and found.low > limit
    if enough:
        sentence = f"{said} on {baskets:,} baskets: {'above' if worse else 'not above'} {limit:g}."
    elif found is None:
        sentence = f"{name.replace('_', ' ')}: {said}."
    else:
        sentence = f"{name.replace('_', ' ')}: {baskets:,} baskets, {minimum:,} are needed for an answer."
    return Check(
        name=name,
        answer=_answer(enough=enough, worse=worse),
        value=found.value if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        limit=limit,
        baskets=baskets,
        minimum=minimum,
        weeks=seen.weeks if seen else (),
        sentence=sentence,
    )
