"""What a monitoring run says, as the job writes it (``monitoring.json``) and the Lambdas read it."""

from enum import StrEnum
from typing import Literal

from config.frozen import Frozen

MONITORING = "monitoring.json"


class Answer(StrEnum):
    """The answer of a check. Without enough data there is no answer, and nothing follows from none."""

    OK = "ok"
    WORSE = "worse"
    NOT_ENOUGH_DATA = "not enough data"


class Check(Frozen):
    """One question about one model version, and its answer.

    ``value`` with the ends of its 95 % interval (``low``, ``high``) and the ``limit`` it was held against are
    None where they are not known; ``baskets`` were looked at, ``minimum`` are needed; ``weeks`` are where they
    are from. ``sentence`` says all of it in words.
    """

    name: str
    answer: Answer
    value: float | None
    low: float | None
    high: float | None
    limit: float | None
    baskets: int
    minimum: int
    weeks: tuple[int, ...]
    sentence: str


class VersionVerdict(Frozen):
    """What was found of one model version: ``quality`` may take it back, ``drift`` only tells.

    ``current`` is the version that made the newest prediction.
    """

    version: str
    current: bool
    quality: Answer
    drift: Answer
    checks: tuple[Check, ...]


class MetricDatum(Frozen):
    """One figure for CloudWatch; ``unit`` is one of CloudWatch's."""

    name: str
    value: float
    unit: Literal["Count", "None"]
    dimensions: dict[str, str]


class Intake(Frozen):
    """What became of the captured lines: read, refused (by reason), repeated, and kept as predictions."""

    files: int
    lines: int
    refused: dict[str, int]
    repeated: int
    predictions: int
    without_basket_id: int


class Monitoring(Frozen):
    """A monitoring run: the decision of each version, newest use first, and the metrics to publish."""

    schema_version: Literal[1] = 1
    use_case: str
    intake: Intake
    versions: tuple[VersionVerdict, ...]
    metrics: tuple[MetricDatum, ...]
