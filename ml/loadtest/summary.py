"""How figures are named, written and compared: the same on the console, which needs no chart, and on the pages."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml.loadtest.results import PERCENTILES

TIMES = (*PERCENTILES, "max", "mean")
THRESHOLD_TITLES = {"p95_ms": "p95", "p99_ms": "p99", "error_rate": "error rate"}
_SAME = {
    "rate": "requests per second",
    "duration": "duration",
    "connections": "connections",
    "timeout": "timeout",
    "arrivals": "arrivals",
    "method": "method",
    "body": "body",
}


def names_of(results: Sequence[Mapping[str, Any]], files: Sequence[Path]) -> list[str]:
    """Return what to call each test: its name, and its file's too where two have the same."""
    names = [str(result["name"]) for result in results]
    return [
        name if names.count(name) == 1 else f"{name} ({file.stem})" for name, file in zip(names, files, strict=True)
    ]


def differences(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the settings in which the tests differ: what speaks against comparing them."""
    found = []
    for key, title in _SAME.items():
        values = list(dict.fromkeys(plain_number(result["settings"][key]) for result in results))
        if len(values) > 1:
            found.append(f"{title}: {' and '.join(values)}")
    return found


def milliseconds(value: float | None) -> str:
    """Return a time in milliseconds with three digits that count: 0.412, 41.2, 4,120."""
    if value is None:
        return "–"
    for limit, digits in ((1.0, 3), (10.0, 2), (100.0, 1)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def plain_number(value: Any) -> str:
    """Return a setting as text; 500.0 is 500."""
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
