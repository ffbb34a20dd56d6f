"""Method `ephemeral`: a container of our image added to the pod, in which the attached mode of `exec` then runs.

For pods whose own containers can't capture. The container runs as root with NET_RAW, shares the pod's network, and
only waits; it ends with the capture, or at a deadline of its own. What Kubernetes never takes
back is its entry in the pod's spec.
"""

import threading
import time

import structlog

from workers.capture.cluster import Cluster
from workers.capture.methods.exec import ExecCapture, probe, sweep
from workers.capture.planner import Offer, Plan, lacking
from workers.capture.spool import Spool
from workers.capture.tcpdump import GRACE, hold_argv
from workers.contract.errors import ClusterUnavailable, NotCapturable, ThreadcapError
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec

log = structlog.get_logger(__name__)

START_SECONDS = 60.0
"""How long the image may take to arrive and start; the card says "starting" meanwhile."""
LOOK_SECONDS = 2.0
"""How long a stop may go unnoticed while it starts."""
END_SECONDS = 10.0
STARTING = ("", "ContainerCreating", "PodInitializing")
"""Reasons of a container that waits for nothing but time (kubelet's)."""
GRANTED_BY = "deploy/rbac/optional/ephemeral.yaml"


def container_name(job_id: str) -> str:
    """The name of the container a job adds; a DNS label."""
    return f"threadcap-{job_id}"


def offer(cluster: Cluster, namespace: str, image: str) -> Offer:
    """Ask whether we may add containers to pods of a namespace. Raises ClusterUnavailable."""
    if not image:
        return Offer(refusal="no image is configured for it (THREADCAP_CAPTURE_IMAGE)")
    if not cluster.may("patch", "pods", namespace, subresource="ephemeralcontainers"):
        return Offer(refusal=f"it may not patch pods/ephemeralcontainers in {namespace} ({GRANTED_BY} grants it)")
    return Offer(image)


class EphemeralCapture:
    """One capture through a container of our own. `run` in one thread, `stop` from any, `close` at the end."""

    def __init__(self, cluster: Cluster, plan: Plan, spec: CaptureSpec, job_id: str, spool: Spool) -> None:
        self.spool = spool
        self._cluster = cluster
        self._plan = plan
        self._seconds = int(spec.duration) + GRACE + int(START_SECONDS)
        self._job_id = job_id
        self._inner = ExecCapture(cluster, plan, spec, job_id, spool)
        self._stopped = threading.Event()
        self._added = False

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop. While the container starts it is remembered."""
        self._inner.stop(why)
        self._stopped.set()

    def run(self) -> CaptureOutcome:
        """See Capture.run."""
        plan, began = self._plan, time.time()
        argv = hold_argv(self._job_id, self._seconds, int(time.time()) + self._seconds)
        try:
            self._cluster.add_container(plan.pod, plan.container, plan.image, argv)
        except ClusterUnavailable:  # nobody knows whether it was added: `close` looks
            self._added = True
            raise
        self._added = True
        if not self._starts():
            return CaptureOutcome(reason="stopped before the added container ran", ended_by="stop", started_at=began)
        found = probe(self._cluster, plan.pod, plan.container)
        if lacks := found if isinstance(found, str) else lacking(found):
            raise NotCapturable(
                f"The image {plan.image} can't capture in pod {plan.pod.name}: {lacks}. Tell the platform team to "
                "correct THREADCAP_CAPTURE_IMAGE."
            )
        return self._inner.run()

    def close(self) -> None:
        """See Capture.close."""
        if not self._added:
            return
        self._added = False
        try:
            sweep(self._cluster, self._plan.pod, self._plan.container, self._job_id)
            ended = self._ended()
        except ThreadcapError as error:
            log.warning("ephemeral container not seen to end", pod=self._plan.pod.name, error=str(error))
            return
        log.info("ephemeral container ended" if ended else "ephemeral container lives on", pod=self._plan.pod.name)

    def _starts(self) -> bool:
        """True once the container runs, False when somebody asked to stop first."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not self._stopped.is_set():
            for container in self._cluster.follow_container(self._plan.pod, self._plan.container, LOOK_SECONDS):
                if container.running:
                    return True
                if container.waiting_reason not in STARTING:
                    raise self._did_not_start(container.waiting_reason)
        if self._stopped.is_set():
            return False
        raise self._did_not_start(f"not running after {START_SECONDS:.0f} s")

    def _did_not_start(self, reason: str) -> NotCapturable:
        image, pod = self._plan.image, self._plan.pod.name
        return NotCapturable(
            f"The container with image {image} that was added to pod {pod} did not start ({reason}). Its entry stays "
            "in the pod's spec until the pod is replaced. Tell the platform team to check THREADCAP_CAPTURE_IMAGE."
        )

    def _ended(self) -> bool:
        for container in self._cluster.follow_container(self._plan.pod, self._plan.container, END_SECONDS):
            if not container.running:
                return True
        return self._cluster.pod(self._plan.pod.namespace, self._plan.pod.name) is None
