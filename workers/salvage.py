"""A job whose worker died: what goes on in a container of ours is taken over, what was attached to the dead worker has
ended with it. Whatever arrived is kept; what can't be proved any more is called partial.
"""

import time
from collections.abc import Sequence

import structlog

from workers import recorder
from workers.capture.attached import sweep
from workers.capture.methods import Capture
from workers.capture.planner import EVERY
from workers.capture.plans import EPHEMERAL, NODE, UPLOAD, VETH, Plan
from workers.capture.shapes import node_target
from workers.capture.spool import Spool
from workers.capture.start_line import Runner
from workers.capture.targets import NodeInfo, PodInfo, Target
from workers.contract.errors import Denied, TargetNotFound, ThreadcapError
from workers.contract.job import Job, JobState, TargetProgress
from workers.contract.ports import Observer
from workers.contract.report import CaptureOutcome
from workers.contract.spec import Mode
from workers.delivery import Tools, discard
from workers.pipeline import captured, guarded, recorded
from workers.planning import ground
from workers.session import SEGMENTS

log = structlog.get_logger(__name__)

LOST = "the worker that captured was lost; this is what it had stored until then"
OURS = (EPHEMERAL, NODE, VETH)
"""Methods whose container captures on without a worker."""


def salvage(job: Job, tools: Tools, observer: Observer) -> Job:
    """Finish a job that was capturing or later. Raises as pipeline.run."""
    return guarded(job, observer, lambda: _salvage(job, tools, observer))


def _salvage(job: Job, tools: Tools, observer: Observer) -> Job:
    log.warning("salvaging", **job.log_context())
    if job.spec.mode is Mode.RECORD and job.state is JobState.CAPTURING:
        failed = tuple(target for target in job.targets if target.state == "failed")
        return recorded(job, recorder.resumed(job, tools), failed, tools, observer)
    if job.spec.mode is Mode.GRAB and (again := _grabbed_again(job, tools)):
        return captured(job, again, (), tools, observer)
    # segments are counted by the target's place in the job; the failed ones have none
    places = {index: target for index, target in enumerate(job.targets) if target.state != "failed"}
    failed = tuple(target for target in job.targets if target.state == "failed")
    entrants = [recorder.still_held(job, index, tools) or Left(job, one, index, tools) for index, one in places.items()]
    if job.stop_by is not None and job.discard:
        for one in entrants:
            one.end()
        return discard(job, tools, observer)
    lost = [one for one in entrants if isinstance(one, Left) and not one.goes_on]
    words = f"Partial: {LOST}." if lost else "Another worker has taken the capture over."
    job = observer.update(lambda old: old.evolve(message=words))
    return captured(job, entrants, failed, tools, observer)


def _grabbed_again(job: Job, tools: Tools) -> list[recorder.Kept]:
    """What a grab takes can be taken again, as long as the recording holds it; [] once it does not."""
    try:
        return recorder.grabbed(job, tools)
    except (Denied, TargetNotFound) as error:
        log.info("nothing to grab again", job=job.id, error=str(error))
        return []


class Left:
    """See session.Entrant: one target as the dead worker left it."""

    def __init__(self, job: Job, progress: TargetProgress, place: int, tools: Tools) -> None:
        self._job = job
        self._tools = tools
        self._spool = _rebuilt(job, place, tools)
        pod = self._pod(progress)
        self.target = Target(pod, (progress.container,), job.spec.filter)
        self._plan = Plan(pod, progress.container, progress.method)
        self.goes_on = progress.method in OURS and job.spec.mode not in (Mode.RECORD, Mode.GRAB)
        """Whether its container may still capture, or hold what it captured."""

    def begin(self) -> tuple[Plan, Capture]:
        """See Entrant.begin."""
        capture: Capture = Lost(self._job, self._plan, self._spool, self._tools)
        if self.goes_on:
            going = self._taken_over()
            capture = Resumed(going, capture)
        return self._plan, capture

    def instead(self, plan: Plan, error: ThreadcapError) -> None:
        """See Entrant.instead: nothing is begun anew."""

    def end(self) -> None:
        """End what runs in the cluster, for a job nobody wants any more."""
        if self.goes_on:
            self._taken_over().close()
        else:
            Lost(self._job, self._plan, self._spool, self._tools).end_remote()
        self._spool.close()
        self._spool.path.unlink(missing_ok=True)

    def _taken_over(self) -> Capture:
        where = ground(self._job, self._job.spec.filter, self._tools)
        return EVERY[self._plan.method].open(where, self._plan, self._spool, resume=True)

    def _pod(self, progress: TargetProgress) -> PodInfo:
        if not progress.namespace:
            return node_target(NodeInfo(progress.node))
        return PodInfo(progress.namespace, progress.pod, progress.uid, progress.node)


class Lost:
    """See methods.Capture: one that ended with its worker. Running it ends what is left in the pod."""

    def __init__(self, job: Job, plan: Plan, spool: Spool, tools: Tools) -> None:
        self.spool = spool
        self._job = job
        self._plan = plan
        self._tools = tools

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run."""
        runner.gone()
        self.end_remote()
        self.spool.trim()
        return CaptureOutcome(
            reason=f"{LOST} ({self.spool.size} bytes)",
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

    def close(self) -> None:
        """See Capture.close."""

    def end_remote(self) -> None:
        """End the job's processes in the container it captured in."""
        pod = self._plan.pod
        if pod.is_node or self._plan.method in OURS:
            return
        try:
            now = self._tools.cluster.pod(pod.namespace, pod.name)
        except ThreadcapError as error:
            log.warning("pod not reachable", job=self._job.id, pod=pod.name, error=str(error))
            return
        if now is not None and self._plan.container:
            sweep(self._tools.cluster, now, self._plan.container, self._job.id)
            if self._plan.method == UPLOAD:
                EVERY[UPLOAD].open(ground(self._job, "", self._tools), self._plan, self.spool, resume=True).close()


class Resumed:
    """See methods.Capture: one that is taken over; where nothing is left of it, what arrived is what there is."""

    def __init__(self, going: Capture, lost: Capture) -> None:
        self.spool = going.spool
        self._going = going
        self._lost = lost

    def run(self, runner: Runner) -> CaptureOutcome:
        """See Capture.run."""
        try:
            return self._going.run(runner)
        except TargetNotFound as error:
            log.info("nothing to take over", error=str(error))
            return self._lost.run(runner)

    def stop(self, why: str = "stop") -> None:
        """See Capture.stop."""
        self._going.stop(why)

    def extend(self, seconds: float) -> None:
        """See Capture.extend."""
        self._going.extend(seconds)

    def close(self) -> None:
        """See Capture.close."""
        self._going.close()


def _rebuilt(job: Job, index: int, tools: Tools) -> Spool:
    """Put a target's segments of the newest lease that stored any together, up to the last whole record."""
    spool = Spool(tools.spool_dir / f"{job.id}-{job.epoch}-{index}.salvaged.pcap")
    for key in _segment_keys(tools.artifacts.keys(f"jobs/{job.id}/"), index):
        for chunk in tools.artifacts.read(key):
            spool.write(chunk)
    spool.trim()
    return spool


def _segment_keys(keys: Sequence[str], index: int) -> list[str]:
    ours = [key for key in keys if key.rsplit("/", 1)[-1].startswith(f"{index:03d}-") and f"/{SEGMENTS}/" in key]
    newest = max((_epoch(key) for key in ours), default=0)
    return sorted(key for key in ours if _epoch(key) == newest)


def _epoch(key: str) -> int:
    return int(key.split("/")[2])
