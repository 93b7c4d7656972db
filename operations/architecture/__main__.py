"""``python -m operations.architecture``: write the architecture page's picture and tables, or check them."""

import argparse
import difflib
import sys
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from config.document import ConfigError
from config.settings import ENVIRONMENTS, load_environment
from ml.files import new_file
from operations.architecture.model import read_stacks
from operations.architecture.page import PageError, environments_table, fill, stacks_table
from operations.architecture.svg import draw
from operations.synthesis import Template, synthesize

FOLDER = Path(__file__).parents[2] / "docs"
PAGE, PICTURE = "architecture.md", "architecture.svg"
# Production has all that the others have.
SHOWN_ENVIRONMENT = "prod"
CAPTION = (
    "Production, from the synthesized templates. An arrow leads from a stack to one that uses its resources; "
    "↑ says which. ≈ is what a stack knows by its name only."
)
# Lines of a difference that are shown before the rest is left out.
SHOWN_LINES = 20


def main(arguments: list[str] | None = None) -> int:
    """Write the files; with ``--check`` leave them and return 1 where one is not what the app gives now."""
    parser = argparse.ArgumentParser(prog="python -m operations.architecture", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a file is out of date")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the page and the picture are")
    chosen = parser.parse_args(arguments)
    console = Console(stderr=True)
    try:
        files = generate(synthesize(SHOWN_ENVIRONMENT), folder=chosen.folder)
    except (ConfigError, PageError) as error:
        console.print(f"error: {error}", style="red", highlight=False, soft_wrap=True)
        return 2
    return check(files, console) if chosen.check else write(files)


def generate(templates: Mapping[str, Template], *, folder: Path) -> dict[Path, str]:
    """Return the text of the page and of the picture, by path, as the app gives them now.

    Raises:
        PageError: the page is missing, or its places do not fit what is generated.

    """
    page = folder / PAGE
    if not page.is_file():
        raise PageError(f"{page} is missing: its prose is written by hand")
    settings = [load_environment(each) for each in ENVIRONMENTS]
    start = next(each for each in settings if each.environment == SHOWN_ENVIRONMENT).name("")
    stacks = read_stacks(templates, start=start)
    blocks = {"stacks": stacks_table(stacks), "environments": environments_table(settings)}
    return {
        page: fill(page.read_text(encoding="utf-8"), blocks, origin=page),
        folder / PICTURE: draw(stacks, caption=CAPTION),
    }


def write(files: Mapping[Path, str]) -> int:
    """Write the files, each whole or not at all."""
    for path, text in files.items():
        with new_file(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return 0


def check(files: Mapping[Path, str], console: Console) -> int:
    """Return 1 and say what differs where a file is not what the app gives now; else 0."""
    stale = 0
    for path, text in files.items():
        found = path.read_text(encoding="utf-8") if path.is_file() else ""
        if found != text:
            stale = 1
            console.print(
                f"{path} is not what the app gives now: run python -m operations.architecture and commit it",
                style="red",
                highlight=False,
                soft_wrap=True,
            )
            changes = list(
                difflib.unified_diff(found.splitlines(), text.splitlines(), "committed", "app", n=0, lineterm="")
            )
            for line in changes[:SHOWN_LINES]:
                console.print(line, markup=False, highlight=False, soft_wrap=True)
    return stale


if __name__ == "__main__":
    sys.exit(main())
