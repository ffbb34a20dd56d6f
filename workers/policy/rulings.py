"""The decisions themselves."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from workers.contract.job import Job, Person
from workers.contract.spec import CaptureSpec, Limits
from workers.policy.decision import Allowed, Decision, Denied
from workers.policy.rules import Rules, Stoppers

MAX_SNAPLEN = 262_144
"""tcpdump's own maximum."""


class Target(Protocol):
    """What a decision reads of a resolved target; `TargetProgress` is one."""

    @property
    def namespace(self) -> str:
        """The pod's namespace."""

    @property
    def pod(self) -> str:
        """The pod's name."""


def preview(spec: CaptureSpec, person: Person, rules: Rules) -> Decision:
    """Decide what can be decided before the targets are known."""
    if not rules.permits(spec.namespace):
        return Denied(_outside(spec.namespace, rules))
    return _within(spec, rules.limits)


def decide(spec: CaptureSpec, person: Person, targets: Sequence[Target], rules: Rules) -> Decision:
    """Decide for the pods it really touches. An empty list of targets is no concern of the policy."""
    for namespace in (spec.namespace, *(target.namespace for target in targets)):
        if not rules.permits(namespace):
            return Denied(_outside(namespace, rules))
    pods = len({(target.namespace, target.pod) for target in targets})
    if pods > rules.limits.max_pods:
        return Denied(_too_many(spec, pods, rules.limits.max_pods, targets))
    return _within(spec, rules.limits)


def may_stop(job: Job, person: Person, rules: Rules) -> Allowed | Denied:
    """Decide whether the person may end the job, keeping or discarding what it has."""
    if person.id == job.requester.id or person.id in rules.admins or rules.stoppers is Stoppers.ANYONE:
        return Allowed(job.spec)
    owner = job.requester.name or job.requester.id
    others = " or an admin of Threadcap" if rules.admins else ""
    return Denied(f"Only {owner}, who asked for capture {job.id},{others and others + ','} may stop it.")


def _within(spec: CaptureSpec, limits: Limits) -> Allowed:
    """Reduce the spec to the ceilings, saying what was reduced. A value that makes no sense becomes the ceiling."""
    notes: list[str] = []
    if not 0 < spec.duration <= limits.max_duration:
        notes.append(f"Time is limited to {limits.max_duration:g} s; {spec.duration:g} s were asked for.")
        spec = replace(spec, duration=limits.max_duration)
    if not 0 < spec.max_bytes <= limits.max_max_bytes:
        notes.append(f"Size is limited to {limits.max_max_bytes:,} bytes a pod; {spec.max_bytes:,} were asked for.")
        spec = replace(spec, max_bytes=limits.max_max_bytes)
    if not 0 <= spec.max_packets <= limits.max_max_packets:
        notes.append(f"Packets are limited to {limits.max_max_packets:,} a pod; {spec.max_packets:,} were asked for.")
        spec = replace(spec, max_packets=limits.max_max_packets)
    if not 0 < spec.snaplen <= MAX_SNAPLEN:
        notes.append(f"Snaplen is limited to {MAX_SNAPLEN:,} bytes; {spec.snaplen:,} were asked for.")
        spec = replace(spec, snaplen=MAX_SNAPLEN)
    return Allowed(spec, tuple(notes))


def _outside(namespace: str, rules: Rules) -> str:
    where = f"namespace {namespace}" if namespace else "all namespaces at once"
    return f"Captures in {where} are not allowed here. {_permitted(rules)}"


def _permitted(rules: Rules) -> str:
    if not rules.namespaces:
        return "No namespace is allowed; ask the team that runs Threadcap."
    allowed = "all namespaces" if "*" in rules.namespaces else f"namespaces {_join(rules.namespaces)}"
    denied = f" but {_join(rules.denied_namespaces)}" if rules.denied_namespaces else ""
    return f"Allowed: {allowed}{denied}."


def _too_many(spec: CaptureSpec, pods: int, most: int, targets: Sequence[Target]) -> str:
    return (
        f"{spec.target} has {pods} pods, and one capture may take {most} at most."
        f" Name one of them, such as pod/{targets[0].pod}, or narrow it down with -l."
    )


def _join(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
