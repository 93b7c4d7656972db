"""What a driver asks of the emulator that AWS has no call for."""

import json
import ssl
import urllib.error
import urllib.request
from typing import Any

from rehearsal.processes import RehearsalError
from rehearsal.world import World

_SECONDS = 60


def ask(world: World, path: str, **content: Any) -> dict[str, Any]:
    """Post ``content`` to a path of the emulator's own; return its answer.

    Raises:
        RehearsalError: it could not be done; the message says why.

    """
    token = (world.folder / "aws" / "control.token").read_text(encoding="utf-8")
    request = urllib.request.Request(  # noqa: S310  the emulator's own address
        f"{world.endpoint}/_rehearsal/{path}",
        data=json.dumps(content).encode(),
        headers={"x-rehearsal-token": token, "Content-Type": "application/json"},
        method="POST",
    )
    trusting = ssl.create_default_context(cafile=str(world.authority))
    try:
        with urllib.request.urlopen(request, timeout=_SECONDS, context=trusting) as answer:  # noqa: S310
            found: dict[str, Any] = json.load(answer)
            return found
    except urllib.error.HTTPError as error:
        said = json.loads(error.read() or b"{}").get("error", error.reason)
        raise RehearsalError(f"{path}: {said}") from error


def fire_schedule(world: World, *, group: str, name: str) -> dict[str, Any]:
    """Let EventBridge Scheduler do now what a schedule does when its time comes; return what AWS answered to it.

    Raises:
        RehearsalError: the schedule, its role or what it calls said no.

    """
    return ask(world, f"schedules/{group}/{name}/fire")
