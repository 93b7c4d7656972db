"""Folders that the benchmark names when it starts a server."""

import os
from pathlib import Path

PIPELINE_VARIABLE, BUNDLE_VARIABLE = "BENCH_PIPELINE", "BENCH_BUNDLE"


def folder_of(variable: str) -> Path:
    """Return the folder that the environment names."""
    return Path(os.environ[variable])
