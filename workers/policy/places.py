"""How many captures may run at once, and of what a job takes a place. Counted by JobStore.admit, by name.

Names are `all`, `person:ID`, `namespace:NAME` and `node:NAME`.
"""

from collections.abc import Sequence
from typing import Protocol

from workers.contract.job import Job
from workers.contract.spec import Mode
from workers.policy.rules import Rules


class Placed(Protocol):
    """What is read of a resolved target; `TargetProgress` is one."""

    @property
    def namespace(self) -> str:
        """The pod's namespace; "" for a whole node."""

    @property
    def node(self) -> str:
        """The node it is on; "" while nobody knows."""


def places(job: Job, targets: Sequence[Placed], rules: Rules) -> dict[str, int]:
    """Return what the job needs a place of -> how many jobs may have one; only what is limited.

    A dry run needs none; a grab captures nothing where its recording has its places already.
    """
    if job.spec.dry_run:
        return {}
    names = ["all", f"person:{job.requester.id}"]
    if job.spec.mode is not Mode.GRAB:
        names += [f"namespace:{target.namespace}" for target in targets if target.namespace]
        names += [f"node:{target.node}" for target in targets if target.node]
    limits = {name: rules.at_once.limit(name) for name in names}
    return {name: most for name, most in limits.items() if most > 0}


def full_words(name: str, rules: Rules) -> str:
    """Say that no place of `name` is free, as a clause: "8 captures are already running on node n1, which is …"."""
    kind, _, what = name.partition(":")
    most = rules.at_once.limit(name)
    captures, verb = ("capture", "is") if most == 1 else ("captures", "are")
    whose = " you asked for" if kind == "person" else ""
    where = {"node": f" on node {what}", "namespace": f" in namespace {what}"}.get(kind, "")
    return f"{most} {captures}{whose} {verb} already running{where}, which is the limit"
