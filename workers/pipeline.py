"""One job's whole way: resolve, decide, plan, capture, analyse, report, deliver.

`run` takes a job in the hands of one lease to its end and tells an Observer about every step. It raises only
StaleEpoch (another worker has the job now) and StoreUnavailable (nobody can be told).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext
from dataclasses import dataclass

import structlog

from workers import recorder, rings
from workers.capture import filters
from workers.capture.methods import Capture
from workers.capture.planner import announcement
from workers.capture.plans import EPHEMERAL, Plan
from workers.capture.spool import Spool
from workers.capture.targets import Target
from workers.contract.errors import StaleEpoch, StoreUnavailable, ThreadcapError
from workers.contract.job import Job, JobState, TargetProgress
from workers.contract.ports import Observer
from workers.contract.report import CaptureOutcome, TargetResult
from workers.contract.spec import Mode
from workers.delivery import Tools, deliver, discard
from workers.following import SHORT, Follower
from workers.glance import other_ports
from workers.permission import admitted, decided, raise_if_denied, seen
from workers.planning import Planning
from workers.policy import places, preview
from workers.resolve import Resolved
from workers.session import Session
from workers.taken import Entrant, Taken, progress_of
from workers.until import check, condition, unmet
from workers.waiting import Wait

log = structlog.get_logger(__name__)

ANALYSIS_FAILED = "the analysis failed; the pcap is stored as captured"
OUR_FAULT = "Something went wrong on our side. The log has the details under this capture's id."
STEPS = (JobState.CAPTURING, JobState.ANALYSING, JobState.DELIVERING)


def run(job: Job, tools: Tools, observer: Observer) -> Job:
    """Take a waiting job to its end and return it."""
    return guarded(job, observer, lambda: _run(job, tools, observer))


def _run(job: Job, tools: Tools, observer: Observer) -> Job:
    job = observer.update(lambda old: old.to(JobState.RESOLVING, attempts=old.attempts + 1))
    if job.spec.mode is Mode.GRAB:
        return _grabbed(job, tools, observer)
    filters.check(job.spec.filter, job.spec.interface)
    check(job.spec)
    with closing(Wait(job, tools, observer)) as wait:
        ready = _ready(job, wait, tools, observer)
    if ready is None:
        return _not_begun(observer)
    job, found, planning = ready.job, ready.found, ready.planning
    if job.spec.dry_run:
        return _previewed(job, found, planning, observer)
    planned, failed = [(found.targets[index], plan) for index, plan in ready.plans.items()], ready.failed
    admitted(job, [plan.pod.node for _, plan in planned], found.targets, tools.rules, observer)
    if observer.stop_requested() or observer.interrupted():
        return _not_begun(observer)
    job = _begin(job, planned, failed, found.notes, tools, observer)
    entrants = [
        Planned(job, target, plan, place, planning, tools, observer) for place, (target, plan) in enumerate(planned)
    ]
    if job.spec.mode is Mode.RECORD:
        return recorded(job, entrants, failed, tools, observer)
    follower = _follower(job, found, planning, tools, observer)
    with closing(follower) if follower is not None else nullcontext():
        return captured(job, entrants, failed, tools, observer, follower)


@dataclass(frozen=True, slots=True)
class Ready:
    """A job whose targets run, may be captured by its person, and by which plans."""

    job: Job
    found: Resolved
    planning: Planning
    plans: dict[int, Plan]
    failed: tuple[TargetProgress, ...]


def _ready(job: Job, wait: Wait, tools: Tools, observer: Observer) -> Ready | None:
    """Find targets and plans for them, waiting as long as was asked for; None when the job must not go on."""
    if job.spec.wait:
        raise_if_denied(preview(job.spec, job.requester, tools.rules))  # nobody waits for what is denied then
    while True:
        found = wait.found()
        if found is None:
            return None
        allowed = decided(job, found.targets, tools.rules, observer)
        planning = Planning(allowed, tools)
        if allowed.spec.dry_run:
            return Ready(allowed, found, planning, {}, ())
        try:
            return Ready(allowed, found, planning, *_planned(found.targets, planning))
        except ThreadcapError as error:
            if not job.spec.wait or _still_run(found.targets, tools):
                raise
            if not wait.once_more(error):  # it ran when it was found, and did not any more when it was asked
                return None


def _still_run(targets: Sequence[Target], tools: Tools) -> bool:
    """Whether every pod runs, by the containers that were found."""
    pods = [(one.pod, tools.cluster.pod(*one.key)) for one in targets if not one.pod.is_node]
    return all(now is not None and now.running and now.containers == then.containers for then, now in pods)


def _not_begun(observer: Observer) -> Job:
    """End a job nobody captured yet, because somebody asked for that, or give it to another worker."""
    if observer.stop_requested():
        return observer.update(lambda old: old.to(JobState.CANCELLED))
    return observer.update(back_to_queue)


def _grabbed(job: Job, tools: Tools, observer: Observer) -> Job:
    entrants = rings.grabbed(job, tools)
    targets = [one.target for one in entrants]
    job = decided(job, targets, tools.rules, observer)
    admitted(job, [], [], tools.rules, observer)
    return captured(recorder.begun(job, entrants, tools, observer), entrants, (), tools, observer)


def recorded(
    job: Job, entrants: Sequence[Entrant], failed: tuple[TargetProgress, ...], tools: Tools, observer: Observer
) -> Job:
    """Record until the end, then deliver what the rings hold; a job that is CAPTURING still is for another worker."""
    recorder.audit_start(job, observer)
    with closing(recorder.Recorder(job, entrants, tools, pressures=tools.pressures)) as recording:
        job = recording.run(observer)
        if recording.handed_over:
            return job
        recorder.audit_end(job, observer)
        if job.discard:
            recording.close()
            return discard(job, tools, observer)
        kept, progress = recording.kept(), recording.progress()
        failed = (*(one for one in progress if one.state == "failed"), *failed)
        job = observer.update(lambda old: old.evolve(targets=(*progress[: len(kept)], *failed)))
        return captured(job, kept, failed, tools, observer)


def captured(
    job: Job,
    entrants: Sequence[Entrant],
    failed: tuple[TargetProgress, ...],
    tools: Tools,
    observer: Observer,
    follower: Follower | None = None,
) -> Job:
    """Run the captures to their end, analyse, deliver; `failed` are targets that have none."""
    until = condition(job, tools.cluster)
    way = Session(
        job,
        entrants,
        tools.artifacts,
        failed,
        succession=follower,
        condition=until,
        owe=tools.owe,
        pressures=tools.pressures,
    )
    with way as session:
        session.run(observer)
        job = observer.update(lambda old: old.evolve(targets=session.progress()))
        notes = _notes(job, session, follower)
        if notes:
            job = observer.update(lambda old: old.evolve(message=" ".join([old.message, *notes]).strip()))
        if job.stop_by is not None and job.discard:
            return discard(job, tools, observer)
        _raise_if_none_started(session.taken)
        job = observer.update(lambda old: onward(old, JobState.ANALYSING))
        analysed = session.analyse()
        results = _results(job, session, analysed, tools)
        session.leave()
        job = observer.update(lambda old: onward(old, JobState.DELIVERING))
        whole = not failed and all(result.outcome.complete for result in results)
        end = JobState.DONE if whole else JobState.PARTIAL
        job = deliver(job, results, [one.capture.spool.path for one in session.taken], tools, observer, end, notes)
        session.forget_segments()
        return job


def _notes(job: Job, session: Session, follower: Follower | None) -> list[str]:
    """What came of what was waited for, and what followed upon pods that went."""
    notes = follower.notes() if follower is not None else []
    if session.met:
        notes.append(f"{session.met} The capture ended with that.")
    elif job.spec.until is not None and job.stop_by is None and not session.cut_short:
        notes.append(unmet(job.spec.until))
    return notes


def _follower(job: Job, found: Resolved, planning: Planning, tools: Tools, observer: Observer) -> Follower | None:
    """Return who looks after pods that are replaced; None where there is nothing to look after."""
    if job.spec.duration < SHORT or job.spec.mode not in (Mode.CAPTURE, Mode.BETWEEN):
        return None
    if all(one.pod.is_node for one in found.targets):
        return None

    def admit(target: Target, plan: Plan) -> bool:
        if full := observer.admit(places(job, [seen(target)], tools.rules)):
            log.info("replacement not captured", job=job.id, pod=target.pod.name, full=full)
            return False
        observer.audit("following", {"job": job.id, "person": job.requester.id, "pod": target.pod.name})
        audit_additions(job, [plan], observer)
        return True

    def enter(target: Target, plan: Plan, place: int) -> Entrant:
        return Planned(job, target, plan, place, planning, tools, observer)

    return Follower(job, found, planning, tools, admit, enter)


class Planned:
    """See session.Entrant: one target by its plan, and by the next best when that can't start."""

    def __init__(
        self,
        job: Job,
        target: Target,
        plan: Plan,
        place: int,
        planning: Planning,
        tools: Tools,
        observer: Observer,
    ) -> None:
        self.target = target
        self._job = job
        self._plan = plan
        self._planning = planning
        self._observer = observer
        self._spool = Spool(tools.spool_dir / f"{job.id}-{job.epoch}-{place}.pcap")

    def begin(self) -> tuple[Plan, Capture]:
        """See Entrant.begin."""
        return self._plan, self._planning.open(self.target, self._plan, self._spool)

    def instead(self, plan: Plan, error: ThreadcapError) -> tuple[Plan, Capture] | None:
        """See Entrant.instead. What the next plan adds is said and audited first."""
        other = self._planning.after(self.target, plan, error)
        if other is None:
            return None
        notes = " ".join(announcement([other], self._job.spec.mode))
        self._observer.update(lambda old: old.evolve(message=f"{old.message} {notes}".strip()))
        audit_additions(self._job, [other], self._observer)
        return other, self._planning.open(self.target, other, self._spool)


def onward(job: Job, state: JobState) -> Job:
    """Return the job in `state`, or as it is when it is already that far: another worker may have begun it."""
    ahead = job.state in STEPS and STEPS.index(job.state) >= STEPS.index(state)
    return job if ahead else job.to(state)


def back_to_queue(job: Job) -> Job:
    """The change that gives a job nobody captured yet to another worker."""
    return job.to(JobState.QUEUED)


def guarded(job: Job, observer: Observer, work: Callable[[], Job]) -> Job:
    """Do `work`; whatever fails becomes a failed job with words for the person, details go to the log."""
    try:
        return work()
    except (StaleEpoch, StoreUnavailable):
        raise
    except ThreadcapError as error:
        log.info(
            "job failed", code=error.code, error=str(error), cause=repr(error.__cause__)[:300], **job.log_context()
        )
        return _fail(observer, error.user_message, error.code)
    except Exception:  # the boundary of a job: one broken capture must not end the worker
        log.exception("job crashed", **job.log_context())
        return _fail(observer, OUR_FAULT, "internal")


def audit_additions(job: Job, plans: Sequence[Plan], observer: Observer) -> None:
    """Write down what a plan adds to the cluster, before it does."""
    for plan in plans:
        if plan.creates:
            pod = f"{plan.pod.namespace}/{plan.pod.name}" if not plan.pod.is_node else f"node/{plan.pod.name}"
            what = {"pod": pod, "container": plan.container, "image": plan.image, "adds": plan.creates}
            action = "adding_container" if plan.method == EPHEMERAL else "adding"
            observer.audit(action, {"job": job.id, "person": job.requester.id, **what})


def _fail(observer: Observer, message: str, code: str) -> Job:
    def change(job: Job) -> Job:
        return job if job.final else job.to(JobState.FAILED, message=message, error_code=code)

    return observer.update(change)


def _previewed(job: Job, found: Resolved, planning: Planning, observer: Observer) -> Job:
    planned = tuple(planning.preview(found.targets))
    notes = " ".join(found.notes)
    return observer.update(lambda old: old.to(JobState.DONE, spec=job.spec, planned=planned, message=notes))


def _planned(targets: Sequence[Target], planning: Planning) -> tuple[dict[int, Plan], tuple[TargetProgress, ...]]:
    """A plan for each target that can be captured, by its place; the others as failed. Raises when none can."""
    plans: dict[int, Plan] = {}
    failed: list[TargetProgress] = []
    errors: list[ThreadcapError] = []
    with ThreadPoolExecutor(min(16, len(targets)), thread_name_prefix="plan") as pool:
        asked = [pool.submit(planning.first, target) for target in targets]
    for index, (target, answer) in enumerate(zip(targets, asked, strict=True)):
        try:
            plans[index] = answer.result()
        except ThreadcapError as error:
            pod = target.pod
            errors.append(error)
            failed.append(
                TargetProgress(pod.namespace, pod.name, "", pod.node, state="failed", note=error.user_message)
            )
    if not plans:
        raise errors[0]
    return plans, tuple(failed)


def _begin(
    job: Job,
    planned: Sequence[tuple[Target, Plan]],
    failed: tuple[TargetProgress, ...],
    notes: Sequence[str],
    tools: Tools,
    observer: Observer,
) -> Job:
    plans = [plan for _, plan in planned]
    audit_additions(job, plans, observer)
    started = tools.clock()
    waiting = tuple(progress_of(plan, target, job.spec) for target, plan in planned)
    return observer.update(
        lambda old: old.to(
            JobState.CAPTURING,
            spec=job.spec,
            targets=waiting + failed,
            started=started,
            deadline=started + job.spec.duration,
            message=" ".join([*notes, *announcement(plans, job.spec.mode), *(target.note for target in failed)]),
        )
    )


def _raise_if_none_started(taken: Sequence[Taken]) -> None:
    errors = [one.error for one in taken if one.error is not None]
    if len(errors) == len(taken):
        raise errors[0]


def _results(job: Job, session: Session, analysed: bool, tools: Tools) -> list[TargetResult]:
    """One result a target, side by side: a silent one is looked at once more."""
    with ThreadPoolExecutor(len(session.taken), thread_name_prefix=f"result-{job.id}") as pool:
        return list(pool.map(lambda one: _result(job, one, session.outcome(one), analysed, tools), session.taken))


def _result(job: Job, one: Taken, outcome: CaptureOutcome | None, analysed: bool, tools: Tools) -> TargetResult:
    pod = one.plan.pod
    if outcome is None:
        outcome = CaptureOutcome(reason=one.error.user_message if one.error else "", ended_by="error")
    silent = bool(job.spec.filter) and outcome.complete and not outcome.packets and job.stop_by is None
    return TargetResult(
        namespace=pod.namespace,
        pod=f"node/{pod.name}" if pod.is_node else pod.name,
        container=one.plan.container,
        node=pod.node,
        pod_ips=pod.ips,
        method=one.plan.method,
        outcome=outcome,
        facts=one.facts,
        analysis_error="" if one.facts is not None and analysed else ANALYSIS_FAILED,
        other_ports=other_ports(job, one.plan, tools) if silent else {},
        filter=one.entrant.target.filter,
    )
