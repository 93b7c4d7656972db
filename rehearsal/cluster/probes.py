"""Probes of containers: does it answer by HTTP, does it take connections."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from rehearsal.cluster.kinds import Object


async def succeeds(probe: Object, container: Object, address: str) -> bool:
    """Ask once. A kind of probe that is not known here never succeeds."""
    try:
        async with asyncio.timeout(probe.get("timeoutSeconds", 1)):
            if "httpGet" in probe:
                return await _answers(probe["httpGet"], _port(probe["httpGet"]["port"], container), address)
            if "tcpSocket" in probe:
                _, writer = await asyncio.open_connection(address, _port(probe["tcpSocket"]["port"], container))
                writer.close()
                return True
    except (OSError, TimeoutError, ValueError, asyncio.IncompleteReadError):
        pass
    return False


async def repeat(probe: Object, ask: Callable[[], Awaitable[bool]], tell: Callable[[bool], Awaitable[Any]]) -> None:
    """Ask again and again; ``tell`` when as many answers in a row as the thresholds say are the same.

    The first time is at once: a kubelet waits for nothing but ``initialDelaySeconds``.
    """
    loop = asyncio.get_running_loop()
    at = loop.time() + probe.get("initialDelaySeconds", 0)
    thresholds = {True: probe.get("successThreshold", 1), False: probe.get("failureThreshold", 3)}
    last, count = None, 0
    while True:
        await asyncio.sleep(at - loop.time())
        found = await ask()
        last, count = found, count + 1 if found == last else 1
        if count >= thresholds[found]:
            await tell(found)
        at = max(at + probe.get("periodSeconds", 10), loop.time())


def _port(port: int | str, container: Object) -> int:
    if isinstance(port, int):
        return port
    return next(int(each["containerPort"]) for each in container.get("ports", []) if each.get("name") == port)


async def _answers(get: Object, port: int, address: str) -> bool:
    reader, writer = await asyncio.open_connection(address, port)
    try:
        path, host = get.get("path", "/"), f"{address}:{port}"
        head = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: kube-probe/1.36\r\nConnection: close\r\n\r\n"
        writer.write(head.encode())
        status = (await reader.readline()).split()
        return len(status) > 1 and 200 <= int(status[1]) < 400
    finally:
        writer.close()
