"""Captured predictions: whole, in time, and never at a request's cost."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import convert

from ml.serving.capture import Capture, FileSink, Sink
from ml.serving.contract import Basket, Prediction
from ml.serving.examples import EXAMPLE

BASKET = convert(EXAMPLE, Basket)
PREDICTION = Prediction(prediction="Low", code="UM", probabilities={"Low": 1.0}, model_version="v", basket_id="b")
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def capture(sink: Sink, drops: list[int], **options: Any) -> Capture:
    return Capture(sink, now=lambda: NOW, dropped=drops.append, **options)


def run_once(captured: Capture, taken: int) -> None:
    """Take predictions while the writer runs, then stop it as the service's end does."""

    async def service() -> None:
        writer = asyncio.create_task(captured.run())
        await asyncio.sleep(0)
        captured.take([BASKET] * taken, [PREDICTION] * taken)
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)

    asyncio.run(service())


def test_what_waits_at_the_end_is_written_whole(tmp_path: Path) -> None:
    names = iter(range(10))
    drops: list[int] = []
    run_once(capture(FileSink(tmp_path, name=lambda: f"part-{next(names)}"), drops, most_together=4), taken=10)

    files = sorted(tmp_path.iterdir())
    records = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    assert [file.name for file in files] == ["part-0.jsonl", "part-1.jsonl", "part-2.jsonl"]
    assert len(records) == 10
    assert records[0]["time"] == "2026-03-04T05:06:07+00:00"
    assert records[0]["basket"]["lines"][0] == {
        **EXAMPLE["lines"][0], "prod_code_10": None, "prod_code_20": None, "prod_code_30": None, "prod_code_40": None,
    }  # fmt: skip
    assert records[0]["prediction"]["model_version"] == "v"
    assert drops == []


def test_beyond_the_queue_predictions_are_dropped_and_counted(tmp_path: Path) -> None:
    drops: list[int] = []
    run_once(capture(FileSink(tmp_path, name=lambda: "part"), drops, most_waiting=6), taken=10)

    assert len(drops) == 4
    assert len((tmp_path / "part.jsonl").read_text().splitlines()) == 6


def test_a_sink_that_fails_costs_the_records_and_nothing_else() -> None:
    class Broken:
        def write(self, lines: Sequence[bytes]) -> None:
            raise ConnectionError(f"{len(lines)} lines")

    drops: list[int] = []
    run_once(capture(Broken(), drops), taken=3)

    assert len(drops) == 3
