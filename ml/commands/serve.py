"""The service as a command: serve."""

import os
import socket
import sys
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ml.commands.options import DEFAULT_USE_CASE, UseCaseName
from ml.errors import SettingsError

if TYPE_CHECKING:
    from ml.serving.capture import Capture
    from ml.serving.observe import Observations
    from ml.serving.ports import KeySource

app = typer.Typer()


@app.command()
def serve(
    model: Annotated[
        str | None,
        typer.Option(
            help="A model bundle, or a lake whose champion serves: a folder or s3://…; without one the service waits.",
            envvar="MLOPS_MODEL",
        ),
    ] = None,
    follow: Annotated[
        float | None,
        typer.Option(help="Look every so many seconds whether another model should answer; SIGHUP looks now.", min=1.0),
    ] = None,
    use_case: UseCaseName = DEFAULT_USE_CASE,
    host: Annotated[str, typer.Option(help="Address to listen on.", envvar="MLOPS_HOST")] = "127.0.0.1",
    # The second name is SageMaker's.
    port: Annotated[
        int,
        typer.Option(help="Port to listen on.", min=0, max=65_535, envvar=["MLOPS_PORT", "SAGEMAKER_BIND_TO_PORT"]),
    ] = 8080,
    environment: Annotated[str, typer.Option(help="Dimension of the metrics.", envvar="MLOPS_ENVIRONMENT")] = "local",
    capture: Annotated[
        str | None,
        typer.Option(
            help="Where every prediction is kept as JSON lines: a folder, s3://bucket/prefix or firehose://stream.",
            envvar="MLOPS_CAPTURE",
        ),
    ] = None,
    model_cache: Annotated[
        Path,
        typer.Option(help="Where models are kept that come from a store.", envvar="MLOPS_MODEL_CACHE"),
    ] = Path("~/.cache/mlops"),
    key_seconds: Annotated[
        float,
        typer.Option(help="How often API keys are read again.", envvar="MLOPS_API_KEY_SECONDS", min=1.0),
    ] = 60.0,
    metrics_seconds: Annotated[
        float,
        typer.Option(help="How often metrics are written.", envvar="MLOPS_METRICS_SECONDS", min=0.1),
    ] = 10.0,
) -> None:
    """Answer baskets over HTTP: POST /predict; docs on /docs.

    API keys, one or two: in the variable MLOPS_API_KEYS, comma-separated; in the file that MLOPS_API_KEY_FILE names,
    one a line; or in the secret that MLOPS_API_KEY_SECRET names. A file or secret is read again while the service
    runs. Where none of the three is set, no key is asked for.

    Metrics go to standard output, or to the CloudWatch agent at AWS_EMF_AGENT_ENDPOINT (tcp://host:port), into the
    log group AWS_EMF_LOG_GROUP_NAME.

    Examples:

        mlops serve --model lake/artifacts/models/200752-0123456789

        mlops serve --model lake --follow 30

        MLOPS_API_KEYS=$KEY mlops serve --model s3://lake/artifacts/models/200752-0123456789 --capture s3://lake/captured
    """
    from ml.serving.app import Service
    from ml.serving.emf import EmfAgent
    from ml.serving.follow import Follower
    from ml.serving.keys import KeyRefresh
    from ml.serving.models import models_at
    from ml.serving.observe import Observations
    from ml.serving.predictor import Predictor
    from ml.serving.server import serve as run
    from ml.serving.settings import ServiceSettings
    from ml.serving.slot import ModelSlot
    from ml.use_case import load_use_case

    # Before the port opens: what cannot be used ends the start with its name, and without its keys nothing is open.
    keys, source, name = _keys()
    observations = Observations(environment=environment, write=_print, clock=time.time)
    agent = None
    if endpoint := os.environ.get("AWS_EMF_AGENT_ENDPOINT"):
        agent = EmfAgent(endpoint, dropped=observations.metrics_dropped, log=_log)
        observations.write = agent.write
        observations.log_group = _log_group(environment)
    kept = _capture(capture, observations) if capture is not None else None
    models = models_at(model, cache=model_cache.expanduser(), use_case=load_use_case(use_case).name) if model else None
    slot = ModelSlot(Predictor.load(models.bundle(models.wanted())) if models else None)
    if models is None:
        _log("model: none yet; ready when started with one")

    settings = ServiceSettings(api_keys=keys, metrics_seconds=metrics_seconds)
    service = Service(slot, settings=settings, observations=observations, capture=kept)
    if source is not None:
        refresh = KeyRefresh(
            service.keys, source, name=name, seconds=key_seconds, log=_log, failed=observations.keys_unread
        )
        service.background.append(refresh.run)
    if models is not None:
        follower = Follower(models, slot, seconds=follow, counted=observations.swapped, log=_log)
        service.background.append(follower.run)
    if agent is not None:
        service.background.insert(0, agent.run)
    run(service, host=host, port=port)


def _keys() -> "tuple[tuple[str, ...], KeySource | None, str]":
    """Return the keys, where they are read again if anywhere, and what to call that place."""
    from ml.serving.keys import KeyFile, checked
    from ml.serving.ports import KEYS, adapter

    variables = ("MLOPS_API_KEYS", "MLOPS_API_KEY_FILE", "MLOPS_API_KEY_SECRET")
    chosen = [name for name in variables if os.environ.get(name)]
    if not chosen:
        return (), None, ""
    if len(chosen) > 1:
        raise SettingsError(f"{' and '.join(chosen)} are set; keys come from one place")
    value = os.environ[chosen[0]]
    if chosen[0] == "MLOPS_API_KEYS":
        return checked([key for key in value.split(",") if key], source="MLOPS_API_KEYS"), None, ""
    source: KeySource = KeyFile(Path(value)) if chosen[0] == "MLOPS_API_KEY_FILE" else adapter(KEYS, "secret")(value)
    name = f"{chosen[0]} {value}"
    return checked(source.read(), source=name), source, name


def _capture(address: str, observations: "Observations") -> "Capture":
    from ml.serving.capture import Capture, FileSink
    from ml.serving.ports import CAPTURE, Sink, adapter, scheme_of

    sink: Sink
    if scheme := scheme_of(address):
        sink = adapter(CAPTURE, scheme)(address)
    else:
        sink = FileSink(Path(address), name=lambda: f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:8]}")
    return Capture(sink, now=lambda: datetime.now(UTC), dropped=observations.dropped, log=_log)


def _log_group(environment: str) -> dict[str, str]:
    """Return what the agent needs to know; the variables are those of CloudWatch's own client libraries."""
    return {
        "LogGroupName": os.environ.get("AWS_EMF_LOG_GROUP_NAME") or f"mlops-{environment}-inference",
        "LogStreamName": os.environ.get("AWS_EMF_LOG_STREAM_NAME") or socket.gethostname(),
    }


def _print(line: str) -> None:
    print(line, flush=True)  # noqa: T201


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)  # noqa: T201
