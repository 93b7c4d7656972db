"""Addresses of pods: each cluster has a loopback network of its own, 127.A.B.0/24 (Linux answers on all of them)."""

import socket
from collections.abc import Iterator, Mapping
from typing import Final

from rehearsal.processes import RehearsalError

# Held by the cluster's own process at the first address: whoever holds it has the network.
AGENT_PORT: Final = 8023
_EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  it is replaced by the pod's own address


class Network:
    """The addresses of one cluster. ``agent`` listens at the first one."""

    def __init__(self) -> None:
        self.agent, self._prefix = _claimed()
        self._used: set[str] = set()

    @property
    def host(self) -> str:
        """The address of the cluster's own services."""
        return f"{self._prefix}.1"

    def take(self) -> str:
        """Return an address that no pod has."""
        address = next(each for n in range(2, 255) if (each := f"{self._prefix}.{n}") not in self._used)
        self._used.add(address)
        return address

    def release(self, address: str) -> None:
        """Give an address back."""
        self._used.discard(address)


def _claimed() -> tuple[socket.socket, str]:
    for prefix in _prefixes():
        agent = socket.socket()
        try:
            agent.bind((f"{prefix}.1", AGENT_PORT))
            agent.listen()
        except OSError:
            agent.close()
            continue
        return agent, prefix
    raise RehearsalError("no loopback network is free for pods: this needs Linux, where all of 127.0.0.0/8 answers")


def _prefixes() -> Iterator[str]:
    return (f"127.{high}.{low}" for high in range(88, 92) for low in range(256))


def is_free(address: str, port: int) -> bool:
    """Whether a pod could listen there: a program that listens on all addresses of this machine has this one, too."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((address, port))
        except OSError:
            return False
    return True


def localised(value: str, address: str, names: Mapping[str, str], mounts: Mapping[str, str]) -> str:
    """Return an argument or variable of a container as it is true for a process of this machine.

    Three rewritings: "all addresses" becomes the pod's ``address``; ``names`` that only the cluster's DNS knows
    (``service.namespace``) become where they are; and paths of ``mounts`` become the pod's own folders.
    """
    if value == _EVERYWHERE:
        return address
    for path, folder in sorted(mounts.items(), key=lambda each: -len(each[0])):
        if value == path or value.startswith(f"{path}/"):
            return folder + value[len(path) :]
    for name, where in names.items():
        value = value.replace(name, where)
    return value
