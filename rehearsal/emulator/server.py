"""Serving, and saying so."""

import asyncio
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import boto3
from hypercorn.asyncio import serve as hypercorn_serve
from hypercorn.config import Config
from ministack.app import app

from rehearsal.emulator.settings import Settings

READY = "ready.json"
_ADMINISTRATOR = "administrator"
_GRACE_SECONDS = 2.0


async def serve(listener: socket.socket, *, certificate: str, key: str) -> None:
    """Serve on ``listener`` until SIGTERM or SIGINT."""
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.certfile, config.keyfile = certificate, key
    config.keep_alive_timeout = 75
    config.accesslog = None
    config.graceful_timeout = 1
    asked = asyncio.Event()

    def end() -> None:
        asked.set()
        # A client that keeps its TLS connection open would hold the server for half a minute.
        loop.call_later(_GRACE_SECONDS, os._exit, 0)

    loop = asyncio.get_running_loop()
    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, end)
    await hypercorn_serve(app, config, shutdown_trigger=asked.wait)


def announce(settings: Settings, certificate: Path) -> None:
    """Make an administrator, once the emulator answers, and write ``ready.json``: how to call, and as whom."""
    endpoint = f"https://127.0.0.1:{settings.port}"
    user = _administrator(endpoint, settings.region, certificate)
    ready = {
        "endpoint": endpoint,
        "authority": str(certificate),
        "access_key": user["AccessKeyId"],
        "secret_key": user["SecretAccessKey"],
    }
    target = settings.folder / READY
    temporary = target.with_suffix(".new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(ready, indent=2), encoding="utf-8")
    temporary.replace(target)


def _administrator(endpoint: str, region: str, certificate: Path) -> dict[str, Any]:
    # As the account's root, whose keys are this process's own; the connection waits until the server accepts it.
    iam = boto3.client(
        "iam",
        endpoint_url=endpoint,
        verify=str(certificate),
        region_name=region,
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
    )
    iam.create_user(UserName=_ADMINISTRATOR)
    iam.attach_user_policy(UserName=_ADMINISTRATOR, PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    key: dict[str, Any] = iam.create_access_key(UserName=_ADMINISTRATOR)["AccessKey"]
    return key
