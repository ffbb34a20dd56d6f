"""What a command does: policy, audit, job store and queue behind one small service, for Slack and the terminal.

Synchronous, like the ports it uses. Outcomes: the thing asked for, or a Refusal with a sentence for the person.
Raises StoreUnavailable where nothing could be recorded at all.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from msgspec import structs

from bot.plan import ALSO, join_key, thread_of
from bot.running import Running
from workers.contract.errors import IllegalTransition, JobNotFound, QueueUnavailable, StoreUnavailable
from workers.contract.job import WAITING, Job, JobState, Origin, Person, new_job_id
from workers.contract.ports import JobQueue, JobStore
from workers.contract.spec import CaptureSpec, Mode
from workers.policy import Allowed, Denied, Rules, longest, may_extend, may_stop, preview

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Accepted:
    """A capture that is on its way; `notes` say what the policy reduced."""

    job: Job
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Already:
    """The same is being captured by `job`: nothing was started, joining it is on offer."""

    job: Job


@dataclass(frozen=True, slots=True)
class Refusal:
    """No, and why, for the person. `code` is stable, `job_id` is set when a job was recorded all the same."""

    reason: str
    code: str
    job_id: str = ""


def _queued(job: Job) -> Job:
    """A worker may have been quicker: a job that is being resolved must not be called queued again."""
    return job.to(JobState.QUEUED) if job.state is JobState.REQUESTED else job


def _no_more(job: Job) -> str:
    if job.state in WAITING or job.state is JobState.RESOLVING:
        return f"Capture {job.id} has not begun yet ({job.state}). Extend it once it captures."
    return f"Capture {job.id} does not capture any more; it can't be extended. Run it again from its card."


def _no_grab(recording: Job) -> str:
    if recording.final or recording.stop_by is not None:
        state = f"Recording {recording.id} has ended ({recording.state})"
        return f"{state}; what it held is gone, unless it was grabbed or kept: its thread has that."
    return f"Recording {recording.id} has not begun yet ({recording.state}). Ask again in a moment."


class Commands:
    """The application's verbs. `clock` gives epoch seconds."""

    def __init__(self, store: JobStore, queue: JobQueue, rules: Rules, clock: Callable[[], float]) -> None:
        self._store = store
        self._queue = queue
        self._rules = rules
        self._clock = clock
        self._running = Running(store)

    def capture(self, spec: CaptureSpec, person: Person, origin: Origin) -> Accepted | Refusal:
        """Preview by policy, record the job, hand it to the workers. Both decision and job are audited.

        It may be a plan only, a recording or a grab: the spec says it, and the way is the same.
        """
        decision = preview(spec, person, self._rules)
        asked = {"by": person.id, "spec": str(spec), "channel": origin.channel, "source": origin.source}
        if not isinstance(decision, Allowed):
            self._store.audit("capture_refused", asked | {"reason": decision.reason})
            code = "denied" if isinstance(decision, Denied) else "needs_approval"
            return Refusal(decision.reason, code)
        job = self._create(decision.spec, person, origin)
        self._store.audit("capture_requested", asked | {"job": job.id})
        return self._hand_over(job, decision.notes)

    def capture_or_join(self, spec: CaptureSpec, person: Person, origin: Origin) -> Accepted | Already | Refusal:
        """As `capture`, unless the same is being captured already, by whomever."""
        running = self.alike(spec, person, origin)
        return Already(running) if running is not None else self.capture(spec, person, origin)

    def alike(self, spec: CaptureSpec, person: Person, origin: Origin) -> Job | None:
        """Return a running job that captures the same and whose results the person may see where they ask."""
        if spec.dry_run or spec.mode is Mode.GRAB or not isinstance(preview(spec, person, self._rules), Allowed):
            return None
        return self._running.joinable(spec, origin)

    def join(self, job_id: str, person: Person, origin: Origin) -> Job | Refusal:
        """Have the job's verdict brought to the thread of `origin`, too; in its own channel the person is named."""
        job = self.status(job_id)
        if isinstance(job, Refusal):
            return job
        if job.final:
            return Refusal(f"Capture {job_id} has ended ({job.state}); its thread has the verdict.", "already_ended")
        decision = preview(job.spec, person, self._rules)
        if not isinstance(decision, Allowed):
            return Refusal(decision.reason, "denied", job_id)
        self._store.audit("joined", {"by": person.id, "job": job_id, "channel": origin.channel})
        own = thread_of(job, self._store.posted(job_id))
        here = origin.channel == job.origin.channel and origin.thread_ts in ("", own)
        key = f"{ALSO}{person.id}" if here else join_key(origin.channel, origin.thread_ts)
        self._store.record_posted(job_id, **{key: person.id})
        # should it have ended meanwhile, its thread must be looked at once more
        return self._store.change(job_id, lambda old: old.evolve(updated=self._clock()) if old.final else old)

    def grab(self, job_id: str, last: float, person: Person, origin: Origin) -> Accepted | Refusal:
        """Deliver what a live recording holds, or its last seconds, as a job of its own."""
        recording = self.status(job_id)
        if isinstance(recording, Refusal):
            return recording
        if recording.spec.mode is not Mode.RECORD:
            reason = f"Capture {job_id} is no recording. `record TARGET` starts one, which can be grabbed from."
            return Refusal(reason, "not_recording", job_id)
        if recording.state is not JobState.CAPTURING or recording.stop_by is not None:
            return Refusal(_no_grab(recording), "not_recording", job_id)
        accepted = self.capture(self._grabbing(recording, last), person, origin)
        if isinstance(accepted, Accepted) and last > recording.spec.keep:
            note = f"The recording keeps {recording.spec.keep:g} s; all of it is delivered."
            return Accepted(accepted.job, (*accepted.notes, note))
        return accepted

    def _grabbing(self, recording: Job, last: float) -> CaptureSpec:
        kept = recording.spec.keep
        last = last if 0 < last < kept else 0.0
        # how long a grab takes is nobody's to say: the time is within every limit
        duration = min(last or kept, self._rules.limits.max_duration)
        return structs.replace(
            recording.spec, mode=Mode.GRAB, recording=recording.id, last=last, duration=duration, wait=0.0
        )

    def extend(self, job_id: str, seconds: float, person: Person) -> Job | Refusal:
        """Let a running job go on for longer, as far as the limits allow; who may stop it may do so."""
        job = self.status(job_id)
        if isinstance(job, Refusal):
            return job
        ruling = may_extend(job, person, self._rules)
        asked = {"by": person.id, "job": job_id, "seconds": seconds}
        if isinstance(ruling, Denied):
            self._store.audit("extension_refused", asked | {"reason": ruling.reason})
            return Refusal(ruling.reason, "denied", job_id)
        if job.state is not JobState.CAPTURING or job.stop_by is not None:
            return Refusal(_no_more(job), "not_capturing", job_id)
        most = longest(job.spec, self._rules.limits)
        if job.started is not None and job.deadline is not None and job.deadline >= job.started + most - 0.5:
            reason = f"Capture {job_id} already goes on for as long as is allowed, {most:g} s from its start."
            return Refusal(reason, "at_limit", job_id)
        self._store.audit("extension_requested", asked)
        try:
            return self._store.request_extension(job_id, person, seconds, most)
        except IllegalTransition as error:
            return Refusal(error.user_message, error.code, job_id)

    def _create(self, spec: CaptureSpec, person: Person, origin: Origin) -> Job:
        while True:
            job = Job(new_job_id(), spec, person, origin, created=self._clock(), updated=self._clock())
            if self._store.create(job):
                self._running.add(job)
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

    def again(self, job_id: str, person: Person, origin: Origin, *, planned: bool = False) -> Accepted | Refusal:
        """Ask for the same once more, in this person's name; with `planned` for what was only a plan."""
        found = self.status(job_id)
        if isinstance(found, Refusal):
            return found
        spec = structs.replace(found.spec, dry_run=False) if planned else found.spec
        return self.capture(spec, person, origin)

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
