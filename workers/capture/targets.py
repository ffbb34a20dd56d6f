"""Which containers a spec means. Pure: plain values in, plain values out."""

import difflib
import itertools
from collections.abc import Sequence

from msgspec import Struct, field

from workers.contract.errors import TargetNotFound
from workers.contract.spec import CaptureSpec, TargetKind, TargetRef

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
"""The annotation kubectl reads too: which container people mean when they name none."""
SIDECAR = "threadcap.dev/sidecar"
"""The annotation of a pod that names its container with tcpdump."""
MESH_PROXIES = frozenset({"istio-proxy", "linkerd-proxy", "consul-dataplane", "kuma-sidecar"})
"""Containers that service meshes inject, at times as the first: never what people mean by the pod."""
KUBELET_PORT = 10250
"""Where a kubelet listens if its node does not say otherwise."""
SHORTEST_PREFIX = 3
"""Letters of a pod's name that may stand for it; fewer are a typing error rather than a name."""

NAMED = 5
"""Pods named in a sentence at most."""


class ContainerInfo(Struct, frozen=True):
    """A container of a pod as the API shows it."""

    name: str
    image: str = ""
    running: bool = False
    waiting_reason: str = ""
    ephemeral: bool = False
    id: str = ""
    """The runtime's, as the API has it: `containerd://…`; "" before it runs."""
    message: str = ""
    """What it said when it ended (terminationMessagePath)."""
    restarts: int = 0
    started: float = 0.0
    """Since when it runs, epoch seconds; 0 while it does not."""


class PodInfo(Struct, frozen=True):
    """A pod as the API shows it. `ips` may be empty until it runs."""

    namespace: str
    name: str
    uid: str = ""
    node: str = ""
    phase: str = ""
    ips: tuple[str, ...] = ()
    host_network: bool = False
    deleting: bool = False
    labels: dict[str, str] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    containers: tuple[ContainerInfo, ...] = ()
    owner: tuple[str, str] = ("", "")
    """(kind, name) of what controls it."""
    reason: str = ""
    """Why it is in its phase: Evicted, DeadlineExceeded, …"""
    disk_limited: bool = False
    """Whether a container has a limit of ephemeral storage: the pod is evicted when all its writing exceeds them."""
    is_node: bool = False
    """Stands for a node itself; `name` is the node's, and there are no containers."""
    started: float = 0.0
    """When its node took it up, epoch seconds; 0 when not known."""
    ended: float = 0.0
    """When its last container ended for good; 0 for a pod that has not."""

    @property
    def running(self) -> bool:
        """Whether some container of it runs and it is not being deleted."""
        return not self.deleting and (self.is_node or any(c.running for c in self.containers))

    @property
    def alive(self) -> bool:
        """Whether it has a network: it runs, or its containers are between two starts (phase Running all the same)."""
        return self.running or (not self.deleting and self.phase == "Running")

    def named(self, container: str) -> ContainerInfo | None:
        """Return a container of it, None when it has none of that name."""
        return next((one for one in self.containers if one.name == container), None)


class NodeInfo(Struct, frozen=True):
    """A node as the API shows it."""

    name: str
    ready: bool = True
    ips: tuple[str, ...] = ()
    pressures: tuple[str, ...] = ()
    """DiskPressure, MemoryPressure, PIDPressure while they hold."""
    machine: str = ""
    kubelet_port: int = KUBELET_PORT
    """Where its kubelet listens: exec streams come and go there."""


class ServiceInfo(Struct, frozen=True):
    """A service and its virtual addresses, for naming."""

    namespace: str
    name: str
    ips: tuple[str, ...] = ()


class Target(Struct, frozen=True):
    """One pod to capture, and the containers to try: the one that is meant, then others, which share its network."""

    pod: PodInfo
    containers: tuple[str, ...] = ()
    filter: str = ""
    """What is captured of it: the spec's, or narrowed to the other end."""
    end: int = 0
    """Which of the spec's targets it belongs to."""
    notes: tuple[str, ...] = ()
    """What people should know about capturing it, by whichever method; sentences without a full stop."""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others."""
        return self.pod.namespace, self.pod.name


def choose(spec: CaptureSpec, pods: Sequence[PodInfo], end: int = 0) -> tuple[list[Target], list[str]]:
    """Return the targets among the pods `spec.target` matched, and notes about what was left out.

    A pod between two starts of its containers is one of them: its network is there, and what is captured from outside
    of its containers outlives them; not where people wait for its next start. Raises TargetNotFound when none of them
    can be captured: none running, or no such container.
    """
    alive = [pod for pod in sorted(pods, key=lambda pod: pod.name) if (pod.running if spec.wait else pod.alive)]
    notes = _left_out([pod for pod in pods if pod not in alive])
    if not alive:
        raise TargetNotFound(_none_running(spec, pods))
    return [Target(pod, _containers(spec, pod), spec.filter, end) for pod in alive], notes


def capped(targets: Sequence[Target], most: int) -> tuple[list[Target], list[str]]:
    """Return the first `most` of several targets' pods, each pod once and every end in turn, and a note."""
    named: dict[tuple[str, str], Target] = {}
    for target in targets:
        named.setdefault(target.key, target)
    once = list(named.values())
    if len(once) <= most:
        return once, []
    ends = sorted({one.end for one in once})
    rows = [[one for one in once if one.end == end] for end in ends]
    turns = [one for turn in itertools.zip_longest(*rows) for one in turn if one is not None]
    kept = turns[:most]
    return [one for one in once if one in kept], [f"{len(once)} pods match; the first {most} by name are captured."]


def _left_out(pods: Sequence[PodInfo]) -> list[str]:
    """A selector may match hundreds of pods of finished jobs: name a few."""
    notes = [f"{pod.name} is {_why_not(pod)} and was left out." for pod in pods[:NAMED]]
    more = len(pods) - NAMED
    return [*notes, f"{more} more pods are not running either."] if more > 0 else notes


def _containers(spec: CaptureSpec, pod: PodInfo) -> tuple[str, ...]:
    running = [c.name for c in pod.containers if c.running and not c.ephemeral]
    if spec.container:
        if spec.container in [c.name for c in pod.containers if c.running]:
            return (spec.container,)
        raise TargetNotFound(_no_container(spec.container, pod))
    ordinary = sorted(running, key=lambda name: name in MESH_PROXIES)
    meant = pod.annotations.get(DEFAULT_CONTAINER)
    first = [meant] if meant in running else ordinary[:1]
    named = [name for name in running if name == pod.annotations.get(SIDECAR)]
    return tuple(dict.fromkeys([*first, *named, *ordinary]))


def by_prefix(spec: CaptureSpec, pods: Sequence[PodInfo]) -> list[PodInfo]:
    """Return the one living pod whose name begins with the target's; [] when there is none.

    Raises TargetNotFound naming them when there are several.
    """
    prefix = spec.target.name
    found = [pod for pod in pods if pod.alive and pod.name.startswith(prefix)] if len(prefix) >= SHORTEST_PREFIX else []
    if len(found) > 1:
        names = ", ".join(pod.name for pod in found[:NAMED]) + (", ..." if len(found) > NAMED else "")
        raise TargetNotFound(f"{len(found)} pods in namespace {spec.namespace} begin with {prefix}: {names}. Name one.")
    return found


def _no_container(wanted: str, pod: PodInfo) -> str:
    names = [c.name for c in pod.containers]
    for container in pod.containers:
        if container.name == wanted:
            reason = container.waiting_reason or "not running"
            other = "leave `-c` out to capture its pod from outside" if pod.alive else "pick another container"
            return f"Container {wanted} of pod {pod.name} is {reason}. Try again when it runs, or {other}."
    close = difflib.get_close_matches(wanted, names, 1)
    hint = f" Did you mean {close[0]}?" if close else ""
    return f"Pod {pod.name} has no container {wanted}; it has {', '.join(names)}.{hint}"


def _why_not(pod: PodInfo) -> str:
    if pod.deleting:
        return "being deleted"
    reasons = [c.waiting_reason for c in pod.containers if c.waiting_reason]
    return reasons[0] if reasons else (pod.phase.lower() or "not running")


def _none_running(spec: CaptureSpec, pods: Sequence[PodInfo]) -> str:
    if not pods:
        return f"{spec.target} in namespace {spec.namespace} has no pods right now."
    states = ", ".join(f"{pod.name} is {_why_not(pod)}" for pod in pods[:NAMED])
    return f"No pod of {spec.target} in namespace {spec.namespace} is running: {states}. Try again when one runs."


def no_namespace(name: str, known: Sequence[str]) -> TargetNotFound:
    """The error for a namespace that is not there."""
    close = difflib.get_close_matches(name, known, 3, cutoff=0.6)
    hint = f"Did you mean {', '.join(close)}?" if close else "Name the right one with `-n NAMESPACE`."
    return TargetNotFound(f"There is no namespace {name}. {hint}")


def not_found(spec: CaptureSpec, known: Sequence[str], elsewhere: Sequence[TargetRef] = ()) -> TargetNotFound:
    """The error for a name that is not there, with the nearest names that are; `elsewhere` has it as another kind."""
    bare, where = spec.target.name, f"in namespace {spec.namespace}"
    close = difflib.get_close_matches(bare, known, 3, cutoff=0.5) or [n for n in known if n.startswith(bare)][:3]
    meant = f" Did you mean {', '.join(dict.fromkeys(close))}?" if close else ""
    if spec.target.kind is TargetKind.NODE:
        return TargetNotFound(f"There is no node {bare}.{meant or ' `kubectl get nodes` shows them.'}")
    if spec.target.kind is TargetKind.SELECTOR:
        return TargetNotFound(f"No pod {where} has the labels {bare}.")
    what = "pod or workload" if spec.target.kind is TargetKind.ANY else str(spec.target.kind)
    if elsewhere:
        meant = f" But there is {' and '.join(str(one) for one in elsewhere)}."
    hint = meant or f" `kubectl get all -n {spec.namespace}` shows what there is."
    return TargetNotFound(f"There is no {what} {bare} {where}.{hint}")
