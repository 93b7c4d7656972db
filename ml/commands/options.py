"""Options that several commands share, and the edge where the environment and the clock are read."""

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ml.errors import SettingsError
from ml.jobs.container import Container
from ml.use_case import UseCase, load_use_case

DEFAULT_USE_CASE = "price_sensitivity"
# Of this process: a container or a taskset may leave it fewer than the machine has.
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

Inputs = Annotated[
    list[Path] | None, typer.Option("--input", help="Weekly files or folders of them; several may follow.")
]
More = Annotated[list[Path] | None, typer.Argument(help="More input files.", show_default=False)]
UseCaseName = Annotated[str, typer.Option("--use-case", help="A built-in use case, or a .yaml file.")]
HoldoutWeeks = Annotated[int | None, typer.Option(min=1, help="How many of the last weeks to hold out.")]
Threads = Annotated[int, typer.Option(min=1, help="Processor cores to use.")]


def container() -> Container:
    """Return the SageMaker folders that this process may have."""
    return Container.of(os.environ)


def now() -> datetime:
    """Return the time that goes into records."""
    return datetime.now(UTC)


def instant(text: str, *, option: str) -> datetime:
    """Return the time that an option's ISO 8601 text says.

    Raises:
        SettingsError: it is none, or has no zone.

    """
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise SettingsError(f"{option} {text}: is no time such as 2026-03-02T10:00:00Z") from error
    if found.tzinfo is None:
        raise SettingsError(f"{option} {text}: has no zone; for UTC end it with Z")
    return found


def chosen_use_case(
    name: str,
    *,
    holdout_weeks: int | None = None,
    models: str | None = None,
    parameters: Mapping[str, Mapping[str, Any]] | None = None,
) -> UseCase:
    """Load a use case with what the command line changes in it."""
    return load_use_case(name).with_changes(
        holdout_weeks=holdout_weeks,
        models=[part.strip() for part in models.split(",")] if models else None,
        parameters=parameters or {},
    )


def all_inputs(inputs: Sequence[Path] | None, more: Sequence[Path] | None, *, channel: str) -> list[Path]:
    """Return the inputs given, or the container's ``channel``."""
    given = [*(inputs or []), *(more or [])]
    return given or [container().channel(channel, None)]
