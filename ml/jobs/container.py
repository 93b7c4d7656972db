"""The SageMaker container contract: where channels, hyper-parameters, outputs and failures live.

Training jobs get channels under ``input/data`` (also ``SM_CHANNEL_*``), hyper-parameters in
``input/config/hyperparameters.json`` and leave a model in ``model`` (``SM_MODEL_DIR``); Processing jobs use
``processing/input`` and ``processing/output``. The reason for a failure goes to ``output/failure`` for the
one and ``output/message`` for the other.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from ml.errors import SettingsError

ROOT_VARIABLE = "MLOPS_CONTAINER_ROOT"
DEFAULT_ROOT = "/opt/ml"
# SageMaker shows this much of a failure reason.
FAILURE_LIMIT = 1024


@dataclass(frozen=True)
class Container:
    """The folders of one job; outside SageMaker none of them exists and every path is given by option."""

    root: Path
    environment: Mapping[str, str]

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Find the container's root in ``environment``, /opt/ml by default."""
        return cls(root=Path(environment.get(ROOT_VARIABLE, DEFAULT_ROOT)), environment=environment)

    def channel(self, name: str, given: Path | None) -> Path:
        """Return the folder of input ``name``: ``given``, SM_CHANNEL_NAME, or the contract's place.

        Raises:
            SettingsError: there is none.

        """
        if given is not None:
            return given
        from_environment = self.environment.get(f"SM_CHANNEL_{name.upper()}")
        places = [Path(from_environment)] if from_environment else []
        places += [self.root / "input" / "data" / name, self.root / "processing" / "input" / name]
        for place in places:
            if place.is_dir():
                return place
        raise SettingsError(f"no {name} given: name it with --{name}, or mount it at {places[0]}")

    def optional_channel(self, name: str, given: Path | None) -> Path | None:
        """Return the folder of input ``name``, or None where there is none."""
        try:
            return self.channel(name, given)
        except SettingsError:
            return None

    def output(self, name: str, given: Path | None) -> Path:
        """Return the folder of output ``name``: ``given``, or the contract's place.

        Raises:
            SettingsError: none is given and this is no container.

        """
        if given is not None:
            return given
        if name == "model" and "SM_MODEL_DIR" in self.environment:
            return Path(self.environment["SM_MODEL_DIR"])
        if not self.root.is_dir():
            raise SettingsError(f"no place for {name}: name a folder with --output")
        return self.root / "model" if name == "model" else self.root / "processing" / "output" / name

    def checkpoints(self) -> Path | None:
        """Return the folder that SageMaker keeps from one attempt of a training to the next, if there is one."""
        folder = self.root / "checkpoints"
        return folder if folder.is_dir() else None

    def hyperparameters(self) -> dict[str, Any]:
        """Return the job's hyper-parameters; SageMaker hands all values over as text.

        Raises:
            SettingsError: the file is not a JSON object.

        """
        path = self.root / "input" / "config" / "hyperparameters.json"
        if not path.is_file():
            return {}
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise SettingsError(f"{path}: not JSON: {error}") from error
        if not isinstance(values, dict):
            raise SettingsError(f"{path}: not a JSON object of hyper-parameters")
        return {key: _plain(value) for key, value in values.items()}

    def report_failure(self, reason: str) -> None:
        """Write ``reason`` where SageMaker reads it; outside a container do nothing."""
        if not self.root.is_dir():
            return
        folder = self.root / "output"
        folder.mkdir(exist_ok=True)
        for name in ("failure", "message"):
            (folder / name).write_text(reason[:FAILURE_LIMIT], encoding="utf-8")


def _plain(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value
