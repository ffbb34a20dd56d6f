"""A job whose worker died: what goes on in a container of ours is taken over, what was attached to the dead worker has
ended with it. Whatever arrived is kept; what can't be proved any more is called partial.
"""

import threading
import time
from collections.abc import Sequence

import structlog
from msgspec.structs import replace

from workers import rings
from workers.capture.attached import sweep
from workers.capture.methods import Capture
from workers.capture.planner import EVERY
from workers.capture.plans import OURS, UPLOAD, Plan
from workers.capture.shapes import node_target
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.targets import NodeInfo, PodInfo, Target
from workers.contract.errors import ClusterUnavailable, Denied, NotCapturable, TargetNotFound, ThreadcapError
from workers.contract.job import Job, JobState, TargetProgress
from workers.contract.ports import Observer
from workers.contract.report import CaptureOutcome
from workers.contract.spec import Mode
from workers.delivery import Tools, discard
from workers.pipeline import captured, guarded, recorded
from workers.planning import ground
from workers.policy import places
from workers.segments import SEGMENTS, segment_name
from workers.taken import owe

log = structlog.get_logger(__name__)

LOST = "the worker that captured was lost; this is what it had stored until then"
REACH_SECONDS = 60.0
"""How long a cluster that does not answer is asked for a container of ours; the spool there waits longer."""
RETRY_SECONDS = 1.0
UNLIMITED = 1_000_000
"""Jobs that may have a place of something, as far as one that goes on is concerned."""


def salvage(job: Job, tools: Tools, observer: Observer) -> Job:
    """Finish a job that was capturing or later. Raises as pipeline.run."""
    return guarded(job, observer, lambda: _salvage(job, tools, observer))


def _salvage(job: Job, tools: Tools, observer: Observer) -> Job:
    log.warning("salvaging", **job.log_context())
    failed = tuple(target for target in job.targets if target.state == "failed")
    going = tuple(target for target in job.targets if target.state != "failed")
    # as recorders and sessions count them: those that go on come first
    job = observer.update(lambda old: old.evolve(targets=going + failed))
    if not going:
        raise NotCapturable(failed[0].note if failed else f"Nothing was captured: {LOST}.")
    _count(job, going, tools, observer)
    if job.spec.mode is Mode.RECORD and job.state is JobState.CAPTURING:
        return recorded(job, rings.resumed(job, tools), failed, tools, observer)
    if job.spec.mode is Mode.GRAB and (again := _grabbed_again(job, tools)):
        return captured(job, again, (), tools, observer)
    entrants = [rings.still_held(job, index, tools) or Left(job, one, tools) for index, one in enumerate(going)]
    if job.stop_by is not None and job.discard:
        for one in entrants:
            if not one.end():
                owe(job.id, one.plan, tools.owe)
        return discard(job, tools, observer)
    lost = [one for one in entrants if isinstance(one, Left) and not one.goes_on and not one.whole]
    words = f"Partial: {LOST}." if lost else "Another worker has taken the capture over."
    job = observer.update(lambda old: old.evolve(message=words))
    return captured(job, entrants, failed, tools, observer)


def _count(job: Job, going: Sequence[TargetProgress], tools: Tools, observer: Observer) -> None:
    """Take the places whose holder died. The job is there already: it counts for others, and is never refused."""
    observer.admit(dict.fromkeys(places(job, going, tools.rules), UNLIMITED))


def _grabbed_again(job: Job, tools: Tools) -> list[rings.Kept]:
    """What a grab takes can be taken again, as long as the recording holds it; [] once it does not."""
    try:
        return rings.grabbed(job, tools)
    except (Denied, TargetNotFound) as error:
        log.info("nothing to grab again", job=job.id, error=str(error))
        return []


class Left:
    """See session.Entrant: one target as the dead worker left it."""

    def __init__(self, job: Job, progress: TargetProgress, tools: Tools) -> None:
        self._job = job
        self._tools = tools
        pod = _pod(progress, tools)
        self._spool = _rebuilt(job, pod, tools)
        self.target = Target(pod, (progress.container,), progress.filter or job.spec.filter)
        reasons = (progress.note,) if progress.note and progress.state == "capturing" else ()
        self.plan = Plan(pod, progress.container, progress.method, reasons)
        self._said = progress.note if progress.state == "partial" else ""
        self.goes_on = progress.method in OURS and job.spec.mode not in (Mode.RECORD, Mode.GRAB)
        """Whether its container may still capture, or hold what it captured."""
        self._outcome = _stored(progress, self._spool)
        self.whole = self._outcome is not None
        """Whether it had ended before the worker did, and every byte is stored."""

    def begin(self) -> tuple[Plan, Capture]:
        """See Entrant.begin."""
        lost = Lost(self._job, self.plan, self._spool, self._tools, outcome=self._outcome, said=self._said)
        if not self.goes_on:
            return self.plan, lost
        over = self._outcome is not None and (self._outcome.complete or self._outcome.proved)
        return self.plan, Resumed(self._job, self._taken_over(), lost, over=over)

    def instead(self, plan: Plan, error: ThreadcapError) -> None:
        """See Entrant.instead: nothing is begun anew."""

    def end(self) -> bool:
        """End what runs in the cluster, for a job nobody wants any more; False when that was not seen."""
        going: Capture = Lost(self._job, self.plan, self._spool, self._tools)
        if self.goes_on:
            going = self._taken_over()
        elif isinstance(going, Lost):
            going.end_remote()
        ended = going.close()
        self._spool.close()
        self._spool.path.unlink(missing_ok=True)
        return ended

    def _taken_over(self) -> Capture:
        where = ground(self._job, self.target.filter, self._tools)
        return EVERY[self.plan.method].open(where, self.plan, self._spool, resume=True)


class Lost:
    """See methods.Capture: one that ended with its worker. Running it ends what is left in the pod.

    `outcome`: how it had ended before that, where every byte of it is stored. `said`: why it had ended early, where
    that is all that is known.
    """

    def __init__(
        self,
        job: Job,
        plan: Plan,
        spool: Spool,
        tools: Tools,
        *,
        outcome: CaptureOutcome | None = None,
        said: str = "",
    ) -> None:
        self.spool = spool
        self._job = job
        self._plan = plan
        self._tools = tools
        self._outcome = outcome
        self._said = said
        self._ended = True

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run."""
        runner.gone()
        self.end_remote()
        if self._outcome is not None:
            return self._outcome
        self.spool.trim()
        return CaptureOutcome(
            reason=self._said or f"{LOST} ({self.spool.size} bytes)",
            bytes=self.spool.size,
            sha256=self.spool.sha256(),
            packets=self.spool.records,
            ended_by="interrupted",
            started_at=self._job.started or self._job.created,
            ended_at=time.time(),
        )

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop: it has ended."""

    def extend(self, seconds: float) -> None:
        """See Capture.extend: it has ended."""

    def close(self) -> bool:
        """See Capture.close."""
        return self._ended

    def end_remote(self) -> None:
        """End the job's processes in the container it captured in, and remove what was uploaded there."""
        pod = self._plan.pod
        if not pod.is_node and self._plan.method not in OURS and self._plan.container:
            self._ended = sweep(self._tools.cluster, pod, self._plan.container, self._job.id)
            if self._plan.method == UPLOAD:
                where = ground(self._job, "", self._tools)
                self._ended &= EVERY[UPLOAD].open(where, self._plan, self.spool, resume=True).close()


class Resumed:
    """See methods.Capture: one that is taken over; where nothing is left of it, what arrived is what there is.

    `over`: nothing more will come, so that only the end of it is left to be seen to.
    """

    def __init__(self, job: Job, going: Capture, lost: Capture, *, over: bool = False) -> None:
        self._job = job
        self.spool = going.spool
        self._going = going
        self._lost = lost
        self._over = over
        self._stopped = threading.Event()

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run."""
        given_up = time.monotonic() + REACH_SECONDS
        while not self._over:
            try:
                return replace(self._going.run(runner), started_at=self._job.started or self._job.created)
            except TargetNotFound as error:
                log.info("nothing to take over", error=str(error))
                return self._lost.run(runner)
            except ClusterUnavailable as error:  # nothing was asked of the container yet
                log.warning("not reached to be taken over", error=str(error))
                if time.monotonic() > given_up or self._stopped.is_set():
                    return self._lost.run(runner)
                self._stopped.wait(RETRY_SECONDS)
        return self._lost.run(runner)

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop."""
        self._stopped.set()
        self._going.stop(why)

    def extend(self, seconds: float) -> None:
        """See Capture.extend."""
        self._going.extend(seconds)

    def close(self) -> bool:
        """See Capture.close."""
        return self._going.close()


def _pod(progress: TargetProgress, tools: Tools) -> PodInfo:
    """The pod as it is now, else as the job remembers it; a whole node has no namespace."""
    if not progress.namespace:
        return node_target(NodeInfo(progress.node))
    known = PodInfo(progress.namespace, progress.pod, progress.uid, progress.node)
    try:
        now = tools.cluster.pod(progress.namespace, progress.pod)
    except ThreadcapError as error:
        log.warning("pod not read", pod=progress.pod, error=str(error))
        return known
    return now if now is not None and now.uid == progress.uid else known


def _rebuilt(job: Job, pod: PodInfo, tools: Tools) -> Spool:
    """Put a target's segments of the newest lease that stored any together, up to the last whole record."""
    name = segment_name(pod)
    spool = Spool(tools.spool_dir / f"{job.id}-{job.epoch}-{name}.salvaged.pcap")
    for key in _segment_keys(tools.artifacts.keys(f"jobs/{job.id}/"), name):
        for chunk in tools.artifacts.read(key):
            spool.write(chunk)
    spool.trim()
    return spool


def _stored(progress: TargetProgress, spool: Spool) -> CaptureOutcome | None:
    """How it had ended, if that is known and what is stored is all of it to the byte."""
    outcome = progress.outcome
    same = outcome is not None and (outcome.bytes, outcome.sha256) == (spool.size, spool.sha256())
    return outcome if same else None


def _segment_keys(keys: Sequence[str], name: str) -> list[str]:
    ours = [key for key in keys if key.rsplit("/", 1)[-1].startswith(f"{name}-") and f"/{SEGMENTS}/" in key]
    newest = max((_epoch(key) for key in ours), default=0)
    return sorted(key for key in ours if _epoch(key) == newest)


def _epoch(key: str) -> int:
    return int(key.split("/")[2])
