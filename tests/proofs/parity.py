"""What batch scoring says of real baskets, and what the service says of the same ones over HTTP."""

import http.client
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import pyarrow.parquet as pq

from ml.features.refine import refine
from ml.jobs.score import score
from ml.use_case import UseCase
from tests.server_process import Server
from tests.serving import as_sent

_TOGETHER = 200


@dataclass(frozen=True)
class Compared:
    """How many baskets were compared, how many got another class, and the greatest difference of a probability."""

    baskets: int
    other_class: int
    greatest: float


def compare(server: Server, model: Path, files: Sequence[Path], use_case: UseCase) -> Compared:
    """Score ``files`` as a batch, send the same baskets to the service, and compare the answers one by one."""
    with tempfile.TemporaryDirectory(prefix="parity-") as scratch:
        folder = Path(scratch)
        score(model=model, inputs=files, output=folder / "scores.parquet", use_case=use_case)
        offline = pq.read_table(folder / "scores.parquet").to_pylist()
        refine(
            files,
            silver=folder / "silver",
            gold=folder / "gold",
            reports=folder / "reports",
            use_case=use_case,
            great_expectations=False,
        )
        sent = as_sent(folder / "silver")
    online = []
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    for start in range(0, len(sent), _TOGETHER):
        connection.request("POST", "/predict", msgspec.json.encode(sent[start : start + _TOGETHER]))
        response = connection.getresponse()
        answer = response.read()
        assert response.status == 200, answer
        online += json.loads(answer)
    connection.close()
    assert [each["basket_id"] for each in online] == [each["basket_id"] for each in offline]
    words = list(online[0]["probabilities"])
    given = np.asarray([[each["probabilities"][word] for word in words] for each in online])
    expected = np.asarray([[each[f"probability_{word}"] for word in words] for each in offline])
    return Compared(
        baskets=len(online),
        other_class=sum(a["prediction"] != b["prediction"] for a, b in zip(online, offline, strict=True)),
        greatest=float(np.abs(given - expected).max()),
    )
