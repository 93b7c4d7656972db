"""One container: its process is started, probed, restarted when it ends, and ended as a kubelet does."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from rehearsal import processes
from rehearsal.cluster.containers import CannotStartError, Images, Launch, Place, launch_of
from rehearsal.cluster.kinds import Object
from rehearsal.cluster.network import is_free
from rehearsal.cluster.probes import repeat, succeeds
from rehearsal.cluster.store import now

_FIRST_BACK_OFF: Final = 10.0
_LONGEST_BACK_OFF: Final = 300.0
# A container that ran this long has its crashes forgotten.
_FORGIVEN: Final = 600.0
_LEAST_GRACE: Final = 2.0


class Runner:
    """A container of a pod. ``changed`` is called when its status is another."""

    def __init__(
        self,
        pod: Object,
        container: Object,
        *,
        place: Place,
        images: Images,
        config_map: Callable[[str], Object | None],
        changed: Callable[[], None],
        speed: float,
    ) -> None:
        self._pod, self._container, self._place, self._images = pod, container, place, images
        self._config_map, self._tell, self._speed = config_map, changed, speed
        self._grace = float(pod["spec"].get("terminationGracePeriodSeconds", 30))
        self._process: subprocess.Popen[bytes] | None = None
        self._gone = asyncio.Event()
        self._ending = asyncio.Event()
        self._stopping: asyncio.Task[None] | None = None
        self._state: Object = {"waiting": {"reason": "ContainerCreating"}}
        self._last: Object = {}
        self._restarts = 0
        self.is_ready = False
        self._started = False

    @property
    def log(self) -> Path:
        """Where what it writes is kept."""
        return self._place.folder / f"{self._container['name']}.log"

    @property
    def has_begun(self) -> bool:
        """Whether its process has ever run."""
        return bool(self._last) or "waiting" not in self._state

    @property
    def exit_code(self) -> int | None:
        """The code that it ended with for good; None while it runs or is to run again."""
        code: int | None = self._state.get("terminated", {}).get("exitCode")
        return code

    def status(self) -> Object:
        """Return what the pod's status says of it."""
        return {
            "name": self._container["name"],
            "image": self._container["image"],
            "imageID": self._container["image"],
            "ready": self.is_ready,
            "started": self._started,
            "restartCount": self._restarts,
            "state": self._state,
            "lastState": self._last,
        }

    async def run(self) -> None:
        """Run it until it is ended, or has ended and is not to be restarted."""
        back_off = 0.0
        while not self._ending.is_set():
            begun = asyncio.get_running_loop().time()
            code = await self._once()
            if code is None:
                await self._wait(_FIRST_BACK_OFF)
                continue
            policy = self._pod["spec"].get("restartPolicy", "Always")
            if self._ending.is_set() or policy == "Never" or (policy == "OnFailure" and not code):
                return
            if asyncio.get_running_loop().time() - begun > _FORGIVEN:
                back_off = 0.0
            self._last = self._state
            if back_off:
                name = self._container["name"]
                message = f"back-off {back_off:.0f}s restarting failed container={name} pod={self._name}"
                self._set({"waiting": {"reason": "CrashLoopBackOff", "message": message}})
                await self._wait(back_off)
            back_off = min(_LONGEST_BACK_OFF, 2 * back_off or _FIRST_BACK_OFF)
            self._restarts += 1

    async def end(self, grace: float) -> None:
        """End it: wait as its hook says, then SIGTERM, and SIGKILL when its grace is over."""
        self._ending.set()
        if self._process is not None:
            until = asyncio.get_running_loop().time() + grace
            with suppress(TimeoutError):
                async with asyncio.timeout(grace):
                    await self._before_stop()
            await self._stop(max(_LEAST_GRACE, until - asyncio.get_running_loop().time()))

    def kill(self) -> None:
        """End it now."""
        self._ending.set()
        self._signal_group(signal.SIGKILL)

    async def _once(self) -> int | None:
        """Start the process and wait for its end; return its exit code, or None if it could not be started."""
        try:
            launch = self._launch()
        except CannotStartError as error:
            self._set({"waiting": {"reason": error.reason, "message": str(error)}})
            return None
        process = processes.start(launch.command, log=self.log, environment=launch.environment, cwd=self._place.folder)
        self._process, begun = process, now()
        self._gone.clear()
        self._set({"running": {"startedAt": begun}})
        probing = asyncio.create_task(self._probe())
        try:
            await _exited(process)
        finally:
            probing.cancel()
            # What is left of the container ends with its first process.
            self._signal_group(signal.SIGKILL)
            code = process.wait()
            self._process = None
            self._gone.set()
        code = 128 - code if code < 0 else code
        self.is_ready = self._started = False
        reason = "Completed" if code == 0 else "Error"
        ended = {"exitCode": code, "reason": reason, "startedAt": begun, "finishedAt": now(), **self._last_words(code)}
        self._set({"terminated": ended})
        return code

    def _launch(self) -> Launch:
        launch = launch_of(self._pod, self._container, self._place, self._images, self._config_map)
        for each in self._container.get("ports", []):
            if not is_free(self._place.address, each["containerPort"]):
                where = f"{self._place.address}:{each['containerPort']}"
                words = f"{where} is taken: does a program of this machine listen on that port of all addresses?"
                raise CannotStartError("CreateContainerError", words)
        return launch

    async def _probe(self) -> None:
        started = asyncio.Event()
        startup = self._container.get("startupProbe")

        async def found_started(good: bool) -> None:
            if good:
                started.set()
            else:
                self._restart()

        if startup:
            asking = asyncio.create_task(repeat(startup, self._asker(startup), found_started))
            try:
                await started.wait()
            finally:
                asking.cancel()
        self._started = True
        self._tell()
        async with asyncio.TaskGroup() as group:
            for name, tell in (("readinessProbe", self._found_ready), ("livenessProbe", self._found_alive)):
                probe = self._container.get(name)
                if probe:
                    group.create_task(repeat(probe, self._asker(probe), tell))
                elif name == "readinessProbe":
                    await self._found_ready(True)

    def _asker(self, probe: Object) -> Callable[[], "asyncio.Future[bool]"]:
        return lambda: asyncio.ensure_future(succeeds(probe, self._container, self._place.address))

    async def _found_ready(self, good: bool) -> None:
        if good != self.is_ready:
            self.is_ready = good
            self._tell()

    async def _found_alive(self, good: bool) -> None:
        if not good:
            self._restart()

    def _restart(self) -> None:
        """End the process because a probe says so; it is started again as after a crash."""
        if not self._ending.is_set() and (self._stopping is None or self._stopping.done()):
            self._stopping = asyncio.create_task(self._stop(self._grace))

    async def _before_stop(self) -> None:
        """Wait as the hook says. That is for a load balancer to notice, so it takes less time where time is shorter."""
        hook = self._container.get("lifecycle", {}).get("preStop", {})
        command = hook.get("exec", {}).get("command", [])
        seconds = hook["sleep"]["seconds"] if "sleep" in hook else command[1] if command[:1] == ["sleep"] else 0
        await asyncio.sleep(float(seconds) / self._speed)

    async def _stop(self, grace: float) -> None:
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            os.kill(self._process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(grace):
                await self._gone.wait()
        except TimeoutError:
            self._signal_group(signal.SIGKILL)
            await self._gone.wait()

    def _signal_group(self, how: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, how)

    def _last_words(self, code: int) -> Object:
        if not code or self._container.get("terminationMessagePolicy") != "FallbackToLogsOnError":
            return {}
        return {"message": self.log.read_text(errors="replace")[-2048:]}

    async def _wait(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._ending.wait()

    def _set(self, state: Object) -> None:
        self._state = state
        self._tell()

    @property
    def _name(self) -> str:
        return str(self._pod["metadata"]["name"])


async def _exited(process: subprocess.Popen[bytes]) -> None:
    """Return when the process has ended; its code is still to be asked for."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    descriptor = os.pidfd_open(process.pid)
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)
