"""`--wait`: a job whose pod does not run yet, or crashes again and again, begins with the pod's next start."""

import math
import time
from dataclasses import dataclass, field

import structlog

from workers.capture.changes import Subscription
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

    def __post_init__(self) -> None:
        spec = self.job.spec
        self._until = time.monotonic() + (0.0 if spec.dry_run else spec.wait)

    def found(self) -> Resolved | None:
        """Return what runs, once something does; None when the job must not go on.

        Raises TargetNotFound when nothing did in time, and what resolving raises.
        """
        while True:
            try:
                return resolve(self.job.spec, self.tools.cluster, self.tools.rules.limits)
            except (TargetNotFound, ClusterUnavailable) as error:
                if not self._again(error):
                    return None

    def once_more(self, error: ThreadcapError) -> bool:
        """Wait for a change after what was found could not be captured; False when the job must not go on.

        Raises `error` when the time is over.
        """
        return self._again(error)

    def close(self) -> None:
        """Watch no longer."""
        if self._feed is not None:
            self._feed.close()
            self._feed = None

    def _again(self, error: ThreadcapError) -> bool:
        """True once another look may find more. Raises `error` when there is no time for one."""
        if self._left() <= 0:
            raise self._in_vain(error) from error
        if self._feed is None:
            self._feed = self.tools.cluster.feed.subscribe(self.job.spec.namespaces)
        look = time.monotonic() + UNWATCHED_SECONDS
        while self._left() > 0 and time.monotonic() < look:
            if self.observer.stop_requested() or self.observer.interrupted():
                return False
            self._say()
            changes = self._feed.wait(min(TICK, max(0.01, self._left())))
            if any(change.pod is None or change.pod.running for change in changes):
                return True
        return True

    def _left(self) -> float:
        return self._until - time.monotonic()

    def _say(self) -> None:
        if time.monotonic() - self._told_at < SAY_SECONDS:
            return
        self._told_at = time.monotonic()
        names = " or ".join(str(one) for one in self.job.spec.targets)
        message = f"Waiting for a pod of {names} to run ({lasting(self._left())} left)."
        self.observer.update(lambda old: old.evolve(message=message))

    def _in_vain(self, error: ThreadcapError) -> ThreadcapError:
        if not self.job.spec.wait or self.job.spec.dry_run:
            return error
        waited = lasting(self.job.spec.wait)
        return TargetNotFound(f"Waited {waited}, and no pod could be captured. {error.user_message}", detail=str(error))


def lasting(seconds: float) -> str:
    """A time in words as far as it matters to somebody who waits."""
    return f"{round(seconds / 60)} min" if seconds >= 90 else f"{max(1, math.ceil(seconds))} s"
