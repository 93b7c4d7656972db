"""The CloudWatch agent of the cluster: metric lines that come over TCP go to CloudWatch Logs.

What it speaks is what ``AWS_EMF_AGENT_ENDPOINT=tcp://host:port`` promises: one event in embedded metric format per
line. The event names its log group, and its stream if it wants; a line without a group is dropped, as by the agent.
"""

import asyncio
import contextlib
import json
import logging
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

_PAUSE_SECONDS: Final = 1.0
# PutLogEvents takes so many events, and so many bytes with 26 for each event.
_MOST_EVENTS: Final = 10_000
_MOST_BYTES: Final = 1_048_576
_EVENT_BYTES: Final = 26
# A line, and what waits while CloudWatch Logs cannot be reached.
_LONGEST_LINE: Final = 256 * 1024
_MOST_WAITING: Final = 10_000
_logger: Final = logging.getLogger("cloudwatch-agent")
_Place = tuple[str, str]
_Event = dict[str, Any]


class MetricsAgent:
    """Takes lines at an address and puts them into CloudWatch Logs every second.

    ``logs`` is botocore's client of CloudWatch Logs, with whatever identity the agent is to have. A line that names no
    stream goes to ``stream``. Groups and streams are made where they are missing, if the identity may.
    """

    def __init__(self, logs: Any, *, stream: str, pause_seconds: float = _PAUSE_SECONDS) -> None:
        self._logs = logs
        self._stream = stream
        self._pause = pause_seconds
        self._waiting: dict[_Place, list[_Event]] = defaultdict(list)
        self._server: asyncio.Server | None = None
        self._sending: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self.received = self.dropped = 0

    async def start(self, host: str, port: int = 0) -> int:
        """Listen at ``host``; return the port, a free one unless given."""
        self._server = await asyncio.start_server(self._take, host, port, limit=_LONGEST_LINE)
        self._sending = asyncio.create_task(self._send_until_stopped())
        listening: int = self._server.sockets[0].getsockname()[1]
        return listening

    async def stop(self) -> None:
        """Listen no more, and send what waits."""
        if self._server is None or self._sending is None:
            return
        self._server.close()
        self._stopping.set()
        await self._sending

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                self._keep(line)
        except (OSError, ValueError) as error:
            _logger.warning("a connection ended: %r", error)
        finally:
            writer.close()

    def _keep(self, line: bytes) -> None:
        text = line.decode(errors="replace").strip("\0 \r\n\t")
        if not text:
            return
        self.received += 1
        try:
            place = _place(text, self._stream)
        except ValueError as error:
            self.dropped += 1
            _logger.warning("a line is dropped: %s", error)
            return
        waiting = self._waiting[place]
        if len(waiting) >= _MOST_WAITING:
            self.dropped += 1
            return
        waiting.append({"timestamp": round(time.time() * 1000), "message": text})

    async def _send_until_stopped(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), self._pause)
            await self._send()

    async def _send(self) -> None:
        """Send what waits; what cannot be sent waits on."""
        waiting, self._waiting = self._waiting, defaultdict(list)
        for place, events in waiting.items():
            for batch in _batches(events):
                try:
                    await asyncio.to_thread(self._put, place, batch)
                except (BotoCoreError, ClientError) as error:
                    _logger.warning("%s: %d lines could not be sent: %r", place[0], len(batch), error)
                    self._waiting[place][:0] = batch

    def _put(self, place: _Place, events: Sequence[_Event]) -> None:
        group, stream = place
        missing, there = (
            self._logs.exceptions.ResourceNotFoundException,
            self._logs.exceptions.ResourceAlreadyExistsException,
        )
        put = {"logGroupName": group, "logStreamName": stream, "logEvents": list(events)}
        try:
            self._logs.put_log_events(**put)
        except missing:
            with contextlib.suppress(there):
                self._logs.create_log_group(logGroupName=group)
            with contextlib.suppress(there):
                self._logs.create_log_stream(logGroupName=group, logStreamName=stream)
            self._logs.put_log_events(**put)


def _place(text: str, stream: str) -> _Place:
    """Return the log group and stream that a line names: in ``_aws``, or without that in its former members."""
    event = json.loads(text)
    if not isinstance(event, dict):
        event = {}
    metadata = event.get("_aws")
    if isinstance(metadata, dict):
        group, named = metadata.get("LogGroupName"), metadata.get("LogStreamName")
    else:
        group, named = event.get("log_group_name"), event.get("log_stream_name")
    if not group or not isinstance(group, str):
        raise ValueError("it names no log group")
    return group, named if isinstance(named, str) and named else stream


def _batches(events: Sequence[_Event]) -> Iterator[list[_Event]]:
    """Yield events in the order of their times, as many at once as a call takes."""
    batch: list[_Event] = []
    size = 0
    for event in sorted(events, key=lambda each: each["timestamp"]):
        own = len(event["message"].encode()) + _EVENT_BYTES
        if batch and (len(batch) == _MOST_EVENTS or size + own > _MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(event)
        size += own
    if batch:
        yield batch
