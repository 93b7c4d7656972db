"""The service with little patience, so that tests of slow callers take no minutes.

python -m tests.impatient_service --model BUNDLE --port PORT
"""

import argparse
import time
from pathlib import Path
from unittest.mock import patch

from ml.serving import connections
from ml.serving.app import Service
from ml.serving.observe import Observations
from ml.serving.predictor import Predictor
from ml.serving.server import serve
from ml.serving.settings import ServiceSettings
from ml.serving.slot import ModelSlot


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--port", type=int, required=True)
    chosen = parser.parse_args()
    service = Service(
        ModelSlot(Predictor.load(chosen.model)),
        settings=ServiceSettings(body_seconds=0.6),
        observations=Observations(environment="test", write=lambda _: None, clock=time.time),
    )
    with patch.multiple(connections, HEADER_SECONDS=0.8, REFUSED_BODY_SECONDS=0.3, ANSWER_SECONDS=0.8):
        serve(service, host="127.0.0.1", port=chosen.port)


if __name__ == "__main__":
    main()
