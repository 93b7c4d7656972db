"""What the service counts: for Prometheus on ``/metrics``, and as CloudWatch embedded metrics in its log.

Latencies are kept as they are for a moment and written as value arrays, so that CloudWatch computes true percentiles;
the Prometheus histogram has fixed buckets. A request costs a few appends; text is made only when it is asked for.
"""

import bisect
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from ml.serving.contract import Prediction

NAMESPACE: Final = "MLOps/Inference"
# CloudWatch takes at most this many values of a metric in one line.
MOST_VALUES: Final = 100
_BUCKETS_MS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 50.0, 100.0, 200.0, 500.0, 1_000.0)


@dataclass
class Observations:
    """Counts since the start, and what has not been written to the log yet."""

    environment: str
    write: Callable[[str], None]
    clock: Callable[[], float]
    requests: Counter[int] = field(default_factory=Counter)
    predictions: Counter[str] = field(default_factory=Counter)
    lines_with_unknown_products: int = 0
    unknown_categories: int = 0
    lines: int = 0
    capture_drops: int = 0
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

    def dropped(self) -> None:
        """Count a prediction that could not be captured."""
        self.capture_drops += 1
        self._waiting["CaptureDrops"] += 1

    def flush(self) -> None:
        """Write what waits as one embedded-metric line, if anything does."""
        if not self._waiting_ms and not self._waiting:
            return
        latencies, counts = self._waiting_ms, self._waiting
        self._waiting_ms, self._waiting = [], Counter()
        names = ["Latency", "Requests", *counts]
        units = {"Latency": "Milliseconds"}
        line = {
            "_aws": {
                "Timestamp": round(self.clock() * 1_000),
                "CloudWatchMetrics": [
                    {
                        "Namespace": NAMESPACE,
                        "Dimensions": [["Environment"]],
                        "Metrics": [{"Name": name, "Unit": units.get(name, "Count")} for name in names],
                    }
                ],
            },
            "Environment": self.environment,
            "Latency": latencies,
            "Requests": len(latencies),
            **counts,
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
        ):
            lines += [f"# TYPE {name} counter", f"{name} {value}"]
        lines += ["# TYPE inference_model_info gauge", f'inference_model_info{{version="{version}"}} 1']
        return "\n".join(lines) + "\n"
