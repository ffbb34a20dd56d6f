"""What a command does: policy, audit, job store and queue behind one small service, for Slack and the terminal.

Synchronous, like the ports it uses. Outcomes: the thing asked for, or a Refusal with a sentence for the person.
Raises StoreUnavailable where nothing could be recorded at all.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog

from workers.contract.errors import JobNotFound, QueueUnavailable, StoreUnavailable
from workers.contract.job import Job, JobState, Origin, Person, new_job_id
from workers.contract.ports import JobQueue, JobStore
from workers.contract.spec import CaptureSpec
from workers.policy import Allowed, Denied, Rules, may_stop, preview

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A capture that is on its way; `notes` say what the policy reduced."""

    job: Job
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """No, and why, for the person. `code` is stable, `job_id` is set when a job was recorded all the same."""

    reason: str
    code: str
    job_id: str = ""


def _queued(job: Job) -> Job:
    """A worker may have been quicker: a job that is being resolved must not be called queued again."""
    return job.to(JobState.QUEUED) if job.state is JobState.REQUESTED else job


class Commands:
    """The application's verbs. `clock` gives epoch seconds."""

    def __init__(self, store: JobStore, queue: JobQueue, rules: Rules, clock: Callable[[], float]) -> None:
        self._store = store
        self._queue = queue
        self._rules = rules
        self._clock = clock

    def capture(self, spec: CaptureSpec, person: Person, origin: Origin) -> Accepted | Refusal:
        """Preview by policy, record the job, hand it to the workers. Both decision and job are audited."""
        decision = preview(spec, person, self._rules)
        asked = {"by": person.id, "spec": str(spec), "channel": origin.channel, "source": origin.source}
        if not isinstance(decision, Allowed):
            self._store.audit("capture_refused", asked | {"reason": decision.reason})
            code = "denied" if isinstance(decision, Denied) else "needs_approval"
            return Refusal(decision.reason, code)
        job = self._create(decision.spec, person, origin)
        self._store.audit("capture_requested", asked | {"job": job.id})
        return self._hand_over(job, decision.notes)

    def _create(self, spec: CaptureSpec, person: Person, origin: Origin) -> Job:
        while True:
            job = Job(new_job_id(), spec, person, origin, created=self._clock(), updated=self._clock())
            if self._store.create(job):
                return job

    def _hand_over(self, job: Job, notes: tuple[str, ...]) -> Accepted | Refusal:
        try:
            self._queue.enqueue(job.id)
        except QueueUnavailable as error:
            log.warning("enqueue_failed", detail=str(error), **job.log_context())
            return self._not_enqueued(job, error)
        try:
            job = self._store.change(job.id, _queued)
        except StoreUnavailable as error:  # the job is with the workers: only the word "queued" is missing
            log.warning("queued_not_recorded", detail=str(error), **job.log_context())
        return Accepted(job, notes)

    def _not_enqueued(self, job: Job, error: QueueUnavailable) -> Accepted | Refusal:
        """Mark the job failed, unless a worker has it after all (the failure was only of the answer)."""

        def failed(old: Job) -> Job:
            return old.to(JobState.FAILED, message=error.user_message, error_code=error.code)

        def only_waiting(old: Job) -> Job:
            return failed(old) if old.state is JobState.REQUESTED else old

        job = self._store.change(job.id, only_waiting)
        if job.state is not JobState.FAILED:
            return Accepted(job)
        self._store.audit("enqueue_failed", {"job": job.id})
        return Refusal(error.user_message, error.code, job.id)

    def again(self, job_id: str, person: Person, origin: Origin) -> Accepted | Refusal:
        """Ask for the same capture once more, in this person's name."""
        found = self.status(job_id)
        return found if isinstance(found, Refusal) else self.capture(found.spec, person, origin)

    def stop(self, job_id: str, person: Person, *, discard: bool = False) -> Job | Refusal:
        """Ask the job to end, keeping or discarding what it has. The first one who asks stands."""
        job = self.status(job_id)
        if isinstance(job, Refusal):
            return job
        ruling = may_stop(job, person, self._rules)
        asked = {"by": person.id, "job": job_id, "discard": discard}
        if isinstance(ruling, Denied):
            self._store.audit("stop_refused", asked | {"reason": ruling.reason})
            return Refusal(ruling.reason, "denied", job_id)
        if job.final:
            return Refusal(f"Capture {job_id} has already ended ({job.state}).", "already_ended", job_id)
        self._store.audit("stop_requested", asked)
        return self._store.request_stop(job_id, person, discard=discard)

    def status(self, job_id: str) -> Job | Refusal:
        """Return one job."""
        try:
            return self._store.get(job_id)
        except JobNotFound as error:
            return Refusal(error.user_message, error.code)

    def listing(self, limit: int = 10) -> list[Job]:
        """Return the newest jobs, newest first."""
        return self._store.recent(limit)
