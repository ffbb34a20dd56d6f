"""What to capture: a frozen spec, never a command. It crosses the queue as JSON."""

import enum

from msgspec import Struct


class TargetKind(enum.StrEnum):
    """What a target names. `ANY` is a bare name: a pod if there is one, else a workload of that name.

    INGRESS goes by a host of its rules or by its name; NODE is the node itself, all that passes its interfaces;
    NAMESPACE is every pod in it.
    """

    ANY = "any"
    POD = "pod"
    DEPLOYMENT = "deployment"
    STATEFULSET = "statefulset"
    DAEMONSET = "daemonset"
    JOB = "job"
    CRONJOB = "cronjob"
    SERVICE = "service"
    INGRESS = "ingress"
    SELECTOR = "selector"
    NODE = "node"
    NAMESPACE = "namespace"


SHORT_KIND = {
    TargetKind.ANY: "",
    TargetKind.POD: "pod/",
    TargetKind.DEPLOYMENT: "deploy/",
    TargetKind.STATEFULSET: "sts/",
    TargetKind.DAEMONSET: "ds/",
    TargetKind.JOB: "job/",
    TargetKind.CRONJOB: "cronjob/",
    TargetKind.SERVICE: "svc/",
    TargetKind.INGRESS: "ingress/",
    TargetKind.SELECTOR: "-l ",
    TargetKind.NODE: "node/",
    TargetKind.NAMESPACE: "ns/",
}


class TargetRef(Struct, frozen=True):
    """A target as the person named it. `name` holds the label selector when kind is SELECTOR.

    `namespace` "" means the spec's.
    """

    kind: TargetKind
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return f"{SHORT_KIND[self.kind]}{self.name}"


METHODS = ("exec", "sidecar", "ephemeral", "node", "veth", "upload")
"""Ways to get at a target's packets: in the container that is meant, in another one of the pod, in one of ours in the
pod; from the target's node, inside or outside of the pod's network namespace; in the container that is meant with a
tcpdump we bring. The best first."""


class UntilKind(enum.StrEnum):
    """What ends a capture before its time: a packet that matches a filter, a finding by its rule, a pod's event."""

    PACKET = "packet"
    FINDING = "finding"
    EVENT = "event"


class Until(Struct, frozen=True):
    """`value`: a pcap-filter(7) expression, a finding's rule or "any", or an event's reason such as Unhealthy."""

    kind: UntilKind
    value: str

    def __str__(self) -> str:
        return f"{self.kind} {self.value}"


class Mode(enum.StrEnum):
    """CAPTURE: every target, from now on. BETWEEN: exactly two targets, and only what they say to each other.
    RECORD: a ring in the pods that keeps the last minutes. GRAB: what a recording holds right now."""

    CAPTURE = "capture"
    BETWEEN = "between"
    RECORD = "record"
    GRAB = "grab"


class CaptureSpec(Struct, frozen=True):
    """One capture as asked for, every default filled in.

    duration in seconds, max_bytes in bytes of pcap a pod, max_packets 0 for no limit, snaplen in bytes.
    `filter` is a pcap-filter(7) expression or "".
    """

    target: TargetRef
    namespace: str
    container: str | None = None
    filter: str = ""
    duration: float = 30.0
    max_packets: int = 0
    max_bytes: int = 50_000_000
    snaplen: int = 65_536
    interface: str = "any"
    others: tuple[TargetRef, ...] = ()
    """Further targets of the same command; of BETWEEN the other end."""
    mode: Mode = Mode.CAPTURE
    max_pods: int = 0
    """Pods at most, the first by name; 0 for the installation's limit."""
    method: str = ""
    """The one method to use (METHODS); "" leaves it to the planner."""
    dry_run: bool = False
    """Say what would be done, and do nothing."""
    wait: float = 0.0
    """Seconds to wait for a pod that does not run yet; 0 to fail at once."""
    until: Until | None = None
    keep: float = 0.0
    """RECORD: seconds the ring keeps. `duration` is how long it goes on."""
    recording: str = ""
    """GRAB: the id of the recording's job."""
    last: float = 0.0
    """GRAB: only the last so many seconds; 0 for all it holds."""

    @property
    def targets(self) -> tuple[TargetRef, ...]:
        """Every target that was named."""
        return (self.target, *self.others)

    def namespace_of(self, target: TargetRef) -> str:
        """The namespace a target of this spec is in."""
        return target.name if target.kind is TargetKind.NAMESPACE else target.namespace or self.namespace

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Every namespace it touches; nodes are in none."""
        named = (self.namespace_of(one) for one in self.targets if one.kind is not TargetKind.NODE)
        return tuple(dict.fromkeys(named))

    def __str__(self) -> str:
        joint = " and " if self.mode is Mode.BETWEEN else " "
        words = joint.join(self._placed(one) for one in self.targets)
        if any(one.kind not in (TargetKind.NODE, TargetKind.NAMESPACE) for one in self.targets):
            words += f" -n {self.namespace}"
        if self.container:
            words += f" -c {self.container}"
        return f"{words} -- {self.filter}" if self.filter else words

    def _placed(self, one: TargetRef) -> str:
        return f"{one} -n {one.namespace}" if one.namespace and one.namespace != self.namespace else str(one)


RING_LEAST = 4_000_000
"""Bytes of pcap a recording's ring may grow to at least: a file that is being written, one before it, and what is kept
free."""


def same_capture(one: CaptureSpec, other: CaptureSpec) -> bool:
    """Whether both see the same packets while they run, so that who asks for one may join the other.

    How long and how much is taken is no part of it. Never so for a dry run or a grab: there is nothing to join.
    """
    return _seen(one) == _seen(other) and not any(s.dry_run or s.mode is Mode.GRAB for s in (one, other))


def _seen(spec: CaptureSpec) -> tuple[object, ...]:
    targets = frozenset((one.kind, one.name, spec.namespace_of(one)) for one in spec.targets)
    return targets, spec.container, " ".join(spec.filter.split()), spec.interface, spec.mode
