"""The supervised mode, where the container is ours: its first process captures into a spool there (scripts.SUPERVISED).

An exec only reads, from any byte on, so that a cut connection loses nothing: the next one goes on where the last one
ended. Our heartbeats renew the capture's deadline under a hard ceiling; without them it ends, and the spool waits a
while for whoever takes the job over.
"""

import contextlib
import threading
import time

import structlog

from workers.capture import scripts
from workers.capture.attached import AttachedCapture
from workers.capture.cluster import Cluster
from workers.capture.ending import TAKEN, Ending, unstarted
from workers.capture.plans import Plan
from workers.capture.seat import Follower, House, Patience, Seat
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.targets import PodInfo
from workers.capture.tcpdump import GRACE, SLACK, Trailer, attached_argv, marker, tcpdump_argv
from workers.contract.errors import ClusterForbidden, NotCapturable, TargetNotFound, ThreadcapError
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec

log = structlog.get_logger(__name__)

FOLDER = "/spool"
LAPSE = 60
"""Seconds without a heartbeat after which the pod ends a capture by itself."""
LINGER = 600
"""Seconds a spool waits to be read to its end."""
TRIES_FOR = 60.0
"""Seconds a reader tries to reach the spool again before it gives up."""
LONGEST_PAUSE = 2.0


def supervised_argv(plan: Plan, spec: CaptureSpec, job_id: str, ceiling: float) -> list[str]:
    """Return what the container begins with; it lives `ceiling` seconds at most, and its spool's time on top."""
    seconds = max(1, round(spec.duration))
    until = int(time.time() + max(ceiling, seconds) + GRACE + LINGER)
    bounds = [str(seconds), str(spec.max_bytes + SLACK), str(LAPSE), str(LINGER), str(until)]
    tcpdump = tcpdump_argv(spec, as_root=plan.may_change_user)
    if plan.where.startswith(("link:", "route:")):  # the interface is found there
        tcpdump = [tcpdump[0], *tcpdump[3:]]
    return ["sh", "-c", scripts.SUPERVISED, "threadcap-spool", marker(job_id), FOLDER, *bounds, plan.where, *tcpdump]


def follow_argv(job_id: str, start: int) -> list[str]:
    """Return what reads the spool from byte `start` on."""
    return ["sh", "-c", scripts.FOLLOW, "threadcap-follow", marker(job_id), FOLDER, str(start)]


def leave_argv(job_id: str) -> list[str]:
    """Return what ends the container."""
    return ["sh", "-c", scripts.LEAVE, "threadcap-leave", marker(job_id), FOLDER]


class SupervisedCapture:
    """One capture in a container of ours. `run` in one thread, `stop` and `extend` from any, `close` at the end.

    With `resume` it takes over what another worker began, from the byte its spool already has.
    """

    def __init__(
        self,
        cluster: Cluster,
        plan: Plan,
        spec: CaptureSpec,
        job_id: str,
        spool: Spool,
        house: House,
        *,
        ceiling: float,
        resume: bool = False,
    ) -> None:
        self.spool = spool
        self._cluster = cluster
        self._plan = plan
        self._spec = spec
        self._job_id = job_id
        self._ceiling = ceiling
        self._resume = resume
        patience = Patience(TRIES_FOR, LONGEST_PAUSE)
        self._follower = Follower(cluster, job_id, house, self, patience, resume=resume)
        self._inner: AttachedCapture | None = None
        self._changing = threading.Lock()

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop."""
        if why == TAKEN:
            self._follower.leave()
            self._follower.stopped.set()
            return
        with self._changing:
            self._follower.stop(why)
            if self._inner is not None:
                self._inner.stop(why)

    def extend(self, seconds: float) -> None:
        """See Capture.extend."""
        with self._changing:
            self._follower.extend(seconds)
            if self._inner is not None:
                self._inner.extend(seconds)

    def close(self) -> bool:
        """See Capture.close."""
        return self._follower.close()

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run."""
        began, follower = time.time(), self._follower
        argv = supervised_argv(self._plan, self._spec, self._job_id, self._ceiling)
        seat = follower.enter(argv, "The container that captured is gone.")
        if seat is None:
            return unstarted(self.spool, began, follower.stopped_by or "stop")
        lost = follower.follow(seat, runner)
        if follower.left.is_set():
            lost = "another worker goes on with it"
        elif follower.trailer.no_spool and self._resume:
            raise TargetNotFound("It was streamed to the worker that is gone.")
        elif follower.trailer.no_spool:
            return self._without_spool(seat, runner)
        ended = "" if lost or follower.stopped_by else self._ended_by_cluster(seat)
        follower.trailer.told = bool(ended)
        ending = Ending(self._plan, self._spec, self.spool, follower.trailer, follower.stopped_by, began)
        return ending.outcome(lambda: lost or ended)

    # -- see seat.Feed -----------------------------------------------------------------------------------------

    def argv(self) -> list[str]:
        """See Feed.argv."""
        return follow_argv(self._job_id, self.spool.size)

    def take(self, data: bytes) -> None:
        """See Feed.take."""
        self.spool.write(data)
        if self.spool.size >= self._spec.max_bytes and not self._follower.stopped_by:
            self.stop("bytes")

    def enough(self, trailer: Trailer) -> bool:
        """See Feed.enough: every byte the pod spoke of has come, or none will."""
        whole = trailer.size is None or self.spool.size >= trailer.size
        return bool(trailer.no_spool) or (trailer.done and whole)

    def refused(self, error: ThreadcapError) -> None:
        """See Feed.refused: nobody waits for a right."""
        if isinstance(error, ClusterForbidden) and not self.spool.size:
            raise error

    def deleted(self, pod: PodInfo) -> str:
        """See Feed.deleted."""
        what = "pod" if pod.uid == self._plan.pod.uid else "the capturing pod"
        return f"{what} {pod.name} was deleted during the capture"

    def ended(self, said: str) -> str:
        """See Feed.ended."""
        if not self.spool.size and not self._follower.stopped_by:
            target = self._plan.pod.name
            raise NotCapturable(f"Capturing {target} from a container of Threadcap did not work: {said[:160]}.")
        return f"the container that captured has ended ({said[:80]})"

    # -- the end -----------------------------------------------------------------------------------------------

    def _ended_by_cluster(self, seat: Seat) -> str:
        """Why it ended before its time though the spool is whole, "" when it did not: its end, or the target's."""
        beside = seat.pod.uid != self._plan.pod.uid and not self._plan.pod.is_node
        looked_at = [self._plan.pod] if beside else []
        if self._follower.trailer.told:
            looked_at.append(seat.pod)
        with contextlib.suppress(ThreadcapError):
            for pod in looked_at:
                now = self._cluster.pod(pod.namespace, pod.name)
                if now is None or now.deleting or now.uid != pod.uid:
                    return self.deleted(pod)
        return "the cluster ended the container that captured" if self._follower.trailer.told else ""

    # -- without a spool ---------------------------------------------------------------------------------------

    def _without_spool(self, seat: Seat, runner: Runner) -> CaptureOutcome:
        """Capture attached, in our own container: its disk must not be written to."""
        log.info("no spool", job=self._job_id, pod=seat.pod.name, why=self._follower.trailer.no_spool)
        argv = attached_argv(self._spec, self._job_id, ceiling=self._ceiling)
        plan = Plan(seat.pod, seat.container, self._plan.method)
        inner = AttachedCapture(self._cluster, plan, self._spec, self._job_id, self.spool, argv)
        with self._changing:
            self._inner = inner
            if (remaining := self._follower.remaining) is not None:
                inner.extend(remaining)
            if self._follower.stopped_by:
                inner.stop(self._follower.stopped_by)
        return inner.run(runner)
