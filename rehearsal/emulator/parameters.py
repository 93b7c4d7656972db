"""Requests held to AWS's own models of them, as the services do; a client checks less of it."""

import functools
import re
from collections.abc import Iterator
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
    shape = model_of(service).operation_model(operation).input_shape
    if shape is None:
        return [f"{operation} takes no parameters"] if parameters else []
    return list(_Walk(constraints).value(parameters, shape, ""))


@dataclass(frozen=True)
class _Walk:
    constraints: bool

    def value(self, value: Any, shape: Any, path: str) -> Iterator[str]:
        kind: str = shape.type_name
        # Timestamps and blobs have several spellings: the service's handler knows which it takes.
        if kind not in _TYPES or getattr(shape, "is_document_type", False):
            return
        if not _is(value, kind):
            yield f"{path or 'the request'}: {value!r} is no {kind}"
            return
        if kind == "structure":
            yield from self._structure(value, shape, path)
        elif kind == "list":
            for index, each in enumerate(value):
                yield from self.value(each, shape.member, f"{path}[{index}]")
        elif kind == "map":
            for key, each in value.items():
                yield from self.value(key, shape.key, f"{path}.{key} (the key)")
                yield from self.value(each, shape.value, f"{path}.{key}")
        if self.constraints and kind not in {"structure", "boolean"}:
            yield from _violated(value, shape, path)

    def _structure(self, value: dict[str, Any], shape: Any, path: str) -> Iterator[str]:
        for name in shape.required_members:
            if value.get(name) is None:
                yield f"{path}.{name}".removeprefix(".") + ": required and missing"
        for name, each in value.items():
            member = f"{path}.{name}".removeprefix(".")
            if name not in shape.members:
                yield f"{member}: unknown; {path or 'the request'} knows {', '.join(shape.members)}"
            elif each is not None:
                yield from self.value(each, shape.members[name], member)


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _violated(value: Any, shape: Any, path: str) -> Iterator[str]:
    size, of = (value, "") if isinstance(value, int | float) else (len(value), _UNITS[shape.type_name])
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{path}: {size}{of} is less than {least}"
    if most is not None and size > most:
        yield f"{path}: {size}{of} is more than {most}"
    if not isinstance(value, str):
        return
    if shape.enum and value not in shape.enum:
        yield f"{path}: {value!r} is none of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    compiled = _compiled(pattern) if pattern else None
    if compiled is not None and not compiled.fullmatch(value):
        yield f"{path}: {value!r} does not match {pattern}"


_UNITS: Final = {"string": " characters", "list": " members", "map": " entries"}


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        # Written for Java, with what Python does not know: left to AWS.
        return None
