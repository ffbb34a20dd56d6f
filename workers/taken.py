"""What a session is given and what comes of it: a way in for each target, what it took, who joins, what ends it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import time
from typing import Protocol

import structlog

from workers.capture.exec_stream import ExecRefused
from workers.capture.methods import Capture
from workers.capture.plans import Plan
from workers.capture.pressure import Pressures
from workers.capture.start_line import Runner
from workers.capture.targets import Target
from workers.contract.errors import ClusterForbidden, NotCapturable, StoreUnavailable, ThreadcapError
from workers.contract.facts import Facts
from workers.contract.job import TargetProgress
from workers.contract.ports import Debt
from workers.contract.report import CaptureOutcome
from workers.contract.spec import CaptureSpec

log = structlog.get_logger(__name__)

NEXT_METHOD = (NotCapturable, ClusterForbidden, ExecRefused)
"""What keeps one method from starting and another one not."""


Owe = Callable[[Debt], None]
"""Remembers a place to be swept. Raises StoreUnavailable."""


class Entrant(Protocol):
    """One target's way into a session."""

    @property
    def target(self) -> Target:
        """What is captured."""

    def begin(self) -> tuple[Plan, Capture]:
        """Return the plan to follow and its capture, which has not begun."""

    def instead(self, plan: Plan, error: ThreadcapError) -> tuple[Plan, Capture] | None:
        """Return the next best once one could not start, None when there is none."""


@dataclass(slots=True)
class Taken:
    """What came of one target: an outcome, or the error that kept it from starting."""

    entrant: Entrant
    plan: Plan
    capture: Capture
    runner: Runner
    outcome: CaptureOutcome | None = None
    error: ThreadcapError | None = None
    facts: Facts | None = None
    spent: list[tuple[Plan, Capture]] = field(default_factory=list)
    """Plans that could not start, and their captures; closed with the rest."""
    bearable: Pressures = None
    """What its node ran short of when it began, as far as the capture makes that no worse; None before it is known."""
    ended_early: str = ""
    """Why it alone had to end though nobody asked for it."""


class Succession(Protocol):
    """Knows which pods came in place of captured ones. Both never raise and never block."""

    def look(self, taken: Sequence[Taken]) -> Sequence[Entrant]:
        """Return those who shall join now, each once."""

    def awaits(self) -> bool:
        """Whether a pod that went may still be replaced: the session goes on though nothing is captured."""


class Condition(Protocol):
    """What ends a session before its time."""

    needs_facts: bool
    """Whether it looks at the facts so far (Taken.facts)."""

    def met(self, taken: Sequence[Taken]) -> str:
        """Say in a sentence what came; "" while it has not. Never raises and never blocks."""

    def close(self) -> None:
        """End what it runs."""


def progress_of(plan: Plan, target: Target, spec: CaptureSpec) -> TargetProgress:
    """Return a planned target as the card shows it before it starts; a whole node is in no namespace."""
    pod = plan.pod
    name = f"node/{pod.name}" if pod.is_node else pod.name
    own = target.filter if target.filter != spec.filter else ""
    return TargetProgress(pod.namespace, name, plan.container, pod.node, plan.method, uid=pod.uid, filter=own)


def owe(job_id: str, plan: Plan, remember: Owe) -> None:
    """Remember that something of a job may be left where a plan captured."""
    pod = plan.pod
    debt = Debt(job_id, pod.namespace, pod.name, pod.uid, plan.container, plan.method, time())
    log.warning("left for the sweeper", job=job_id, pod=pod.name, container=plan.container)
    try:
        remember(debt)
    except StoreUnavailable as error:
        log.warning("not remembered for the sweeper", job=job_id, pod=pod.name, error=str(error))
