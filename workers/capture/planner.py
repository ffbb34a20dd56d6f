"""By which method, and through which container, to capture a target, and why. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from workers.capture.targets import PodInfo, Target
from workers.capture.tcpdump import Probe
from workers.contract.errors import NotCapturable

NET_RAW = 1 << 13
"""CAP_NET_RAW, capabilities(7): opening a packet socket."""
EXEC, SIDECAR, EPHEMERAL = "exec", "sidecar", "ephemeral"
"""In the container that is meant, in another one of the pod, in one of ours."""
NOT_ASKED = "it was not asked"
NAMED = 3
"""Pods named in an announcement at most."""

Probes = Mapping[str, Probe | str]
"""Container -> what its probe found, or the words why it had no answer."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one target will be captured. `reasons` are for people: what was chosen and what was passed over."""

    pod: PodInfo
    container: str
    method: str = EXEC
    reasons: tuple[str, ...] = ()
    may_change_user: bool = True
    image: str = ""
    """The image of a container to add; "" when none is added."""


@dataclass(frozen=True, slots=True)
class Offer:
    """Whether an ephemeral container may be added to pods of a namespace. `refusal` says why not, as a clause."""

    image: str = ""
    refusal: str = ""


def through_exec(target: Target, probes: Probes) -> Plan | None:
    """Return the plan for the first container that will do as it is; None when none of those probed will."""
    passed: list[str] = []
    for container in target.containers:
        probe = probes.get(container, NOT_ASKED)
        if isinstance(probe, Probe) and not lacking(probe):
            if not passed:
                return Plan(target.pod, container, may_change_user=probe.may_change_user)
            reason = f"through container {container}, which shares the pod's network: {'; '.join(passed)}"
            return Plan(target.pod, container, SIDECAR, (reason,), probe.may_change_user)
        passed.append(_lacks(container, probe))
    return None


def through_ephemeral(target: Target, probes: Probes, offer: Offer, name: str) -> Plan:
    """Return the plan that adds the container `name` to a pod whose own containers lack something.

    Raises NotCapturable naming what each container lacks and why none may be added.
    """
    if offer.refusal:
        passed = [_lacks(container, probes.get(container, NOT_ASKED)) for container in target.containers]
        raise NotCapturable(
            f"Pod {target.pod.name} can't be captured from inside. {_sentence(passed)} An ephemeral container can't "
            f"be added: {offer.refusal}. Name a container that has tcpdump with `-c NAME`, or add tcpdump to the image."
        )
    reasons = (f"through an ephemeral container, {name}: its entry stays in the pod's spec",)
    return Plan(target.pod, name, EPHEMERAL, reasons, image=offer.image)


def announcement(plans: Sequence[Plan]) -> list[str]:
    """Say before anything is changed what will be added to which pods, and that it stays; [] for no change."""
    added = [plan for plan in plans if plan.image]
    if not added:
        return []
    names = ", ".join(plan.pod.name for plan in added[:NAMED])
    more = f" and {len(added) - NAMED} more" if len(added) > NAMED else ""
    each = "to each" if len(added) > 1 else "to it"
    return [
        f"No container of {names}{more} can capture, so the ephemeral container {added[0].container} is added {each}.",
        "It ends with the capture; its entry stays in the pod's spec until the pod is replaced.",
    ]


def lacking(probe: Probe) -> str:
    """What keeps a container from capturing, as a clause; "" when nothing does."""
    if probe.missing:
        return f"it has no {', no '.join(probe.missing)}"
    if probe.capabilities is not None and not probe.capabilities & NET_RAW and probe.uid == 0:
        return "it runs without the capability NET_RAW"
    return ""


def _lacks(container: str, probe: Probe | str) -> str:
    return f"container {container}: {probe if isinstance(probe, str) else lacking(probe)}"


def _sentence(passed: list[str]) -> str:
    return ". ".join(text[0].upper() + text[1:] for text in passed) + "." if passed else "It has no running container."
