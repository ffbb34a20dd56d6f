"""One pod: its sandbox (network, volumes, files), its containers in order, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from . import clock, faults, limits, oci, sandbox, security, small_disk, volumes
from .container import ContainerWorker
from .images import Catalogue, Image
from .limits import Ending
from .network import NodeNetwork, PodNetwork
from .process import Json, ToolError, log, now
from .runtime import Exits, Runc
from .security import ConfigError
from .settings import NodeSettings
from .status import ContainerRecord, Kind, PodFacts, pod_status

_SANDBOX_RETRY_SECONDS = 2.0
_EVICTION_GRACE_SECONDS = 1.0
# A kubelet looks every 10 seconds.
_LIMITS_SECONDS = 1.0
_LISTS: tuple[tuple[Kind, str], ...] = (
    ("init", "initContainers"),
    ("app", "containers"),
    ("ephemeral", "ephemeralContainers"),
)


@dataclass(frozen=True)
class NodeTools:
    """What all pods of the node share."""

    settings: NodeSettings
    network: NodeNetwork
    images: Catalogue
    runc: Runc
    exits: Exits
    may: frozenset[str]

    @property
    def backoff_seconds(self) -> float:
        return self.settings.backoff_seconds

    @property
    def room(self) -> int:
        """Bytes that what pods write to may have from now on; 0 is the whole disk."""
        return small_disk.read(self.settings.room)

    @property
    def environment(self) -> list[str]:
        """What every process gets that starts now."""
        return clock.environment(self.settings.clock)


class PodWorker:
    """Makes one pod's processes match its object; `told` hears of each change of the status."""

    def __init__(self, tools: NodeTools, pod: Json, told: Callable[[PodWorker], None]) -> None:
        self.pod = pod
        self.uid: str = pod["metadata"]["uid"]
        self.home = tools.settings.pods / self.uid
        self.gone = False
        self._tools = tools
        self._told = told
        self.home.mkdir(exist_ok=True)
        # What a restart of the agent left in place is known at once, so that nothing of the status is lost.
        known = self._load("sandbox.json")
        self.status: Json = self._load("status.json")
        self._ending = Ending(**self._load("ending.json"))
        old = known.get("ipv4")
        self._network: PodNetwork | None = tools.network.adopt_pod(self.uid, old) if old else None
        self._volumes: dict[str, Path] = {}
        self._pause: int = known.get("pause", 0)
        self._start_time: str = known.get("startTime") or now()
        self._workers: dict[str, ContainerWorker] = {}
        self._stopping = asyncio.Event()
        self._ready = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._end: asyncio.Task[None] | None = None
        self._add_workers()

    def start(self) -> None:
        """Begin, or go on after a restart of the agent."""
        self._save("pod.json", self.pod)
        self._spawn(self._run())
        self.changed()

    def update(self, pod: Json) -> None:
        """Take a newer object: new ephemeral containers are started, the rest of the spec is fixed."""
        self.pod = pod
        self._save("pod.json", pod)
        self._add_workers()
        if self._ready:
            self._start_kind("ephemeral")
        self.changed()

    def delete(self, grace: float) -> None:
        """End the pod; a later call may shorten the grace."""
        self._stopping.set()
        for worker in self._workers.values():
            worker.stop(grace)
        if self._end is None:
            self._end = asyncio.create_task(self._tear_down())

    def end(self, ending: Ending) -> None:
        """End all containers, nearly without grace when evicted; the pod stays, Failed for this reason."""
        self._ending = ending
        self._save("ending.json", asdict(ending))
        self._stopping.set()
        usual: float = self.pod["spec"].get("terminationGracePeriodSeconds", 30)
        for worker in self._workers.values():
            worker.stop(_EVICTION_GRACE_SECONDS if ending.reason == limits.EVICTED else usual)
        self.changed()

    def worker(self, container: str) -> ContainerWorker | None:
        """The worker of a container of any kind."""
        return self._workers.get(container)

    async def fault(self, fault: Json) -> None:
        """Put a (checked) fault in place, or take it away; ToolError when the pod has no network yet."""
        if self._network is None:
            raise ToolError("the pod has no network of its own (yet)")
        network = self._tools.network
        await network.apply_in_pod(self._network, faults.ruleset(fault))
        await network.impair(self._network, faults.impairment(fault))
        sandbox.write_fault(self.home, fault)
        self._save("fault.json", fault)

    def changed(self) -> None:
        """Compute the status anew and tell if it differs."""
        records = [worker.record for worker in self._workers.values()]
        policy = self.pod["spec"].get("restartPolicy", "Always")
        ips = self._ips()
        facts = PodFacts(records, ips, self._tools.network.node_ip, self._start_time, policy, self._ending)
        status = pod_status(facts, self.status, now())
        if status != self.status:
            self.status = status
            self._save("status.json", status)
            self._told(self)

    def pod_ip(self) -> str:
        return next(iter(self._ips()), "")

    def place(self, spec: Json, record: ContainerRecord, rootfs: Path, image: Image) -> oci.Place:
        """Paths, namespaces and identity of one container; ConfigError when they can't be had."""
        pod_spec = self.pod["spec"]
        context, pod_context = spec.get("securityContext") or {}, pod_spec.get("securityContext") or {}
        user = security.resolve_user(rootfs, image.config.get("User") or "", pod_context, context)
        files = sandbox.container_mounts(self.home, self._tools.settings.dns, self._tools.settings.clock)
        return oci.Place(
            container_id=record.container_id,
            cgroup=f"{self._tools.settings.cgroup}/kubepods/pod{self.uid}/{record.container_id}",
            rootfs=rootfs,
            hostname=sandbox.hostname(self.pod, self._tools.settings.name),
            user=user,
            capabilities=security.capabilities(context, self._tools.may),
            netns=self._network.netns if self._network else None,
            pidns=self._pid_namespace(spec),
            host_pid=bool(pod_spec.get("hostPID")),
            mounts=[*files, *volumes.bind_mounts(spec, self._volumes)],
            pod_ips=self._ips(),
            host_ip=self._tools.network.node_ip,
        )

    def _pid_namespace(self, spec: Json) -> str | None:
        target = spec.get("targetContainerName")
        if target and not self._pause and not self.pod["spec"].get("hostPID"):
            worker = self._workers.get(target)
            if worker is None or not worker.record.running:
                raise ConfigError(f'target container "{target}" is not running')
            return f"/proc/{worker.record.pid}/ns/pid"
        return f"/proc/{self._pause}/ns/pid" if self._pause else None

    def _ips(self) -> tuple[str, ...]:
        if self._network:
            return (self._network.ipv4, self._network.ipv6)
        return (self._tools.network.node_ip,) if self.pod["spec"].get("hostNetwork") else ()

    def _add_workers(self) -> None:
        for kind, key in _LISTS:
            for spec in self.pod["spec"].get(key) or []:
                if spec["name"] not in self._workers:
                    record = self._record(kind, spec)
                    self._workers[spec["name"]] = ContainerWorker(self._tools, self, spec, record)

    def _record(self, kind: Kind, spec: Json) -> ContainerRecord:
        with contextlib.suppress(FileNotFoundError):
            return ContainerRecord(**json.loads((self.home / "containers" / spec["name"] / "record.json").read_text()))
        sidecar = kind == "init" and spec.get("restartPolicy") == "Always"
        return ContainerRecord(spec["name"], spec["image"], kind, sidecar=sidecar)

    async def _run(self) -> None:
        if self._ending.reason:
            self._go_on_ending()
            return
        while not self._stopping.is_set():
            try:
                await self._make_sandbox()
                break
            except (OSError, ToolError, ConfigError) as error:
                log("sandbox could not be made", pod=self._label(), error=str(error)[:500])
                await self._pause_for(_SANDBOX_RETRY_SECONDS)
        self.changed()
        self._spawn(self._watch_limits())
        if not await self._run_inits() or self._stopping.is_set():
            return
        self._start_kind("app")
        self._ready = True
        self._start_kind("ephemeral")

    async def _make_sandbox(self) -> None:
        """Network, files and volumes; what a restart of the agent left in place is taken over."""
        known = self._load("sandbox.json")
        spec = self.pod["spec"]
        if self._network is None and not spec.get("hostNetwork"):
            self._network = await self._tools.network.add_pod(self.uid)
        if not self._pause and spec.get("shareProcessNamespace"):
            self._pause = await sandbox.hold_pids()
        context = spec.get("securityContext") or {}
        home = self.home / "volumes"
        wanted = spec.get("volumes") or []
        if known:
            self._volumes = {volume["name"]: home / volume["name"] for volume in wanted}
        else:
            group, room = context.get("fsGroup"), self._tools.room
            self._volumes = {v["name"]: volumes.set_up(v, home, group, room) for v in wanted}
            sandbox.write_files(self.home, self.pod, self._tools.settings.name, self._ips())
        ipv4 = self._network.ipv4 if self._network else ""
        self._save("sandbox.json", {"ipv4": ipv4, "pause": self._pause, "startTime": self._start_time})
        if fault := self._load("fault.json"):
            await self.fault(fault)

    def _go_on_ending(self) -> None:
        """An end that an earlier agent began."""
        for worker in self._workers.values():
            worker.stop(0)
            if worker.record.running:
                self._spawn(worker.run())

    async def _watch_limits(self) -> None:
        while not self._stopping.is_set() and self.status.get("phase") not in ("Succeeded", "Failed"):
            ending = await asyncio.to_thread(limits.maybe_ending, self.pod["spec"], self.home, self._start_time)
            if ending and not self._stopping.is_set():
                self.end(ending)
            await self._pause_for(_LIMITS_SECONDS)

    async def _run_inits(self) -> bool:
        for worker in [w for w in self._workers.values() if w.record.kind == "init"]:
            if self._stopping.is_set():
                return False
            task = self._spawn(worker.run())
            if worker.record.sidecar:
                await worker.begun.wait()
                continue
            await task
            if not worker.record.ready:
                return False
        return True

    def _start_kind(self, kind: Kind) -> None:
        for worker in self._workers.values():
            if worker.record.kind == kind and not worker.claimed:
                worker.claimed = True
                self._spawn(worker.run())

    async def _tear_down(self) -> None:
        while self._tasks:
            await asyncio.wait(self._tasks)
        for worker in self._workers.values():
            await worker.clean()
        sandbox.release_pids(self._pause)
        try:
            await self._tools.network.remove_pod(self.uid)
        except ToolError as error:
            log("pod network could not be removed", pod=self._label(), error=str(error))
        volumes.tear_down(self.home / "volumes")
        await asyncio.to_thread(shutil.rmtree, self.home, True)
        sandbox.remove_cgroup(f"{self._tools.settings.cgroup}/kubepods/pod{self.uid}")
        self.gone = True
        self._told(self)

    async def _pause_for(self, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)

    def _spawn(self, work: object) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work)  # type: ignore[arg-type]
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log("pod task failed", pod=self._label(), error=repr(error))

    def _label(self) -> str:
        meta = self.pod["metadata"]
        return f"{meta.get('namespace')}/{meta['name']}"

    def _save(self, name: str, value: Json) -> None:
        aside = self.home / f".{name}"
        aside.write_text(json.dumps(value))
        aside.rename(self.home / name)

    def _load(self, name: str) -> Json:
        with contextlib.suppress(FileNotFoundError):
            found: Json = json.loads((self.home / name).read_text())
            return found
        return {}
