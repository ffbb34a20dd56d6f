"""What captures may have left in the cluster, found and ended: expired pods of ours, pods and processes of jobs that
are over. One sweeper at a time, in whichever worker has the lease; it needs nobody to tell it to begin.

Jobs whose worker died are another matter: leases.py finds those, salvage.py goes on with them.
"""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from workers.capture.attached import sweep
from workers.capture.cluster import Cluster
from workers.capture.methods.upload import remove
from workers.capture.plans import EPHEMERAL, UPLOAD, Plan
from workers.capture.shapes import FoundAgent
from workers.capture.supervised import leave_argv
from workers.capture.targets import PodInfo
from workers.contract.errors import JobNotFound, StoreUnavailable, ThreadcapError
from workers.contract.job import Job
from workers.contract.ports import Debt

log = structlog.get_logger(__name__)

EVERY_SECONDS = 5.0
LEASE = 15.0
"""Seconds after which another worker sweeps, when the one that did is gone."""
GRACE = 30.0
"""Seconds a finished job has to take its own pods away."""
UNKNOWN = 300.0
"""Seconds a pod of this installation lives on for a job that nobody knows: its record may be lost, or its worker
behind."""
AT_ONCE = 8
LONGEST_PAUSE = 300.0
"""Seconds between two tries at a place that can't be reached."""


class Jobs(Protocol):
    """What the sweeper asks the store."""

    def get(self, job_id: str) -> Job:
        """See JobStore.get."""

    def debts(self) -> list[Debt]:
        """See JobStore.debts."""

    def forgive(self, debt: Debt) -> None:
        """See JobStore.forgive."""

    def audit(self, action: str, fields: Mapping[str, Any]) -> None:
        """See JobStore.audit."""


@dataclass(frozen=True, slots=True)
class Leftover:
    """A pod of ours, or a container in which something of a job may be left. Times in epoch seconds.

    `why` says why it is ended; "" for what is kept, and `kept` then says why.
    """

    job_id: str
    namespace: str
    pod: str
    node: str
    container: str
    created: float
    expires: float
    why: str
    kept: str = ""
    debt: Debt | None = None


def judge(agent: FoundAgent, job: Job | None, installation: str, now: float) -> tuple[str, str]:
    """Return (why a capturing pod must go, "") or ("", why it is kept). `job` None: nobody knows it. Pure."""
    if agent.expires and agent.expires < now:
        return f"it expired {now - agent.expires:.0f} s ago", ""
    if job is None and (not agent.installation or agent.installation != installation):
        return "", "its capture is none of this Threadcap's"
    if job is None:
        known = now - agent.created < UNKNOWN
        return ("", "its capture is not known yet") if known else ("nobody knows its capture", "")
    if not job.final:
        return "", f"capture {job.id} is {job.state}"
    if now - job.updated < GRACE:
        return "", f"capture {job.id} has just ended"
    return f"capture {job.id} is over ({job.state})", ""


class Sweeper:
    """Looks for leftovers and ends them. Looking changes nothing. `by`: for whom, as the audit has it."""

    def __init__(self, cluster: Cluster, jobs: Jobs, namespace: str, installation: str, by: str = "sweeper") -> None:
        self._by = by
        self._cluster = cluster
        self._jobs = jobs
        self._namespace = namespace
        self._installation = installation

    def debts(self) -> list[Leftover]:
        """Return the places where something may be left. Raises StoreUnavailable."""
        return [_owed(debt) for debt in self._jobs.debts()]

    def pods(self) -> list[Leftover]:
        """Return the pods of ours. Raises ClusterForbidden, ClusterUnavailable, StoreUnavailable."""
        agents = self._cluster.agents(self._namespace) if self._namespace else []
        return [self._judged(agent) for agent in agents]

    def end(self, one: Leftover) -> bool:
        """End a leftover; True when nothing of it is left. Never raises but StoreUnavailable."""
        try:
            ended = self._deleted(one) if one.debt is None else self._swept(one.debt)
        except StoreUnavailable:
            raise
        except ThreadcapError as error:
            log.warning("leftover not ended", job=one.job_id, pod=one.pod, error=str(error))
            return False
        if ended:
            where = {"job": one.job_id, "namespace": one.namespace, "pod": one.pod, "container": one.container}
            log.info("leftover ended", why=one.why, **where)
            self._jobs.audit("swept", {**where, "why": one.why, "by": self._by})
        return ended

    def _judged(self, agent: FoundAgent) -> Leftover:
        why, kept = judge(agent, self._job(agent.job_id), self._installation, time.time())
        pod, times = agent.pod, (agent.created, agent.expires)
        return Leftover(agent.job_id, pod.namespace, pod.name, pod.node, "", *times, why, kept)

    def _job(self, job_id: str) -> Job | None:
        try:
            return self._jobs.get(job_id)
        except JobNotFound:
            return None

    def _deleted(self, one: Leftover) -> bool:
        self._cluster.delete_pod(one.namespace, one.pod)
        return True

    def _swept(self, debt: Debt) -> bool:
        pod = self._cluster.pod(debt.namespace, debt.pod)
        over = pod is None or (debt.uid and pod.uid != debt.uid) or _ended(pod, debt.container)
        if over or (pod is not None and self._cleaned(pod, debt)):
            self._jobs.forgive(debt)
            return True
        return False

    def _cleaned(self, pod: PodInfo, debt: Debt) -> bool:
        """End what runs of a job in a running container."""
        if debt.method == EPHEMERAL:
            self._cluster.run(pod, debt.container, leave_argv(debt.job_id))
        if not sweep(self._cluster, pod, debt.container, debt.job_id):
            return False
        plan = Plan(pod, debt.container, debt.method)
        return debt.method != UPLOAD or remove(self._cluster, plan, debt.job_id)


def _ended(pod: PodInfo, container: str) -> bool:
    """Whether a container has ended for good: nothing runs in it. One that waits for its image may still begin."""
    mine = next((one for one in pod.containers if one.name == container), None)
    return mine is None or (not mine.running and bool(mine.id))


def _owed(debt: Debt) -> Leftover:
    where = (debt.job_id, debt.namespace, debt.pod, "", debt.container)
    return Leftover(*where, debt.since, 0.0, "it could not be ended when its capture was over", debt=debt)


class SweepLoop:
    """Sweeps every few seconds while this worker has the lease. `lease` takes or renews it: True when it is ours."""

    def __init__(self, sweeper: Sweeper, lease: Callable[[], bool], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._sweeper = sweeper
        self._lease = lease
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sweeper", daemon=True)
        self._said = ""
        self._tried: dict[str, float] = {}
        """Debt -> when it was tried last."""

    def start(self) -> None:
        """Start sweeping."""
        self._thread.start()

    def close(self) -> None:
        """Sweep no more."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join(5)

    def _run(self) -> None:
        while not self._closing.wait(EVERY_SECONDS):
            try:
                if self._lease():
                    self.once()
                self._said = ""
            except ThreadcapError as error:
                if str(error) != self._said:  # once, not every few seconds of an outage
                    log.warning("not swept", error=str(error))
                self._said = str(error)
            except Exception:  # the boundary of the thread: nothing is swept by this worker without it
                log.exception("not swept")

    def once(self) -> None:
        """Look, and end what is due."""
        owed = self._sweeper.debts()
        keys = {one.debt.key for one in owed if one.debt is not None}
        self._tried = {key: at for key, at in self._tried.items() if key in keys}
        self._end(owed)
        self._end(self._sweeper.pods())  # last: the right to list them may be missing

    def _end(self, found: Sequence[Leftover]) -> None:
        due = [one for one in found if one.why and self._is_time(one)]
        if due:
            with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sweep") as pool:
                for _ in pool.map(self._sweeper.end, due):
                    self._lease()

    def _is_time(self, one: Leftover) -> bool:
        """Whether to try a place again: the older the debt, the rarer."""
        if one.debt is None:
            return True
        now = self._clock()
        pause = min(LONGEST_PAUSE, max(0.0, now - one.debt.since) / 4)
        if now - self._tried.get(one.debt.key, 0.0) < pause:
            return False
        self._tried[one.debt.key] = now
        return True
