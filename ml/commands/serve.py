"""The service as a command: serve."""

import os
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from ml.errors import SettingsError

app = typer.Typer()


@app.command()
def serve(
    model: Annotated[
        Path | None,
        typer.Option(help="A model bundle; without one the service waits, not ready.", envvar="MLOPS_MODEL"),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.", envvar="MLOPS_HOST")] = "127.0.0.1",
    # The second name is SageMaker's.
    port: Annotated[
        int,
        typer.Option(help="Port to listen on.", min=0, max=65_535, envvar=["MLOPS_PORT", "SAGEMAKER_BIND_TO_PORT"]),
    ] = 8080,
    environment: Annotated[str, typer.Option(help="Dimension of the metrics.", envvar="MLOPS_ENVIRONMENT")] = "local",
    capture: Annotated[Path | None, typer.Option(help="Folder that keeps every prediction as JSON lines.")] = None,
) -> None:
    """Answer baskets over HTTP: POST /predict; docs on /docs.

    API keys are read from the variable MLOPS_API_KEYS, comma-separated, at most two; without it none is asked for.

    Examples:

        mlops serve --model lake/artifacts/models/200752-0123456789

        MLOPS_API_KEYS=$KEY mlops serve --model bundle --host 0.0.0.0 --port 8080 --capture captured
    """
    from pydantic import ValidationError

    from ml.serving.app import Service
    from ml.serving.capture import Capture, FileSink
    from ml.serving.observe import Observations
    from ml.serving.predictor import Predictor
    from ml.serving.server import serve as run
    from ml.serving.settings import ServiceSettings
    from ml.serving.slot import ModelSlot

    keys = tuple(key for key in os.environ.get("MLOPS_API_KEYS", "").split(",") if key)
    try:
        settings = ServiceSettings(api_keys=keys)
    except ValidationError as error:
        raise SettingsError(f"MLOPS_API_KEYS: {error.errors()[0]['msg']}") from error
    observations = Observations(environment=environment, write=lambda line: print(line, flush=True), clock=time.time)  # noqa: T201
    kept = None
    if capture is not None:
        sink = FileSink(capture, name=lambda: f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}")
        kept = Capture(sink, now=lambda: datetime.now(UTC), dropped=observations.dropped)
    # Before the port opens: a bundle that cannot be used ends the start with its name.
    slot = ModelSlot(Predictor.load(model) if model is not None else None)
    run(
        Service(slot, settings=settings, observations=observations, capture=kept),
        host=host,
        port=port,
    )
