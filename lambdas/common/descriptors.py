"""Descriptors of releases: what runs, by one JSON for each version, and ``latest.json`` for the one that serves."""

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from config.names import ARTIFACTS, DEPLOYMENTS, LATEST, MANIFEST, MODELS, REGISTRY
from lambdas.common.errors import FlowError
from lambdas.common.ledger import LedgerStore
from lambdas.common.objects import Objects

SCHEMA: Final = 1


class Descriptors:
    """The descriptors of a use case."""

    def __init__(self, objects: Objects, use_case: str) -> None:
        self._objects = objects
        self._use_case = use_case
        self._folder = f"{ARTIFACTS}/{REGISTRY}/{use_case}/{DEPLOYMENTS}"

    def write(self, version: str, *, package: str, image: str, scaling: Mapping[str, int]) -> None:
        """Write the descriptor of ``version`` from its bundle's manifest and from what the cluster runs.

        Raises:
            FlowError: there is no such bundle, or its manifest does not say what it is.

        """
        bundle = f"{MODELS}/{version}"
        stored = self._objects.read(f"{ARTIFACTS}/{bundle}/{MANIFEST}")
        if stored is None:
            raise FlowError(f"{version}: there is no bundle at {ARTIFACTS}/{bundle}")
        manifest = stored.json()
        lacking = [name for name in ("metrics", "feature_schema") if name not in manifest]
        if lacking:
            raise FlowError(f"{ARTIFACTS}/{bundle}/{MANIFEST}: has no {lacking[0]}; registering a version adds it")
        descriptor = {
            "schema": SCHEMA,
            "model_package": {
                "group": self._use_case,
                "version": version,
                "arn": package,
                "bundle": bundle,
                "manifest_sha256": hashlib.sha256(stored.body).hexdigest(),
            },
            "image": _image(image),
            "metrics": manifest["metrics"],
            "feature_schema": manifest["feature_schema"],
            "scaling": dict(scaling),
        }
        self._objects.update(self._place(version), lambda found: None if found == descriptor else descriptor)

    def point_to_champion(self, ledgers: LedgerStore) -> None:
        """Let ``latest.json`` be the descriptor of the version that the ledger says serves.

        The ledger is asked again for each try at replacing it: who comes late finds a later one and leaves it.
        """

        def current(found: dict[str, Any] | None) -> dict[str, Any] | None:
            version = ledgers.read().version
            stored = None if version is None else self._objects.read(self._place(version))
            # A champion from before the first release has no descriptor.
            if stored is None or stored.json() == found:
                return None
            return stored.json()

        self._objects.update(f"{self._folder}/{LATEST}", current)

    def _place(self, version: str) -> str:
        return f"{self._folder}/{version}.json"


def _image(image: str) -> dict[str, str]:
    """Return repository and tag; a colon before the last slash belongs to the registry's port."""
    path, slash, name = image.rpartition("/")
    repository, _, tag = name.partition(":")
    return {"repository": f"{path}{slash}{repository}", "tag": tag}
