"""One container's life: image, bundle, start, exit, and again as the restart policy says."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import time
from pathlib import Path
from typing import Protocol

from . import cgroups, mounts, oci, probes, termination
from .images import Catalogue, Image, ImageMissing
from .process import Json, log, now
from .runtime import Exits, Runc, RuncError, Started, Stdio, kill
from .security import ConfigError
from .standard_streams import StandardStreams
from .status import ContainerRecord, should_restart

_BACKOFF_LIMIT = 300.0
_BACKOFF_FORGET = 600.0
_CAUGHT = (ImageMissing, ConfigError, RuncError, OSError)


class Tools(Protocol):
    """What containers of one node share."""

    @property
    def runc(self) -> Runc: ...
    @property
    def exits(self) -> Exits: ...
    @property
    def images(self) -> Catalogue: ...
    @property
    def backoff_seconds(self) -> float: ...
    @property
    def environment(self) -> list[str]: ...
    @property
    def room(self) -> int: ...


class Surroundings(Protocol):
    """What a container needs of its pod."""

    pod: Json
    home: Path

    def changed(self) -> None: ...
    def place(self, spec: Json, record: ContainerRecord, rootfs: Path, image: Image) -> oci.Place: ...
    def pod_ip(self) -> str: ...


class ContainerWorker:
    """Runs one container until it is done for good or told to stop."""

    def __init__(self, tools: Tools, pod: Surroundings, spec: Json, record: ContainerRecord) -> None:
        self.spec = spec
        self.record = record
        self.begun = asyncio.Event()
        self.claimed = False
        self._tools = tools
        self._pod = pod
        self._home: Path = pod.home / "containers" / spec["name"]
        self.streams = StandardStreams(self._home, spec, self.log_path)
        self._stopping = asyncio.Event()
        self._grace = 30.0
        self._backoff = tools.backoff_seconds
        self._helpers: list[asyncio.Task[None]] = []
        self._process: Json = {}

    async def run(self) -> None:
        """Start (or take over what runs already), wait, start again by policy."""
        try:
            await self._attempts()
        finally:
            self.begun.set()  # whoever waits for a sidecar's start must not wait for ever

    async def _attempts(self) -> None:
        failures = 0
        known = self.record.state.get("terminated")  # it ended while no agent was there
        while True:
            code = known["exitCode"] if known else await self._one_attempt()
            known = None
            if self._stopping.is_set() or not self._again(code):
                return
            if "terminated" in self.record.state:
                self.record.last_state = self.record.state
            failures += 1
            if failures > 1 or "waiting" in self.record.state:
                await self._back_off()
            if self._stopping.is_set():
                return
            if self.record.attempt >= 0:
                self.record.restarts = self.record.attempt + 1

    def _again(self, code: int) -> bool:
        """What never started is tried again whatever the policy says."""
        policy = self._pod.pod["spec"].get("restartPolicy", "Always")
        again = should_restart(self.record.kind, policy, code, self.record.sidecar)
        return again or "waiting" in self.record.state

    def stop(self, grace: float) -> None:
        """SIGTERM to its first process now, SIGKILL after `grace`; a later call may only shorten that."""
        self._grace = min(self._grace, grace) if self._stopping.is_set() else grace
        if self._stopping.is_set():
            asyncio.get_running_loop().call_later(grace, self._kill_now)
        self._stopping.set()

    async def clean(self) -> None:
        """Remove the container and its root filesystem; its logs go with the pod."""
        if self.record.container_id:
            await self._remove()

    def log_path(self, previous: bool = False) -> Path:
        return self._home / f"{self.record.attempt - previous}.log"

    def ended(self) -> bool:
        """Whether this attempt's log is complete."""
        return not self.record.running

    def exec_process(self, command: list[str]) -> Json:
        """The OCI process of an exec: the container's own with other arguments."""
        if not self._process:
            bundle = self._home / "bundle" / "config.json"
            self._process = json.loads(bundle.read_text())["process"]
        environment = [*self._process["env"], *self._tools.environment]
        return {**self._process, "terminal": False, "args": command, "env": environment}

    async def execute(self, command: list[str]) -> int:
        """Run a command in the container for a probe; returns its exit code."""
        null = os.open(os.devnull, os.O_RDWR)
        try:
            process = self.exec_process(command)
            started = await self._tools.runc.exec(self.record.container_id, process, Stdio(null, null, null))
        except RuncError:
            return 126
        finally:
            os.close(null)
        return await self._tools.exits.wait(started)

    async def _one_attempt(self) -> int:
        try:
            if not self.record.running:
                await self._start()
            self._begin_helpers()
            code = await self._wait()
        except _CAUGHT as error:
            self._failed(error)
            return 128
        await self._finish(code)
        return code

    async def _start(self) -> None:
        await self.clean()
        image = self._tools.images.find(self.spec["image"])
        self.record.container_id = secrets.token_hex(32)
        self.record.image_id = f"{image.name.rpartition(':')[0] or image.name}@{image.id}"
        rootfs = image.mount(self._home, self._tools.room)
        place = self._pod.place(self.spec, self.record, rootfs, image)
        config = oci.config(self._pod.pod, self.spec, image.config, place)
        config["mounts"] += termination.prepare(self.spec, self._home)
        self._process = dict(config["process"])
        config["process"]["env"] = [*config["process"]["env"], *self._tools.environment]
        self.record.attempt += 1
        bundle = self._home / "bundle"
        bundle.mkdir(exist_ok=True)
        (bundle / "config.json").write_text(json.dumps(config))
        started = await self._launch(bundle)
        self.record.pid, self.record.since = started.pid, started.since
        self.record.passed = not self._is_probed()
        self.record.state = {"running": {"startedAt": now()}}
        self._tell()
        self.begun.set()

    async def _launch(self, bundle: Path) -> Started:
        self._stop_helpers()
        started, copier = await self.streams.launch(self._tools.runc, self.record.container_id, bundle)
        self._helpers = [copier]
        return started

    def _begin_helpers(self) -> None:
        """The log copier (after a takeover) and the probes of a running container."""
        self.begun.set()
        if not self._helpers:
            self._helpers.append(self.streams.follow())
        if self._is_probed():
            self._helpers.append(asyncio.create_task(self._probe()))

    def _is_probed(self) -> bool:
        return "startupProbe" in self.spec or "readinessProbe" in self.spec

    async def _probe(self) -> None:
        """Ready once the startup probe passed, and as long as the readiness probe does; killed if it never passes."""
        startup, readiness = self.spec.get("startupProbe"), self.spec.get("readinessProbe")
        passed, address = self.record.passed, self._pod.pod_ip()
        if startup and not passed and not await probes.passes(startup, self.spec, address, self.execute):
            self._kill_now()
        elif readiness:
            await probes.watch(readiness, self.spec, address, self.execute, self._probed, passed)
        elif not passed:
            self._probed(True)

    def _stop_helpers(self) -> None:
        for task in self._helpers:
            task.cancel()
        self._helpers = []

    def _probed(self, passed: bool) -> None:
        self.record.passed = passed
        self._tell()

    async def _wait(self) -> int:
        started = Started(self.record.pid, self.record.since)
        exit_task = asyncio.create_task(self._tools.exits.wait(started))
        stop_task = asyncio.create_task(self._stopping.wait())
        try:
            await asyncio.wait({exit_task, stop_task}, return_when=asyncio.FIRST_COMPLETED)
            if not exit_task.done():
                kill(self.record.pid, signal.SIGTERM)
                await asyncio.wait({exit_task}, timeout=self._grace)
                self._kill_now()
            return await exit_task
        finally:
            stop_task.cancel()

    def _kill_now(self) -> None:
        if self.record.running:
            kill(self.record.pid, signal.SIGKILL)

    async def _finish(self, code: int) -> None:
        """End what it left running elsewhere, let the log reach its end, then say how it ended."""
        config = json.loads((self._home / "bundle" / "config.json").read_text())
        group = config["linux"]["cgroupsPath"].lstrip("/")
        if {"type": "pid"} not in config["linux"]["namespaces"]:
            # Nothing ends with a PID namespace of its own: containerd kills the rest (shouldKillAllOnExit).
            cgroups.kill(group)
        copier, *probing = self._helpers
        for task in probing:
            task.cancel()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(copier, 2.0)
        self._helpers = []
        began = self.record.state["running"]["startedAt"]
        if time.monotonic() - self.record.since > _BACKOFF_FORGET:
            self._backoff = self._tools.backoff_seconds
        failed = "OOMKilled" if cgroups.oom_kills(group) else "Error"
        said = termination.message(self.spec, self._home, self.log_path(), code)
        self._end(code, "Completed" if code == 0 else failed, began, said)

    def _end(self, code: int, reason: str, began: str, message: str = "") -> None:
        self.record.passed = False
        self.record.state = {
            "terminated": {
                "exitCode": code,
                "reason": reason,
                "startedAt": began,
                "finishedAt": now(),
                "containerID": f"containerd://{self.record.container_id}",
                **({"message": message} if message else {}),
            }
        }
        self._tell()

    def _failed(self, error: Exception) -> None:
        self._stop_helpers()
        meta = self._pod.pod["metadata"]
        log(
            "container could not be started",
            pod=f"{meta.get('namespace')}/{meta['name']}",
            container=self.spec["name"],
            error=str(error)[:500],
        )
        if isinstance(error, RuncError):
            words = f"failed to create containerd task: OCI runtime create failed: {error}: unknown"
            self._end(128, "StartError", "1970-01-01T00:00:00Z", words)
            return
        mounts.unmount(self._home / "rootfs")
        self.record.container_id = ""
        missing = isinstance(error, ImageMissing)
        reason = "ErrImagePull" if missing else "CreateContainerConfigError"
        self.record.state = {"waiting": {"reason": reason, "message": str(error)}}
        self._tell()

    async def _back_off(self) -> None:
        waiting = self.record.state.get("waiting", {}).get("reason")
        begun = min(1.0, self._backoff / 2)
        await self._pause(begun)  # what happened stays readable for a moment before the back-off
        if waiting == "ErrImagePull":
            text = f'Back-off pulling image "{self.spec["image"]}"'
            self.record.state = {"waiting": {"reason": "ImagePullBackOff", "message": text}}
        elif waiting is None:
            meta = self._pod.pod["metadata"]
            who = f"{self.spec['name']} pod={meta['name']}_{meta.get('namespace')}({meta.get('uid')})"
            text = f"back-off {self._backoff:.0f}s restarting failed container={who}"
            self.record.state = {"waiting": {"reason": "CrashLoopBackOff", "message": text}}
        self._tell()
        await self._pause(self._backoff - begun)
        self._backoff = min(self._backoff * 2, _BACKOFF_LIMIT)

    async def _pause(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    async def _remove(self) -> None:
        self._stop_helpers()
        try:
            await self._tools.runc.delete(self.record.container_id)
        except RuncError as error:
            log("runc delete failed", container=self.record.container_id, error=str(error))
        mounts.unmount(self._home / "rootfs")
        mounts.unmount(self._home / "disk")
        for name in ("upper", "work"):
            await asyncio.to_thread(shutil.rmtree, self._home / name, True)
        self.log_path().with_name(f"{self.record.attempt - 2}.log").unlink(missing_ok=True)
        self.record.container_id = ""

    def _tell(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        aside = self._home / ".record"
        aside.write_text(json.dumps(self.record.to_json()))
        aside.rename(self._home / "record.json")
        self._pod.changed()
