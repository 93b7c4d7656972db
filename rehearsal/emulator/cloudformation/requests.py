"""A template's properties as a request of the service's API: names and types by botocore's model."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.model import OperationModel, Shape


def request(properties: Mapping[str, Any], operation: OperationModel) -> dict[str, Any]:
    """Return the members of the operation's input that the properties name, in its spelling and types.

    ``Tags`` become ``tags``, a list of keys and values becomes a map where the API wants one, and ``"true"`` a truth
    value, because CloudFormation passes all of these on. A property that is no member is left out.
    """
    return _structure(properties, operation.input_shape)


def unnamed(properties: Mapping[str, Any], operation: OperationModel) -> set[str]:
    """Return the properties that the operation's input does not know."""
    known = {name.casefold() for name in operation.input_shape.members}
    return {name for name in properties if name.casefold() not in known}


def _structure(value: Mapping[str, Any], shape: Any) -> dict[str, Any]:
    given = {name.casefold(): item for name, item in value.items()}
    return {
        name: convert(given[name.casefold()], member)
        for name, member in shape.members.items()
        if name.casefold() in given
    }


def _map(value: Any, shape: Any) -> dict[str, Any]:
    pairs = {item["Key"]: item["Value"] for item in value} if isinstance(value, list) else value
    return {str(key): convert(item, shape.value) for key, item in pairs.items()}


def _list(value: Any, shape: Any) -> list[Any]:
    return [convert(item, shape.member) for item in (value if isinstance(value, list) else [value])]


def _truth(value: Any, _: Shape) -> bool:
    return str(value).lower() == "true"


_CONVERSIONS: Final[dict[str, Callable[[Any, Any], Any]]] = {
    "structure": _structure,
    "map": _map,
    "list": _list,
    "boolean": _truth,
    "integer": lambda value, _: int(value),
    "long": lambda value, _: int(value),
    "float": lambda value, _: float(value),
    "double": lambda value, _: float(value),
    "string": lambda value, _: str(value),
}


def convert(value: Any, shape: Shape) -> Any:
    """Return a property's value in the type of the API's ``shape``."""
    return _CONVERSIONS.get(shape.type_name, lambda same, _: same)(value, shape)
