"""The world of a trial: a cluster, Redis, workers, pods that talk to themselves; and a trial's way through it.

One world serves a whole test module. Trials whose faults don't disturb each other run side by side in it.
"""

import asyncio
import contextlib
import os
import secrets
import signal
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from deploy.playground.scene import Manifest
from deploy.playground.scene.client import ApiError, Client
from deploy.playground.stack import Part
from tests.chaos.invariants import judge
from tests.chaos.model import SEED, Capture, Drawn, Trial, draw, seeds
from tests.chaos.redis_server import LastingRedis
from tests.support.captures import ALICE, Desk
from tests.support.local_exec import SEND
from tests.support.playground import SharedPlayground
from tests.support.stack import until
from workers.capture.methods.agent import CONTAINER, agent_name
from workers.capture.methods.ephemeral import container_name
from workers.capture.plans import EPHEMERAL, EXEC
from workers.capture.spool import FILE_HEADER
from workers.capture.targets import PodInfo
from workers.contract.job import Job, Origin, new_job_id
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef
from workers.delivery import Charts
from workers.tasks import Worker

AGENTS = "threadcap"
IMAGE = "threadcap.example/scene/checkout:1"
PYTHON = ("/usr/bin/python3.11", "-IBc")
PORT = 7001
SOME_BYTES = 3_000
"""Bytes that count as packets of a capture."""
SIDE_BY_SIDE = 3
PATIENCE = 120.0
"""Seconds to each next state; a bound for machines that are busy with much else."""


@dataclass
class Scene:
    """One capture of a trial: its job, and the pod that is captured.

    `exits` are left when the trial is over; `worker` is who captures, None for whoever of the world's is free.
    """

    capture: Capture
    job_id: str
    namespace: str
    pod: str
    uid: str
    exits: contextlib.AsyncExitStack
    worker: Worker | None = None

    @property
    def agent(self) -> str:
        """The pod that captures by method node."""
        return agent_name(self.job_id, PodInfo(self.namespace, self.pod, self.uid))

    @property
    def seat(self) -> tuple[str, str, str]:
        """Namespace, pod and container that tcpdump runs in."""
        if self.capture.method == EXEC:
            return self.namespace, self.pod, "app"
        if self.capture.method == EPHEMERAL:
            return self.namespace, self.pod, container_name(self.job_id)
        return AGENTS, self.agent, CONTAINER


@dataclass
class World:
    """`namespace` holds the pods of its trials, all on `node`."""

    cluster: SharedPlayground
    desk: Desk
    namespace: str
    charts: Charts
    """For workers of this process."""
    node: str = "node-1"
    redis: LastingRedis | None = None
    agents: str = AGENTS
    starting: list[asyncio.Task[Part]] = field(default_factory=list)
    """Workers on their way."""
    whole: bool = False
    """Whether the cluster is this world's own: it is healed after each trial."""

    # -- the cluster -------------------------------------------------------------------------------------------

    async def call(self, method: str, path: str, body: object = None) -> Any:
        """Ask the API server as its administrator, again while it is away. Raises ApiError."""
        async with Client(self.cluster.admin_kubeconfig) as client, asyncio.timeout(PATIENCE):
            while True:
                try:
                    return await client.call(method, path, body)
                except (aiohttp.ClientError, TimeoutError):
                    await asyncio.sleep(0.1)

    async def inject(self, kind: str, **fault: object) -> None:
        """Set a fault of the playground; a node that is away can be struck once it is back."""
        async with asyncio.timeout(PATIENCE):
            while True:
                try:
                    await self.call("POST", "/_playground/faults", {"kind": kind, **fault})
                    return
                except ApiError as error:
                    if error.code != 503:
                        raise
                await asyncio.sleep(0.1)

    async def heal(self) -> None:
        """Take every fault back, and wait until the nodes are there and ready."""
        await self.inject("heal")
        async with asyncio.timeout(PATIENCE):
            while not await self._node_ready():  # noqa: ASYNC110 - the state is elsewhere
                await asyncio.sleep(0.1)

    async def _node_ready(self) -> bool:
        try:
            node = await self.call("GET", f"/api/v1/nodes/{self.node}")
        except ApiError:
            return False
        return any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"]["conditions"])

    async def run_in(self, namespace: str, pod: str, container: str, *argv: str) -> None:
        """Run a program in a container by the real kubectl."""
        words = ("exec", "-n", namespace, pod, "-c", container, "--", *argv)
        done = await asyncio.to_thread(self.cluster.kubectl, *words, seconds=PATIENCE)
        assert done.returncode == 0, done.stderr

    # -- workers and Redis -------------------------------------------------------------------------------------

    async def kill_workers(self, scenes: Sequence[Scene]) -> None:
        """Kill whoever holds one of these captures, all in one moment; each is started again, as a pod would be."""
        holders = {id(part): part for part in [await self.desk.holder(scene.job_id) for scene in scenes]}
        for part in holders.values():
            os.kill(part.process.pid, signal.SIGKILL)
        for part in holders.values():
            await self.desk.stack.stop(part)
        folders = {path.parents[1] for scene in scenes for path in self.spools(scene.job_id)}
        start = self.desk.stack.start_worker
        self.starting += [asyncio.create_task(start(THREADCAP_SPOOL_DIR=str(folder))) for folder in folders]

    async def restart_redis(self, seconds: float) -> None:
        """Kill Redis, and start it again on what it has written."""
        assert self.redis is not None
        await asyncio.to_thread(self.redis.kill)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.redis.start)

    def read_again(self, job_id: str) -> int:
        """How often a spool of the job was read on over another stream."""
        logs = [log.read_text() for log in self.desk.stack.rundir.glob("worker-*.log")]
        return sum("container is read again" in line and job_id in line for text in logs for line in text.splitlines())

    def spools(self, job_id: str) -> list[Path]:
        """The local files of a job, whichever worker writes them."""
        return list(self.desk.stack.rundir.glob(f"*.spool/worker-*/{job_id}-*"))

    async def arrived(self, scene: Scene) -> None:
        """Wait until packets have arrived, or the capture is over already."""

        def look() -> bool:
            sizes = [path.stat().st_size for path in self.spools(scene.job_id)]
            return max(sizes, default=0) > FILE_HEADER + SOME_BYTES or self.desk.job(scene.job_id).final

        await until(look, PATIENCE, f"packets of {scene.job_id}")

    async def stored(self, scene: Scene) -> None:
        """Wait until a part of it is where another worker finds it."""
        await until(lambda: self.desk.artifacts.keys(f"jobs/{scene.job_id}/"), PATIENCE, "segments")

    # -- trials ------------------------------------------------------------------------------------------------

    async def trials(
        self, kinds: Sequence[Drawn], methods: Sequence[str], *, one_of: bool = False, alone: bool = False
    ) -> list[Scene]:
        """Run a trial for every seed, by every method or by one of them; `alone`: one trial after the other.

        Returns all of their captures. The trials that failed are named together, each with its seed.
        """
        what = " ".join(getattr(kind, "__qualname__", str(kind)) for kind in kinds)
        scenes: list[Scene] = []
        room = asyncio.Semaphore(1 if alone else SIDE_BY_SIDE)

        async def one(seed: int) -> str:
            trial = draw(seed, kinds, methods, one_of=one_of)
            async with room:
                try:
                    scenes.extend(await self.perform(trial))
                except (AssertionError, ApiError, TimeoutError, aiohttp.ClientError) as error:
                    return f"{SEED}={seed} replays {trial}:\n{type(error).__name__}: {error}"
                return ""

        said = await asyncio.gather(*(one(seed) for seed in seeds(what)))
        failed = [words for words in said if words]
        assert not failed, "\n\n".join(failed)
        return scenes

    async def perform(self, trial: Trial) -> list[Scene]:
        """Go through one trial and judge every capture of it."""
        async with contextlib.AsyncExitStack() as exits:
            scenes = [await exits.enter_async_context(self.scene(capture)) for capture in trial.captures]
            try:
                await self._strike(trial, scenes, early=True)
                working = [asyncio.create_task(self._hand_over(scene)) for scene in scenes]
                await self._strike(trial, scenes, early=False)
                jobs = [await self.desk.ended(scene.job_id, PATIENCE) for scene in scenes]
                await asyncio.gather(*working, *self.starting)
            finally:
                if self.whole:
                    await self.heal()
            judged = [judge(self, trial, scene, job) for scene, job in zip(scenes, jobs, strict=True)]
            wrong = [str(one) for one in await asyncio.gather(*judged, return_exceptions=True) if one is not None]
            assert not wrong, "\n".join(wrong)
            return scenes

    async def _hand_over(self, scene: Scene) -> None:
        if scene.worker is None:
            self.desk.queue.enqueue(scene.job_id)
        else:
            await asyncio.to_thread(scene.worker.work, scene.job_id)

    async def _strike(self, trial: Trial, scenes: Sequence[Scene], *, early: bool) -> None:
        for step in trial.steps:
            if step.fault.early is early:
                if not early:
                    await asyncio.gather(*(self.arrived(scene) for scene in scenes))
                    await asyncio.sleep(step.after)
                await step.fault.strike(self, scenes)

    @contextlib.asynccontextmanager
    async def scene(self, capture: Capture) -> AsyncIterator[Scene]:
        """A pod that talks to itself, and a capture of it that nobody has been told of yet."""
        name = f"talker-{secrets.token_hex(4)}"
        place = f"/api/v1/namespaces/{self.namespace}/pods"
        await self.call("POST", place, _talker(name, self.namespace, self.node, capture))
        try:
            uid = await self._running(f"{place}/{name}")
            spec = CaptureSpec(
                TargetRef(TargetKind.POD, name),
                self.namespace,
                filter=f"udp port {PORT}",
                duration=capture.duration,
                method=capture.method,
                max_bytes=3_000_000,
            )
            job_id = new_job_id()
            assert self.desk.store.create(Job(job_id, spec, ALICE, Origin()))
            async with contextlib.AsyncExitStack() as exits:
                yield Scene(capture, job_id, self.namespace, name, uid, exits)
        finally:
            with contextlib.suppress(ApiError):  # a fault may have deleted it
                await self.call("DELETE", f"{place}/{name}?gracePeriodSeconds=0")

    async def _running(self, path: str) -> str:
        async with asyncio.timeout(PATIENCE):
            while True:
                pod = await self.call("GET", path)
                if all("running" in one["state"] for one in pod["status"].get("containerStatuses") or [{"state": {}}]):
                    return str(pod["metadata"]["uid"])
                await asyncio.sleep(0.1)


def _talker(name: str, namespace: str, node: str, capture: Capture) -> Manifest:
    command = [*PYTHON, SEND, str(capture.size), str(capture.rate), str(PORT)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "containers": [{"name": "app", "image": IMAGE, "command": command}],
        },
    }
