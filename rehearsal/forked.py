"""Programs of this Python environment, begun from a process that has loaded their libraries.

Most of a short job's time goes into loading libraries. A machine in AWS does that for each job anew; here a process
does it once, and each program begins as a fork of it: with folder, variables, output and process group of its own.
"""

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from multiprocessing.connection import wait
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Final

_CONTEXT: Final = multiprocessing.get_context("forkserver")
# The library's processes look after each other whenever one begins, and are made for one thread.
_ONE_AT_A_TIME: Final = threading.Lock()
_LOOK_SECONDS: Final = 0.02
_NICENESS: Final = 10


def preload(modules: Sequence[str], folder: Path) -> None:
    """Load ``modules`` in a process of their own, from now on; it ends with this one. Its files are in ``folder``.

    Call it in a thread that does nothing else: in AWS a job has a machine of its own, and here it leaves the processors
    to whatever answers. In Linux that begins with a thread, and goes on in what this begins.
    """
    from multiprocessing import forkserver

    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), _NICENESS)
    _CONTEXT.set_forkserver_preload([__name__, *modules])
    # The library's socket is in the folder for temporary files, and a socket's path has a hundred characters at most:
    # by a descriptor, which stays open, any folder has few.
    place = os.open(folder, os.O_PATH | os.O_DIRECTORY)
    usual, tempfile.tempdir = tempfile.tempdir, f"/proc/{os.getpid()}/fd/{place}"
    try:
        forkserver.ensure_running()
    finally:
        tempfile.tempdir = usual


class Forked:
    """A program that began as a fork; it is looked after like a `subprocess.Popen`."""

    def __init__(
        self, entry: str, arguments: Sequence[str], *, log: Path, environment: Mapping[str, str], cwd: Path
    ) -> None:
        """Call ``entry`` (``module:function``) with ``arguments`` as the command line; its output goes to ``log``."""
        self._process: ForkServerProcess = _CONTEXT.Process(
            target=_run, args=(entry, tuple(arguments), log, dict(environment), cwd), daemon=False
        )
        with _ONE_AT_A_TIME:
            self._process.start()
        if self._process.pid is None:
            raise OSError(f"{arguments[0]}: was not started")
        self.pid: int = self._process.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, or the signal's number below zero; None while it runs."""
        return self.poll()

    def poll(self) -> int | None:
        """Return the exit code; None while it runs."""
        with _ONE_AT_A_TIME:
            return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code when it has ended.

        Raises:
            subprocess.TimeoutExpired: it has not within ``timeout`` seconds.

        """
        until = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if until is not None and time.monotonic() > until:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0.0)
            time.sleep(_LOOK_SECONDS)
        return code


def _run(entry: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str], cwd: Path) -> None:
    """Become the program."""
    os.setpgid(0, 0)
    threading.Thread(target=_end_with_who_asked, name="end", daemon=True).start()
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)
    os.environ.clear()
    os.environ.update(environment)
    os.chdir(cwd)
    # What Python keeps of the variables.
    tempfile.tempdir = None
    sys.argv = list(arguments)
    module, _, name = entry.partition(":")
    getattr(importlib.import_module(module), name)()


def _end_with_who_asked() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.killpg(0, signal.SIGTERM)
