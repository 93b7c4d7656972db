"""Which properties of a template a type's own code looks at: those it never does are counted, not hidden."""

from collections.abc import Callable, Iterator
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, provisioners

from rehearsal.emulator import fidelity
from rehearsal.emulator.cloudformation import accepted, backed

Create = Callable[[str, dict[str, Any], str], tuple[str, dict[str, Any]]]


class Watched(dict[str, Any]):
    """Properties that remember which of them were looked at."""

    def __init__(self, properties: dict[str, Any]) -> None:
        super().__init__(properties)
        self.unread = set(properties)

    def __getitem__(self, key: str) -> Any:
        self.unread.discard(key)
        return super().__getitem__(key)

    def __contains__(self, key: object) -> bool:
        self.unread.discard(str(key))
        return super().__contains__(key)

    def __iter__(self) -> Iterator[str]:
        # Whoever goes through all of them, or copies them, looks at all of them.
        self.unread.clear()
        return super().__iter__()

    def get(self, key: str, default: Any = None) -> Any:
        """Return a property, which counts as looked at whether it is there or not."""
        self.unread.discard(key)
        return super().get(key, default)

    def pop(self, key: str, *default: Any) -> Any:
        """Take a property out."""
        self.unread.discard(key)
        return super().pop(key, *default)

    def items(self) -> Any:
        """Return all of them."""
        self.unread.clear()
        return super().items()

    def values(self) -> Any:
        """Return all of them."""
        self.unread.clear()
        return super().values()


def install() -> None:
    """Watch every type that does not count for itself, and count the types that templates want in vain."""
    for name, handler in provisioners._RESOURCE_HANDLERS.items():
        if "create" in handler and handler["create"].__module__ not in {accepted.__name__, backed.__name__}:
            handler["create"] = _watching(name, handler["create"])
    for place in (changesets, handlers):
        place.validate_template_support = _refusing(engine.validate_template_support)


def _watching(name: str, create: Create) -> Create:
    def watch(logical_id: str, properties: dict[str, Any], stack_name: str) -> tuple[str, dict[str, Any]]:
        watched = Watched(properties)
        made = create(logical_id, watched, stack_name)
        fidelity.deployed(name, unread=watched.unread)
        return made

    return watch


def _refusing(validate: Callable[..., None]) -> Callable[..., None]:
    def refuse(template: dict[str, Any], *rest: Any, **named: Any) -> None:
        for resource in template.get("Resources", {}).values():
            wanted = str(resource.get("Type"))
            if wanted not in provisioners._RESOURCE_HANDLERS and not wanted.startswith("Custom::"):
                fidelity.refused(wanted)
        validate(template, *rest, **named)

    return refuse
