"""Method `ephemeral`: a container of our image added to the pod, which captures into a spool of its own.

For pods whose own containers can't capture. It runs as root with NET_RAW, shares the pod's network, and ends with the
capture or at a deadline of its own. What Kubernetes never takes back is its entry in the pod's spec.
"""

import threading
import time
from collections.abc import Sequence

import structlog

from workers.capture.attached import sweep
from workers.capture.cluster import Cluster
from workers.capture.exec_stream import ExecRefused
from workers.capture.methods import Capture, Ground
from workers.capture.plans import EPHEMERAL, EXEC_VERBS, Equipment, Plan, Rejected, Right, Survey
from workers.capture.pressure import harmful, said
from workers.capture.seat import Seat
from workers.capture.spool import Spool
from workers.capture.supervised import SupervisedCapture, leave_argv
from workers.capture.targets import Target
from workers.contract.errors import NotCapturable, TargetNotFound, ThreadcapError
from workers.contract.spec import CaptureSpec, Mode

log = structlog.get_logger(__name__)

START_SECONDS = 60.0
"""How long the image may take to arrive and start; the card says "starting" meanwhile."""
LOOK_SECONDS = 2.0
"""How long a stop may go unnoticed while it starts."""
END_SECONDS = 10.0
STARTING = ("", "ContainerCreating", "PodInitializing")
"""Reasons of a container that waits for nothing but time (kubelet's)."""
GRANTED_BY = "deploy/rbac/optional/ephemeral.yaml"
FORBIDDING = ("baseline", "restricted")
"""Pod Security levels that refuse a container that runs as root with NET_RAW (SETUID, SETGID) on top of nothing."""


def container_name(job_id: str) -> str:
    """The name of the container a job adds; a DNS label."""
    return f"threadcap-{job_id}"


class Ephemeral:
    """See the module."""

    name = EPHEMERAL

    def needs(self, target: Target, equipment: Equipment) -> tuple[Right, ...]:
        """See Method.needs."""
        space = target.pod.namespace
        added = (Right("patch", "pods", "ephemeralcontainers", space), Right("watch", "pods", "", space))
        return (*added, *(Right(verb, "pods", "exec", space) for verb in EXEC_VERBS))

    def plan(
        self, target: Target, survey: Survey, spec: CaptureSpec, equipment: Equipment, job_id: str
    ) -> Plan | Rejected:
        """See Method.plan."""
        pod, container = target.pod, container_name(job_id)
        if pod.is_node:
            return Rejected(self.name, "a node has no pod to add a container to")
        if not equipment.image:
            return Rejected(self.name, "no image is configured for it (THREADCAP_CAPTURE_IMAGE)")
        if missing := survey.lacks(*self.needs(target, equipment)):
            granted = f" ({GRANTED_BY} grants it)" if "ephemeralcontainers" in missing else ""
            return Rejected(self.name, f"{missing}{granted}")
        level = survey.security.get(pod.namespace, "")
        if level in FORBIDDING:
            return Rejected(self.name, f"the Pod Security level of namespace {pod.namespace} is {level}")
        if survey.node is not None and not survey.node.ready:
            return Rejected(self.name, f"node {pod.node} is not ready")
        reasons = [f"through an ephemeral container, {container}: its entry stays in the pod's spec"]
        where = "here"
        if pod.disk_limited and spec.mode is Mode.RECORD:
            return Rejected(self.name, "the pod's disk is limited, and a ring on it could evict the pod")
        if pod.disk_limited:
            where = "stream:the pod's disk is limited, and filling it would evict the pod"
            reasons.append("streamed, not spooled: the pod's disk is limited, and filling it would evict the pod")
        elif pressures := harmful(survey.node):
            where = f"stream:{said(pod.node, pressures)}"
            reasons.append(f"streamed, not spooled: {said(pod.node, pressures)}, and nothing may write to its disk")
        adds = f"ephemeral container {container} ({equipment.image}) in pod {pod.namespace}/{pod.name}"
        return Plan(pod, container, self.name, tuple(reasons), image=equipment.image, creates=(adds,), where=where)

    def open(self, ground: Ground, plan: Plan, spool: Spool, *, resume: bool = False) -> Capture:
        """See Method.open."""
        house = AddedContainer(ground.cluster, plan, ground.job_id)
        ceiling = ground.equipment.ceiling
        return SupervisedCapture(
            ground.cluster, plan, ground.spec, ground.job_id, spool, house, ceiling=ceiling, resume=resume
        )


class AddedContainer:
    """See seat.House."""

    def __init__(self, cluster: Cluster, plan: Plan, job_id: str) -> None:
        self._cluster = cluster
        self._plan = plan
        self._job_id = job_id

    def enter(self, argv: Sequence[str], stopped: threading.Event) -> Seat | None:
        """See House.enter."""
        plan = self._plan
        self._cluster.add_container(plan.pod, plan.container, plan.image, argv)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and not stopped.is_set():
            for container in self._cluster.follow_container(plan.pod, plan.container, LOOK_SECONDS):
                if container.running:
                    return Seat(plan.pod, plan.container)
                if container.waiting_reason not in STARTING:
                    raise self._did_not_start(container.message or container.waiting_reason)
        if stopped.is_set():
            return None
        raise self._did_not_start(f"not running after {START_SECONDS:.0f} s")

    def find(self) -> Seat | None:
        """See House.find."""
        pod = self._cluster.pod(self._plan.pod.namespace, self._plan.pod.name)
        if pod is None or (self._plan.pod.uid and pod.uid != self._plan.pod.uid):
            return None
        running = (one for one in pod.containers if one.name == self._plan.container and one.running)
        return Seat(pod, self._plan.container) if next(running, None) else None

    def leave(self) -> bool:
        """See House.leave."""
        try:
            if self.find() is None:
                return not self._may_start()
            self._cluster.run(self._plan.pod, self._plan.container, leave_argv(self._job_id))
            ended = self._ended() or (
                sweep(self._cluster, self._plan.pod, self._plan.container, self._job_id) and self._ended()
            )
        except ThreadcapError as error:
            log.warning("ephemeral container not seen to end", pod=self._plan.pod.name, error=str(error))
            return isinstance(error, TargetNotFound | ExecRefused)  # it has ended meanwhile
        log.info("ephemeral container ended" if ended else "ephemeral container lives on", pod=self._plan.pod.name)
        return ended

    def _may_start(self) -> bool:
        """Whether it was added and has not run yet: an image may arrive long after the capture's end."""
        pod = self._cluster.pod(self._plan.pod.namespace, self._plan.pod.name)
        mine = [one for one in pod.containers if one.name == self._plan.container] if pod is not None else []
        return any(not one.running and not one.id and one.waiting_reason != "Completed" for one in mine)

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
