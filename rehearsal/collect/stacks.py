"""How long each stack's deployment took, by CloudFormation's API."""

from typing import Final

from rehearsal.page.document import Timing
from rehearsal.world import World

_STACK: Final = "AWS::CloudFormation::Stack"
# CDK makes a stack by a change set: it is reviewed first, then created.
_BEGAN: Final = "CREATE_IN_PROGRESS"
_ENDED: Final = ("CREATE_COMPLETE", "CREATE_FAILED", "ROLLBACK_COMPLETE")


class Stacks:
    """Reads the deployments of stacks; what has ended is read once."""

    def __init__(self, world: World) -> None:
        self._client = world.client("cloudformation")
        self._known: dict[str, Timing] = {}

    def timings(self) -> tuple[Timing, ...]:
        """Return a step for each stack that was created, by when that began."""
        for page in self._client.get_paginator("list_stacks").paginate():
            for each in page["StackSummaries"]:
                if each["StackId"] not in self._known and not each["StackStatus"].startswith("DELETE"):
                    timing = self._read(each["StackName"])
                    self._known |= {each["StackId"]: timing} if timing else {}
        return tuple(sorted(self._known.values(), key=lambda each: str(each.started)))

    def _read(self, stack: str) -> Timing | None:
        """Return the stack's step; None while it is being made."""
        pages = self._client.get_paginator("describe_stack_events").paginate(StackName=stack)
        events = [event for page in pages for event in page["StackEvents"]]
        own = [each for each in events if each["ResourceType"] == _STACK and each["LogicalResourceId"] == stack]
        began = min((each["Timestamp"] for each in own if each["ResourceStatus"] == _BEGAN), default=None)
        ended = min((each["Timestamp"] for each in own if each["ResourceStatus"] in _ENDED), default=None)
        if began is None or ended is None:
            return None
        resources = {each["LogicalResourceId"] for each in events} - {stack}
        return Timing(
            step=stack,
            started=began,
            seconds=(ended - began).total_seconds(),
            detail=f"{len(resources)} resource{'' if len(resources) == 1 else 's'}",
        )
