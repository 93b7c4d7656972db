"""A state machine's definition (Amazon States Language) as states and the ways between them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

State = Mapping[str, Any]
Kind = Literal["next", "choice", "catch"]
_OTHERWISE: Final = "otherwise"


@dataclass(frozen=True, kw_only=True)
class Way:
    """A transition: from a state to another, and on what condition or error."""

    source: str
    target: str
    kind: Kind
    label: str = ""


def ways(states: Mapping[str, State]) -> list[Way]:
    """Return the transitions, one for each pair of states: where one is also an error's way, the other counts."""
    found: dict[tuple[str, str], Way] = {}
    for name, state in states.items():
        for each in _ways(name, state):
            known = found.get((name, each.target))
            if known is None:
                found[name, each.target] = each
            elif known.kind == each.kind:
                found[name, each.target] = Way(
                    source=name, target=each.target, kind=each.kind, label=f"{known.label}\n{each.label}"
                )
    return list(found.values())


def _ways(name: str, state: State) -> Iterator[Way]:
    for each in state.get("Choices", []):
        yield Way(source=name, target=each["Next"], kind="choice", label=_condition(each))
    if "Default" in state:
        yield Way(source=name, target=state["Default"], kind="choice", label=_OTHERWISE)
    if "Next" in state:
        yield Way(source=name, target=state["Next"], kind="next")
    for each in state.get("Catch", []):
        yield Way(source=name, target=each["Next"], kind="catch", label=", ".join(each["ErrorEquals"]))


def _condition(choice: State) -> str:
    """Return a choice's condition; one in JSONPath as it stands, without the target."""
    if "Condition" in choice:
        return str(choice["Condition"]).removeprefix("{%").removesuffix("%}").strip()
    return ", ".join(f"{key} {value}" for key, value in choice.items() if key != "Next")


def reachable(start: str, joined: list[Way]) -> list[str]:
    """Return the states that come after ``start`` on ``joined``, itself first."""
    found, ahead = [], [start]
    while ahead:
        name = ahead.pop()
        if name not in found:
            found.append(name)
            ahead += [each.target for each in reversed(joined) if each.source == name]
    return found


def detail(state: State) -> str:
    """Return in a few words what a state does."""
    kind = state.get("Type")
    if kind == "Wait":
        for key in ("Seconds", "Timestamp", "SecondsPath", "TimestampPath"):
            if key in state:
                value = str(state[key])
                plain = not value.startswith(("{%", "$"))
                return f"{value} s" if plain and key == "Seconds" else "a time worked out" if not plain else value
    if kind != "Task":
        return ""
    service, action = _called(str(state.get("Resource", "")))
    given = state.get("Arguments", state.get("Parameters", {}))
    if service == "lambda" and isinstance(given, Mapping) and "FunctionName" in given:
        return f"λ {str(given['FunctionName']).removesuffix(':$LATEST').split(':')[-1]}"
    return f"{service} {action}".strip()


def _called(resource: str) -> tuple[str, str]:
    parts = resource.split(":")
    if ":function:" in resource:
        return "Lambda", parts[-1]
    if "aws-sdk" in parts:
        return parts[-2], parts[-1]
    tail = [each for each in parts if each not in {"sync", "sync:2", "waitForTaskToken"}]
    return (tail[-2], tail[-1].partition(".")[0]) if len(tail) > 1 else ("", resource)


def inner(state: State) -> Mapping[str, Any] | None:
    """Return the machine inside of a Map."""
    found = state.get("ItemProcessor", state.get("Iterator"))
    return found if isinstance(found, Mapping) else None
