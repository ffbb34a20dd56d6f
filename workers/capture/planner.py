"""By which methods to capture a target, the best first, and why not by the others. Pure."""

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from workers.capture.methods import Method
from workers.capture.methods.agent import Agent
from workers.capture.methods.ephemeral import Ephemeral
from workers.capture.methods.inside import Inside
from workers.capture.methods.upload import Upload
from workers.capture.plans import (
    EPHEMERAL,
    EXEC,
    INSIDE,
    NODE,
    OURS,
    SIDECAR,
    UPLOAD,
    VETH,
    Equipment,
    Plan,
    Rejected,
    Right,
    Survey,
)
from workers.capture.targets import Target
from workers.contract.errors import NotCapturable
from workers.contract.spec import CaptureSpec, Mode

NAMED = 3
"""Pods named in an announcement at most."""
EVERY: Mapping[str, Method] = {
    EXEC: Inside(EXEC),
    SIDECAR: Inside(SIDECAR),
    EPHEMERAL: Ephemeral(),
    NODE: Agent(NODE),
    VETH: Agent(VETH),
    UPLOAD: Upload(),
}


class Ranking(Struct, frozen=True):
    """What can be done for one target, the best first, and what can't."""

    target: Target
    plans: tuple[Plan, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    blocked: str = ""
    """Why no method whatsoever can do it, as a clause."""

    def best(self) -> Plan:
        """Return the first plan. Raises NotCapturable naming why each method was rejected."""
        if self.plans:
            return self.plans[0]
        what = f"Node {self.target.pod.name}" if self.target.pod.is_node else f"Pod {self.target.pod.name}"
        if self.blocked:
            raise NotCapturable(f"{what} can't be captured: {self.blocked}. Try again once that is over.")
        why = " ".join(f"{one.method}: {one.reason}." for one in self.rejected)
        hint = (
            ""
            if self.target.pod.is_node
            else " Name a container that has tcpdump with `-c NAME`, or add tcpdump to the image."
        )
        raise NotCapturable(f"{what} can't be captured. {why}{hint}")


def considered(spec: CaptureSpec, equipment: Equipment) -> list[Method]:
    """Return the methods that may be used at all: those allowed, or the one asked for.

    A recording needs a disk of its own.
    """
    names = [name for name in equipment.methods if spec.method in ("", name)]
    if spec.mode is Mode.RECORD:
        names = [name for name in names if name in OURS]
    return [EVERY[name] for name in names]


def passed_over(spec: CaptureSpec, equipment: Equipment) -> tuple[Rejected, ...]:
    """Return the allowed methods that can't do what is asked, whatever the target."""
    names = [name for name in equipment.methods if spec.method in ("", name)]
    if spec.mode is not Mode.RECORD:
        return ()
    why = "a recording needs a disk of its own, so a container of ours"
    return tuple(Rejected(name, why) for name in names if name not in OURS)


def rank(target: Target, survey: Survey, spec: CaptureSpec, equipment: Equipment, job_id: str) -> Ranking:
    """Ask every method that may be used."""
    methods, passed = considered(spec, equipment), passed_over(spec, equipment)
    if not methods and not passed:
        allowed = ", ".join(equipment.methods)
        return Ranking(
            target, rejected=(Rejected(spec.method or "all", f"it is not among the allowed ones ({allowed})"),)
        )
    if survey.dead_node:
        why = f"node {survey.dead_node} is not ready"
        return Ranking(target, rejected=tuple(Rejected(method.name, why) for method in methods), blocked=why)
    said = [method.plan(target, survey, spec, equipment, job_id) for method in methods]
    plans = [replace(one, reasons=(*one.reasons, *target.notes)) for one in said if isinstance(one, Plan)]
    plans.sort(key=lambda plan: plan.brief)
    rejected = (*(one for one in said if isinstance(one, Rejected)), *passed)
    return Ranking(target, tuple(plans), rejected)


def inside_suffices(ranking: Ranking) -> bool:
    """Whether the best plan only uses what a container has, so that nothing more need be asked."""
    return bool(ranking.plans) and ranking.plans[0].method in INSIDE and not ranking.plans[0].brief


def needed(target: Target, spec: CaptureSpec, equipment: Equipment) -> tuple[Right, ...]:
    """Return every right the methods that may be used would use."""
    rights = (right for method in considered(spec, equipment) for right in method.needs(target, equipment))
    return tuple(dict.fromkeys(rights))


def announcement(plans: Sequence[Plan], mode: Mode = Mode.CAPTURE) -> list[str]:
    """Say before anything is changed what will be added to which pods, and that it stays; [] for no change."""
    notes = []
    if added := [plan for plan in plans if plan.method == EPHEMERAL]:
        names = ", ".join(plan.pod.name for plan in added[:NAMED])
        more = f" and {len(added) - NAMED} more" if len(added) > NAMED else ""
        each = "to each" if len(added) > 1 else "to it"
        name = added[0].container
        why, what = f"No container of {names}{more} can capture", "capture"
        if mode is Mode.RECORD:
            why, what = f"A recording of {names}{more} needs a container of its own", "recording"
        notes += [
            f"{why}, so the ephemeral container {name} is added {each}.",
            f"It ends with the {what}; its entry stays in the pod's spec until the pod is replaced.",
        ]
    for plan in plans:
        if plan.method in (NODE, VETH, UPLOAD):
            notes += [f"{plan.pod.name}: {plan.creates[0]}."]
    return notes[: 2 * NAMED]
