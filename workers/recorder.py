"""The way of a recording and of a grab through the workers.

A recording stays CAPTURING while its rings turn in the pods; at its end they are delivered like any capture. A worker
that shuts down leaves it to the next one. A grab is a job of its own, whose captures take what the rings hold.
"""

import contextlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from time import monotonic, time

import structlog
from msgspec.structs import replace

from workers.capture.grab import Grab
from workers.capture.methods import Capture
from workers.capture.plans import Plan
from workers.capture.recording import Recording
from workers.capture.start_line import Runner, StartLine
from workers.contract.errors import StaleEpoch, StoreUnavailable, ThreadcapError
from workers.contract.job import Job, JobState, TargetProgress
from workers.contract.ports import Observer
from workers.contract.report import CaptureOutcome
from workers.delivery import Tools
from workers.rings import Kept
from workers.session import POLL
from workers.taken import NEXT_METHOD, Entrant, owe, progress_of

log = structlog.get_logger(__name__)

TICK = 3.0


@dataclass(slots=True)
class Turning:
    """One target's recording and what came of it."""

    entrant: Entrant
    plan: Plan
    capture: Recording
    runner: Runner
    outcome: CaptureOutcome | None = None
    error: ThreadcapError | None = None
    eased: str = ""
    """Why it had to end for the node's sake, as a clause."""

    @property
    def flaw(self) -> str:
        """Why it ended early, as a clause; "" when it did not."""
        return self.eased or (self.outcome.reason if self.outcome is not None else "")


class Recorder:
    """One job's recordings, until they end or another worker is to go on with them. `run`, then `kept`.

    `pressures`: node -> what it runs short of, such as DiskPressure; a recording there ends at once.
    """

    def __init__(
        self,
        job: Job,
        entrants: Sequence[Entrant],
        tools: Tools,
        *,
        pressures: Callable[[str], frozenset[str] | None] = lambda node: None,
    ) -> None:
        self._job = job
        self._tools = tools
        self._pressures = pressures
        self._line = StartLine(len(entrants))
        self._changing = threading.Lock()
        self._stopped_by = ""
        self._deadline = job.deadline
        self.handed_over = False
        """Whether this worker shuts down while the recordings go on."""
        self.rings = [self._turning(one, *one.begin()) for one in entrants]

    def run(self, observer: Observer) -> Job:
        """Watch until every recording has ended, and return the job. Raises the first error when none began."""
        with ThreadPoolExecutor(len(self.rings), thread_name_prefix=f"record-{self._job.id}") as pool:
            running = [pool.submit(self._record, one) for one in self.rings]
            try:
                self._watch(running, observer)
            except (StaleEpoch, StoreUnavailable):  # another worker goes on with them
                self._leave()
                raise
            except BaseException:
                self._stop()
                raise
            finally:
                wait(running)
        errors = [one.error for one in self.rings if one.error is not None]
        if len(errors) == len(self.rings):
            raise errors[0]
        return self._told(observer)

    def kept(self) -> list[Entrant]:
        """Return the way to what the rings hold, of those that have begun; nobody wants them afterwards."""
        return [self._kept(one) for one in self.rings if one.error is None]

    def progress(self) -> tuple[TargetProgress, ...]:
        """Return each target as the card shows it, the failed ones last."""
        every = [self._progress_of(one) for one in self.rings]
        return tuple(sorted(every, key=lambda one: one.state == "failed"))

    def close(self) -> None:
        """End what goes on in the pods, unless it is another worker's, and remove the local files."""
        with ThreadPoolExecutor(len(self.rings), thread_name_prefix=f"leave-{self._job.id}") as pool:
            list(pool.map(self._end, self.rings))
        for one in self.rings:
            one.capture.spool.close()
            one.capture.spool.path.unlink(missing_ok=True)

    def _end(self, one: Turning) -> None:
        if not one.capture.close():
            owe(self._job.id, one.plan, self._tools.owe)

    def _turning(self, entrant: Entrant, plan: Plan, capture: Capture) -> Turning:
        return Turning(entrant, plan, _recording(capture), self._line.runner())

    def _kept(self, one: Turning) -> Entrant:
        capture = one.capture
        grab = Grab(
            self._tools.cluster,
            one.plan,
            capture.house,
            self._job.id,
            capture.spool,
            flaw=one.flaw,
            ends=True,
            folder=capture.folder,
        )
        return Kept(one.entrant.target, one.plan, lambda: grab)

    def _record(self, one: Turning) -> None:
        try:
            while one.outcome is None:
                self._try(one)
        except ThreadcapError as error:
            log.warning("target not recorded", job=self._job.id, pod=one.plan.pod.name, error=str(error))
            one.error = error
            self._end(one)
        finally:
            one.runner.gone()

    def _try(self, one: Turning) -> None:
        """Record by the plan at hand; with another one at hand when it could not start."""
        try:
            one.outcome = one.capture.run(one.runner)
        except NEXT_METHOD as error:
            other = one.entrant.instead(one.plan, error)
            if other is None:
                raise
            self._end(one)
            with self._changing:
                one.plan, one.capture = other[0], _recording(other[1])
                if self._stopped_by:
                    one.capture.stop(self._stopped_by)

    def _watch(self, running: Sequence["Future[None]"], observer: Observer) -> None:
        told = 0.0
        while wait(running, timeout=POLL).not_done:
            if observer.stop_requested():  # raises once the job is another worker's
                self._stop()
            elif observer.interrupted() and not self.handed_over:
                self.handed_over = True
                self._leave()
            self._heed(observer.deadline())
            self._relieve()
            if monotonic() - told >= TICK:
                told = monotonic()
                with contextlib.suppress(StoreUnavailable):  # the next tick says it again
                    self._told(observer, patient=False)
        for future in running:
            future.result()

    def _stop(self) -> None:
        with self._changing:
            if not self._stopped_by:
                self._stopped_by = "stop"
                self._line.open()
                for one in self.rings:
                    one.capture.stop()

    def _leave(self) -> None:
        with self._changing:
            self._line.open()
            for one in self.rings:
                one.capture.leave()

    def _heed(self, deadline: float | None) -> None:
        """Move the end of every recording to where people moved the job's."""
        if deadline is None or deadline == self._deadline:
            return
        self._deadline = deadline
        with self._changing:
            for one in self.rings:
                one.capture.extend(max(1.0, deadline - time()))

    def _relieve(self) -> None:
        """End the recordings on nodes that run short of something, before they make matters worse."""
        for one in self.rings:
            node = one.plan.pod.node
            if one.outcome is None and one.error is None and not one.eased and (now := self._pressures(node)):
                one.eased = f"node {node} reports {' and '.join(sorted(now))}, so the recording ended early"
                log.warning("recording ended", job=self._job.id, pod=one.plan.pod.name, why=one.eased)
                with self._changing:
                    one.capture.stop("pressure")

    def _told(self, observer: Observer, *, patient: bool = True) -> Job:
        now = tuple(self._progress_of(one) for one in self.rings)  # as many as there were, in their order
        return observer.update(lambda job: job.evolve(targets=now + job.targets[len(now) :]), patient=patient)

    def _progress_of(self, one: Turning) -> TargetProgress:
        now, held = progress_of(one.plan, one.entrant.target, self._job.spec), one.capture.held
        if one.error is not None:
            return replace(now, state="failed", note=one.error.user_message)
        why = one.flaw
        state = "partial" if why else "capturing" if held.files or one.capture.resumed else "starting"
        note = "; ".join([*one.plan.reasons, *([why] if why else [])])
        return replace(now, state=state, packets=held.captured, bytes=held.bytes, dropped=held.dropped, note=note)


def _recording(capture: Capture) -> Recording:
    if not isinstance(capture, Recording):
        raise TypeError(f"{capture!r} does not record")
    return capture


def begun(job: Job, entrants: Sequence[Kept], tools: Tools, observer: Observer) -> Job:
    """Return the grab's job as it takes what the rings hold; audited."""
    pods = [one.target.pod.name for one in entrants]
    observer.audit("grabbed", {**_who(job), "recording": job.spec.recording, "last": job.spec.last, "pods": pods})
    started = tools.clock()
    targets = tuple(progress_of(one.plan, one.target, job.spec) for one in entrants)
    return observer.update(
        lambda old: old.to(
            JobState.CAPTURING,
            spec=job.spec,
            targets=targets,
            started=started,
            deadline=started + job.spec.duration,
        )
    )


def audit_start(job: Job, observer: Observer) -> None:
    """Write down that a recording begins, or goes on in this worker."""
    pods = [f"{one.namespace}/{one.pod}" for one in job.targets]
    what = {"keep": job.spec.keep, "max_bytes": job.spec.max_bytes, "deadline": job.deadline, "pods": pods}
    observer.audit("recording", {**_who(job), "epoch": job.epoch, **what})


def audit_end(job: Job, observer: Observer) -> None:
    """Write down that a recording has ended, and by whom."""
    by = job.stop_by.id if job.stop_by is not None else ""
    observer.audit("recording_ended", {**_who(job), "stopped_by": by, "discarded": job.discard})


def _who(job: Job) -> dict[str, str]:
    return {"job": job.id, "person": job.requester.id, "spec": str(job.spec)}
