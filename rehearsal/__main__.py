"""``python -m rehearsal``: deploy the platform on this machine, play the story, show what happened, and go."""

import os
import signal
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from botocore.exceptions import BotoCoreError, ClientError

from ml.errors import SettingsError
from ml.progress import say
from rehearsal.kubernetes import check_vacant
from rehearsal.processes import RehearsalError
from rehearsal.run import Rehearsal
from rehearsal.story.plot import chosen
from rehearsal.world import SPEED

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def rehearse(
    data: Annotated[Path | None, typer.Option(help="Folder of weekly files; invented ones otherwise.")] = None,
    output: Annotated[Path, typer.Option(help="Folder below which each rehearsal has one of its own.")] = Path(
        "out/rehearsal"
    ),
    act: Annotated[list[str] | None, typer.Option(help="Play this act, and what it begins with; else all.")] = None,
    baskets: Annotated[int, typer.Option(help="Baskets in each invented week.", min=1_000)] = 1_000,
    speed: Annotated[float, typer.Option(help="By what waits and the periods of alarms are divided.", min=1.0)] = SPEED,
    patience: Annotated[float, typer.Option(help="By what the acts' limits of time are multiplied.", min=1.0)] = 1.0,
    kubeconfig: Annotated[
        Path | None,
        typer.Option(exists=True, dir_okay=False, help="Way to a real control plane without nodes, to be taken."),
    ] = None,
    watch: Annotated[bool, typer.Option(help="Serve the page while it grows, and say where.")] = False,
) -> None:
    """Rehearse the whole platform: no account, no Docker, no cost.

    Examples:

        python -m rehearsal

        python -m rehearsal --data ../shared/data/dunnhumby --watch

        python -m rehearsal --act quality-drop

        python -m rehearsal --act permissions --act faults

        python -m rehearsal --kubeconfig control-plane/kubeconfig
    """
    if kubeconfig:
        check_vacant(kubeconfig)
    folder = _own_folder(output)
    say(f"▸ a rehearsal in {folder}")
    began = time.monotonic()
    page = Rehearsal(
        folder=folder,
        scenes=chosen(act or []),
        data=data,
        baskets=baskets,
        speed=speed,
        watched=watch,
        patience=patience,
        kubeconfig=kubeconfig,
    ).play()
    say(f"▸ all of it in {time.monotonic() - began:.0f} s: {page}")


def _own_folder(output: Path) -> Path:
    """Return a new folder below ``output``; ``latest`` leads to it."""
    name = f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid()}"
    folder = output.resolve() / name
    folder.mkdir(parents=True)
    latest = folder.with_name(f".latest-{os.getpid()}")
    latest.symlink_to(name)
    latest.replace(folder.with_name("latest"))
    return folder


def main() -> None:
    """Run the command; SIGTERM ends it as Ctrl-C does, so that whatever it has started ends, too."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        app()
    except (RehearsalError, SettingsError, ClientError, BotoCoreError) as error:
        say(f"error: {error}")
        sys.exit(2 if isinstance(error, SettingsError) else 1)


if __name__ == "__main__":
    main()
