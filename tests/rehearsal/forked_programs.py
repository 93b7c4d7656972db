"""Programs for the tests of forks."""

import os
import sys
import time
from pathlib import Path


def tell() -> None:
    """Say what it was begun with."""
    print(sys.argv[1:], os.environ.get("GIVEN"), os.environ.get("INHERITED"), Path.cwd().name, flush=True)  # noqa: T201
    print("complaint", file=sys.stderr, flush=True)  # noqa: T201
    raise SystemExit(int(sys.argv[1]))


def sleep() -> None:
    """Run for longer than anybody waits, with a child of its own."""
    child = os.fork()
    if child:
        Path("child").write_text(str(child))
    time.sleep(600)
