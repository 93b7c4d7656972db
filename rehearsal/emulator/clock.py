"""Waiting is shortened: a state machine waits a part of the time, and by its own clock all of it.

A ``Wait`` of 30 seconds takes 30 / speed. An execution's clock, which definitions read as
``$states.context.State.EnteredTime``, goes on by 30 nevertheless, so that "for a minute" stays a minute of the
definition. Histories keep the times at which things really happened.
"""

import threading
from collections import Counter
from datetime import datetime, timedelta
from typing import Any, Final

from ministack.services import stepfunctions

from rehearsal.emulator.settings import Settings

_asked: Final = threading.local()
# Seconds by which an execution's clock is ahead, by its ARN.
_ahead: Final[Counter[str]] = Counter()


def install(settings: Settings) -> None:
    """Shorten waits and the intervals between retries."""
    share = 1 / settings.speed
    sleep, execute_wait, evaluate = (
        stepfunctions._scaled_sleep,
        stepfunctions._execute_wait,
        stepfunctions._evaluate_jsonata,
    )

    def asked_sleep(seconds: float) -> None:
        _asked.seconds = getattr(_asked, "seconds", 0.0) + max(seconds, 0.0)
        sleep(seconds)

    def wait(definition: Any, given: Any, context: Any = None) -> Any:
        _asked.seconds = 0.0
        done = execute_wait(definition, given, context)
        if context:
            _ahead[context["Execution"]["Id"]] += _asked.seconds * (1 - share)
        return done

    def by_its_own_clock(expression: str, given: Any, ctx: Any = None, *args: Any, **more: Any) -> Any:
        ahead = _ahead[ctx["Execution"]["Id"]] if ctx else 0.0
        if ahead:
            entered = _later(ctx["State"]["EnteredTime"], ahead)
            ctx = {**ctx, "State": {**ctx["State"], "EnteredTime": entered}}
        return evaluate(expression, given, ctx, *args, **more)

    stepfunctions._SFN_WAIT_SCALE = share
    stepfunctions._scaled_sleep = asked_sleep
    stepfunctions._execute_wait = wait
    stepfunctions._evaluate_jsonata = by_its_own_clock


def _later(time: str, seconds: float) -> str:
    moved = datetime.fromisoformat(time) + timedelta(seconds=seconds)
    return moved.isoformat(timespec="milliseconds").replace("+00:00", "Z")
