"""Methods `node` and `veth`: a pod of ours on the target's node, in our own namespace. Nothing in the target changes.

`node` enters the network namespace of the target's container by the container's id (privileged, sees the node's
processes); of a node itself, or of a pod on the node's network, it captures right there and needs neither. `veth`
captures the host's side of the pod's interface and needs no more than NET_RAW on the node's network.
"""

import hashlib
import re
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from workers.capture.cluster import Cluster
from workers.capture.methods import Capture, Ground
from workers.capture.plans import EXEC_VERBS, NODE, VETH, Equipment, Plan, Rejected, Right, Survey
from workers.capture.pressure import harmful, said
from workers.capture.seat import Seat
from workers.capture.shapes import AgentPod
from workers.capture.spool import Spool
from workers.capture.supervised import LINGER, SupervisedCapture
from workers.capture.targets import PodInfo, Target
from workers.capture.tcpdump import GRACE, SLACK
from workers.contract.errors import NotCapturable, ThreadcapError
from workers.contract.spec import CaptureSpec

log = structlog.get_logger(__name__)

START_SECONDS = 60.0
LOOK_SECONDS = 2.0
STARTING = ("", "ContainerCreating", "PodInitializing")
CONTAINER = "capture"
GRANTED_BY = "deploy/rbac/optional/node.yaml"
INTERFACE = "eth0"
"""The pod's own interface, whose peer is on the node."""


_ID = re.compile(r"[0-9a-f]{64}")


def parse_id(text: str) -> str:
    """`containerd://<id>` (cri-o, docker) or a bare id -> the id. Raises ValueError when it is none."""
    bare = text.rpartition("://")[2]
    if not _ID.fullmatch(bare):
        raise ValueError(f"{text[:100]!r} is no container id")
    return bare


def agent_name(job_id: str, pod: PodInfo) -> str:
    """The name of the pod that captures a target for a job; found again by whoever takes the job over."""
    mark = hashlib.sha256((pod.uid or pod.name).encode()).hexdigest()[:6]
    return f"threadcap-{job_id}-{mark}"


@dataclass(frozen=True, slots=True)
class Agent:
    """`name` is NODE or VETH."""

    name: str

    def needs(self, target: Target, equipment: Equipment) -> tuple[Right, ...]:
        """See Method.needs."""
        home = equipment.agent_namespace
        whole = ("create", "delete", "get", "list", "watch")
        read = (Right(verb, "pods", "exec", home) for verb in EXEC_VERBS)
        return (*(Right(verb, "pods", "", home) for verb in whole), *read)

    def plan(
        self, target: Target, survey: Survey, spec: CaptureSpec, equipment: Equipment, job_id: str
    ) -> Plan | Rejected:
        """See Method.plan."""
        pod = target.pod
        if why := self._unequipped(target, survey, equipment):
            return Rejected(self.name, why)
        on_node = pod.is_node or pod.host_network
        found = self._behind(target, survey, spec) if self.name == VETH else ("here" if on_node else _inside(pod))
        if isinstance(found, Rejected):
            return found
        agent, home = agent_name(job_id, pod), equipment.agent_namespace
        rights = "root, NET_RAW, the node's network" if on_node or self.name == VETH else "privileged"
        adds = f"pod {home}/{agent} ({equipment.image}; {rights}) on node {pod.node}, removed afterwards"
        reasons = [f"from node {pod.node} by pod {agent} of Threadcap; nothing in the target changes"]
        if self.name == VETH:
            reasons.append("from outside of the pod: what it says to itself on lo is missing")
        if on_node and not pod.is_node:
            reasons.append("the pod uses the node's network: everything on the node is seen")
        return Plan(pod, CONTAINER, self.name, tuple(reasons), image=equipment.image, creates=(adds,), where=found)

    def open(self, ground: Ground, plan: Plan, spool: Spool, *, resume: bool = False) -> Capture:
        """See Method.open."""
        house = AgentHouse(ground, plan)
        ceiling = ground.equipment.ceiling
        return SupervisedCapture(
            ground.cluster, plan, ground.spec, ground.job_id, spool, house, ceiling=ceiling, resume=resume
        )

    def _unequipped(self, target: Target, survey: Survey, equipment: Equipment) -> str:
        pod, home = target.pod, equipment.agent_namespace
        if not equipment.image or not home:
            return "no image or namespace is configured for it (THREADCAP_CAPTURE_IMAGE, THREADCAP_AGENT_NAMESPACE)"
        if missing := survey.lacks(*self.needs(target, equipment)):
            return f"{missing} ({GRANTED_BY} grants it)"
        if (level := survey.security.get(home, "")) and level != "privileged":
            return f"the Pod Security level of namespace {home} is {level}; it must be privileged"
        if not pod.node:
            return "the pod is on no node yet"
        if survey.node is not None and not survey.node.ready:
            return f"node {pod.node} is not ready"
        if pressures := harmful(survey.node):
            return f"{said(pod.node, pressures)}, and it would write to the node's disk"
        return ""

    def _behind(self, target: Target, survey: Survey, spec: CaptureSpec) -> str | Rejected:
        """Where the host's side is: by the index the pod's interface names, else by the node's route to its address."""
        pod = target.pod
        if pod.is_node or pod.host_network:
            return Rejected(self.name, "it has no interface of its own on the node")
        if spec.interface not in ("any", INTERFACE):
            return Rejected(self.name, f"from outside only {INTERFACE} is seen, and {spec.interface} was asked for")
        for probe in survey.probes.values():
            if not isinstance(probe, str) and INTERFACE in probe.links:
                return f"link:{probe.links[INTERFACE]}"
        four = next((ip for ip in pod.ips if "." in ip), "")
        if not four:
            return Rejected(self.name, "neither the index of the pod's interface nor an IPv4 address of it is known")
        return f"route:{as_in_proc(four)}:{four}"


def _inside(pod: PodInfo) -> str | Rejected:
    """Any running container will do: they share the pod's network namespace; the one that was started least often is
    the most likely to be there in a moment. Between two starts the pod's sandbox is what holds the namespace; its id is
    nowhere in the API, so the pod's uid must do."""
    for container in sorted(pod.containers, key=lambda one: one.restarts):
        if container.running and container.id:
            try:
                found = f"pid:{parse_id(container.id)}"
            except ValueError as error:
                return Rejected(NODE, str(error))
            return f"{found}:{pod.uid}" if container.restarts else found
    if pod.uid and not pod.running:
        return f"pod:{pod.uid}"
    return Rejected(NODE, "the cluster does not tell the id of a running container of the pod")


def as_in_proc(address: str) -> str:
    """An IPv4 address as /proc/net/route writes it: hexadecimal, the last byte first."""
    return "".join(f"{int(part):02X}" for part in reversed(address.split(".")))


class AgentHouse:
    """See seat.House."""

    def __init__(self, ground: Ground, plan: Plan) -> None:
        self._cluster: Cluster = ground.cluster
        self._plan = plan
        self._spec = ground.spec
        self._job_id = ground.job_id
        self._home = ground.equipment.agent_namespace
        self._ceiling = ground.equipment.ceiling
        self._installation = ground.equipment.installation
        self._name = agent_name(ground.job_id, plan.pod)

    def enter(self, argv: Sequence[str], stopped: threading.Event) -> Seat | None:
        """See House.enter."""
        self._cluster.create_agent(self._wanted(argv))
        deadline = time.monotonic() + START_SECONDS
        pod = PodInfo(self._home, self._name)
        while time.monotonic() < deadline and not stopped.is_set():
            for container in self._cluster.follow_container(pod, CONTAINER, LOOK_SECONDS):
                if container.running:
                    return self.find()
                if container.waiting_reason not in STARTING:
                    raise self._did_not_start(container.message or container.waiting_reason)
        if stopped.is_set():
            return None
        raise self._did_not_start(f"not running after {START_SECONDS:.0f} s")

    def find(self) -> Seat | None:
        """See House.find."""
        pod = self._cluster.pod(self._home, self._name)
        return None if pod is None else Seat(pod, CONTAINER)

    def leave(self) -> bool:
        """See House.leave. The sweeper finds what it could not remove by its labels."""
        try:
            self._cluster.delete_pod(self._home, self._name)
        except ThreadcapError as error:
            log.warning("capturing pod not removed", pod=self._name, error=str(error))
        return True

    def _wanted(self, argv: Sequence[str]) -> AgentPod:
        seconds = int(max(self._ceiling, self._spec.duration) + GRACE + LINGER)
        inside = self._plan.where.startswith("pid:")
        return AgentPod(
            name=self._name,
            namespace=self._home,
            node=self._plan.pod.node,
            image=self._plan.image,
            argv=tuple(argv),
            job_id=self._job_id,
            seconds=seconds,
            spool_bytes=self._spec.max_bytes + SLACK,
            host_network=not inside,
            privileged=inside,
            installation=self._installation,
        )

    def _did_not_start(self, reason: str) -> NotCapturable:
        return NotCapturable(
            f"Threadcap's pod {self._name} with image {self._plan.image} on node {self._plan.pod.node} did not start "
            f"({reason[:160]}). Tell the platform team to check THREADCAP_CAPTURE_IMAGE and the node."
        )
