"""``mlops kpi``: how delivery goes, from the records of a lake."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer
from rich.console import Console
from rich.table import Table

from config.kpi import Figures, RecordError, deployments, summary
from ml.commands.options import DEFAULT_USE_CASE, UseCaseName, now
from ml.errors import DataError
from ml.files import write_json
from ml.serving.ports import MODELS, adapter, scheme_of

app = typer.Typer()
out = Console()


@app.command()
def kpi(
    lake: Annotated[str, typer.Option(help="A lake: a folder, or s3://bucket.")],
    days: Annotated[int, typer.Option(min=1, max=3660, help="How many days back from now.")] = 30,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here, too.")] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
) -> None:
    """Print deployment frequency, failure rate and mean lead time.

    A deployment is a version that got to serve or was on its way; it failed where it was taken back. Lead time is from
    the arrival of its data (in a folder: from its registration) until it served.

    Example:

        mlops kpi --days 30 --lake lake --json kpi.json
    """
    try:
        found = deployments(_lake(lake), use_case=use_case, now=now(), days=days)
    except RecordError as error:
        raise DataError(f"{lake}/{error}") from error
    figures = summary(found, days=days)
    if json_file is not None:
        listed = [each.model_dump(mode="json") for each in found]
        write_json(json_file, {**figures.model_dump(mode="json"), "each": listed})
    out.print(_table(figures, lake))


def _table(figures: Figures, lake: str) -> Table:
    table = Table(title=f"{lake}, the last {figures.days} days")
    table.add_column("figure")
    table.add_column("value", justify="right")
    lead, rate = figures.mean_lead_time_hours, figures.failure_rate
    table.add_row("deployments", str(figures.deployments))
    table.add_row("deployments per week", f"{figures.deployments_per_week:.2f}")
    table.add_row("of these failed", str(figures.failed))
    table.add_row("failure rate", "none yet" if rate is None else f"{100 * rate:.0f} %")
    table.add_row("mean lead time", "not known" if lead is None else f"{lead:.1f} h")
    return table


class _Files(Protocol):
    def read(self, name: str) -> bytes | None: ...

    def names(self, prefix: str) -> Iterator[str]: ...


class _Folder:
    """A lake's files by their path below it."""

    def __init__(self, root: Path) -> None:
        if not root.is_dir():
            raise DataError(f"{root}: there is no such lake")
        self._root = root

    def read(self, name: str) -> bytes | None:
        """Return a file's bytes; None where there is none."""
        path = self._root / name
        return path.read_bytes() if path.is_file() else None

    def names(self, prefix: str) -> Iterator[str]:
        """Yield the names that begin with ``prefix``, in order."""
        folder = self._root / prefix.rpartition("/")[0]
        found = sorted(path for path in folder.rglob("*") if path.is_file())
        yield from (name for path in found if (name := path.relative_to(self._root).as_posix()).startswith(prefix))


class _Json:
    """JSON objects of a lake."""

    def __init__(self, files: _Files, address: str) -> None:
        self._files = files
        self._address = address

    def read(self, key: str) -> dict[str, Any] | None:
        """Return the object at ``key``; None where there is none."""
        content = self._files.read(key)
        if content is None:
            return None
        try:
            found: dict[str, Any] = json.loads(content)
        except ValueError as error:
            raise DataError(f"{self._address}/{key}: no JSON: {error}") from error
        return found

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin with ``prefix``."""
        return self._files.names(prefix)


def _lake(address: str) -> _Json:
    scheme = scheme_of(address)
    return _Json(adapter(MODELS, scheme)(address) if scheme else _Folder(Path(address)), address)
