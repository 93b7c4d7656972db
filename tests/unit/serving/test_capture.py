"""Captured predictions: whole, in time, within bounds, and never at a request's cost."""

import asyncio
import json
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import convert

from ml.serving.capture import Capture, FileSink
from ml.serving.contract import Basket, Prediction
from ml.serving.examples import EXAMPLE
from ml.serving.ports import Sink

BASKET = convert(EXAMPLE, Basket)
PREDICTION = Prediction(prediction="Low", code="UM", probabilities={"Low": 1.0}, model_version="v", basket_id="b")
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def capture(sink: Sink, drops: list[int], **options: Any) -> Capture:
    return Capture(sink, now=lambda: NOW, dropped=drops.append, **options)


def run_once(captured: Capture, taken: int, *, times: int = 1) -> None:
    """Take predictions while the writer runs, then stop it as the service's end does."""

    async def service() -> None:
        for _ in range(times):
            writer = asyncio.create_task(captured.run())
            await asyncio.sleep(0)
            captured.take([BASKET] * taken, [PREDICTION] * taken)
            writer.cancel()
            await asyncio.gather(writer, return_exceptions=True)

    asyncio.run(service())


def files(folder: Path) -> FileSink:
    names = iter(range(10))
    return FileSink(folder, name=lambda: f"part-{next(names)}")


def test_what_waits_at_the_end_is_written_whole(tmp_path: Path) -> None:
    drops: list[int] = []
    run_once(capture(files(tmp_path), drops, most_together=4), taken=10)

    written = sorted(tmp_path.iterdir())
    records = [json.loads(line) for file in written for line in file.read_text().splitlines()]
    assert [file.name for file in written] == ["part-0.jsonl", "part-1.jsonl", "part-2.jsonl"]
    assert len(records) == 10
    assert drops == []


def test_a_record_holds_inputs_output_version_basket_and_time(tmp_path: Path) -> None:
    run_once(capture(files(tmp_path), []), taken=1)

    record = json.loads((tmp_path / "part-0.jsonl").read_text())
    assert record["time"] == "2026-03-04T05:06:07+00:00"
    assert convert(record["basket"], Basket) == BASKET
    assert record["basket"]["basket_id"] == EXAMPLE["basket_id"]
    assert convert(record["prediction"], Prediction) == PREDICTION
    assert record["prediction"]["model_version"] == "v"


def test_beyond_its_bytes_predictions_are_dropped_and_counted(tmp_path: Path) -> None:
    drops: list[int] = []
    run_once(capture(files(tmp_path), drops, most_bytes=1), taken=10)

    assert sum(drops) == 9
    assert len((tmp_path / "part-0.jsonl").read_text().splitlines()) == 1


def test_room_is_there_again_when_something_was_written(tmp_path: Path) -> None:
    drops: list[int] = []
    captured = capture(files(tmp_path), drops, most_bytes=1)

    run_once(captured, taken=1, times=2)

    assert drops == []
    assert len(list(tmp_path.iterdir())) == 2


def test_enough_is_written_without_waiting_for_the_clock(tmp_path: Path) -> None:
    wrote = threading.Event()

    class Watched(FileSink):
        def write(self, lines: Sequence[bytes]) -> int:
            lost = super().write(lines)
            wrote.set()
            return lost

    async def service() -> bool:
        captured = capture(Watched(tmp_path, name=lambda: "part"), [], most_together=4, seconds=3_600.0)
        writer = asyncio.create_task(captured.run())
        await asyncio.sleep(0)
        captured.take([BASKET] * 4, [PREDICTION] * 4)
        written = await asyncio.to_thread(wrote.wait, 30)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)
        return written

    assert asyncio.run(service())


def test_a_sink_that_fails_costs_the_records_and_nothing_else() -> None:
    class Broken:
        def write(self, lines: Sequence[bytes]) -> int:
            raise ConnectionError(f"{len(lines)} lines")

    drops: list[int] = []
    said: list[str] = []
    run_once(capture(Broken(), drops, log=said.append, most_together=2), taken=6)

    assert drops == [2, 2, 2]
    assert said == ["capture: records are lost: ConnectionError: 2 lines"], "once, however long it lasts"


def test_what_a_sink_says_it_lost_is_counted() -> None:
    class Lossy:
        def write(self, lines: Sequence[bytes]) -> int:
            return len(lines) - 2

    drops: list[int] = []
    run_once(capture(Lossy(), drops), taken=3)

    assert drops == [1]


def test_a_sink_that_hangs_does_not_keep_the_service_from_ending() -> None:
    release = threading.Event()

    class Hanging:
        def write(self, lines: Sequence[bytes]) -> int:
            release.wait()
            return len(lines)

    drops: list[int] = []
    said: list[str] = []
    run_once(capture(Hanging(), drops, log=said.append, most_together=4, last_seconds=0.05), taken=10)
    release.set()

    assert sum(drops) == 10
    assert said == ["capture: the sink did not take the last records within 0.05 s"]
