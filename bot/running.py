"""Which running capture sees the same packets as one that is asked for, so that it can be joined."""

import threading
import time

from workers.contract.errors import JobNotFound, ThreadcapError
from workers.contract.job import WAITING, Job, JobState, Origin
from workers.contract.ports import JobStore
from workers.contract.spec import CaptureSpec, same_capture

FRESH = 1.0
"""Seconds for which the list of running jobs is believed: a burst of requests must not read all of them each time."""


class Running:
    """The jobs that have not ended, as known a moment ago, and those made here since. Safe to share between threads."""

    def __init__(self, store: JobStore) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._jobs: dict[str, Job] = {}
        self._added: list[Job] = []
        self._at: float | None = None

    def add(self, job: Job) -> None:
        """Remember a job that was made just now."""
        with self._lock:
            self._jobs[job.id] = job
            self._added.append(job)

    def joinable(self, spec: CaptureSpec, origin: Origin) -> Job | None:
        """Return the newest record of a job that captures the same as `spec` and may be joined from `origin`."""
        alike = [job.id for job in self._known() if same_capture(job.spec, spec)]
        for job_id in alike:
            try:
                job = self._store.get(job_id)
            except JobNotFound:
                continue
            if _open_to(job, origin):
                return job
        return None

    def _known(self) -> list[Job]:
        """Return the jobs, read anew when they are no longer fresh; while one thread reads, others go by the old."""
        with self._lock:
            now = time.monotonic()
            if self._at is not None and now - self._at <= FRESH:
                return list(self._jobs.values())
            self._at, self._added = now, []
        try:
            jobs = {job.id: job for job in self._store.unfinished()}
        except ThreadcapError:
            self._at = None
            raise
        with self._lock:
            # what was made here while they were read may be missing among them
            self._jobs = jobs | {job.id: job for job in self._added}
            return list(self._jobs.values())


def _open_to(job: Job, origin: Origin) -> bool:
    """Whether `job` is still at it, and no secret to who asks at `origin`.

    What goes on in somebody's direct messages is their own; a terminal's job has no thread that could be joined.
    """
    early = job.state in WAITING or job.state in (JobState.RESOLVING, JobState.CAPTURING)
    if not early or job.stop_by is not None or job.spec.dry_run:
        return False
    return not origin.channel or origin.channel == job.origin.channel or job.origin.channel[:1] not in ("", "D")
