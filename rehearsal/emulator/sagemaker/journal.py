"""What is written down of jobs: a line for each change of one, and their output in CloudWatch Logs."""

import json
import threading
import time
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

FILE: Final = "jobs.jsonl"
_LOCK: Final = threading.Lock()
_MOST_EVENTS: Final = 1000
_LONGEST: Final = 8192


def note(folder: Path, entry: dict[str, Any]) -> None:
    """Append a line to ``jobs.jsonl``; of a job, the last line says how it stands."""
    with _LOCK, (folder / FILE).open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry) + "\n")


class JobLog:
    """A job's output as a stream of ``/aws/sagemaker/<kind>Jobs``, written by the job's role.

    One that may not write goes without a log, as in AWS.
    """

    def __init__(self, logs: Any, *, group: str, stream: str, path: Path) -> None:
        self._logs = logs
        self._group = group
        self._stream = stream
        self._path = path
        self._read = 0
        self._open: bool | None = None

    def send(self, *, ended: bool = False) -> None:
        """Send the lines that have come since the last time; of a job that has ended also one without an end."""
        if self._open is False or not self._path.is_file():
            return
        with self._path.open("rb") as file:
            file.seek(self._read)
            content = file.read()
        whole = content if ended else content[: content.rfind(b"\n") + 1]
        if not whole:
            return
        self._read += len(whole)
        at = int(time.time() * 1000)
        lines = whole.decode("utf-8", errors="replace").splitlines()
        events = [{"timestamp": at, "message": line[:_LONGEST]} for line in lines if line]
        try:
            if self._open is None:
                self._begin()
            for start in range(0, len(events), _MOST_EVENTS):
                self._logs.put_log_events(
                    logGroupName=self._group, logStreamName=self._stream, logEvents=events[start : start + _MOST_EVENTS]
                )
            self._open = True
        except (ClientError, BotoCoreError):
            self._open = False

    def _begin(self) -> None:
        for create, names in (
            (self._logs.create_log_group, {"logGroupName": self._group}),
            (self._logs.create_log_stream, {"logGroupName": self._group, "logStreamName": self._stream}),
        ):
            try:
                create(**names)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                    raise
