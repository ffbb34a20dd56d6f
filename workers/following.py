"""A rollout during a capture: pods that went are noticed, those that came in their place join for the rest of the time.

One watch a namespace tells every capture of a worker about changes; pods are looked up only once one went.
"""

import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from workers.capture.plans import Plan
from workers.capture.targets import Target
from workers.contract.errors import ThreadcapError
from workers.contract.job import Job
from workers.contract.spec import CaptureSpec, Mode, TargetKind
from workers.delivery import Tools
from workers.planning import Planning
from workers.resolve import Resolved, running
from workers.taken import Entrant, Taken

log = structlog.get_logger(__name__)

SHORT = 5.0
"""A capture that takes less, in seconds, is over before a pod is replaced."""
PATIENCE = 60.0
"""Seconds to wait for a replacement while nothing else is captured."""
AGAIN_SECONDS = 5.0
"""How often to look for one that no change told of."""
FILE_HEADER = 24
NEW_NAMES = ("ReplicaSet", "ReplicationController", "DaemonSet", "Job")
"""Owners whose pods never come back under the name of one that went."""

Admit = Callable[[Target, Plan], bool]
"""Says that a pod will be captured, and takes what places it needs; False when there are none."""
Enter = Callable[[Target, Plan, int], Entrant]
"""Makes the way of a target into the session, given its place there."""


@dataclass(slots=True)
class Loss:
    """A captured pod that went, by its place in the session, and the place of the one that came instead."""

    place: int
    at: float
    deleted: bool
    heir: int | None = None
    closed: bool = False
    """The pod is still there, or has done its work: nothing comes in its place."""


class Follower:
    """See session.Succession."""

    def __init__(self, job: Job, found: Resolved, planning: Planning, tools: Tools, admit: Admit, enter: Enter) -> None:
        self._spec: CaptureSpec = job.spec
        self._job_id = job.id
        self._planning = planning
        self._cluster = tools.cluster
        self._admit = admit
        self._enter = enter
        self._old = found.known
        """Pods that were there before: captured, beyond the cap or impossible to capture, but nobody's replacement."""
        spaces = sorted({one.pod.namespace for one in found.targets if not one.pod.is_node})
        self._feed = self._cluster.feed.subscribe(spaces)
        self._pool = ThreadPoolExecutor(1, thread_name_prefix=f"follow-{job.id}")
        self._asked: Future[list[tuple[Loss, Target, Plan]]] | None = None
        self._taken: list[Taken] = []
        self._losses: dict[int, Loss] = {}
        self._began: dict[int, float] = {}
        self._look_at = 0.0

    def close(self) -> None:
        """Watch no longer."""
        self._feed.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def look(self, taken: Sequence[Taken]) -> Sequence[Entrant]:
        """See Succession.look."""
        self._taken = list(taken)
        self._note_starts()
        self._note_losses()
        if found := self._answer():
            return found  # they count as captured from the next look on
        if self._open() and self._asked is None and time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + AGAIN_SECONDS
            self._asked = self._pool.submit(self._find, self._open())
        return []

    def awaits(self) -> bool:
        """See Succession.awaits."""
        now = time.time()
        return any(now - loss.at < PATIENCE and self._replaceable(loss) for loss in self._open())

    def notes(self) -> list[str]:
        """Say of each pod that went when, and what followed how much later."""
        told = (one for one in self._losses.values() if one.deleted or one.heir is not None)
        return [*(self._said(loss) for loss in told), *self._one_sided()]

    # -- who went ----------------------------------------------------------------------------------------------

    def _open(self) -> list[Loss]:
        return [loss for loss in self._losses.values() if loss.heir is None and not loss.closed]

    def _replaceable(self, loss: Loss) -> bool:
        """Whether something makes pods like it that are meant, too: a pod named in full is not, under a new name."""
        lost = self._taken[loss.place].plan.pod
        by_name = any(one.kind is TargetKind.POD and one.name == lost.name for one in self._spec.targets)
        return lost.owner[0] not in ("", "Node", *(NEW_NAMES if by_name else ()))

    def _note_starts(self) -> None:
        for place, one in enumerate(self._taken):
            if place not in self._began and one.capture.spool.size >= FILE_HEADER:
                self._began[place] = time.time()

    def _note_losses(self) -> None:
        for place, one in enumerate(self._taken):
            if one.outcome is not None and one.outcome.ended_by == "interrupted" and not one.plan.pod.is_node:
                self._lost(place, deleted=False)
        places = {one.plan.pod.uid: place for place, one in enumerate(self._taken)}
        for change in self._feed.wait():
            pod = change.pod
            if pod is None:
                self._look_at = 0.0
            elif not (change.gone or pod.deleting) or pod.uid not in places:
                self._look_at = 0.0 if pod.running else self._look_at
            elif self._taken[lost := places[pod.uid]].outcome is None or lost in self._losses:
                self._lost(lost, deleted=True)

    def _lost(self, place: int, *, deleted: bool) -> None:
        loss = self._losses.get(place)
        if loss is None:
            self._losses[place] = Loss(place, time.time(), deleted)
            self._look_at = 0.0
        elif deleted:
            loss.deleted = True

    # -- who came ----------------------------------------------------------------------------------------------

    def _answer(self) -> list[Entrant]:
        if self._asked is None or not self._asked.done():
            return []
        asked, self._asked = self._asked, None
        entrants: list[Entrant] = []
        for loss, target, plan in asked.result():
            place = len(self._taken) + len(entrants)
            loss.heir = place
            entrants.append(self._enter(target, plan, place))
        return entrants

    def _find(self, losses: Sequence[Loss]) -> list[tuple[Loss, Target, Plan]]:
        """Pair what is lost with pods that run and are not captured, each with its plan. Never raises."""
        found = []
        try:
            losses = [loss for loss in losses if loss.deleted or self._has_gone(loss)]
            fresh = [target for target in running(self._spec, self._cluster) if self._is_new(target)]
            for loss, target in paired(losses, [self._taken[one.place].entrant.target for one in losses], fresh):
                plan = self._planning.first(target)
                if self._admit(target, plan):
                    found.append((loss, target, plan))
        except ThreadcapError as error:
            log.info("no replacement yet", job=self._job_id, error=str(error))
        return found

    def _has_gone(self, loss: Loss) -> bool:
        """Whether the pod whose capture broke off has gone; one that failed stays listed while another is made."""
        lost = self._taken[loss.place].plan.pod
        now = self._cluster.pod(lost.namespace, lost.name)
        loss.closed = now is not None and now.uid == lost.uid and not now.deleting and now.phase != "Failed"
        return not loss.closed

    def _is_new(self, target: Target) -> bool:
        return target.pod.uid not in self._old | {one.plan.pod.uid for one in self._taken}

    # -- what is said ------------------------------------------------------------------------------------------

    def _said(self, loss: Loss) -> str:
        one = self._taken[loss.place]
        name, ended = one.plan.pod.name, one.outcome.ended_at if one.outcome is not None else loss.at
        what = "was deleted" if loss.deleted else "ended"
        if loss.heir is None:
            return f"{name} {what} at {clock(ended)}; no pod came in its place while this was captured."
        heir = self._heir(loss)
        began = self._began.get(loss.heir)
        if heir is None or began is None:
            return f"{name} {what} at {clock(ended)}; the pod that came in its place was not captured."
        follows = f"a new {name}" if heir.plan.pod.name == name else heir.plan.pod.name
        gap = f"{began - ended:.1f} s apart" if began > ended else "without a gap"
        return f"{name} {what} at {clock(ended)}; {follows} followed from {clock(began)}, {gap}."

    def _one_sided(self) -> list[str]:
        """What a new pod says to the other end of a pair is not in that end's filter, which can't be changed."""
        if self._spec.mode is not Mode.BETWEEN:
            return []
        heirs = [heir.plan.pod.name for one in self._losses.values() if (heir := self._heir(one)) is not None]
        what = "What the other end says to it is seen at its own end only."
        return [f"{name} joined later. {what}" for name in heirs]

    def _heir(self, loss: Loss) -> Taken | None:
        """What came instead, once it has joined the session."""
        return self._taken[loss.heir] if loss.heir is not None and loss.heir < len(self._taken) else None


def paired(losses: Sequence[Loss], lost: Sequence[Target], fresh: Sequence[Target]) -> list[tuple[Loss, Target]]:
    """Give each loss a pod of the same target that runs: one of the same name first, as far as they go."""
    left, pairs = list(fresh), []
    for loss, target in sorted(zip(losses, lost, strict=True), key=lambda pair: pair[0].at):
        fit = sorted(
            (one for one in left if one.end == target.end),
            key=lambda one: one.pod.name != target.pod.name,
        )
        if fit:
            left.remove(fit[0])
            pairs.append((loss, fit[0]))
    return pairs


def clock(moment: float) -> str:
    """A time of day, as the report's reader compares it with logs."""
    return time.strftime("%H:%M:%S", time.gmtime(moment)) + " UTC"
