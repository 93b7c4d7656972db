"""Which code made a result."""

from functools import cache
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

DISTRIBUTION = "mlops-price-sensitivity"
LIBRARIES = ("duckdb", "numpy", "onnxruntime", "pandas", "scikit-learn", "skl2onnx")


@cache
def code_version() -> str:
    """The release and a hash of ``ml``'s and ``config``'s own files: it changes when the code does."""
    digest = sha256()
    root = Path(__file__).parent.parent
    for package in ("config", "ml"):
        for path in sorted((root / package).rglob("*")):
            if path.suffix in {".py", ".yaml", ".j2", ".sql"}:
                digest.update(str(path.relative_to(root)).encode())
                digest.update(path.read_bytes())
    return f"{version(DISTRIBUTION)}+{digest.hexdigest()[:12]}"


@cache
def library_versions() -> dict[str, str]:
    """Versions of the libraries that a result depends on."""
    return {**{name: version(name) for name in LIBRARIES}, "xgboost": _xgboost_version()}


def _xgboost_version() -> str:
    try:
        return version("xgboost-cpu")
    except PackageNotFoundError:
        return version("xgboost")
