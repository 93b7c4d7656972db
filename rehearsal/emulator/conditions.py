"""Condition keys that policies ask for and the emulator's IAM does not know of a request."""

import json
from typing import Any

from rehearsal.emulator.settings import Settings


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Add ``cloudwatch:namespace`` to what is known of PutMetricData."""
    from ministack.core import iam_actions

    known = iam_actions.request_tag_context

    def request_context(service: str, action: str, body: bytes, parameters: dict[str, Any]) -> dict[str, Any]:
        context: dict[str, Any] = known(service, action, body, parameters)
        if action == "cloudwatch:PutMetricData":
            context["cloudwatch:namespace"] = _namespace(body, parameters)
        return context

    iam_actions.request_tag_context = request_context


def _namespace(body: bytes, parameters: dict[str, Any]) -> str:
    """Return the namespace, whether the client speaks JSON or sends a form."""
    given = parameters.get("Namespace")
    if given:
        return str(given[0] if isinstance(given, list) else given)
    try:
        request = json.loads(body)
    except ValueError:
        return ""
    return str(request.get("Namespace", "")) if isinstance(request, dict) else ""
