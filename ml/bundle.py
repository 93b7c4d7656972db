"""A model bundle: an immutable folder with a version and checksums, and nothing in it that runs code on load.

``model.onnx`` is the classifier over the feature vector, ``encoder.json`` and ``vector.json`` say how a
basket becomes one, ``parity.json`` holds vectors with the probabilities they must give, ``reference.json``
what the training baskets looked like (for monitoring; scoring does not read it), and ``manifest.json``
everything a reader needs to know of them, with each file's SHA-256.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from config.names import MANIFEST
from ml.errors import ModelError
from ml.features.baskets import Baskets
from ml.features.encoder import ProductEncoder
from ml.features.vector import BasketFeatures, FeatureVector, Matrix
from ml.files import fingerprint, read_json, sha256_of, write_json

MODEL, ENCODER, VECTOR, PARITY, REFERENCE = (
    "model.onnx",
    "encoder.json",
    "vector.json",
    "parity.json",
    "reference.json",
)
PARITY_TOLERANCE = 1e-5
SCORING_ROWS = 50_000
Probabilities = NDArray[np.float64]


class Classifier:
    """ONNX Runtime on ``model.onnx``: float32 vectors in, class probabilities out."""

    def __init__(self, model: bytes | Path, *, threads: int = 1) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        source = model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError(f"the classifier cannot be loaded: {error}") from error
        self._input = self._session.get_inputs()[0].name
        self._width = int(self._session.get_inputs()[0].shape[1])
        self._output = self._session.get_outputs()[1].name

    def probabilities(self, vectors: Matrix) -> Probabilities:
        """Return (n, classes) float64 for (n, features) float32, in bounded memory.

        Raises:
            ModelError: the vectors have another number of columns than the classifier.

        """
        if vectors.shape[1] != self._width:
            raise ModelError(f"the classifier takes {self._width} features, not {vectors.shape[1]}")
        parts = [
            self._session.run([self._output], {self._input: vectors[start : start + SCORING_ROWS]})[0]
            for start in range(0, max(len(vectors), 1), SCORING_ROWS)
        ]
        return np.vstack(parts).astype(np.float64)


@dataclass(frozen=True)
class Bundle:
    """A loaded bundle that has passed its checksums and its parity sample."""

    folder: Path
    manifest: dict[str, Any]
    features: FeatureVector
    classifier: Classifier

    @property
    def version(self) -> str:
        """The immutable version: it follows from the bundle's content."""
        return str(self.manifest["version"])

    @property
    def words(self) -> tuple[str, ...]:
        """Classes as shown to users, in the order of the probabilities."""
        return tuple(each["word"] for each in self.manifest["classes"])

    @classmethod
    def load(cls, folder: Path, *, threads: int = 1) -> Self:
        """Load and verify a bundle.

        Raises:
            ModelError: a file is missing, has another checksum, or the parity sample does not come out.

        """
        manifest = read_manifest(folder)
        for name, checksum in manifest["files"].items():
            check_file(folder / name, checksum)
        vector = read_json(folder / VECTOR)
        features = FeatureVector(
            basket_features=BasketFeatures.from_json(vector["basket_features"]),
            classes=tuple(each["word"] for each in manifest["classes"]),
            encoder=ProductEncoder.load(folder / ENCODER) if ENCODER in manifest["files"] else None,
            older_codes=vector["older_codes"],
        )
        if features.schema_version != manifest["feature_schema"]["version"]:
            raise ModelError(
                f"{folder}: made for feature schema {manifest['feature_schema']['version']}, "
                f"this code computes {features.schema_version}; score it with the code version it names"
            )
        bundle = cls(
            folder=folder,
            manifest=manifest,
            features=features,
            classifier=Classifier(folder / MODEL, threads=threads),
        )
        bundle.check_parity()
        return bundle

    def check_parity(self) -> None:
        """Raise ModelError unless the parity sample gives the recorded probabilities."""
        sample = read_json(self.folder / PARITY)
        given = np.asarray(sample["vectors"], dtype=np.float32)
        wanted = np.asarray(sample["probabilities"], dtype=np.float64)
        gap = parity_gap(wanted, self.classifier.probabilities(given))
        if not gap <= PARITY_TOLERANCE:
            raise ModelError(f"{self.folder}: the parity sample is off by {gap:.2g}; the bundle is not used")

    def probabilities(self, baskets: Baskets) -> Probabilities:
        """Return (n, classes) probabilities of ``baskets``."""
        return self.classifier.probabilities(self.features.transform(baskets))


def check_file(path: Path, checksum: str) -> None:
    """Raise ModelError unless a bundle's file is there with the checksum of its manifest."""
    if not path.is_file():
        raise ModelError(f"{path.parent}: {path.name} is missing from the bundle")
    if sha256_of(path) != checksum:
        raise ModelError(f"{path}: the checksum differs from the manifest's; the bundle is damaged")


def parity_gap(wanted: Probabilities, given: Probabilities) -> float:
    """Return the greatest difference of two (n, classes) tables; infinite where their shapes differ."""
    return float(np.abs(wanted - given).max()) if wanted.shape == given.shape else float("inf")


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return a bundle's manifest.

    Raises:
        ModelError: ``folder`` is not a bundle, or its manifest is damaged.

    """
    path = folder / MANIFEST
    if not path.is_file():
        raise ModelError(f"{folder}: not a model bundle (it has no {MANIFEST})")
    return parse_manifest(path.read_bytes(), place=str(path))


def parse_manifest(text: bytes, *, place: str) -> dict[str, Any]:
    """Return the manifest that stands at ``place``.

    Raises:
        ModelError: it is damaged.

    """
    try:
        manifest: dict[str, Any] = json.loads(text)
    except ValueError as error:
        raise ModelError(f"{place}: not JSON: {error}; the bundle is damaged") from error
    lacking = [key for key in ("version", "files", "feature_schema", "classes") if key not in manifest]
    if lacking:
        raise ModelError(f"{place}: has no {lacking[0]}; the bundle is damaged")
    return manifest


def write_bundle(
    folder: Path,
    *,
    model: bytes,
    features: FeatureVector,
    parity_vectors: Matrix,
    parity_probabilities: Probabilities,
    reference: Mapping[str, Any],
    trained_through: int,
    description: Mapping[str, Any],
) -> dict[str, Any]:
    """Write a bundle's files into the empty ``folder``; return its manifest.

    The version is the last training week and a hash of the content: equal training gives an equal version.
    ``description`` joins the manifest: use case, classes, parameters, lineage, metrics known so far.
    """
    (folder / MODEL).write_bytes(model)
    if features.encoder is not None:
        features.encoder.save(folder / ENCODER)
    write_json(
        folder / VECTOR, {"basket_features": features.basket_features.to_json(), "older_codes": features.older_codes}
    )
    # JSON has no NaN: a missing value is null there, and comes back as NaN.
    vectors = [[None if value != value else value for value in row] for row in parity_vectors.tolist()]  # noqa: PLR0124
    write_json(folder / PARITY, {"vectors": vectors, "probabilities": parity_probabilities.tolist()})
    write_json(folder / REFERENCE, reference)
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir())}
    manifest = {
        "schema": 2,
        "version": f"{trained_through}-{fingerprint(files)[:10]}",
        "files": files,
        "feature_schema": {"version": features.schema_version, "names": list(features.names)},
        **description,
    }
    write_json(folder / MANIFEST, manifest)
    return manifest
