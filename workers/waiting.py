"""`--wait`: a job whose pod does not run yet, or crashes again and again, begins with the pod's next start."""

import math
import time
from dataclasses import dataclass, field

import structlog

from workers.capture.changes import PodChange, Subscription
from workers.contract.errors import ClusterUnavailable, TargetNotFound, ThreadcapError
from workers.contract.job import Job
from workers.contract.ports import Observer
from workers.delivery import Tools
from workers.resolve import Resolved, resolve

log = structlog.get_logger(__name__)

TICK = 0.5
"""How long a stop may go unheard."""
SAY_SECONDS = 15.0
"""How often the card says how long is left."""
UNWATCHED_SECONDS = 5.0
"""How often to look for what no watch of pods tells: a node, a namespace, a service that is made."""


@dataclass
class Wait:
    """One job's waiting. `found` may be asked again and again until the time is over: a pod may be gone too soon."""

    job: Job
    tools: Tools
    observer: Observer
    _until: float = field(init=False)
    _told_at: float = field(default=-math.inf, init=False)
    _feed: Subscription | None = field(default=None, init=False)
    _runs: dict[str, tuple[str, ...] | None] = field(default_factory=dict, init=False)
    """Pod -> the ids of its running containers, None while it does not run."""

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.job.spec.wait

    def found(self) -> Resolved | None:
        """Return what runs, once something does; None when the job must not go on.

        Raises TargetNotFound when nothing did in time, and what resolving raises.
        """
        while True:
            try:
                return resolve(self.job.spec, self.tools.cluster, self.tools.rules.limits)
            except (TargetNotFound, ClusterUnavailable) as error:
                if not self.once_more(error):
                    return None

    def close(self) -> None:
        """Watch no longer."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def once_more(self, error: ThreadcapError) -> bool:
        """True once another look may find more, False when the job must not go on.

        Asked too when what was found could not be captured. Raises `error` when the time is over.
        """
        if not self.job.spec.wait or self.job.spec.dry_run:
            raise error
        if self._left() <= 0:
            waited = lasting(self.job.spec.wait)
            raise TargetNotFound(f"Waited {waited}, and no pod could be captured. {error.user_message}") from error
        if self._feed is None:
            self._feed = self.tools.cluster.feed.subscribe(self.job.spec.namespaces)
        look = time.monotonic() + UNWATCHED_SECONDS
        while self._left() > 0 and time.monotonic() < look:
            if self.observer.stop_requested() or self.observer.interrupted():
                return False
            self._say()
            changes = self._feed.wait(min(TICK, max(0.01, self._left())))
            if [change for change in changes if self._tells_of_a_start(change)]:
                return True
        return True

    def _tells_of_a_start(self, change: PodChange) -> bool:
        """Whether a pod runs that did not before: most changes of a busy namespace are not worth a look."""
        pod = change.pod
        if pod is None:
            return True
        now = tuple(one.id for one in pod.containers if one.running) if pod.running else None
        before, self._runs[pod.uid] = self._runs.get(pod.uid), now
        return now is not None and now != before

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _say(self) -> None:
        if time.monotonic() - self._told_at < SAY_SECONDS:
            return
        self._told_at = time.monotonic()
        names = " or ".join(str(one) for one in self.job.spec.targets)
        message = f"Waiting for a pod of {names} to run ({lasting(self._left())} left)."
        self.observer.update(lambda old: old.evolve(message=message))


def lasting(seconds: float) -> str:
    """A time in words as far as it matters to somebody who waits."""
    return f"{round(seconds / 60)} min" if seconds >= 90 else f"{max(1, math.ceil(seconds))} s"
