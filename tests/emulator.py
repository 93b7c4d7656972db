"""A local AWS emulator over HTTP, one per test run's process."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import botocore.session

from tests.integration.service import free_port

REGION = "ap-southeast-1"
_LONGEST_START = 60.0


@dataclass(frozen=True)
class Emulator:
    """A running emulator: where it listens."""

    port: int

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which any AWS client finds it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}",
            "AWS_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """Return a client of a service."""
        with patch.dict(os.environ, self.environment):
            return botocore.session.get_session().create_client(service, region_name=REGION)

    def put_folder(self, folder: Path, bucket: str, prefix: str) -> None:
        """Upload the files of ``folder``."""
        s3 = self.client("s3")
        for path in folder.rglob("*"):
            if path.is_file():
                key = f"{prefix}/{path.relative_to(folder)}"
                s3.put_object(Bucket=bucket, Key=key, Body=path.read_bytes())


@contextmanager
def emulated(folder: Path) -> Iterator[Emulator]:
    """Run an emulator, with ``folder`` for what it writes."""
    emulator = Emulator(free_port())
    environment = {
        # Nothing of ours runs there: measuring its coverage would only cost time.
        **{name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")},
        "GATEWAY_PORT": str(emulator.port),
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "TMPDIR": str(folder),
    }
    with (folder / "emulator.log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "ministack"], env=environment, stdout=log, stderr=log)
    try:
        until = time.monotonic() + _LONGEST_START
        while not _listens(emulator.port):
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"the emulator did not start: {(folder / 'emulator.log').read_text()[-2_000:]}")
            time.sleep(0.05)
        yield emulator
    finally:
        process.kill()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
