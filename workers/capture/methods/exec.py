"""Method `exec`, attached mode: tcpdump in a container that has it, ending with its client.

The pcap comes as the exec stream's stdout; the wrapper (capture/tcpdump.py) bounds it inside the container, hashes
what leaves, says on stderr that it is done and waits for our acknowledgement.
"""

import contextlib
import threading
import time

import structlog

from workers.capture.cluster import Cluster
from workers.capture.exec_stream import STDERR, STDOUT, ExecStream
from workers.capture.planner import Plan
from workers.capture.spool import FILE_HEADER, Spool
from workers.capture.targets import PodInfo
from workers.capture.tcpdump import ACK, GRACE, STOP, Probe, Trailer, parse_probe, probe_argv, sweep_argv, wrapper_argv
from workers.contract.errors import CaptureInterrupted, NotCapturable, TargetNotFound, ThreadcapError
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


class ExecCapture:
    """One attached capture. `run` in one thread, `stop` from any."""

    def __init__(self, cluster: Cluster, plan: Plan, spec: CaptureSpec, job_id: str, spool: Spool) -> None:
        self.spool = spool
        self._cluster = cluster
        self._plan = plan
        self._spec = spec
        self._job_id = job_id
        self._trailer = Trailer()
        self._stopped_by = ""
        self._stream: ExecStream | None = None
        self._opening = threading.Lock()

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop. Before the stream is open it is remembered."""
        with self._opening:
            self._stopped_by = self._stopped_by or why
            if self._stream is not None:
                self._stream.send(STOP)

    def close(self) -> None:
        """See Capture.close: the container is the customer's, and `run` has left nothing in it."""

    def run(self) -> CaptureOutcome:
        """See Capture.run."""
        started = time.time()
        argv = wrapper_argv(self._spec, self._job_id, as_root=self._plan.may_change_user)
        opened = self._cluster.open_exec(self._plan.pod, self._plan.container, argv)
        try:
            with contextlib.closing(opened):
                with self._opening:
                    self._stream = opened
                    if self._stopped_by:
                        opened.send(STOP)
                self._receive(opened)
        finally:
            self._stream = None
            if not self._trailer.done:
                sweep(self._cluster, self._plan.pod, self._plan.container, self._job_id)
        return self._outcome(started)

    def _receive(self, opened: ExecStream) -> None:
        patience = time.monotonic() + self._spec.duration + GRACE
        for channel, data in opened.frames():
            if channel == STDOUT:
                self.spool.write(data)
                if self.spool.size >= self._spec.max_bytes and not self._stopped_by:
                    self.stop("bytes")
            elif channel == STDERR:
                self._trailer.feed(data)
                if self._trailer.done:
                    opened.send(ACK)
            if time.monotonic() > patience:
                log.warning("capture outlived its limit", job=self._job_id, pod=self._plan.pod.name)
                return
        self._trailer.finish()

    def _outcome(self, started: float) -> CaptureOutcome:
        trailer, spool = self._trailer, self.spool
        received, digest = spool.size, spool.sha256()
        if not self._stopped_by and (spool.size < FILE_HEADER or (self._broke and not spool.records)):
            raise self._failed_to_start()
        cut = spool.trim()
        captured = trailer.counters.get("captured")
        # a packet that tcpdump had not finished writing when it was stopped or cut off is counted all the same
        counts_agree = captured == spool.records or (cut > 0 and captured is not None and captured >= spool.records)
        return CaptureOutcome(
            complete=trailer.done and not self._broke,
            proved=trailer.done and trailer.sha256 == digest and counts_agree,
            reason=self._reason(received, cut),
            bytes=spool.size,
            sha256=spool.sha256(),
            pod_bytes=received if trailer.done and trailer.sha256 == digest else None,
            pod_sha256=trailer.sha256,
            packets=spool.records,
            captured=captured,
            received=trailer.counters.get("received"),
            kernel_dropped=trailer.counters.get("kernel_dropped"),
            interface_dropped=trailer.counters.get("interface_dropped"),
            ended_by=self._ended_by(),
            started_at=started,
            ended_at=time.time(),
        )

    @property
    def _broke(self) -> bool:
        """Whether tcpdump failed: at any other end it tells its counters; told to stop at once it may not have."""
        return self._trailer.done and not self._trailer.counters and not self._stopped_by

    def _ended_by(self) -> str:
        if not self._trailer.done:
            return "interrupted"
        if self._broke:
            return "error"
        if self._stopped_by:
            return self._stopped_by
        if self._spec.max_packets and self.spool.records >= self._spec.max_packets:
            return "packets"
        return "time"

    def _reason(self, received: int, cut: int) -> str:
        if self._broke:
            return f"tcpdump in the pod ended before its time (exit code {self._trailer.rc})"
        if self._trailer.done:
            return f"the last packet was unfinished when tcpdump stopped: {cut} bytes of it are left out" if cut else ""
        where = f"truncated at byte {received - cut}"
        pod = self._try_pod()
        if pod is None or pod.deleting or pod.uid != self._plan.pod.uid:
            return f"pod {self._plan.pod.name} was deleted during the capture; {where}"
        return f"the connection to pod {self._plan.pod.name} was lost; {where}"

    def _try_pod(self) -> PodInfo | None:
        try:
            return self._cluster.pod(self._plan.pod.namespace, self._plan.pod.name)
        except ThreadcapError:
            return self._plan.pod

    def _failed_to_start(self) -> ThreadcapError:
        pod, container = self._plan.pod.name, self._plan.container
        complaint = self._trailer.complaint
        if not complaint:
            return CaptureInterrupted(f"The capture in pod {pod} ended before its first byte. Try again.")
        if "permission" in complaint.lower():
            return NotCapturable(
                f"tcpdump may not capture in container {container} of pod {pod}: it lacks the capability NET_RAW. "
                "Name another container with `-c NAME`."
            )
        return NotCapturable(f"tcpdump could not start in container {container} of pod {pod}: {complaint[:160]}.")
