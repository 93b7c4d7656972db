"""Child processes that end with their parent, however that ends."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

_SETPRIV: Final = shutil.which("setpriv")
_AS_CHILD: Final = (_SETPRIV, "--pdeathsig", "TERM") if _SETPRIV else ()
_LAST_LINES: Final = 2_000


class RehearsalError(RuntimeError):
    """What a rehearsal needs is not there, or did not start."""


def start(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str], cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start ``command`` in a process group of its own, its output in ``log``.

    It gets SIGTERM when the thread that started it ends, even if its process is killed. (Linux; elsewhere whoever
    starts it has to stop it.)
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        return subprocess.Popen(  # noqa: S603  our own command line
            [*_AS_CHILD, *command],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=dict(environment),
            cwd=cwd,
            process_group=0,
        )


def stop(process: subprocess.Popen[Any], *, seconds: float = 10.0) -> None:
    """End a process and its group: by SIGTERM, then by SIGKILL."""
    for how in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, how)
        except ProcessLookupError:
            break
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            continue
    process.wait()


def wait_for(file: Path, process: subprocess.Popen[Any], *, log: Path, seconds: float = 60.0) -> None:
    """Return when ``file`` is there, which ``process`` writes when it is ready.

    Raises:
        RehearsalError: the process has ended, or is not ready in time; the end of its log is in the message.

    """
    until = time.monotonic() + seconds
    while not file.exists():
        if process.poll() is not None or time.monotonic() > until:
            raise RehearsalError(last_words(log, "not ready"))
        time.sleep(0.02)


def last_words(log: Path, problem: str) -> str:
    """Return the message about a process that has a ``problem``: the end of its log is in it."""
    last = log.read_text(errors="replace")[-_LAST_LINES:] if log.exists() else ""
    return f"{log.stem}: {problem}; its log {log} ends with:\n{last}"


@contextmanager
def running(
    command: Sequence[str], *, log: Path, environment: Mapping[str, str], ready: Path, seconds: float = 10.0
) -> Iterator[subprocess.Popen[bytes]]:
    """Run ``command`` inside the block, from when it has written ``ready`` on; it has ``seconds`` for its end."""
    ready.unlink(missing_ok=True)
    process = start(command, log=log, environment=environment)
    try:
        wait_for(ready, process, log=log)
        yield process
    finally:
        stop(process, seconds=seconds)
