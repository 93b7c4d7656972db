"""``mlops models``: the local registry."""

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from config.names import ARTIFACTS
from ml.commands.options import DEFAULT_USE_CASE, UseCaseName, chosen_use_case, now
from ml.errors import SettingsError
from ml.files import to_json

if TYPE_CHECKING:
    from ml.registry.local import LocalRegistry

app = typer.Typer(help="The local registry: list, show, approve and reject versions.", no_args_is_help=True)
out = Console()

Workdir = Annotated[Path, typer.Option(help="The work directory of `mlops run`.")]
Version = Annotated[str, typer.Argument(help="The model version.", show_default=False)]
By = Annotated[str, typer.Option(help="Who decides.", show_default="the login name")]
Reason = Annotated[str, typer.Option(help="Why; kept in the version's history.")]


@app.command(name="list")
def list_versions(workdir: Workdir, use_case: UseCaseName = DEFAULT_USE_CASE) -> None:
    """List the versions, the newest first; the champion is marked.

    Example:

        mlops models list --workdir lake
    """
    registry = _registry(workdir, use_case)
    champion = registry.champion()
    table = Table(title=f"{use_case} in {workdir}")
    for column in ("version", "model", "status", "accuracy", "macro F1", "registered", "run"):
        table.add_column(column, no_wrap=column == "version")
    for record in registry.versions():
        metrics = record["metrics"]
        table.add_row(
            f"{record['version']}{' (champion)' if record['version'] == champion else ''}",
            record["model"],
            record["status"],
            f"{metrics['accuracy']:.4f}",
            f"{metrics['macro_f1']:.4f}",
            record["history"][0]["at"],
            record["run"],
        )
    out.print(table)


@app.command()
def show(version: Version, workdir: Workdir, use_case: UseCaseName = DEFAULT_USE_CASE) -> None:
    """Print a version's record and where its bundle is.

    Example:

        mlops models show 200752-0123456789 --workdir lake
    """
    registry = _registry(workdir, use_case)
    record = {**registry.record(version), "bundle": str(registry.bundle(version))}
    record["champion"] = registry.champion() == version
    typer.echo(to_json(record), nl=False)


@app.command()
def approve(
    version: Version, workdir: Workdir, use_case: UseCaseName = DEFAULT_USE_CASE, by: By = "", reason: Reason = ""
) -> None:
    """Approve a version and make it the champion.

    Example:

        mlops models approve 200752-0123456789 --workdir lake --reason "figures checked"
    """
    record = _registry(workdir, use_case).approve(version, by=by or getpass.getuser(), reason=reason, now=now())
    typer.echo(f"{version}: {record['status']}, champion")


@app.command()
def reject(
    version: Version, workdir: Workdir, use_case: UseCaseName = DEFAULT_USE_CASE, by: By = "", reason: Reason = ""
) -> None:
    """Reject a version that is not the champion.

    Example:

        mlops models reject 200752-0123456789 --workdir lake --reason "weak in region E01"
    """
    record = _registry(workdir, use_case).reject(version, by=by or getpass.getuser(), reason=reason, now=now())
    typer.echo(f"{version}: {record['status']}")


def _registry(workdir: Path, use_case: str) -> "LocalRegistry":
    from ml.registry.local import LocalRegistry

    if not (workdir / ARTIFACTS).is_dir():
        raise SettingsError(f"{workdir}: not a work directory (no {ARTIFACTS} folder); make one with `mlops run`")
    return LocalRegistry(workdir / ARTIFACTS, chosen_use_case(use_case))
