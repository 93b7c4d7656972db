"""Progress on standard error: bars for a person at a terminal, one line per stage in a log."""

from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

T = TypeVar("T")

console = Console(stderr=True, highlight=False)


def be_quiet() -> None:
    """Show no progress from here on: for processes whose parent shows it for all of them."""
    console.quiet = True


def say(message: str) -> None:
    """Print one line of progress."""
    console.print(message, markup=False, soft_wrap=True)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Announce a stage before its work begins."""
    say(f"▸ {name}")
    yield


def track(items: Iterable[T], *, label: str, total: int | None = None) -> Iterator[T]:
    """Yield ``items`` while a bar named ``label`` moves; in a log, one line when all are done."""
    count = total if total is not None else (len(items) if isinstance(items, Sized) else None)
    columns = (
        TextColumn("  {task.description:<28}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, disable=count == 0) as bar:
        task = bar.add_task(label, total=count)
        for item in items:
            yield item
            bar.advance(task)
