"""Waiting is shortened, and where a definition asks how long ago something was, it counts in full.

A ``Wait`` of 30 seconds takes 30 / speed. All times stay what they are; but the usual way to ask for time gone by,
``$toMillis($states.context.State.EnteredTime) - $toMillis($then)``, is answered with what has not been waited since
``$then`` added, so that "for a minute" stays a minute of the definition.
"""

import re
import threading
from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, Final

from ministack.services import stepfunctions

from rehearsal.emulator.settings import Settings

_GONE_BY: Final = re.compile(
    r"\$toMillis\(\s*\$states\.context\.State\.EnteredTime\s*\)\s*-\s*\$toMillis\(\s*\$(\w+)\s*\)"
)
_asked: Final = threading.local()
# Of each execution, by its ARN: when a wait ended, and the seconds that it did not take.
_spared: Final[dict[str, list[tuple[datetime, float]]]] = defaultdict(list)


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
            _spared[context["Execution"]["Id"]].append((datetime.now(UTC), _asked.seconds * (1 - share)))
        return done

    def evaluate_in_full(expression: str, given: Any, ctx: Any = None, *args: Any, **more: Any) -> Any:
        return evaluate(_in_full(expression, ctx), given, ctx, *args, **more)

    stepfunctions._SFN_WAIT_SCALE = share
    stepfunctions._scaled_sleep = asked_sleep
    stepfunctions._execute_wait = wait
    stepfunctions._evaluate_jsonata = evaluate_in_full


def _in_full(expression: str, context: Any) -> str:
    """Return the expression with what was spared since the time that it asks about."""
    waits = _spared.get(context["Execution"]["Id"], []) if context else []
    if not waits:
        return expression

    def add(found: re.Match[str]) -> str:
        then = context["variables"].get(found[1])
        if not isinstance(then, str):
            return found[0]
        since = datetime.fromisoformat(then)
        spared = sum(seconds for ended, seconds in waits if ended >= since)
        return f"({found[0]} + {spared * 1000:.0f})"

    return _GONE_BY.sub(add, expression)
