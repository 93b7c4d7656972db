"""Requests held to AWS's own models of them, as the services do; a client checks less of it."""

import functools
import re
from dataclasses import dataclass
from typing import Any, Final

import botocore.session

# One of this process, since it keeps the models that it has read.
SESSION: Final = botocore.session.get_session()
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list, tuple),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
}


@functools.cache
def model_of(service: str) -> Any:
    """Return botocore's model of a service, by botocore's name of it."""
    return SESSION.get_service_model(service)


def problems(service: str, operation: str, parameters: Any, *, constraints: bool = True) -> list[str]:
    """Return what is wrong with a request's parameters, each with the path of the member; empty if nothing is.

    Names, types and what is required; and the ``constraints`` that the model states: lengths, ranges, patterns,
    enumerations.
    """
    rule = _rule_of(service, operation)
    if rule is None:
        return [f"{operation} takes no parameters"] if parameters else []
    found: list[str] = []
    _Walk(constraints, found).value(parameters, rule, "")
    return found


class _Rule:
    """What a shape asks for, read from the model once: a batch of records has thousands of values."""

    def __init__(self, shape: Any) -> None:
        self._shape = shape
        self.kind: str = shape.type_name
        # Timestamps and blobs have several spellings: the service's handler knows which it takes.
        self.free = self.kind not in _TYPES or getattr(shape, "is_document_type", False)
        self.least, self.most = shape.metadata.get("min"), shape.metadata.get("max")
        self.enum = tuple(getattr(shape, "enum", ()))
        self.pattern = shape.metadata.get("pattern")
        self.compiled = _compiled(self.pattern) if self.pattern else None
        self.required = tuple(getattr(shape, "required_members", ()))

    # Only as deep as there is data: shapes may hold themselves.
    @functools.cached_property
    def members(self) -> dict[str, "_Rule"]:
        return {name: _Rule(each) for name, each in self._shape.members.items()}

    @functools.cached_property
    def member(self) -> "_Rule":
        return _Rule(self._shape.member)

    @functools.cached_property
    def key(self) -> "_Rule":
        return _Rule(self._shape.key)

    @functools.cached_property
    def value(self) -> "_Rule":
        return _Rule(self._shape.value)


@functools.cache
def _rule_of(service: str, operation: str) -> _Rule | None:
    shape = model_of(service).operation_model(operation).input_shape
    return None if shape is None else _Rule(shape)


@dataclass(frozen=True)
class _Walk:
    constraints: bool
    found: list[str]

    def value(self, value: Any, rule: _Rule, path: str) -> None:
        if rule.free:
            return
        kind = rule.kind
        if not _is(value, kind):
            self.found.append(f"{path or 'the request'}: {value!r} is no {kind}")
            return
        if kind == "structure":
            self._structure(value, rule, path)
            return
        if kind == "list":
            for index, each in enumerate(value):
                self.value(each, rule.member, f"{path}[{index}]")
        elif kind == "map":
            for key, each in value.items():
                self.value(key, rule.key, f"{path}.{key} (the key)")
                self.value(each, rule.value, f"{path}.{key}")
        if self.constraints and kind != "boolean":
            self._constraints(value, rule, path)

    def _structure(self, value: dict[str, Any], rule: _Rule, path: str) -> None:
        inside = f"{path}." if path else ""
        for name in rule.required:
            if value.get(name) is None:
                self.found.append(f"{inside}{name}: required and missing")
        for name, each in value.items():
            known = rule.members.get(name)
            if known is None:
                self.found.append(f"{inside}{name}: unknown; {path or 'the request'} knows {', '.join(rule.members)}")
            elif each is not None:
                self.value(each, known, inside + name)

    def _constraints(self, value: Any, rule: _Rule, path: str) -> None:
        if rule.least is not None or rule.most is not None:
            size, of = (value, "") if isinstance(value, int | float) else (len(value), _UNITS[rule.kind])
            if rule.least is not None and size < rule.least:
                self.found.append(f"{path}: {size}{of} is less than {rule.least}")
            if rule.most is not None and size > rule.most:
                self.found.append(f"{path}: {size}{of} is more than {rule.most}")
        if rule.enum and value not in rule.enum:
            self.found.append(f"{path}: {value!r} is none of {', '.join(rule.enum)}")
        if rule.compiled is not None and isinstance(value, str) and not rule.compiled.fullmatch(value):
            self.found.append(f"{path}: {value!r} does not match {rule.pattern}")


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


_UNITS: Final = {"string": " characters", "list": " members", "map": " entries"}


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        # Written for Java, with what Python does not know: left to AWS.
        return None
