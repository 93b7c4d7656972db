"""Packed bundles as training jobs leave them."""

import io
import tarfile
from pathlib import Path

import pytest

from ml.errors import ModelError
from ml.jobs.archives import unpacked


def _pack(target: Path, files: dict[str, bytes]) -> None:
    target.parent.mkdir(parents=True)
    with tarfile.open(target, "w:gz") as archive:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def test_each_candidate_is_unpacked_under_its_name(tmp_path: Path) -> None:
    for name in ("xgboost", "majority"):
        _pack(tmp_path / name / f"run-{name}" / "output" / "model.tar.gz", {"manifest.json": name.encode()})
    with unpacked(tmp_path) as folder:
        found = {path.parent.name: path.read_text() for path in folder.glob("*/manifest.json")}
    assert found == {"xgboost": "xgboost", "majority": "majority"}
    assert not folder.exists()


def test_folders_without_an_archive_are_taken_as_they_are(tmp_path: Path) -> None:
    with unpacked(tmp_path) as folder:
        assert folder == tmp_path


def test_an_archive_that_leaves_its_folder_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "xgboost" / "job" / "output" / "model.tar.gz"
    _pack(path, {"../../outside": b"x"})
    with pytest.raises(ModelError, match=r"xgboost/job/output/model\.tar\.gz"), unpacked(tmp_path):
        pass


def test_a_torn_archive_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "xgboost" / "job" / "output" / "model.tar.gz"
    _pack(path, {"manifest.json": b"x" * 10_000})
    path.write_bytes(path.read_bytes()[:40])
    with pytest.raises(ModelError, match=r"model\.tar\.gz"), unpacked(tmp_path):
        pass
