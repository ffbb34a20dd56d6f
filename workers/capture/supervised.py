"""The supervised mode, where the container is ours: its first process captures into a spool there (scripts.SUPERVISED).

An exec only reads, from any byte on, so that a cut connection loses nothing: the next one goes on where the last one
ended. Our heartbeats renew the capture's deadline under a hard ceiling; without them it ends, and the spool waits a
while for whoever takes the job over.
"""

import contextlib
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from workers.capture import scripts
from workers.capture.attached import AttachedCapture
from workers.capture.cluster import Cluster
from workers.capture.ending import TAKEN, Ending, unstarted
from workers.capture.exec_stream import STDERR, STDOUT, ExecStream
from workers.capture.plans import Plan
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.targets import PodInfo
from workers.capture.tcpdump import (
    BEAT,
    GO,
    GRACE,
    SLACK,
    STOP,
    Trailer,
    attached_argv,
    lasting,
    marker,
    tcpdump_argv,
)
from workers.contract.errors import ClusterForbidden, NotCapturable, TargetNotFound, ThreadcapError
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec

log = structlog.get_logger(__name__)

FOLDER = "/spool"
LAPSE = 60
"""Seconds without a heartbeat after which the pod ends a capture by itself."""
BEAT_SECONDS = 5.0
LINGER = 600
"""Seconds a spool waits to be read to its end."""
TRIES_FOR = 60.0
"""Seconds a reader tries to reach the spool again before it gives up."""
PAUSE = 0.2, 2.0
TICK = 1.0


@dataclass(frozen=True, slots=True)
class Seat:
    """The container of ours that captures."""

    pod: PodInfo
    container: str


class House(Protocol):
    """Puts a container of ours where the packets are, and takes it away."""

    def enter(self, argv: Sequence[str], stopped: threading.Event) -> Seat | None:
        """Add it and wait until it runs; None when `stopped` came first. Raises NotCapturable, ClusterForbidden, …"""

    def find(self) -> Seat | None:
        """Return it as an earlier worker left it, None when there is none."""

    def leave(self) -> bool:
        """End it and whatever of it can be removed; False when that was not seen. Never raises; again is harmless."""


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
        self._house = house
        self._ceiling = ceiling
        self._resume = resume
        self._trailer = Trailer()
        self._stopped = threading.Event()
        self._stopped_by = ""
        self._until: float | None = None
        """The moved end, monotonic."""
        self._wishes: list[bytes] = []
        """What the pod has not been told yet."""
        self._stream: ExecStream | None = None
        self._inner: AttachedCapture | None = None
        self._lock = threading.Lock()
        self._entered = resume
        self._taken = False

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop."""
        with self._lock:
            self._stopped.set()
            if why == TAKEN:
                self._taken, self._entered = True, False
                return
            self._stopped_by = self._stopped_by or why
            self._say(STOP)
            if self._inner is not None:
                self._inner.stop(why)

    def extend(self, seconds: float) -> None:
        """See Capture.extend."""
        with self._lock:
            self._until = time.monotonic() + seconds
            self._say(lasting(seconds))
            if self._inner is not None:
                self._inner.extend(seconds)

    def close(self) -> bool:
        """See Capture.close."""
        entered, self._entered = self._entered, False
        return not entered or self._house.leave()

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run."""
        began = time.time()
        seat = self._seat()
        if seat is None:
            return unstarted(self.spool, began, self._stopped_by or "stop")
        lost = self._follow(seat, runner)
        if self._trailer.no_spool and self._resume:
            raise TargetNotFound("It was streamed to the worker that is gone.")
        if self._trailer.no_spool:
            return self._without_spool(seat, runner)
        ended = "" if lost or self._stopped_by else self._ended_by_cluster(seat)
        self._trailer.told = bool(ended)
        ending = Ending(self._plan, self._spec, self.spool, self._trailer, self._stopped_by, began)
        return ending.outcome(lambda: lost or ended)

    def _seat(self) -> Seat | None:
        if self._resume:
            found = self._house.find()
            if found is None:
                raise TargetNotFound("The container that captured is gone.")
            return found
        self._entered = True  # even when nobody knows whether it was added
        return self._house.enter(supervised_argv(self._plan, self._spec, self._job_id, self._ceiling), self._stopped)

    # -- reading -----------------------------------------------------------------------------------------------

    def _follow(self, seat: Seat, runner: Runner) -> str:
        """Read to the end over as many connections as it takes; returns why not to the end, "" when it was."""
        given_up, pause = time.monotonic() + TRIES_FOR, PAUSE[0]
        while True:
            before = self.spool.size
            self._trailer = Trailer()
            why = self._read_once(seat, runner)
            if self._taken:
                return "another worker goes on with it"
            if self._trailer.no_spool or (self._trailer.done and self._whole):
                return ""
            if gone := self._gone(seat):
                return gone
            if self.spool.size > before or self._trailer.ready:
                given_up, pause = time.monotonic() + TRIES_FOR, PAUSE[0]
            if time.monotonic() > given_up:
                return f"the connection to pod {seat.pod.name} was lost"
            log.info("spool is read again", job=self._job_id, pod=seat.pod.name, at=self.spool.size, why=why)
            time.sleep(pause)
            pause = min(PAUSE[1], pause * 2)

    @property
    def _whole(self) -> bool:
        return self._trailer.size is None or self.spool.size >= self._trailer.size

    def _read_once(self, seat: Seat, runner: Runner) -> str:
        try:
            opened = self._cluster.open_exec(seat.pod, seat.container, follow_argv(self._job_id, self.spool.size))
        except ThreadcapError as error:
            if isinstance(error, ClusterForbidden) and not self.spool.size:
                raise  # nobody waits for a right
            return str(error)
        try:
            with contextlib.closing(opened):
                self._receive(opened, runner)
        finally:
            with self._lock:
                self._stream = None
        return "" if self._trailer.done else "the stream ended"

    def _receive(self, opened: ExecStream, runner: Runner) -> None:
        trailer, spool, beat = self._trailer, self.spool, 0.0
        for channel, data in opened.frames(TICK):
            if channel == STDOUT:
                spool.write(data)
                if spool.size >= self._spec.max_bytes and not self._stopped_by:
                    self.stop("bytes")
            elif channel == STDERR:
                was_ready = trailer.ready
                trailer.feed(data)
                if trailer.ready and not was_ready:
                    self._arrive(opened, runner)
            if trailer.no_spool or self._taken or (trailer.done and self._whole):
                return
            if time.monotonic() - beat > BEAT_SECONDS:
                beat = time.monotonic()
                opened.send(BEAT)
        trailer.finish()

    def _arrive(self, opened: ExecStream, runner: Runner) -> None:
        """Begin with the others; said again by a later reader it changes nothing. Then what was wished meanwhile."""
        runner.ready()
        with self._lock:
            self._stream = opened
            opened.send(GO)
            if self._until is not None:
                opened.send(lasting(self._until - time.monotonic()))
            if self._stopped_by:
                opened.send(STOP)

    def _say(self, word: bytes) -> None:
        if self._stream is not None:
            self._stream.send(word)

    def _ended_by_cluster(self, seat: Seat) -> str:
        """Why it ended before its time though the spool is whole, "" when it did not: its end, or the target's."""
        beside = seat.pod.uid != self._plan.pod.uid and not self._plan.pod.is_node
        looked_at = [self._plan.pod] if beside else []
        if self._trailer.told:
            looked_at.append(seat.pod)
        with contextlib.suppress(ThreadcapError):
            for pod in looked_at:
                now = self._cluster.pod(pod.namespace, pod.name)
                if now is None or now.deleting or now.uid != pod.uid:
                    return self._deleted(pod)
        return "the cluster ended the container that captured" if self._trailer.told else ""

    def _deleted(self, pod: PodInfo) -> str:
        what = "pod" if pod.uid == self._plan.pod.uid else "the capturing pod"
        return f"{what} {pod.name} was deleted during the capture"

    def _gone(self, seat: Seat) -> str:
        """Why there is nothing left to read, in words; "" while there may be."""
        target = self._plan.pod.name
        try:
            pod = self._cluster.pod(seat.pod.namespace, seat.pod.name)
        except ThreadcapError:
            return ""
        if pod is None or pod.uid != seat.pod.uid:
            return self._deleted(seat.pod)
        mine = next((one for one in pod.containers if one.name == seat.container), None)
        if mine is not None and (mine.running or not mine.waiting_reason):
            return ""
        said = (mine.message if mine else "") or pod.reason or (mine.waiting_reason if mine else "")
        if not self.spool.size and not self._stopped_by:
            raise NotCapturable(f"Capturing {target} from a container of Threadcap did not work: {said[:160]}.")
        return f"the container that captured has ended ({said[:80]})"

    # -- without a spool ---------------------------------------------------------------------------------------

    def _without_spool(self, seat: Seat, runner: Runner) -> CaptureOutcome:
        """Capture attached, in our own container: its disk must not be written to."""
        log.info("no spool", job=self._job_id, pod=seat.pod.name, why=self._trailer.no_spool)
        argv = attached_argv(self._spec, self._job_id, ceiling=self._ceiling)
        plan = Plan(seat.pod, seat.container, self._plan.method)
        inner = AttachedCapture(self._cluster, plan, self._spec, self._job_id, self.spool, argv)
        with self._lock:
            self._inner = inner
            if self._until is not None:
                inner.extend(self._until - time.monotonic())
            if self._stopped_by:
                inner.stop(self._stopped_by)
        return inner.run(runner)
