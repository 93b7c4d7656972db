"""Bundles of the lake's models: fetched, published, and the second best of a run."""

import io
import tarfile
from dataclasses import dataclass
from pathlib import Path

from config.names import ARTIFACTS, MANIFEST, MODELS, RUNS
from ml.bundle import read_manifest
from ml.files import write_json
from rehearsal.story.lake import Lake


@dataclass(frozen=True)
class Bundles:
    """The bundles of ``lake``; what acts make of them is below ``folder``."""

    lake: Lake
    folder: Path

    def own_folder(self, name: str) -> Path:
        """Return a folder for what an act makes."""
        return self.folder / name

    def fetch(self, version: str) -> Path:
        """Return a folder with a version's bundle as it is in the lake."""
        target = self.own_folder(f"fetched-{version}")
        target.mkdir(parents=True, exist_ok=True)
        prefix = f"{ARTIFACTS}/{MODELS}/{version}/"
        for key in self.lake.keys(prefix):
            (target / key.removeprefix(prefix)).write_bytes(self.lake.read(key) or b"")
        return target

    def publish(self, folder: Path, version: str) -> None:
        """Put a bundle among the models of the lake."""
        for name in (*read_manifest(folder)["files"], MANIFEST):
            key = f"{ARTIFACTS}/{MODELS}/{version}/{name}"
            self.lake.s3.put_object(Bucket=self.lake.bucket, Key=key, Body=(folder / name).read_bytes())

    def runner_up(self) -> tuple[str, str]:
        """Publish the second best candidate of the last run that registered one; return its version and its figures."""
        runs = [key for key in self.lake.keys(f"{ARTIFACTS}/{RUNS}/") if key.endswith("/evaluation/evaluation.json")]
        found = [(key, self.lake.read_json(key)) for key in sorted(runs)]
        key, evaluation = next((key, each) for key, each in reversed(found) if each["decision"]["accepted"])
        ranked = sorted(evaluation["candidates"], key=lambda each: each["holdout"]["macro_f1"]["value"], reverse=True)
        second = next(each for each in ranked if each["name"] != evaluation["winner"])
        folder = key.removesuffix("evaluation/evaluation.json")
        archive = next(
            key for key in self.lake.keys(f"{folder}candidates/{second['name']}/") if key.endswith("/model.tar.gz")
        )
        target = self.own_folder(f"runner-up-{second['name']}")
        target.mkdir(parents=True, exist_ok=True)
        with tarfile.open(fileobj=io.BytesIO(self.lake.read(archive) or b"")) as packed:
            packed.extractall(target, filter="data")
        manifest = read_manifest(target)
        version = str(manifest["version"])
        # What registering adds to a bundle.
        figures = {name: second["holdout"][name]["value"] for name in ("accuracy", "macro_f1")}
        facts = {"run": evaluation["run"], "metrics": figures, "lineage": evaluation["lineage"]}
        write_json(target / MANIFEST, {**manifest, **facts})
        self.publish(target, version)
        return version, f"{second['name']}, macro F1 {second['holdout']['macro_f1']['value']:.4f}"
