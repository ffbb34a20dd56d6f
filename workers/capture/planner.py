"""Which container of a target to capture through, and why. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from workers.capture.targets import PodInfo, Target
from workers.capture.tcpdump import Probe
from workers.contract.errors import NotCapturable

NET_RAW = 1 << 13
"""CAP_NET_RAW, capabilities(7): opening a packet socket."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How one target will be captured. `reasons` are for people: what was chosen and what was passed over."""

    pod: PodInfo
    container: str
    method: str = "exec"
    reasons: tuple[str, ...] = ()
    may_change_user: bool = True


def plan(target: Target, probes: Mapping[str, Probe | str]) -> Plan:
    """Return the plan for a target given what each container's probe found, or the words why it had no answer.

    Raises NotCapturable naming what each container lacks.
    """
    passed: list[str] = []
    for container in target.containers:
        probe = probes.get(container, "it was not asked")
        lacking = probe if isinstance(probe, str) else _lacking(probe)
        if not lacking:
            through = f"through container {container}, which shares the pod's network"
            reasons = (f"{through}: {'; '.join(passed)}",) if passed else ()
            may_change_user = isinstance(probe, Probe) and probe.may_change_user
            return Plan(target.pod, container, reasons=reasons, may_change_user=may_change_user)
        passed.append(f"container {container}: {lacking}")
    raise NotCapturable(
        f"Pod {target.pod.name} can't be captured from inside. {_sentence(passed)} "
        "Name a container that has tcpdump with `-c NAME`, or add tcpdump to the image."
    )


def _lacking(probe: Probe) -> str:
    if probe.missing:
        return f"it has no {', no '.join(probe.missing)}"
    if probe.capabilities is not None and not probe.capabilities & NET_RAW and probe.uid == 0:
        return "it runs without the capability NET_RAW"
    return ""


def _sentence(passed: list[str]) -> str:
    return ". ".join(text[0].upper() + text[1:] for text in passed) + "." if passed else "It has no running container."
