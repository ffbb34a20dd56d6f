"""What recordings hold in the pods, and the ways to it: to go on with one, to grab from it, to deliver its rest."""

import contextlib
from collections.abc import Callable
from time import monotonic, sleep, time

import structlog

from workers.capture.grab import Grab
from workers.capture.methods import Capture
from workers.capture.plans import Plan
from workers.capture.recording import Recording, house
from workers.capture.shapes import node_target
from workers.capture.spool import Spool
from workers.capture.targets import NodeInfo, PodInfo, Target
from workers.contract.errors import Busy, Denied, JobNotFound, TargetNotFound, ThreadcapError
from workers.contract.job import Job, JobState, TargetProgress
from workers.contract.spec import Mode
from workers.delivery import Tools
from workers.planning import ground
from workers.policy import Allowed, may_grab
from workers.session import POLL
from workers.taken import owe

log = structlog.get_logger(__name__)

BEGIN_SECONDS = 20.0
"""How long a grab waits for a recording that is about to begin."""
STARTING = ("waiting", "starting")
NOTHING_LEFT = "Recording {} has ended ({}); what it held is gone. `record TARGET` starts another one."


class Kept:
    """See session.Entrant: a ring that is there already. `make` returns what takes it, or goes on with it."""

    def __init__(self, target: Target, plan: Plan, make: Callable[[], Capture]) -> None:
        self.target = target
        self.plan = plan
        self._make = make

    def begin(self) -> tuple[Plan, Capture]:
        """See Entrant.begin."""
        return self.plan, self._make()

    def instead(self, plan: Plan, error: ThreadcapError) -> None:
        """See Entrant.instead: what happened is in this ring or nowhere."""

    def end(self) -> bool:
        """End what goes on, for a job nobody wants any more; False when that was not seen."""
        capture = self._make()
        ended = capture.close()
        capture.spool.close()
        capture.spool.path.unlink(missing_ok=True)
        return ended


def resumed(job: Job, tools: Tools) -> list[Kept]:
    """Return what goes on of a recording that another worker left."""
    left = [(place, one) for place, one in enumerate(job.targets) if one.state != "failed"]
    return [_resumed(job, one, place, tools) for place, one in left]


def _resumed(job: Job, progress: TargetProgress, place: int, tools: Tools) -> Kept:
    target, plan = _as_left(job, progress, tools)

    def going_on() -> Capture:
        where = ground(job, target.filter, tools)
        capture = Recording(where, plan, _spool(job, place, tools), house(where, plan), resume=True)
        if job.deadline is not None:  # it may have been moved while nobody was there to tell the pod
            capture.extend(max(1.0, job.deadline - time()))
        return capture

    return Kept(target, plan, going_on)


def still_held(job: Job, place: int, tools: Tools) -> Kept | None:
    """Return the way to a ring of a recording that has ended, if it is still there, though its worker is not."""
    if job.spec.mode is not Mode.RECORD:
        return None
    target, plan = _as_left(job, job.targets[place], tools)
    where = house(ground(job, target.filter, tools), plan)
    try:
        if where.find() is None:
            return None
    except ThreadcapError as error:
        log.warning("ring not looked for", job=job.id, pod=plan.pod.name, error=str(error))
        owe(job.id, plan, tools.owe)
        return None
    return Kept(target, plan, lambda: Grab(tools.cluster, plan, where, job.id, _spool(job, place, tools), ends=True))


def grabbed(job: Job, tools: Tools) -> list[Kept]:
    """Return the way to what a grab wants. Raises Denied and TargetNotFound when there is no such ring, Busy when
    it is still about to begin."""
    recording = _begun_recording(job, tools)
    turning = [one for one in recording.targets if one.state == "capturing"]
    if not turning and any(one.state in STARTING for one in recording.targets):
        raise Busy(f"Recording {recording.id} is still starting. Grab again in a moment.")
    if not turning:
        raise TargetNotFound(NOTHING_LEFT.format(recording.id, "none of its pods is left"))
    return [_grabbed(job, recording, one, place, tools) for place, one in enumerate(turning)]


def _grabbed(job: Job, recording: Job, progress: TargetProgress, place: int, tools: Tools) -> Kept:
    target, plan = _as_left(recording, progress, tools)
    where = house(ground(recording, target.filter, tools), plan)
    return Kept(
        target,
        plan,
        lambda: Grab(tools.cluster, plan, where, job.id, _spool(job, place, tools), last=job.spec.last),
    )


def _begun_recording(job: Job, tools: Tools) -> Job:
    """Return the recording; one that was asked for a moment ago is waited for."""
    deadline = monotonic() + BEGIN_SECONDS
    while True:
        recording = _recording_of(job, tools)
        if not any(one.state in STARTING for one in recording.targets) or monotonic() > deadline:
            return recording
        sleep(POLL)


def _recording_of(job: Job, tools: Tools) -> Job:
    try:
        recording = tools.jobs(job.spec.recording)
    except JobNotFound:
        raise TargetNotFound(f"There is no recording {job.spec.recording}. `list` shows what there is.") from None
    ruling = may_grab(recording, job.requester, tools.rules)
    if not isinstance(ruling, Allowed):
        raise Denied(ruling.reason)
    if recording.state is not JobState.CAPTURING:
        raise TargetNotFound(NOTHING_LEFT.format(recording.id, recording.state))
    return recording


def _as_left(job: Job, progress: TargetProgress, tools: Tools) -> tuple[Target, Plan]:
    """Return a target as a job's record has it, with what the cluster says of the pod now."""
    pod = PodInfo(progress.namespace, progress.pod, progress.uid, progress.node)
    if not progress.namespace:
        pod = node_target(NodeInfo(progress.node))
    else:
        with contextlib.suppress(ThreadcapError):
            now = tools.cluster.pod(pod.namespace, pod.name)
            pod = now if now is not None and now.uid == pod.uid else pod
    target = Target(pod, (progress.container,), progress.filter or job.spec.filter)
    return target, Plan(pod, progress.container, progress.method)


def _spool(job: Job, place: int, tools: Tools) -> Spool:
    return Spool(tools.spool_dir / f"{job.id}-{job.epoch}-{place}.pcap")
