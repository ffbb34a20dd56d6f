"""Every method on every kind of pod, one whose node is lost included: it captures and is proved, or it says why not.

TABLE is what is expected; every cell is a job of its own, all asked for at once, and each cell is once more a dry run.
"""

import asyncio
import re
import secrets
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import pytest
import pytest_asyncio

from bot.commands import Commands
from deploy.playground.scene.client import Client
from deploy.playground.stack import Stack
from deploy.playground.up import PlaygroundSettings
from tests.support.captures import Desk
from tests.support.every_kind import KINDS, KindOfPod, every_kind
from tests.support.local_exec import until_none
from tests.support.stack import until
from workers.artifacts import ObjectArtifacts
from workers.capture.cluster import Cluster
from workers.capture.tcpdump import marker
from workers.contract.job import Job, JobState, PlannedTarget
from workers.contract.spec import METHODS
from workers.policy import Rules
from workers.queue import CeleryQueue
from workers.state import RedisJobStore

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.timeout(300)]

KEPT, LOST, HOME = "node-1", "node-2", "threadcap"
SECONDS = 2
WAIT = 150.0
"""How long a cell may take, all others beside it."""
AT_ONCE = 12
"""Cells that capture at once: two cores make no more of them in the same time."""

CAN = ""
ALONE = "the pod has no other running container"
BARE = "container app: it has no tcpdump"
NO_SHELL = "container app: it has no sh"
NOT_ROOT = "it does not run as root, and an uploaded program gets no capabilities"
NO_LINK = "it has no interface of its own on the node"
NO_POD = "a node has no containers"
DEAD = f"node {LOST} is not ready"
BETWEEN = r"no container of the pod runs right now \(app is (Error|CrashLoopBackOff)\)"
ENDED = r"container app of pod crashing (ended \(\w+\)|was started again) during the capture, and tcpdump with it"
BRIEF = rf"{BETWEEN}|{ENDED}|ended before its first byte|That container is not running|could not be uploaded"
"""It runs for a second and then not for many, whenever the planner may look."""

Row = tuple[str, str, str, str, str, str, str]
"""What each of METHODS comes to (CAN, or a pattern of why not), and the planner's choice, "" for none."""
TABLE: Mapping[str, Row] = {
    #                    exec      sidecar  ephemeral  node    veth     upload    chosen
    "with-tcpdump":     (CAN,      ALONE,   CAN,       CAN,    CAN,     CAN,      "exec"),
    "without-tcpdump":  (BARE,     ALONE,   CAN,       CAN,    CAN,     NOT_ROOT, "ephemeral"),
    "with-sidecar":     (BARE,     CAN,     CAN,       CAN,    CAN,     NOT_ROOT, "sidecar"),
    "distroless":       (NO_SHELL, ALONE,   CAN,       CAN,    CAN,     NO_SHELL, "ephemeral"),
    "hardened":         (BARE,     ALONE,   CAN,       CAN,    CAN,     NOT_ROOT, "ephemeral"),
    "writable":         (BARE,     ALONE,   CAN,       CAN,    CAN,     CAN,      "ephemeral"),
    "host-network":     (BARE,     ALONE,   CAN,       CAN,    NO_LINK, NOT_ROOT, "ephemeral"),
    "restricted":       (BARE,     ALONE,   "the Pod Security level of namespace .* is restricted",
                                                       CAN,    CAN,     NOT_ROOT, "node"),
    "crashing":         (BRIEF,    f"{BETWEEN}|{ALONE}", CAN, CAN, CAN, BRIEF,    "ephemeral"),
    "on-lost-node":     (DEAD,     DEAD,    DEAD,      DEAD,   DEAD,    DEAD,     ""),
    f"node/{KEPT}":     (NO_POD,   NO_POD,  "a node has no pod to add a container to",
                                                       CAN,    NO_LINK, NO_POD,   "node"),
}  # fmt: skip
ADDS = {
    "exec": r"^$",
    "sidecar": r"^$",
    "ephemeral": r"^ephemeral container threadcap-\w+ \(.+\) in pod kinds-",
    "node": rf"^pod {HOME}/threadcap-\S+ \(.+; (privileged|root, NET_RAW, the node's network)\) on node {KEPT}, ",
    "veth": rf"^pod {HOME}/threadcap-\S+ \(.+; root, NET_RAW, the node's network\) on node {KEPT}, removed",
    "upload": r"^folder /\S*threadcap-\w+ with a tcpdump in container app of pod ",
}
Cell = tuple[str, str]
CELLS: Sequence[Cell] = [(kind, method) for kind in sorted(TABLE) for method in (*METHODS, "")]
"""`crashing` is the first: the longer it crashes, the longer it stays away in between."""


def expected(kind: str, method: str) -> str:
    """CAN or a pattern of why not; of the planner's choice, CAN unless there is none."""
    *row, chosen = TABLE[kind]
    if not method:
        return CAN if chosen else DEAD
    return row[METHODS.index(method)]


@dataclass
class Board:
    """All jobs, by cell."""

    desk: Desk
    cluster: Cluster
    kinds: Mapping[str, KindOfPod]
    jobs: dict[Cell, str] = field(default_factory=dict)
    plans: dict[Cell, str] = field(default_factory=dict)

    def ask(self, kind: str, method: str, *, dry_run: bool) -> str:
        pod = self.kinds.get(kind)
        target = f"pod/{pod.name}" if pod else kind
        namespace = pod.namespace if pod else "default"
        more = {"duration": SECONDS, "method": method, "dry_run": dry_run}
        return self.desk.ask(target, "icmp", namespace=namespace, **more)

    async def ended(self, job_id: str) -> Job:
        return await self.desk.ended(job_id, WAIT)

    async def planned(self, kind: str, method: str) -> PlannedTarget:
        job = await self.ended(self.plans[kind, method])
        assert job.state is JobState.DONE, job.message
        (target,) = job.planned
        return target

    def traces(self, kind: str, job_id: str) -> list[str]:
        """What the cluster shows of a job: pods of ours, ephemeral containers that run, folders of uploads."""
        found = [agent.pod.name for agent in self.cluster.agents(HOME) if job_id in agent.pod.name]
        place = self.kinds.get(kind)
        pod = self.cluster.pod(place.namespace, place.name) if place else None
        ours = pod.named(f"threadcap-{job_id}") if pod else None
        if ours is not None and (ours.running or not ours.waiting_reason):
            found.append(ours.name)
        if pod is not None and kind in ("with-tcpdump", "writable"):
            look = ["sh", "-c", 'ls -d /*/"$1" /"$1" /var/tmp/"$1" 2>/dev/null', "look", f"threadcap-{job_id}"]
            found += self.cluster.run(pod, "app", look).stdout.decode().split()
        return found

    def added(self, kind: str, job_id: str) -> bool:
        """Whether the pod's spec lists a container of this job."""
        place = self.kinds.get(kind)
        pod = self.cluster.pod(place.namespace, place.name) if place else None
        return pod is not None and pod.named(f"threadcap-{job_id}") is not None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def board() -> AsyncIterator[Board]:
    """A playground of its own, as a node of it gets lost; every cell asked for."""
    settings = PlaygroundSettings(id=f"test-{secrets.token_hex(4)}", scene=False)
    async with Stack(settings, progress=lambda line: None) as stack:
        admin = stack.playground.admin_kubeconfig
        others = [kind for kind in KINDS if kind != "crashing"]
        async with AsyncExitStack() as exits:
            kinds = dict(await exits.enter_async_context(every_kind(admin, others, kept=KEPT, lost=LOST)))
            cluster = Cluster(str(admin))
            await _lose(cluster, stack)
            settings_of = {"NAMESPACES": "kinds-*", "WHOLE_NODES": "true", "AT_ONCE__ALL": str(AT_ONCE)}
            await stack.start_worker(**{f"THREADCAP_{name}": value for name, value in settings_of.items()})
            store, queue = RedisJobStore(stack.redis_url), CeleryQueue(stack.redis_url)
            commands = Commands(store, queue, Rules(whole_nodes=True), time.time)
            artifacts = ObjectArtifacts(f"file://{stack.rundir}/artifacts")
            kinds |= await exits.enter_async_context(every_kind(admin, ["crashing"], kept=KEPT))
            one = Board(Desk(stack, store, queue, artifacts, commands), cluster, kinds)
            one.jobs = {cell: one.ask(*cell, dry_run=False) for cell in CELLS}
            one.plans = {cell: one.ask(*cell, dry_run=True) for cell in CELLS}
            yield one
            queue.close()
            store.close()
            cluster.close()


async def _lose(cluster: Cluster, stack: Stack) -> None:
    async with Client(stack.playground.admin_kubeconfig) as client:
        await client.call("POST", "/_playground/faults", {"kind": "node-lost", "node": LOST})
    await until(lambda: (node := cluster.node(LOST)) is not None and not node.ready, 60, "the node's loss")


async def test_the_table_is_whole() -> None:
    assert set(TABLE) == {*KINDS, f"node/{KEPT}"}


@pytest.mark.parametrize(("kind", "method"), CELLS)
async def test_it_captures_or_says_why_not(board: Board, kind: str, method: str) -> None:
    job_id, why = board.jobs[kind, method], expected(kind, method)
    job = await board.ended(job_id)
    if (kind, method) == ("crashing", "node") and job.state is JobState.FAILED:
        # the playground's pods have no sandbox process: between two starts far apart nothing is there to enter
        gone = "no process of the pod was on this node|ended before its first byte|nsenter: cannot open"
        assert re.search(gone, job.message)
    elif why == CAN:
        (target,) = board.desk.proved(job).targets
        assert target.method == (method or TABLE[kind][-1])
        assert target.outcome.packets > 0
    else:
        assert job.state in (JobState.FAILED, JobState.PARTIAL), job.state
        told = job.message if job.state is JobState.FAILED else board.desk.report(job).targets[0].outcome.reason
        assert re.search(why, told), told
        assert job.error_code != "internal"
    await asyncio.to_thread(until_none, marker(job_id))
    await until(lambda: not board.traces(kind, job_id), 30, f"the end of {board.traces(kind, job_id)}")


@pytest.mark.parametrize(("kind", "method"), CELLS)
async def test_a_dry_run_says_the_same_and_does_nothing(board: Board, kind: str, method: str) -> None:
    why = expected(kind, method)
    if kind == "crashing" and method in ("exec", "sidecar", "upload"):
        why = f"{BETWEEN}|{ALONE}|"  # for the second that it runs, it would do
    planned = await board.planned(kind, method)
    chosen = (method or TABLE[kind][-1]) if why == CAN else ""
    assert planned.method == chosen or (chosen == "" and kind == "crashing")
    rejected = dict(planned.rejected)
    if planned.method:
        assert re.search(ADDS[planned.method], "".join(planned.creates))
        assert planned.argv[0].rpartition("/")[2] == "tcpdump"
        assert planned.argv[-2] == "--"
        assert "icmp" in planned.argv[-1]  # on a node's network our own traffic is left out, too
        assert planned.limits.startswith("2 s, ")
    elif method:
        assert re.search(why, rejected[method]), rejected
    if not method:
        assert set(rejected) == set(METHODS) - {planned.method}
        for name, said in rejected.items():
            reason = expected(kind, name)
            assert "comes later" in said if reason == CAN else re.search(reason, said) or kind == "crashing", (
                name,
                said,
            )
    job_id = board.plans[kind, method]
    assert not await asyncio.to_thread(board.traces, kind, job_id)
    assert not await asyncio.to_thread(board.added, kind, job_id)
