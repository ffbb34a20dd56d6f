"""The decisions themselves."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from workers.contract.job import Job, Person
from workers.contract.spec import CaptureSpec, Mode, TargetKind
from workers.policy.ceilings import within
from workers.policy.decision import Allowed, Decision, Denied
from workers.policy.rules import Rules, Stoppers

WHOLE_NODES = (
    "Captures of a whole node are not allowed here: they show the traffic of every pod on it. The team that runs "
    "Threadcap can allow them with the setting THREADCAP_WHOLE_NODES; name pods instead."
)


class Target(Protocol):
    """What a decision reads of a resolved target; `TargetProgress` is one.

    A whole node has neither pod nor namespace.
    """

    @property
    def namespace(self) -> str:
        """The pod's namespace."""

    @property
    def pod(self) -> str:
        """The pod's name."""

    @property
    def node(self) -> str:
        """The node it is on."""


def preview(spec: CaptureSpec, person: Person, rules: Rules) -> Decision:
    """Decide what can be decided before the targets are known."""
    refused = _refused(spec, rules)
    return within(spec, rules.limits) if refused is None else refused


def decide(spec: CaptureSpec, person: Person, targets: Sequence[Target], rules: Rules) -> Decision:
    """Decide for the pods it really touches. An empty list of targets is no concern of the policy."""
    whole = any(_whole(target) for target in targets)
    touched = [target.namespace for target in targets if not _whole(target)]
    for refused in (_refused(spec, rules), _outside(touched, whole, rules)):
        if refused is not None:
            return refused
    pods = len({(target.namespace, target.pod or target.node) for target in targets})
    if pods > rules.limits.max_pods:
        return Denied(_too_many(spec, pods, rules.limits.max_pods, targets))
    return within(spec, rules.limits)


def may_stop(job: Job, person: Person, rules: Rules) -> Allowed | Denied:
    """Decide whether the person may end the job, keeping or discarding what it has."""
    return _may_change(job, person, rules, "stop")


def may_extend(job: Job, person: Person, rules: Rules) -> Allowed | Denied:
    """Decide whether the person may give the job more time: whoever may end it may."""
    return _may_change(job, person, rules, "extend")


def may_grab(recording: Job, person: Person, rules: Rules) -> Allowed | Denied:
    """Decide whether the person may have what a recording holds: whoever may capture what it records may."""
    if recording.spec.mode is not Mode.RECORD or recording.spec.dry_run:
        return Denied(f"{recording.id} is no recording, so there is nothing to grab. `record TARGET` starts one.")
    refused = _refused(recording.spec, rules)
    return Allowed(recording.spec) if refused is None else refused


def _may_change(job: Job, person: Person, rules: Rules, verb: str) -> Allowed | Denied:
    if person.id == job.requester.id or person.id in rules.admins or rules.stoppers is Stoppers.ANYONE:
        return Allowed(job.spec)
    owner = job.requester.name or job.requester.id
    others = " or an admin of Threadcap" if rules.admins else ""
    return Denied(f"Only {owner}, who asked for capture {job.id},{others and others + ','} may {verb} it.")


def _refused(spec: CaptureSpec, rules: Rules) -> Denied | None:
    if spec.mode is Mode.BETWEEN and len(spec.targets) != 2:
        return Denied(f"`between` needs two targets, and {len(spec.targets)} were named: `between A and B`.")
    if spec.mode is Mode.GRAB and not spec.recording:
        return Denied("`grab` needs the id of a recording; `list` shows them.")
    whole = any(target.kind is TargetKind.NODE for target in spec.targets)
    return _outside(spec.namespaces, whole, rules)


def _outside(namespaces: Iterable[str], whole_nodes: bool, rules: Rules) -> Denied | None:
    """Refuse what is touched but not permitted; None when everything is."""
    for namespace in namespaces:
        if not rules.permits(namespace):
            where = f"namespace {namespace}" if namespace else "all namespaces at once"
            return Denied(f"Captures in {where} are not allowed here. {_permitted(rules)}")
    return Denied(WHOLE_NODES) if whole_nodes and not rules.whole_nodes else None


def _whole(target: Target) -> bool:
    return bool(target.node) and not target.pod and not target.namespace


def _permitted(rules: Rules) -> str:
    if not rules.namespaces:
        return "No namespace is allowed; ask the team that runs Threadcap."
    allowed = "all namespaces" if "*" in rules.namespaces else f"namespaces {_join(rules.namespaces)}"
    denied = f" but {_join(rules.denied_namespaces)}" if rules.denied_namespaces else ""
    return f"Allowed: {allowed}{denied}."


def _too_many(spec: CaptureSpec, pods: int, most: int, targets: Sequence[Target]) -> str:
    named = "What was named" if spec.others else str(spec.target)
    return (
        f"{named} has {pods} pods, and one capture may take {most} at most."
        f" Name one of them, such as pod/{targets[0].pod}, or narrow it down with -l."
    )


def _join(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
