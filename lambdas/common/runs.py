"""Runs of the training in the lake: what a run is made of, who owns it, and where its results are."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, Field

from config.names import ARTIFACTS, RUNS
from lambdas.common.events import Frozen
from lambdas.common.objects import Objects

Run = Annotated[str, Field(pattern=r"^[0-9]{6}-[0-9a-f]{10}$")]
ExecutionArn = Annotated[str, Field(pattern=r"^arn:[\w-]+:states:[\w-]+:\d{12}:execution:[\w-]+:[\w-]+$")]
EVALUATION: Final = "evaluation"
_FIGURES: Final = ("accuracy", "macro_f1", "class_precision_minimum")


class RawObject(Frozen):
    """A version of a raw file, and when it came: from then on what is in it is known."""

    key: str
    etag: str
    version_id: str | None
    came_at: AwareDatetime

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.key.rsplit("/", 1)[-1]


class RunDescription(Frozen):
    """What a run is made of: all raw files as they were, and which of them have not been refined before.

    ``objects``, by file name, is what evaluation puts into the model's lineage. ``as_of``: the run takes its features
    as they were known then.
    """

    run: Run
    as_of: AwareDatetime | None = None
    raw: tuple[RawObject, ...]
    new: tuple[str, ...]
    objects: dict[str, dict[str, str | None]]


class Claim(Frozen):
    """The execution that owns a run."""

    execution: ExecutionArn
    at: AwareDatetime


@dataclass(frozen=True)
class RunFolder:
    """The folder ``artifacts/runs/<run>`` of one run."""

    objects: Objects
    run: str

    @cached_property
    def place(self) -> str:
        """Its key, without a slash at the end."""
        return f"{ARTIFACTS}/{RUNS}/{self.run}"

    @property
    def claim(self) -> str:
        """The key of the claim."""
        return f"{self.place}/claim.json"

    @property
    def description(self) -> str:
        """The key of the description; it has a folder of its own, because a job is given folders."""
        return f"{self.place}/identity/run.json"

    @property
    def manifest(self) -> str:
        """The key of SageMaker's manifest of the files to refine."""
        return f"{self.place}/raw.manifest"

    def read_description(self) -> RunDescription:
        """Return the description, which is there from the run's first step on."""
        return RunDescription.model_validate(self.objects.get(self.description))

    def read_evaluation(self) -> dict[str, Any]:
        """Return evaluation.json as the evaluation job left it."""
        return self.objects.get(f"{self.place}/{EVALUATION}/evaluation.json")


def winner_of(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Return what evaluation.json says of the best candidate."""
    return next(dict(each) for each in evaluation["candidates"] if each["name"] == evaluation["winner"])


def figures_of(candidate: Mapping[str, Any]) -> dict[str, float]:
    """Return the figures of a candidate that the gate and the registry show."""
    return {name: float(candidate["holdout"][name]["value"]) for name in _FIGURES}
