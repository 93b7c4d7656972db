"""What SageMaker knows, in memory, and what its operations are made of."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rehearsal.emulator.front import Front

Item = dict[str, Any]


class ApiError(Exception):
    """A request is refused, by SageMaker's own name for why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks: the principal's ARN, and its access key for further checks inside of the request."""

    arn: str
    access_key: str


@dataclass(kw_only=True)
class State:
    """Everything there is, by name; packages by ARN and tags by a resource's ARN. Hold ``lock`` to change it."""

    account: str
    region: str
    folder: Path
    front: Front
    lock: threading.RLock = field(default_factory=threading.RLock)
    groups: dict[str, Item] = field(default_factory=dict)
    packages: dict[str, Item] = field(default_factory=dict)
    tokens: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, dict[str, Item]] = field(default_factory=lambda: {"Processing": {}, "Training": {}})
    features: dict[str, Item] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    # What runs the jobs: ``runs.Runner``, which needs this state first.
    runner: Any = None

    def arn(self, kind: str, name: str) -> str:
        """Return a resource's ARN."""
        return f"arn:aws:sagemaker:{self.region}:{self.account}:{kind}/{name}"

    def tag(self, arn: str, tags: list[Item] | None) -> None:
        """Add tags to a resource."""
        if tags:
            self.tags.setdefault(arn, {}).update({each["Key"]: each["Value"] for each in tags})


def now() -> float:
    """Return the time as JSON has it: seconds since 1970, to the millisecond."""
    return round(time.time(), 3)


def page_of(items: list[Item], request: Item, *, most: int = 100) -> tuple[list[Item], Item]:
    """Return the page of ``items`` that a List request asks for, and what its answer says about the next.

    Raises:
        ApiError: the token is none of ours.

    """
    token = request.get("NextToken", "0")
    if not token.isdigit():
        raise ApiError("ValidationException", "NextToken: invalid")
    start, size = int(token), request.get("MaxResults", most)
    following = {"NextToken": str(start + size)} if start + size < len(items) else {}
    return items[start : start + size], following


def listed(items: list[Item], request: Item, *, name: str) -> list[Item]:
    """Return the items that the filters of a List request leave, in its order: from the oldest unless it says so."""
    kept = [
        each
        for each in items
        if request.get("NameContains", "").lower() in each.get(name, "").lower()
        and each["CreationTime"] >= request.get("CreationTimeAfter", float("-inf"))
        and each["CreationTime"] <= request.get("CreationTimeBefore", float("inf"))
    ]
    by_name = request.get("SortBy") == "Name"
    ascending = request.get("SortOrder", "Ascending") == "Ascending"
    # Made in the same millisecond, the one that was made last is the newer.
    order = sorted(enumerate(kept), key=lambda each: (each[1][name] if by_name else each[1]["CreationTime"], each[0]))
    return [each for _, each in (order if ascending else reversed(order))]
