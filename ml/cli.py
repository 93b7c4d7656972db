"""``mlops``: every job as a command.

Exit code 0: done; 2: the input or a setting is wrong; 3: a load test missed its threshold; 1: our fault.
"""

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Any

import typer

from ml.commands import data, features, jobs, kpi, loadtest, models, reports, serve
from ml.commands.options import container
from ml.errors import UserError

app = typer.Typer(
    name="mlops",
    help="Weekly transaction files to a gated, explained model.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(jobs.app)
app.add_typer(features.app)
app.add_typer(serve.app)
app.add_typer(kpi.app)
app.add_typer(data.app, name="data")
app.add_typer(reports.app, name="report")
app.add_typer(models.app, name="models")
app.add_typer(loadtest.app, name="loadtest")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; turn errors into messages and exit codes."""
    code = 0
    # Read when the library is loaded: idle threads that spin take the cores of jobs beside this one.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        result = app(args=list(arguments) if arguments is not None else None, standalone_mode=False)
        code = result if isinstance(result, int) else 0
    except UserError as error:
        container().report_failure(str(error))
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        code = 2
    except typer.Abort:
        code = 130
    except Exception as error:  # noqa: BLE001  the last resort: say so, and leave the reason where SageMaker reads it
        code = _usage_error(error)
        if code != 2:
            container().report_failure(f"{type(error).__name__}: {error}")
            traceback.print_exc()
    raise SystemExit(code)


def _usage_error(error: Exception) -> int:
    """Show a wrong option as the command line's own message does; return the exit code."""
    show: Any = getattr(error, "show", None)
    if show is None:
        return 1
    show()
    return 2


if __name__ == "__main__":
    main()
