"""One job's whole way: resolve, decide, plan, capture, analyse, report, deliver.

`run` takes a job in the hands of one lease to its end and tells an Observer about every step. It raises only
StaleEpoch (another worker has the job now) and StoreUnavailable (nobody can be told).
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace

import structlog

from workers.capture import filters
from workers.capture.methods import Capture, ephemeral
from workers.capture.methods import exec as exec_method
from workers.capture.planner import EPHEMERAL, Plan, announcement, through_ephemeral, through_exec
from workers.capture.spool import Spool
from workers.capture.targets import Target, choose
from workers.capture.tcpdump import Probe
from workers.contract.errors import Denied, StaleEpoch, StoreUnavailable, ThreadcapError
from workers.contract.job import Job, JobState, TargetProgress
from workers.contract.ports import Observer
from workers.contract.report import CaptureOutcome, TargetResult
from workers.delivery import Tools, deliver, discard
from workers.glance import other_ports
from workers.policy import Allowed, Rules, decide
from workers.session import Session, Taken

log = structlog.get_logger(__name__)

ANALYSIS_FAILED = "the analysis failed; the pcap is stored as captured"
OUR_FAULT = "Something went wrong on our side. The log has the details under this capture's id."


def run(job: Job, tools: Tools, observer: Observer) -> Job:
    """Take a waiting job to its end and return it."""
    return guarded(job, observer, lambda: _run(job, tools, observer))


def _run(job: Job, tools: Tools, observer: Observer) -> Job:
    job = observer.update(lambda old: old.to(JobState.RESOLVING, attempts=old.attempts + 1))
    filters.check(job.spec.filter, job.spec.interface)
    targets, notes = choose(job.spec, tools.cluster.pods(job.spec), tools.rules.limits)
    job = _decided(job, targets, tools.rules, observer)
    plans, failed = _planned(job.id, targets, tools)
    if observer.stop_requested():
        return observer.update(lambda old: old.to(JobState.CANCELLED))
    if observer.interrupted():
        return observer.update(back_to_queue)
    job = _begin(job, plans, failed, [*notes, *announcement(plans)], tools, observer)
    with closing(Session(job, plans, lambda made, index: _opener(job, made, index, tools), tools.artifacts)) as session:
        session.run(observer)
        progress = session.progress() + failed
        job = observer.update(lambda old: old.evolve(targets=progress))
        if job.stop_by is not None and job.discard:
            return discard(job, tools, observer)
        _raise_if_none_started(session.taken)
        job = observer.update(lambda old: old.to(JobState.ANALYSING))
        analysed = session.analyse()
        results = _results(job, session, analysed, tools)
        session.leave()
        job = observer.update(lambda old: old.to(JobState.DELIVERING))
        whole = not failed and all(result.outcome.complete for result in results)
        end = JobState.DONE if whole else JobState.PARTIAL
        job = deliver(job, results, [one.capture.spool.path for one in session.taken], tools, observer, end)
        session.forget_segments()
        return job


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


def _fail(observer: Observer, message: str, code: str) -> Job:
    def change(job: Job) -> Job:
        return job if job.final else job.to(JobState.FAILED, message=message, error_code=code)

    return observer.update(change)


def _decided(job: Job, targets: Sequence[Target], rules: Rules, observer: Observer) -> Job:
    seen = [TargetProgress(t.pod.namespace, t.pod.name, "") for t in targets]
    decision = decide(job.spec, job.requester, seen, rules)
    who = {"job": job.id, "person": job.requester.id, "spec": str(job.spec), "pods": [t.pod for t in seen]}
    observer.audit("decided", {**who, "allowed": bool(decision), "reason": getattr(decision, "reason", "")})
    if not isinstance(decision, Allowed):
        raise Denied(decision.reason)
    return job.evolve(spec=decision.spec)


def _planned(job_id: str, targets: Sequence[Target], tools: Tools) -> tuple[list[Plan], tuple[TargetProgress, ...]]:
    """A plan for each target that can be captured, the others as failed. Raises when none can."""
    plans: list[Plan] = []
    failed: list[TargetProgress] = []
    errors: list[ThreadcapError] = []
    for target in targets:
        try:
            plans.append(_plan(job_id, target, tools))
        except ThreadcapError as error:
            pod = target.pod
            errors.append(error)
            failed.append(
                TargetProgress(pod.namespace, pod.name, "", pod.node, state="failed", note=error.user_message)
            )
    if not plans:
        raise errors[0]
    return plans, tuple(failed)


def _plan(job_id: str, target: Target, tools: Tools) -> Plan:
    """Ask container after container until one will do; where none does, add one of ours."""
    probes: dict[str, Probe | str] = {}
    for container in target.containers:
        probes[container] = exec_method.probe(tools.cluster, target.pod, container)
        if (made := through_exec(target, probes)) is not None:
            return made
    offer = ephemeral.offer(tools.cluster, target.pod.namespace, tools.capture_image)
    return through_ephemeral(target, probes, offer, ephemeral.container_name(job_id))


def _begin(
    job: Job,
    plans: Sequence[Plan],
    failed: tuple[TargetProgress, ...],
    notes: Sequence[str],
    tools: Tools,
    observer: Observer,
) -> Job:
    for made in plans:
        if made.image:  # it stays in the pod's spec whatever comes of the capture
            what = {"pod": f"{made.pod.namespace}/{made.pod.name}", "container": made.container, "image": made.image}
            observer.audit("adding_container", {"job": job.id, "person": job.requester.id, **what})
    started = tools.clock()
    waiting = tuple(TargetProgress(p.pod.namespace, p.pod.name, p.container, p.pod.node, p.method) for p in plans)
    return observer.update(
        lambda old: old.to(
            JobState.CAPTURING,
            spec=job.spec,
            targets=waiting + failed,
            started=started,
            deadline=started + job.spec.duration,
            message=" ".join([*notes, *(target.note for target in failed)]),
        )
    )


def _opener(job: Job, made: Plan, index: int, tools: Tools) -> Capture:
    spool = Spool(tools.spool_dir / f"{job.id}-{job.epoch}-{index}.pcap")
    method = ephemeral.EphemeralCapture if made.method == EPHEMERAL else exec_method.ExecCapture
    return method(tools.cluster, made, job.spec, job.id, spool)


def _raise_if_none_started(taken: Sequence[Taken]) -> None:
    errors = [one.error for one in taken if one.error is not None]
    if len(errors) == len(taken):
        raise errors[0]


def _results(job: Job, session: Session, analysed: bool, tools: Tools) -> list[TargetResult]:
    """One result a target, side by side: a silent one is looked at once more."""
    with ThreadPoolExecutor(len(session.taken), thread_name_prefix=f"result-{job.id}") as pool:
        return list(pool.map(lambda one: _result(job, one, analysed, session.cut_short, tools), session.taken))


def _result(job: Job, one: Taken, analysed: bool, cut_short: str, tools: Tools) -> TargetResult:
    pod, outcome = one.plan.pod, one.outcome
    if outcome is None:
        outcome = CaptureOutcome(reason=one.error.user_message if one.error else "", ended_by="error")
    elif outcome.ended_by == "interrupted" and outcome.complete:
        outcome = replace(outcome, complete=False, reason=cut_short)
    silent = bool(job.spec.filter) and outcome.complete and not outcome.packets and job.stop_by is None
    return TargetResult(
        namespace=pod.namespace,
        pod=pod.name,
        container=one.plan.container,
        node=pod.node,
        pod_ips=pod.ips,
        method=one.plan.method,
        outcome=outcome,
        facts=one.facts,
        analysis_error="" if one.facts is not None and analysed else ANALYSIS_FAILED,
        other_ports=other_ports(job, one.plan, tools) if silent else {},
    )
