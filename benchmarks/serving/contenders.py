"""Who is measured: how each server is started, what a basket looks like to it, and where its answer stands."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.serving.baskets import Basket, columns_of
from benchmarks.serving.model import Model
from benchmarks.serving.peers.names import BUNDLE_VARIABLE, PIPELINE_VARIABLE
from benchmarks.serving.server import Server, free_port
from ml.files import write_json

ROOT = Path(__file__).parents[2]
PEERS = "benchmarks.serving.peers"
# One thread for one row; whatever it would start besides costs a peer time.
COMMON = {
    "PYTHONPATH": str(ROOT),
    "OMP_NUM_THREADS": "1",
    "BENTOML_DO_NOT_TRACK": "True",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}
_READY_SECONDS = 90.0
# What an answer says: the class where it names one, and the probabilities in the model's order.
Answer = tuple[str | None, list[float]]


@dataclass(frozen=True)
class Contender:
    """A server of one model.

    ``command`` is called with its Python, folder and port. ``formats`` are written by ``peers.export`` before.
    """

    name: str
    title: str
    command: Callable[[str, Path, int], Sequence[str]]
    path: str = "/predict"
    ready: str = "/ready"
    body: Callable[[Basket], Any] = lambda basket: basket
    answer: Callable[[Any], Answer] = lambda reply: (reply["prediction"], list(reply["probabilities"].values()))
    peer: str = ""
    formats: Sequence[str] = ()
    files: Mapping[str, Any] = field(default_factory=dict)

    def encoded(self, basket: Basket) -> bytes:
        """Return the request's body."""
        return json.dumps(self.body(basket), separators=(",", ":")).encode()

    def start(self, model: Model, work: Path, python: str = sys.executable) -> Server:
        """Start it below ``work`` with the environment's ``python``.

        Raises:
            RuntimeError: it does not come up, or what it needs cannot be exported.

        """
        folder = (work / self.name).absolute()
        shutil.rmtree(folder, ignore_errors=True)  # a model store refuses to take a model twice
        folder.mkdir(parents=True)
        environment = {
            **COMMON,
            PIPELINE_VARIABLE: str(folder),
            BUNDLE_VARIABLE: str(model.bundle.absolute()),
            "BENTOML_HOME": str(folder),
            "PATH": f"{Path(python).parent}{os.pathsep}{os.environ['PATH']}",
            **{name: str(free_port()) for name in ("MLSERVER_GRPC_PORT", "MLSERVER_METRICS_PORT")},
        }
        for target, content in self.files.items():
            write_json(folder / target, content)
        for each in self.formats:
            export = [python, "-m", f"{PEERS}.export", each, str(model.parts.absolute()), str(folder)]
            done = subprocess.run(
                export, env={**os.environ, **environment}, capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError(f"export to {each}: {done.stderr[-1_500:]}")
        port = free_port()
        environment["MLSERVER_HTTP_PORT"] = str(port)
        return Server(
            self.command(python, folder, port),
            port=port,
            environment=environment,
            folder=folder,
            ready=self.ready,
            within=_READY_SECONDS,
        )


def ours(bundle: Path) -> Contender:
    """Return the service, started as users start it."""
    model = str(bundle.absolute())
    return Contender(
        "ours",
        "**ours**",
        lambda python, _, port: [python, "-m", "ml.cli", "serve", "--model", model, "--port", str(port)],
    )


CONSTANT = Contender(
    "constant",
    "FastAPI, constant answer",
    lambda python, _, port: [python, "-m", f"{PEERS}.constant", str(port)],
)


def _uvicorn(module: str) -> Callable[[str, Path, int], Sequence[str]]:
    options = ["--host", "127.0.0.1", "--workers", "1", "--no-access-log", "--log-level", "warning"]
    return lambda python, _, port: [python, "-m", "uvicorn", f"{PEERS}.{module}:app", *options, "--port", str(port)]


def _mlflow(folder_name: str) -> Callable[[str, Path, int], Sequence[str]]:
    options = ["--env-manager", "local", "--workers", "1", "--host", "127.0.0.1"]
    return lambda python, folder, port: [
        *(python, "-m", "mlflow", "models", "serve", "--model-uri", str(folder / folder_name)),
        *(*options, "--port", str(port)),
    ]


def _bentoml(service: str) -> Callable[[str, Path, int], Sequence[str]]:
    return lambda python, _, port: [
        *(python, "-m", "bentoml", "serve", f"{PEERS}.bentoml_services:{service}"),
        *("--host", "127.0.0.1", "--port", str(port)),
    ]


def _mlserver(python: str, folder: Path, _: int) -> Sequence[str]:
    return [str(Path(python).with_name("mlserver")), "start", str(folder)]


def _litserve(way: str) -> Callable[[str, Path, int], Sequence[str]]:
    return lambda python, _, port: [python, "-m", f"{PEERS}.litserve_server", way, str(port)]


def _frame(basket: Basket) -> dict[str, Any]:
    columns = columns_of([basket])
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    return {"dataframe_split": {"columns": list(columns), "data": rows}}


def _tensors(basket: Basket) -> dict[str, Any]:
    """Return an Open Inference Protocol request that MLServer reads as a data frame."""
    kinds = {int: "INT64", float: "FP64", str: "BYTES"}
    inputs = [
        {
            "name": name,
            "shape": [len(values), 1],
            "datatype": kinds[type(values[0])],
            "data": values,
            **({"parameters": {"content_type": "str"}} if isinstance(values[0], str) else {}),
        }
        for name, values in columns_of([basket]).items()
    ]
    return {"parameters": {"content_type": "pd"}, "inputs": inputs, "outputs": [{"name": "predict_proba"}]}


def _text(basket: Basket) -> dict[str, Any]:
    data = [json.dumps(basket, separators=(",", ":"))]
    tensor = {"name": "baskets", "shape": [1], "datatype": "BYTES", "data": data, "parameters": {"content_type": "str"}}
    return {"inputs": [tensor]}


def _plain(prediction: Mapping[str, Any]) -> Answer:
    return prediction["prediction"], list(prediction["probabilities"].values())


_SETTINGS = {"debug": False, "host": "127.0.0.1"}

OWN_WAY = (
    Contender(
        "tutorial",
        "FastAPI, pandas, joblib (tutorial)",
        _uvicorn("tutorial"),
        ready="/docs",
        peer="fastapi",
        formats=["joblib"],
    ),
    Contender(
        "mlflow",
        "`mlflow models serve`",
        _mlflow("pandas"),
        path="/invocations",
        ready="/ping",
        body=_frame,
        answer=lambda reply: (None, reply["predictions"][0]),
        peer="mlflow",
        formats=["mlflow"],
    ),
    Contender(
        "bentoml",
        "BentoML",
        _bentoml("Pipeline"),
        ready="/readyz",
        body=lambda basket: {"basket": basket},
        peer="bentoml",
        formats=["bentoml"],
    ),
    Contender(
        "mlserver",
        "MLServer",
        _mlserver,
        path="/v2/models/baskets/infer",
        ready="/v2/models/baskets/ready",
        body=_tensors,
        answer=lambda reply: (None, reply["outputs"][0]["data"]),
        peer="mlserver",
        formats=["joblib"],
        files={
            "settings.json": _SETTINGS,
            "model-settings.json": {
                "name": "baskets",
                "implementation": "mlserver_sklearn.SKLearnModel",
                "parameters": {"uri": "./pipeline.joblib"},
            },
        },
    ),
    Contender(
        "litserve",
        "LitServe",
        _litserve("pandas"),
        ready="/health",
        peer="litserve",
        formats=["joblib"],
    ),
)

WITH_OURS = (
    Contender("tutorial-ours", "FastAPI, pydantic", _uvicorn("tutorial_with_ours"), ready="/docs", peer="fastapi"),
    Contender(
        "mlflow-ours",
        "`mlflow models serve`",
        _mlflow("ours"),
        path="/invocations",
        ready="/ping",
        body=lambda basket: {"inputs": [basket]},
        answer=lambda reply: _plain(reply["predictions"][0]),
        peer="mlflow",
        formats=["mlflow_with_ours"],
    ),
    Contender(
        "bentoml-ours",
        "BentoML",
        _bentoml("WithOurs"),
        ready="/readyz",
        body=lambda basket: {"basket": basket},
        peer="bentoml",
    ),
    Contender(
        "mlserver-ours",
        "MLServer",
        _mlserver,
        path="/v2/models/baskets/infer",
        ready="/v2/models/baskets/ready",
        body=_text,
        answer=lambda reply: _plain(json.loads(reply["outputs"][0]["data"][0])),
        peer="mlserver",
        files={
            "settings.json": _SETTINGS,
            "model-settings.json": {"name": "baskets", "implementation": f"{PEERS}.mlserver_with_ours.WithOurs"},
        },
    ),
    Contender("litserve-ours", "LitServe", _litserve("ours"), ready="/health", peer="litserve"),
)
