"""Acts in which what serves is worse than it may be, is noticed, and is taken back without anybody's doing."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from config.names import ALARM_MODEL, ALARM_SERVICE, CAPTURED, RELEASE, ModelStatus
from rehearsal.story import versions
from rehearsal.story.act import Act, UnmetExpectationError
from rehearsal.story.arrivals import MISLABELLED
from rehearsal.story.stage import Stage, basket_with_id

# The week in which customers behave in another way, and the share of baskets for which they do.
CHANGED, SHARE = 6, 0.5
_BASKETS = 1_000
_TOGETHER = 50
# Baskets from this hour on are what the failing and the slow version are bad at; so many of all are.
_EVENING, _LATE_SHARE = 20, 0.15
_SLOW_SECONDS = 0.4
_RATE = 8.0


def _quality(stage: Stage) -> None:
    champion = str(stage.champion)
    before = stage.lake.ledger()["healthy"][-1]["version"]
    asked = [basket_with_id(lines) for lines in stage.weeks.baskets(CHANGED, most=_BASKETS)]
    captured = set(stage.lake.keys(f"{CAPTURED}/"))
    for start in range(0, len(asked), _TOGETHER):
        status, _ = stage.predict(json.dumps(asked[start : start + _TOGETHER]).encode())
        if status != 200:
            raise UnmetExpectationError(f"a request of {_TOGETHER} baskets was answered with {status}")
    stage.until(
        "predictions are captured",
        lambda: stage.lake.captured(set(stage.lake.keys(f"{CAPTURED}/")) - captured) >= len(asked),
    )
    stage.noted(f"{champion} predicted {len(asked)} baskets of a week whose labels are not known yet; all are captured")
    since = stage.uploaded(
        stage.weeks.mislabelled(CHANGED, share=SHARE, seed=2),
        *([stage.weeks.files[MISLABELLED]] if stage.lake.has(stage.weeks.files[MISLABELLED]) else []),
    )
    stage.noted("the week's labels arrive, and half of the baskets are not what they would have been before")
    _taken_back(stage, champion, since=since, alarm=ALARM_MODEL)
    stage.answers(before)


def _latency(stage: Stage) -> None:
    _released_and_taken_back(
        stage, "slow", lambda bundle, target: versions.slow(bundle, target, from_hour=_EVENING, seconds=_SLOW_SECONDS)
    )


def _errors(stage: Stage) -> None:
    _released_and_taken_back(
        stage, "failing", lambda bundle, target: versions.failing(bundle, target, from_hour=_EVENING)
    )


def _released_and_taken_back(stage: Stage, kind: str, derive: Callable[[Path, Path], str]) -> None:
    before = str(stage.champion)
    # One that is still raised is about the version before, and is not raised a second time.
    stage.until("no alarm on the service", lambda: stage.is_over(stage.settings.name(ALARM_SERVICE)))
    target = stage.bundles.own_folder(kind)
    version = derive(stage.bundles.fetch(before), target)
    stage.bundles.publish(target, version)
    bodies = stage.sample(100, late=_LATE_SHARE, from_hour=_EVENING)
    with stage.traffic(f"while the {kind} version bakes", bodies=bodies, rate=_RATE):
        since = datetime.now(UTC)
        stage.register(version, status=ModelStatus.APPROVED, why=f"the {kind} one, which looked well in the morning")
        stage.until(
            f"{version} is on its way", lambda: (stage.lake.ledger().get("release") or {}).get("version") == version
        )
        _taken_back(stage, version, since=since, alarm=ALARM_SERVICE)
        stage.ended(RELEASE, since=since)
        stage.answers(before)
    stage.expect(stage.champion == before, f"{before} serves again")


def _taken_back(stage: Stage, version: str, *, since: datetime, alarm: str) -> None:
    """Wait until ``version`` is taken back for ``alarm``, whether as champion or on its way there."""
    name = stage.settings.name(alarm)
    state = stage.until(f"alarm {name}", lambda: stage.raised(name, since=since), seconds=150)
    stage.noted(f"{name}: {state}")
    record = stage.until(
        f"{version} is taken back",
        lambda: next((each for each in stage.lake.records("rolled-back") if each["from_version"] == version), None),
        seconds=90,
    )
    stage.expect(name in f"{record['by']} {record['reason']}", f"{version} was taken back: {record['reason']}")


QUALITY = Act(
    name="quality-drop",
    title="Live quality drops",
    does="Lets the champion predict a week of baskets; then that week's file arrives, and for half of the baskets the"
    " class is another one.",
    expects="The look at the models finds it worse than promised, the alarm is raised, and the version before it"
    " answers again.",
    play=_quality,
    after=("first-data", "person"),
)
LATENCY = Act(
    name="slow-version",
    title="A version that is slow in the evening",
    does="Registers and approves a version that takes 0.4 seconds for baskets bought late, while callers ask.",
    expects="The latency alarm is raised, and it is taken back without anybody's doing.",
    play=_latency,
    after=("first-data",),
)
ERRORS = Act(
    name="failing-version",
    title="A version that fails in the evening",
    does="Registers and approves a version that cannot answer baskets bought late, while callers ask.",
    expects="The error alarm is raised, and it is taken back without anybody's doing.",
    play=_errors,
    after=("first-data",),
)
