"""Methods `exec` and `sidecar`: tcpdump that a container of the pod has, in the one that is meant or in another one.

Containers of a pod share its network, so any of them sees the same packets. A container named by the pod's annotation
threadcap.dev/sidecar is asked before the others.
"""

from dataclasses import dataclass

from workers.capture.attached import AttachedCapture
from workers.capture.methods import Capture, Ground
from workers.capture.plans import EXEC, SIDECAR, Equipment, Plan, Rejected, Right, Survey
from workers.capture.spool import Spool
from workers.capture.targets import Target
from workers.capture.tcpdump import SHA256, Probe, attached_argv
from workers.contract.spec import CaptureSpec

NET_RAW = 1 << 13
"""CAP_NET_RAW, capabilities(7): opening a packet socket."""
NOT_ASKED = "it was not asked"
SETTLED = 600.0
"""Seconds a container must run to be trusted again (kubelet: MaxContainerBackOff doubled)."""


def lacking(probe: Probe | str) -> str:
    """What keeps a container from capturing, as a clause; "" when nothing does."""
    if isinstance(probe, str):
        return probe
    if probe.missing:
        return f"it has no {', no '.join(probe.missing)}"
    if probe.capabilities is not None and not probe.capabilities & NET_RAW and probe.uid == 0:
        return "it runs without the capability NET_RAW"
    return ""


def no_container(target: Target) -> str:
    """Why there is no container to capture in, as a clause."""
    if target.pod.is_node:
        return "a node has no containers"
    states = ", ".join(f"{one.name} is {one.waiting_reason or 'not running'}" for one in target.pod.containers)
    return f"no container of the pod runs right now ({states})"


def restless(target: Target, container: str, probe: Probe) -> str:
    """Why a container may soon end and a capture in it as well, as a sentence without a full stop; "" when it won't.

    After SETTLED seconds the kubelet forgets that a container has failed, and so do we.
    """
    info = target.pod.named(container)
    if info is None or not info.restarts or not info.started or probe.time is None:
        return ""
    age = probe.time - info.started
    if age > SETTLED:
        return ""
    times = f"{info.restarts} restart{'s' if info.restarts > 1 else ''}"
    when = f"{times}, the last one {max(0.0, age):.0f} s ago"
    return f"container {container} keeps ending ({when}): if it does, so will this"


def less(probe: Probe) -> tuple[str, ...]:
    """What a capture in this container can't do, in sentences without a full stop."""
    said = []
    if probe.digest != SHA256:
        said.append("the container has no sha256sum: bytes are proved by their number alone")
    if "timeout" not in probe.tools:
        said.append("the container has no timeout: the capture's own clock is the only bound there")
    return tuple(said)


def attached_plan(method: str, target: Target, container: str, probe: Probe, about: str = "") -> Plan:
    """Return the plan of a capture attached in a container, by what that has; `about` is said first."""
    brief = restless(target, container, probe)
    return Plan(
        target.pod,
        container,
        method,
        tuple(said for said in (about, *less(probe), brief) if said),
        probe.may_change_user,
        probe.digest,
        "timeout" in probe.tools,
        brief=bool(brief),
    )


def wrapper(ground: Ground, plan: Plan, program: str = "tcpdump") -> list[str]:
    """Return the argv of a capture by such a plan; see tcpdump.attached_argv."""
    return attached_argv(
        ground.spec,
        ground.job_id,
        as_root=plan.may_change_user,
        digest=plan.digest,
        ceiling=ground.equipment.ceiling if plan.bounded else 0.0,
        program=program,
    )


@dataclass(frozen=True, slots=True)
class Inside:
    """`exec` looks at the first of the target's containers only, `sidecar` at all others.

    A container that was named by the person is `exec`'s, unless the method was named as well.
    """

    name: str

    def needs(self, target: Target, equipment: Equipment) -> tuple[Right, ...]:
        """See Method.needs. WebSocket exec is `get` up to Kubernetes 1.34 and `create` from 1.35 on."""
        return (Right("create", "pods", "exec", target.pod.namespace),)

    def plan(
        self, target: Target, survey: Survey, spec: CaptureSpec, equipment: Equipment, job_id: str
    ) -> Plan | Rejected:
        """See Method.plan."""
        if not target.containers:
            return Rejected(self.name, no_container(target))
        containers = self.candidates(target, spec)
        if not containers:
            named = f"container {spec.container} was named" if spec.container else ""
            return Rejected(self.name, named or "the pod has no other running container")
        passed = []
        for container in containers:
            probe = survey.probes.get(container, NOT_ASKED)
            why = lacking(probe)
            if why or isinstance(probe, str):
                passed.append(f"container {container}: {why}")
                continue
            via = f"through container {container}, which shares the pod's network"
            return attached_plan(self.name, target, container, probe, via if self.name == SIDECAR else "")
        return Rejected(self.name, "; ".join(passed))

    def candidates(self, target: Target, spec: CaptureSpec) -> tuple[str, ...]:
        """The containers it would look at."""
        if self.name == EXEC or (spec.container and spec.method == SIDECAR):
            return target.containers[:1]
        return target.containers[1:]

    def open(self, ground: Ground, plan: Plan, spool: Spool, *, resume: bool = False) -> Capture:
        """See Method.open. What an earlier worker began ended with that worker: there is nothing to take over."""
        return AttachedCapture(ground.cluster, plan, ground.spec, ground.job_id, spool, wrapper(ground, plan))
