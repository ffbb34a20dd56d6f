"""Before anything is touched: whether the policy allows it, and whether there is a free place for it."""

import time
from collections.abc import Sequence
from operator import methodcaller

from workers.capture.targets import Target
from workers.contract.errors import Busy, Denied
from workers.contract.job import Job, TargetProgress
from workers.contract.ports import Observer
from workers.policy import Allowed, Decision, Rules, decide, full_words, places

QUEUE_SECONDS = 120.0
"""How long a job waits for a free place."""
LOOK_SECONDS = 1.0


def decided(job: Job, targets: Sequence[Target], rules: Rules, observer: Observer) -> Job:
    """Return the job as the policy allows it, audited. Raises Denied."""
    touched = [seen(target) for target in targets]
    decision = decide(job.spec, job.requester, touched, rules)
    who = {"job": job.id, "person": job.requester.id, "spec": str(job.spec), "pods": [t.pod.name for t in targets]}
    observer.audit("decided", {**who, "allowed": bool(decision), "reason": getattr(decision, "reason", "")})
    return job.evolve(spec=raise_if_denied(decision).spec)


def raise_if_denied(decision: Decision) -> Allowed:
    """Return a decision that allows. Raises Denied with the reason of another one."""
    if not isinstance(decision, Allowed):
        raise Denied(decision.reason)
    return decision


def seen(target: Target) -> TargetProgress:
    """A target as the policy reads it: a whole node has neither pod nor namespace."""
    pod = target.pod
    return TargetProgress(pod.namespace, "" if pod.is_node else pod.name, "", pod.node)


def admitted(job: Job, nodes: Sequence[str], targets: Sequence[Target], rules: Rules, observer: Observer) -> None:
    """Wait for a place of everything that is limited. Raises Busy when none becomes free in time."""
    wanted = places(job, [seen(target) for target in targets if target.pod.node in nodes], rules)
    deadline, told = time.monotonic() + QUEUE_SECONDS, ""
    while full := observer.admit(wanted):
        words = full_words(full, rules)
        if time.monotonic() > deadline:
            raise Busy(f"{words[0].upper()}{words[1:]}. Stop one of them, or try again later.")
        if observer.stop_requested() or observer.interrupted():
            return
        if full != told:
            told, note = full, f"Waiting for a free place: {words}."
            observer.update(methodcaller("evolve", message=note))
        time.sleep(LOOK_SECONDS)
