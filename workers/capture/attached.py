"""The attached mode: tcpdump as a child of one exec, ending with its client. The only one in a customer's container.

The pcap comes as the exec stream's stdout; the wrapper (scripts.ATTACHED) bounds it inside the container, hashes what
leaves, says on stderr that it is done and waits for our acknowledgement.
"""

import contextlib
import threading
import time
from collections.abc import Sequence

import structlog

from workers.capture.cluster import Cluster
from workers.capture.ending import Ending, unstarted
from workers.capture.exec_stream import STDERR, STDOUT, ExecStream
from workers.capture.plans import Plan
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.targets import PodInfo
from workers.capture.tcpdump import ACK, GO, GRACE, STOP, Probe, Trailer, lasting, parse_probe, probe_argv, sweep_argv
from workers.contract.errors import CaptureInterrupted, TargetNotFound, ThreadcapError
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec

log = structlog.get_logger(__name__)

PROBE_SECONDS = 30
"""Seconds a container may take to say what it has: a node where a hundred captures start at once is slow."""


def probe(cluster: Cluster, pod: PodInfo, container: str) -> Probe | str:
    """Ask a container what it has; words instead when it can't even run sh. Raises ClusterForbidden, …"""
    result = cluster.run(pod, container, probe_argv(), timeout=PROBE_SECONDS)
    if result.status is None:  # lost or slow; asking again changes nothing in the pod
        result = cluster.run(pod, container, probe_argv(), timeout=PROBE_SECONDS)
    if result.status is None:
        raise CaptureInterrupted(f"The connection to pod {pod.name} was lost before the capture began. Try again.")
    if result.status.exit_code is None and not result.stdout:
        return "it has no sh"
    return parse_probe(result.stdout.decode(errors="replace"))


def sweep(cluster: Cluster, pod: PodInfo, container: str, job_id: str) -> bool:
    """End every process of a job in a container. True when none is left (or the pod is gone)."""
    try:
        result = cluster.run(pod, container, sweep_argv(job_id), timeout=20)
    except ThreadcapError as error:
        log.warning("sweep failed", job=job_id, pod=pod.name, container=container, error=str(error))
        return isinstance(error, TargetNotFound)
    ended = result.stdout.decode(errors="replace").split("\n")
    log.info("swept", job=job_id, pod=pod.name, container=container, said=[line for line in ended if line])
    return "left 0" in ended


class AttachedCapture:
    """One attached capture: `argv` is made by tcpdump.attached_argv. `run` in one thread, `stop` from any."""

    def __init__(
        self, cluster: Cluster, plan: Plan, spec: CaptureSpec, job_id: str, spool: Spool, argv: Sequence[str]
    ) -> None:
        self.spool = spool
        self._cluster = cluster
        self._plan = plan
        self._spec = spec
        self._job_id = job_id
        self._argv = argv
        self._trailer = Trailer()
        self._stopped_by = ""
        self._went = False
        self._stream: ExecStream | None = None
        self._opening = threading.Lock()
        self._seconds = spec.duration
        self._patience = 0.0
        self._swept = True

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop. Before the stream is open it is remembered."""
        with self._opening:
            self._stopped_by = self._stopped_by or why
            if self._stream is not None:
                self._stream.send(STOP)

    def extend(self, seconds: float) -> None:
        """See Capture.extend."""
        with self._opening:
            self._seconds = seconds
            self._patience = time.monotonic() + seconds + GRACE
            if self._stream is not None and self._went:
                self._stream.send(lasting(seconds))

    def close(self) -> bool:
        """See Capture.close: the container is the customer's, and `run` has left nothing in it if it could."""
        return self._swept

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run."""
        began = time.time()
        opened = self._cluster.open_exec(self._plan.pod, self._plan.container, self._argv)
        try:
            with contextlib.closing(opened):
                with self._opening:
                    self._stream = opened
                    self._patience = time.monotonic() + self._seconds + GRACE
                self._receive(opened, runner)
        finally:
            self._stream = None
            if not self._trailer.done and (self._went or not self._stopped_by):
                self._swept = sweep(self._cluster, self._plan.pod, self._plan.container, self._job_id)
        if self._stopped_by and not self._went:
            return unstarted(self.spool, began, self._stopped_by)
        ending = Ending(self._plan, self._spec, self.spool, self._trailer, self._stopped_by, began)
        return ending.outcome(self._lost)

    def _receive(self, opened: ExecStream, runner: Runner) -> None:
        trailer = self._trailer
        for channel, data in opened.frames():
            if channel == STDOUT:
                self.spool.write(data)
                if self.spool.size >= self._spec.max_bytes and not self._stopped_by:
                    self.stop("bytes")
            elif channel == STDERR:
                trailer.feed(data)
                if trailer.ready and not self._went and not self._go(opened, runner):
                    return
            if trailer.done and self._all_here():
                opened.send(ACK)
                return
            if time.monotonic() > self._patience:
                log.warning("capture outlived its limit", job=self._job_id, pod=self._plan.pod.name)
                return
        trailer.finish()

    def _go(self, opened: ExecStream, runner: Runner) -> bool:
        """Start with the others; False when somebody asked to stop before that."""
        runner.ready()
        with self._opening:
            if self._stopped_by:
                opened.send(STOP)
                return False
            self._went = True
            self._patience = time.monotonic() + self._seconds + GRACE
            opened.send(GO if self._seconds == self._spec.duration else GO + lasting(self._seconds))
        return True

    def _all_here(self) -> bool:
        """Whether every byte the pod spoke of has come: stdout and stderr may overtake each other."""
        trailer, spool = self._trailer, self.spool
        return trailer.sha256 == spool.sha256() if trailer.sha256 else trailer.size in (None, spool.size)

    def _lost(self) -> str:
        pod = self._plan.pod
        now = self._look()
        if now is None or now.deleting or now.uid != pod.uid:
            return f"pod {pod.name} was deleted during the capture"
        if ended := self._container_ended(now):
            return ended
        return f"the connection to pod {pod.name} was lost"

    def _container_ended(self, now: PodInfo) -> str:
        """That the container ended or is another one by now, in words; "" while it is the one we captured in."""
        before, after = (one.named(self._plan.container) for one in (self._plan.pod, now))
        if before is None or after is None or (after.running and after.id == before.id):
            return ""
        state = "was started again" if after.running else f"ended ({after.waiting_reason or 'not running'})"
        return f"container {after.name} of pod {now.name} {state} during the capture, and tcpdump with it"

    def _look(self) -> PodInfo | None:
        try:
            return self._cluster.pod(self._plan.pod.namespace, self._plan.pod.name)
        except ThreadcapError:
            return self._plan.pod
