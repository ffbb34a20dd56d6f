"""Faults of what a worker is given: rights it lacks, an image nobody has, quotas, admission, a small disk of its own.

Such a worker is in this process, made from settings as `threadcap worker` is, so that nobody else's captures meet it.
"""

import asyncio
import contextlib
import re
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from deploy.playground.images import CAPTURE_IMAGE
from deploy.playground.scene import RBAC, Manifest, load_manifests
from deploy.playground.scene.client import Client
from tests.chaos.model import WHOLE, End, partial, refused
from tests.support.accounts import capture_account
from workers.capture.cluster import Cluster
from workers.capture.plans import EPHEMERAL, EXEC, NODE
from workers.capture.spool import own_folder
from workers.delivery import Tools, equipped
from workers.settings import WorkerSettings
from workers.state import RedisJobStore
from workers.tasks import Worker

if TYPE_CHECKING:
    from tests.chaos.world import Scene, World

NEEDED = {
    ("get", "pods"): (EXEC, EPHEMERAL, NODE),
    ("list", "pods"): (NODE,),
    ("watch", "pods"): (EPHEMERAL, NODE),
    ("get", "pods/exec"): (EXEC, EPHEMERAL, NODE),
    ("create", "pods/exec"): (EPHEMERAL, NODE),
    ("patch", "pods/ephemeralcontainers"): (EPHEMERAL,),
    ("create", "pods"): (NODE,),
    ("delete", "pods"): (NODE,),
    ("get", "nodes"): (),
    ("get", "namespaces"): (),
    ("list", "services"): (),
}
"""Verb and resource of each right the workers have -> the methods that can't do without."""


@dataclass(frozen=True)
class Forbidden:
    """The workers' account lacks one right."""

    verb: str
    resource: str
    early: ClassVar[bool] = True

    @classmethod
    def draw(cls, chance: Random) -> "Forbidden":
        """Any of those that are granted."""
        return cls(*chance.choice(list(NEEDED)))

    def end(self, method: str) -> End:
        """See Fault.end. What is missing is named."""
        named = rf"\b{self.verb}`?( on)? `?{re.escape(self.resource)}\b"
        return refused(named) if method in NEEDED[self.verb, self.resource] else WHOLE

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        for scene in scenes:
            file = world.desk.stack.rundir / f"{scene.job_id}.kubeconfig"
            account = capture_account(world.cluster.admin_kubeconfig, file, [(self.verb, self.resource)])
            await scene.exits.enter_async_context(account)
            await own_worker(world, scene, kubeconfig=str(file))


@dataclass(frozen=True)
class ImageMissing:
    """No registry has the capture image."""

    image: str
    early: ClassVar[bool] = True

    @classmethod
    def draw(cls, chance: Random) -> "ImageMissing":
        """A name, a tag."""
        return cls(f"threadcap.example/{chance.choice(('capture', 'missing'))}:{chance.randint(2, 99)}")

    def end(self, method: str) -> End:
        """See Fault.end."""
        return refused(f"{re.escape(self.image)}.*(ErrImagePull|ImagePullBackOff|pull)")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        for scene in scenes:
            await own_worker(world, scene, capture_image=self.image)


@dataclass(frozen=True)
class QuotaRefused:
    """The namespace of our pods has no room for another one."""

    early: ClassVar[bool] = True

    @classmethod
    def draw(cls, chance: Random) -> "QuotaRefused":
        """Nothing is random but the capture."""
        return cls()

    def end(self, method: str) -> End:
        """See Fault.end."""
        return refused("quota leaves no room .*exceeded quota: full")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        for scene in scenes:
            home = await scene.exits.enter_async_context(_home(world))
            quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "full"}}
            place = f"/api/v1/namespaces/{home}/resourcequotas"
            await world.call("POST", place, {**quota, "spec": {"hard": {"pods": "0"}}})
            await own_worker(world, scene, agent_namespace=home)


@dataclass(frozen=True)
class AdmissionRefused:
    """A webhook denies what we would add to the cluster."""

    reason: str
    early: ClassVar[bool] = True

    @classmethod
    def draw(cls, chance: Random) -> "AdmissionRefused":
        """One of the reasons policies give."""
        return cls(chance.choice(("images must be signed", "privileged containers are not allowed", "no strangers")))

    def end(self, method: str) -> End:
        """See Fault.end."""
        return refused(f"admission webhook .*denied the request: {self.reason}")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        said = f'admission webhook "policy.example" denied the request: {self.reason}'
        for scene in scenes:
            home = await scene.exits.enter_async_context(_home(world))
            added = {"verb": "patch", "resource": "pods/ephemeralcontainers", "namespace": scene.namespace}
            if scene.capture.method == NODE:
                added = {"verb": "create", "resource": "pods", "namespace": home}
            await world.inject("request", **added, code=403, message=said, times=1)
            await own_worker(world, scene, agent_namespace=home)


@dataclass(frozen=True)
class WorkerDiskFull:
    """The worker's own disk has room for a part of the capture."""

    room: int
    early: ClassVar[bool] = True

    @classmethod
    def draw(cls, chance: Random) -> "WorkerDiskFull":
        """From 16 to 160 KiB."""
        return cls(chance.randint(4, 40) * 4096)

    def end(self, method: str) -> End:
        """See Fault.end."""
        return partial("worker could not write .* its own disk .*No space left on device")

    async def strike(self, world: "World", scenes: Sequence["Scene"]) -> None:
        """See Fault.strike."""
        for scene in scenes:
            folder = world.desk.stack.rundir / f"{scene.job_id}.spool"
            await scene.exits.enter_async_context(_small(folder, self.room))
            await own_worker(world, scene, spool_dir=str(folder))


@contextlib.asynccontextmanager
async def _home(world: "World") -> AsyncIterator[str]:
    """A namespace where the workers may run pods of their own, as in the one they usually have."""
    name = f"test-agents-{secrets.token_hex(4)}"
    rules = [each for each in load_manifests(RBAC / "optional") if each["kind"] in ("Role", "RoleBinding")]
    wanted: list[Manifest] = [{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}]
    wanted += [{**each, "metadata": {"name": each["metadata"]["name"], "namespace": name}} for each in rules]
    async with Client(world.cluster.admin_kubeconfig) as client:
        await client.apply(wanted)
    try:
        yield name
    finally:
        await world.call("DELETE", f"/api/v1/namespaces/{name}")


@contextlib.asynccontextmanager
async def _small(folder: Path, room: int) -> AsyncIterator[None]:
    """A file system with so much room, mounted at `folder`."""
    await asyncio.to_thread(folder.mkdir)
    await _run("mount", "-t", "tmpfs", "-o", f"size={room},nosuid,nodev", "tmpfs", str(folder))
    try:
        yield
    finally:
        await _run("umount", "-l", str(folder))


async def _run(*argv: str) -> None:
    process = await asyncio.create_subprocess_exec(*argv)
    assert await process.wait() == 0, argv


async def own_worker(world: "World", scene: "Scene", **settings: Any) -> None:
    """Have the capture done by a worker with these settings."""
    scene.worker = await scene.exits.enter_async_context(_worker(world, settings))


@contextlib.asynccontextmanager
async def _worker(world: "World", settings: Mapping[str, Any]) -> AsyncIterator[Worker]:
    with contextlib.ExitStack() as exits:
        try:
            yield await asyncio.to_thread(_made, world, settings, exits)
        finally:
            await asyncio.to_thread(exits.close)  # it waits for threads


def _made(world: "World", settings: Mapping[str, Any], exits: contextlib.ExitStack) -> Worker:
    usual = {
        "namespaces": "test-*",
        "kubeconfig": str(world.cluster.capture_kubeconfig),
        "capture_image": CAPTURE_IMAGE,
        "agent_namespace": world.agents,
        "spool_dir": str(world.desk.stack.rundir / "own.spool"),
    }
    chosen = WorkerSettings(**{**usual, **settings})
    tools = Tools(
        cluster=exits.enter_context(contextlib.closing(Cluster(chosen.kubeconfig))),
        artifacts=world.desk.artifacts,
        rules=chosen.rules,
        charts=world.charts,
        spool_dir=own_folder(Path(chosen.spool_dir)),
        equipment=equipped(chosen),
    )
    store = exits.enter_context(contextlib.closing(RedisJobStore(world.desk.stack.redis_url)))
    worker = exits.enter_context(contextlib.closing(Worker(store, world.desk.queue, tools)))
    worker.keeper.start()
    return worker
