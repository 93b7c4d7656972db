"""What IAM decided about each role, for a driver that asks: ``decisions`` with ``role`` (a name) and ``since``.

The answer has the actions that the role was ``allowed`` since then, in the order of their first use, and what it was
``refused``: ``action`` and ``resource``.
"""

import contextvars
import time
from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from ministack.core import iam_evaluator

from rehearsal.emulator import control
from rehearsal.emulator.settings import Settings

# So many decisions of each role are kept, the latest.
_KEPT: Final = 20_000
_ASSUMED: Final = ":assumed-role/"


@dataclass(frozen=True)
class _Decision:
    at: float
    action: str
    resource: str
    allowed: bool


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Keep each decision about a role's session."""
    kept: defaultdict[str, deque[_Decision]] = defaultdict(lambda: deque(maxlen=_KEPT))
    asked: contextvars.ContextVar[list[Any] | None] = contextvars.ContextVar("asked", default=None)
    enforce, evaluate = iam_evaluator.enforce, iam_evaluator.evaluate

    def evaluate_and_show(context: Any, *more: Any, **options: Any) -> Any:
        shown = asked.get()
        if shown is not None:
            shown.append(context)
        return evaluate(context, *more, **options)

    def enforce_and_keep(*arguments: Any, **options: Any) -> Any:
        shown: list[Any] = []
        token = asked.set(shown)
        try:
            denied = enforce(*arguments, **options)
        finally:
            asked.reset(token)
        # None of these where the caller is the root, or nobody.
        for context in shown[:1]:
            _, of_a_role, session = context.principal_arn.partition(_ASSUMED)
            if of_a_role:
                decision = _Decision(time.time(), context.action, context.resource_arn, denied is None)
                kept[session.split("/", 1)[0]].append(decision)
        return denied

    def answer(_: Mapping[str, str], asked_for: Mapping[str, Any]) -> dict[str, Any]:
        since = float(asked_for.get("since", 0))
        decisions = [each for each in list(kept[str(asked_for["role"])]) if each.at >= since]
        return {
            "allowed": list(dict.fromkeys(each.action for each in decisions if each.allowed)),
            "refused": [{"action": each.action, "resource": each.resource} for each in decisions if not each.allowed],
        }

    iam_evaluator.enforce, iam_evaluator.evaluate = enforce_and_keep, evaluate_and_show
    control.route("POST", "decisions", answer)
