"""Metrics in logs: events in CloudWatch's embedded metric format become metrics, wherever their log comes from.

What does not keep to the format is left as the log event that it is, and nothing becomes a metric of it.
"""

import json
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from ministack.services import cloudwatch, cloudwatch_logs

from rehearsal.emulator.settings import Settings

_MOST_VALUES: Final = 100
_MOST_DIMENSIONS: Final = 30
_MOST_METRICS: Final = 100
_LONGEST_NAME: Final = 1024
_RESOLUTIONS: Final = (1, 60)
# CloudWatch takes no metric from longer ago, or from further ahead.
_OLDEST_SECONDS: Final = 14 * 86_400
_NEWEST_SECONDS: Final = 2 * 3600
_logger: Final = logging.getLogger("emf")


@dataclass(frozen=True, kw_only=True)
class Datum:
    """Values of a metric, at a time in seconds since 1970."""

    namespace: str
    name: str
    dimensions: Mapping[str, str]
    values: tuple[float, ...]
    unit: str
    at: float


class FormatError(ValueError):
    """A log event that says that it has metrics, and does not keep to their format."""


def install(settings: Settings) -> None:  # noqa: ARG001  every plug-in's signature
    """Take the metrics out of every event that a log gets."""
    append = cloudwatch_logs._append_log_events

    def append_and_take(stream: Any, events: Sequence[Mapping[str, Any]]) -> None:
        append(stream, events)
        for event in events:
            try:
                for each in metrics(event["message"], now=time.time()):
                    _keep(each)
            except FormatError as error:
                _logger.warning("no metrics are taken from an event: %s", error)

    cloudwatch_logs._append_log_events = append_and_take


def metrics(message: str, *, now: float) -> tuple[Datum, ...]:
    """Return the metrics that a log event has; none of one that is not in the format.

    Raises:
        FormatError: the event has the format's ``_aws.CloudWatchMetrics``, but not as the format's specification says.

    """
    if '"_aws"' not in message or not message.lstrip().startswith("{"):
        return ()
    try:
        event = json.loads(message)
    except ValueError:
        return ()
    metadata = event.get("_aws")
    if not isinstance(metadata, dict) or "CloudWatchMetrics" not in metadata:
        return ()
    at = metadata.get("Timestamp")
    if isinstance(at, bool) or not isinstance(at, int):
        raise FormatError("Timestamp is no number of milliseconds")
    if not now - _OLDEST_SECONDS <= at / 1000 <= now + _NEWEST_SECONDS:
        raise FormatError(f"Timestamp {at} is too long ago or too far ahead")
    return tuple(
        each for directive in _list(metadata, "CloudWatchMetrics") for each in _of(directive, event, at / 1000)
    )


def _of(directive: Any, event: Mapping[str, Any], at: float) -> Iterator[Datum]:
    """Yield what one directive finds in the event."""
    if not isinstance(directive, dict):
        raise FormatError("a directive is no object")
    namespace = directive.get("Namespace")
    if not isinstance(namespace, str) or not 0 < len(namespace) <= _LONGEST_NAME:
        raise FormatError("Namespace is missing or too long")
    definitions = _list(directive, "Metrics")
    if len(definitions) > _MOST_METRICS:
        raise FormatError(f"more than {_MOST_METRICS} metrics in a directive")
    sets = [_dimensions(names, event) for names in _list(directive, "Dimensions")]
    for name, unit in [_definition(each) for each in definitions]:
        values = _values(event.get(name), name)
        if not values:
            continue
        for dimensions in sets:
            if dimensions is not None:
                yield Datum(namespace=namespace, name=name, dimensions=dimensions, values=values, unit=unit, at=at)


def _list(holder: Mapping[str, Any], name: str) -> list[Any]:
    found = holder.get(name)
    if not isinstance(found, list):
        raise FormatError(f"{name} is no list")
    return found


def _dimensions(names: Any, event: Mapping[str, Any]) -> dict[str, str] | None:
    """Return the dimensions of one set, None if the event lacks the text of one of them."""
    if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
        raise FormatError("a dimension set is no list of names")
    if len(names) > _MOST_DIMENSIONS:
        raise FormatError(f"more than {_MOST_DIMENSIONS} dimensions in a set")
    found = {name: value for name in names if isinstance(value := event.get(name), str) and value}
    return found if len(found) == len(names) else None


def _definition(metric: Any) -> tuple[str, str]:
    """Return the name and the unit of a metric's definition."""
    if not isinstance(metric, dict) or not isinstance(metric.get("Name"), str):
        raise FormatError("a metric has no Name")
    if not 0 < len(metric["Name"]) <= _LONGEST_NAME:
        raise FormatError("a metric's Name is empty or too long")
    if metric.get("StorageResolution", 60) not in _RESOLUTIONS:
        raise FormatError(f"StorageResolution of {metric['Name']} is neither 1 nor 60")
    unit = metric.get("Unit", "None")
    if not isinstance(unit, str):
        raise FormatError(f"Unit of {metric['Name']} is no text")
    return metric["Name"], unit


def _values(value: Any, name: str) -> tuple[float, ...]:
    """Return a metric's values, none if the event has no number there."""
    listed: Iterable[Any] = value if isinstance(value, list) else (value,)
    values = tuple(float(each) for each in listed if isinstance(each, int | float) and not isinstance(each, bool))
    if isinstance(value, list) and (len(values) != len(value) or len(values) > _MOST_VALUES):
        raise FormatError(f"{name} is no list of at most {_MOST_VALUES} numbers")
    return values


def _keep(datum: Datum) -> None:
    cloudwatch._store_datum(
        datum.namespace,
        datum.name,
        dict(datum.dimensions),
        datum.at,
        datum.unit,
        None,
        list(datum.values),
        None,
        None,
    )
