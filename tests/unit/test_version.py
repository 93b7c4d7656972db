import re
from importlib.metadata import version
from pathlib import Path

import pytest

import ml.version
from ml.version import code_version, library_versions


def test_the_code_version_is_the_release_and_a_hash() -> None:
    assert re.fullmatch(rf"{re.escape(version('mlops-price-sensitivity'))}\+[0-9a-f]{{12}}", code_version())


def test_the_code_version_changes_with_code_settings_templates_and_names_and_with_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("config/names.py", "ml/a.py", "ml/use_cases/b.yaml", "ml/c.j2", "ml/notes.txt", "tests/test_d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("one")
    monkeypatch.setattr(ml.version, "__file__", str(tmp_path / "ml" / "version.py"))

    def now() -> str:
        return code_version.__wrapped__()

    seen = {now()}
    for name in ("config/names.py", "ml/a.py", "ml/use_cases/b.yaml", "ml/c.j2"):
        (tmp_path / name).write_text("two")
        seen.add(now())
    assert len(seen) == 5
    (tmp_path / "ml" / "a.py").rename(tmp_path / "ml" / "z.py")
    last = now()
    assert last not in seen
    (tmp_path / "ml" / "notes.txt").write_text("two")
    (tmp_path / "tests" / "test_d.py").write_text("two")
    assert now() == last


def test_the_libraries_that_a_result_depends_on_are_named_with_their_versions() -> None:
    found = library_versions()
    assert {"duckdb", "numpy", "onnxruntime", "scikit-learn", "xgboost"} <= set(found)
    assert found["numpy"] == version("numpy")
    assert all(re.match(r"\d+\.\d+", each) for each in found.values())
