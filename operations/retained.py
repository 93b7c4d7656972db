"""What the templates of an environment say stays when its stacks are destroyed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_KEPT = frozenset({"Retain", "RetainExceptOnCreate", "Snapshot"})


@dataclass(frozen=True, kw_only=True)
class Retained:
    """A resource that outlives its stack."""

    stack: str
    logical_id: str
    kind: str


def retained(templates: Mapping[str, Mapping[str, Any]]) -> Iterator[Retained]:
    """Yield the resources of the templates, by stack name, that CloudFormation leaves in place."""
    for stack, template in templates.items():
        for logical_id, resource in template.get("Resources", {}).items():
            if resource.get("DeletionPolicy") in _KEPT:
                yield Retained(stack=stack, logical_id=logical_id, kind=resource["Type"])


def print_retained(kept: list[Retained]) -> None:
    """Print what is retained, a line each."""
    print(f"{len(kept)} resources are retained on purpose when the stacks are destroyed:")
    for each in kept:
        print(f"  {each.stack:<24} {each.kind:<34} {each.logical_id}")
