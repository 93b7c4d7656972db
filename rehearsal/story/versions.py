"""Versions that should never have been released, made from one that serves: damaged, failing, slow.

Each passes what its makers would have looked at. What is wrong with it shows where the platform has to see it: when
pods fetch it, or when real callers ask it.
"""

import hashlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from config.names import MANIFEST
from ml.bundle import MODEL, PARITY, Classifier, read_manifest
from ml.files import fingerprint, read_json, sha256_of, write_json

_OUTPUT: Final = "probabilities"
_HOUR: Final = "shop_hour"
# Of a matrix that is multiplied by itself; as wide as keeps the model a few megabytes.
_WIDTH: Final = 600
_SEED: Final = 7


def damaged(bundle: Path, target: Path) -> str:
    """Write a version of which one file is cut short after its checksum was taken; return its name."""
    version = _derived(bundle, target, lambda _: None)
    path = target / MODEL
    path.write_bytes(path.read_bytes()[:-1000])
    return version


def failing(bundle: Path, target: Path, *, from_hour: int) -> str:
    """Write a version that cannot answer baskets bought from ``from_hour`` on; its own sample holds none of them."""

    def change(folder: Path) -> None:
        model, hour = _with_hour(folder)
        constants = {"table": np.zeros((from_hour, 1), dtype=np.float32)}
        _add_to_output(model, [helper.make_node("GatherND", ["table", "hour"], ["nothing"])], constants)
        onnx.save(model, folder / MODEL)
        sample = read_json(folder / PARITY)
        hours = [row[hour] for row in sample["vectors"]]
        kept = [number for number, each in enumerate(hours) if each is not None and each < from_hour]
        write_json(folder / PARITY, {name: [rows[number] for number in kept] for name, rows in sample.items()})

    return _derived(bundle, target, change)


def slow(bundle: Path, target: Path, *, from_hour: int, seconds: float) -> str:
    """Write a version that takes about ``seconds`` on this machine for a basket bought from ``from_hour`` on.

    Its answers are the same.
    """

    def change(folder: Path) -> None:
        took = [_seconds_of(*_with_products(folder, from_hour, count)) for count in (1, 3)]
        count = max(1, round(seconds / max((took[1] - took[0]) / 2, 1e-4)))
        onnx.save(_with_products(folder, from_hour, count)[0], folder / MODEL)

    return _derived(bundle, target, change)


def _with_hour(folder: Path) -> tuple[Any, int]:
    """Return the model with the hour as ``hour``, (n, 1) integers, and the hour's column among the features."""
    column = read_manifest(folder)["feature_schema"]["names"].index(_HOUR)
    model = onnx.load(folder / MODEL)
    if not any(each.domain in {"", "ai.onnx"} for each in model.opset_import):
        model.opset_import.append(helper.make_opsetid("", 17))
    model.graph.initializer.append(numpy_helper.from_array(np.array([column], dtype=np.int64), "hour_column"))
    model.graph.node.extend(
        [
            helper.make_node("Gather", [model.graph.input[0].name, "hour_column"], ["hour_float"], axis=1),
            helper.make_node("Cast", ["hour_float"], ["hour"], to=TensorProto.INT64),
        ]
    )
    return model, column


def _with_products(folder: Path, from_hour: int, count: int) -> tuple[Any, int]:
    """Return the model with ``count`` products of matrices where the hour is late, and the hour's column."""
    model, column = _with_hour(folder)
    number = TensorProto.FLOAT
    late = helper.make_graph(
        [
            # Of the request, so that nothing can be computed ahead of it.
            helper.make_node("Cast", ["latest"], ["latest_float"], to=number),
            helper.make_node("Mul", ["latest_float", "zero"], ["none"]),
            helper.make_node("Add", ["matrix", "none"], ["product_0"]),
            *(
                helper.make_node("MatMul", [f"product_{step}", "matrix"], [f"product_{step + 1}"])
                for step in range(count)
            ),
            helper.make_node("ReduceMax", [f"product_{count}"], ["largest"], keepdims=0),
            helper.make_node("Mul", ["largest", "zero"], ["nothing_late"]),
        ],
        "late",
        [],
        [helper.make_tensor_value_info("nothing_late", number, None)],
    )
    early = helper.make_graph(
        [helper.make_node("Identity", ["zero"], ["nothing_early"])],
        "early",
        [],
        [helper.make_tensor_value_info("nothing_early", number, None)],
    )
    constants = {
        "matrix": np.random.default_rng(_SEED).random((_WIDTH, _WIDTH), dtype=np.float32) / _WIDTH,
        "zero": np.array(0.0, dtype=np.float32),
        "from_hour": np.array(from_hour, dtype=np.int64),
    }
    nodes = [
        helper.make_node("ReduceMax", ["hour"], ["latest"], keepdims=0),
        helper.make_node("GreaterOrEqual", ["latest", "from_hour"], ["is_late"]),
        helper.make_node("If", ["is_late"], ["nothing"], then_branch=late, else_branch=early),
    ]
    _add_to_output(model, nodes, constants)
    return model, column


def _seconds_of(model: Any, column: int) -> float:
    """Return how long the quickest of a few answers for the latest hour takes."""
    classifier = Classifier(model.SerializeToString())
    vector = np.zeros((1, model.graph.input[0].type.tensor_type.shape.dim[1].dim_value), dtype=np.float32)
    vector[0, column] = 23
    found = []
    for _ in range(4):
        began = time.perf_counter()
        classifier.probabilities(vector)
        found.append(time.perf_counter() - began)
    return min(found)


def _add_to_output(model: Any, nodes: list[Any], constants: dict[str, Any]) -> None:
    """Let the probabilities be what they are plus ``nothing``, which ``nodes`` compute."""
    graph = model.graph
    for node in graph.node:
        node.output[:] = ["plain_probabilities" if name == _OUTPUT else name for name in node.output]
    graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in constants.items())
    graph.node.extend([*nodes, helper.make_node("Add", ["plain_probabilities", "nothing"], [_OUTPUT])])


def _derived(bundle: Path, target: Path, change: Callable[[Path], None]) -> str:
    """Copy a bundle, change it, and make it whole again under a version of its own."""
    shutil.copytree(bundle, target)
    manifest = read_manifest(target)
    change(target)
    files = {name: sha256_of(target / name) for name in manifest["files"]}
    week = manifest["version"].split("-")[0]
    version = f"{week}-{hashlib.sha256(f'{target} {fingerprint(files)}'.encode()).hexdigest()[:10]}"
    write_json(target / MANIFEST, {**manifest, "version": version, "files": files})
    return version
