"""What the service counts: for Prometheus on ``/metrics``, and as CloudWatch embedded metrics in its log.

Latencies are kept as they are for a moment and written as value arrays, so that CloudWatch computes true percentiles;
the Prometheus histogram has fixed buckets. A request costs a few appends; text is made only when it is asked for.
"""

import bisect
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from config.names import SERVICE_METRICS
from ml.serving.contract import Prediction

# CloudWatch takes at most this many values of a metric in one line.
MOST_VALUES: Final = 100
# How looking for another model ended: it answers now; the bundle was refused; the store could not be read.
SWAPPED, REFUSED, FAILED = SWAPS = ("done", "refused", "failed")
_BUCKETS_MS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 500.0, 1_000.0)
_UNITS: Final = {"Latency": "Milliseconds", "UnknownProductShare": "None"}


@dataclass
class Observations:
    """Counts since the start, and what has not been written to the log yet."""

    environment: str
    write: Callable[[str], None]
    clock: Callable[[], float]
    # Where the agent puts the lines: LogGroupName, LogStreamName. It needs them; a container's log does not.
    log_group: Mapping[str, str] = field(default_factory=dict)
    requests: Counter[int] = field(default_factory=Counter)
    predictions: Counter[str] = field(default_factory=Counter)
    lines_with_unknown_products: int = 0
    unknown_categories: int = 0
    lines: int = 0
    capture_drops: int = 0
    metric_drops: int = 0
    key_failures: int = 0
    swaps: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(SWAPS, 0)))
    latency_buckets: list[int] = field(default_factory=lambda: [0] * (len(_BUCKETS_MS) + 1))
    latency_ms_total: float = 0.0
    _waiting_ms: list[float] = field(default_factory=list)
    _waiting: Counter[str] = field(default_factory=Counter)

    def answered(self, status: int, milliseconds: float) -> None:
        """Count a request by its status, with how long it took."""
        self.requests[status] += 1
        self.latency_buckets[bisect.bisect_left(_BUCKETS_MS, milliseconds)] += 1
        self.latency_ms_total += milliseconds
        self._waiting_ms.append(milliseconds)
        self._waiting["Errors"] += status >= 500
        self._waiting["Refused"] += 400 <= status < 500
        if len(self._waiting_ms) >= MOST_VALUES:
            self.flush()

    def predicted(self, predictions: Sequence[Prediction], lines: int) -> None:
        """Count predicted classes, and what the model did not know."""
        for each in predictions:
            self.predictions[each.prediction] += 1
            self.lines_with_unknown_products += each.unknown_products
            self.unknown_categories += each.unknown_categories
            self._waiting[f"Predicted{each.prediction}"] += 1
            self._waiting["UnknownProductLines"] += each.unknown_products
        self.lines += lines
        self._waiting["Lines"] += lines

    def dropped(self, predictions: int) -> None:
        """Count predictions that could not be captured."""
        self.capture_drops += predictions
        self._waiting["CaptureDrops"] += predictions

    def swapped(self, how: str) -> None:
        """Count a look for another model that ended as one of ``SWAPS``."""
        self.swaps[how] += 1
        self._waiting[f"Swaps{how.capitalize()}"] += 1

    def keys_unread(self) -> None:
        """Count a reading of the API keys that failed."""
        self.key_failures += 1
        self._waiting["KeyFailures"] += 1

    def metrics_dropped(self, lines: int) -> None:
        """Count metric lines that found no place on their way to the agent."""
        self.metric_drops += lines

    def flush(self) -> None:
        """Write what waits as one embedded-metric line, if anything does."""
        if not self._waiting_ms and not self._waiting:
            return
        latencies, counts = self._waiting_ms, self._waiting
        self._waiting_ms, self._waiting = [], Counter()
        # Zeros are written too: an alarm then sees that all is well, not that nothing is known.
        values: dict[str, Any] = {"Requests": len(latencies), "Errors": 0, "CaptureDrops": 0, **counts}
        if latencies:
            values["Latency"] = latencies
        if counts["Lines"]:
            values["UnknownProductShare"] = counts["UnknownProductLines"] / counts["Lines"]
        line = {
            "_aws": {
                "Timestamp": round(self.clock() * 1_000),
                **self.log_group,
                "CloudWatchMetrics": [
                    {
                        "Namespace": SERVICE_METRICS,
                        "Dimensions": [["Environment"]],
                        "Metrics": [{"Name": name, "Unit": _UNITS.get(name, "Count")} for name in values],
                    }
                ],
            },
            "Environment": self.environment,
            **values,
        }
        self.write(json.dumps(line))

    def prometheus(self, version: str) -> str:
        """Return everything in Prometheus' text format."""
        lines = ["# TYPE inference_requests_total counter"]
        lines += [f'inference_requests_total{{status="{status}"}} {count}' for status, count in self.requests.items()]
        lines.append("# TYPE inference_latency_milliseconds histogram")
        total = 0
        for bound, count in zip((*map(str, _BUCKETS_MS), "+Inf"), self.latency_buckets, strict=True):
            total += count
            lines.append(f'inference_latency_milliseconds_bucket{{le="{bound}"}} {total}')
        lines.append(f"inference_latency_milliseconds_sum {self.latency_ms_total}")
        lines.append(f"inference_latency_milliseconds_count {total}")
        lines.append("# TYPE inference_predictions_total counter")
        lines += [f'inference_predictions_total{{class="{word}"}} {n}' for word, n in self.predictions.items()]
        for name, value in (
            ("inference_lines_total", self.lines),
            ("inference_unknown_product_lines_total", self.lines_with_unknown_products),
            ("inference_unknown_categories_total", self.unknown_categories),
            ("inference_capture_drops_total", self.capture_drops),
            ("inference_metric_line_drops_total", self.metric_drops),
            ("inference_key_read_failures_total", self.key_failures),
        ):
            lines += [f"# TYPE {name} counter", f"{name} {value}"]
        lines.append("# TYPE inference_model_swaps_total counter")
        lines += [f'inference_model_swaps_total{{result="{how}"}} {n}' for how, n in self.swaps.items()]
        lines += ["# TYPE inference_model_info gauge", f'inference_model_info{{version="{version}"}} 1']
        return "\n".join(lines) + "\n"
