"""Requests held to AWS's own models of them, as the services do; a client checks less of it."""

import functools
import re
from collections.abc import Iterator
from typing import Any, Final

import botocore.session

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
    return botocore.session.get_session().get_service_model(service)


def problems(service: str, operation: str, parameters: Any) -> list[str]:
    """Return what is wrong with a request's parameters, each with the path of the member; empty if nothing is.

    Names, types, what is required, and each constraint that the model states: lengths, ranges, patterns, enumerations.
    """
    shape = model_of(service).operation_model(operation).input_shape
    if shape is None:
        return [f"{operation} takes no parameters"] if parameters else []
    return list(_walk(parameters, shape, ""))


def _walk(value: Any, shape: Any, path: str) -> Iterator[str]:
    kind = shape.type_name
    here = path or "the request"
    # Timestamps and blobs have several spellings: the service's handler knows which it takes.
    if kind not in _TYPES or getattr(shape, "is_document_type", False):
        return
    if not _is(value, kind):
        yield f"{here}: {value!r} is no {kind}"
        return
    if kind == "structure":
        yield from _structure(value, shape, path)
    elif kind == "list":
        yield from _size(len(value), shape, here, "members")
        for index, each in enumerate(value):
            yield from _walk(each, shape.member, f"{path}[{index}]")
    elif kind == "map":
        yield from _size(len(value), shape, here, "entries")
        for key, each in value.items():
            yield from _walk(key, shape.key, f"{path}.{key} (the key)")
            yield from _walk(each, shape.value, f"{path}.{key}")
    elif kind == "string":
        yield from _string(value, shape, here)
    elif kind != "boolean":
        yield from _size(value, shape, here, "")


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def _structure(value: dict[str, Any], shape: Any, path: str) -> Iterator[str]:
    for name in shape.required_members:
        if value.get(name) is None:
            yield f"{path}.{name}".removeprefix(".") + ": required and missing"
    for name, each in value.items():
        member = f"{path}.{name}".removeprefix(".")
        if name not in shape.members:
            yield f"{member}: unknown; {path or 'the request'} knows {', '.join(shape.members)}"
        elif each is not None:
            yield from _walk(each, shape.members[name], member)


def _string(value: str, shape: Any, here: str) -> Iterator[str]:
    yield from _size(len(value), shape, here, "characters")
    if shape.enum and value not in shape.enum:
        yield f"{here}: {value!r} is none of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    compiled = _compiled(pattern) if pattern else None
    if compiled is not None and not compiled.fullmatch(value):
        yield f"{here}: {value!r} does not match {pattern}"


def _size(size: float, shape: Any, here: str, of: str) -> Iterator[str]:
    least, most = shape.metadata.get("min"), shape.metadata.get("max")
    if least is not None and size < least:
        yield f"{here}: {size} {of} is less than {least}".replace("  ", " ")
    if most is not None and size > most:
        yield f"{here}: {size} {of} is more than {most}".replace("  ", " ")


@functools.cache
def _compiled(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        # Written for Java, with what Python does not know: left to AWS.
        return None
