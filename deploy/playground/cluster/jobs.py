"""Jobs and CronJobs: pods that run to completion, and the Jobs a schedule makes.

Each function brings one object a step nearer to its spec and may be called again at any time; what waits for the
clock is looked at again every second (see controllers). The count of ended pods never falls, whoever removes them.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime, timedelta

from . import cron
from .events import record
from .objects import (
    Object,
    condition,
    is_active,
    is_deleting,
    is_ready,
    name_of,
    namespace_of,
    now,
    owner_reference,
    parse_timestamp,
    timestamp,
    uid_of,
)
from .registry import DeleteOptions, Registry
from .resources import CRONJOBS, JOBS, PODS
from .workloads import end_pod, owned, pod_from, start_pod

# 10 s on a real cluster.
_FIRST_BACKOFF, _LONGEST_BACKOFF = timedelta(seconds=1), timedelta(minutes=6)
_REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
_BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_LATE = ("DeadlineExceeded", "Job was active longer than specified deadline")
_SCHEDULED = "batch.kubernetes.io/cronjob-scheduled-timestamp"


def outcome(job: Object) -> str:
    """Complete, Failed, or "" while it is neither."""
    return next((kind for kind in ("Complete", "Failed") if _is(job, kind)), "")


def sync_job(registry: Registry, job: Object) -> None:
    """As many active pods as it still needs; its conditions say how it ends."""
    if outcome(job):
        _expire(registry, job)
        return
    pods = owned(registry, PODS, job)
    active = [pod for pod in pods if is_active(pod)]
    status = _counted(job, pods)
    why = _failure(job, status, active)
    done = not why and _reached(job, status, active)
    if is_deleting(job):
        return
    if why or done or job["spec"]["suspend"]:
        for pod in active:
            end_pod(registry, job, pod)
        active = []
    else:
        active += _grow(registry, job, pods, status, len(active))
    status |= {"active": len(active), "ready": sum(map(is_ready, active)), "terminating": sum(map(is_deleting, pods))}
    _conclude(registry, job, status, why, done=done)


def _is(job: Object, kind: str) -> bool:
    return (condition(job, kind) or {}).get("status") == "True"


def _counted(job: Object, pods: list[Object]) -> Object:
    status = dict(job.get("status") or {})
    for field, phase in (("succeeded", "Succeeded"), ("failed", "Failed")):
        ended = sum(pod["status"].get("phase") == phase for pod in pods)
        status[field] = max(int(status.get(field, 0)), ended)
    if not job["spec"]["suspend"]:
        status.setdefault("startTime", timestamp())
    return status


def _failure(job: Object, status: Object, active: list[Object]) -> tuple[str, str] | None:
    spec = job["spec"]
    restarts = sum(c["restartCount"] for pod in active for c in pod["status"].get("containerStatuses") or ())
    again = spec["template"]["spec"]["restartPolicy"] == "OnFailure"
    if status["failed"] > spec["backoffLimit"] or (again and restarts and restarts >= spec["backoffLimit"]):
        return _BACKOFF
    deadline = spec.get("activeDeadlineSeconds")
    if deadline is not None and "startTime" in status and _age(status["startTime"]) >= timedelta(seconds=deadline):
        return _LATE
    return None


def _reached(job: Object, status: Object, active: list[Object]) -> bool:
    wanted = job["spec"].get("completions")
    if wanted is None:  # a queue of work: the first success says that it is empty
        return bool(status["succeeded"] and not active)
    return bool(status["succeeded"] >= wanted)


def _grow(registry: Registry, job: Object, pods: list[Object], status: Object, active: int) -> list[Object]:
    """Start what lacks, unless a failure was only just; returns the new pods."""
    spec = job["spec"]
    wanted = spec["parallelism"] if not (spec.get("completions") is None and status["succeeded"]) else active
    if spec.get("completions") is not None:
        wanted = min(wanted, spec["completions"] - status["succeeded"])
    wait = min(_FIRST_BACKOFF * 2 ** min(max(0, status["failed"] - 1), 10), _LONGEST_BACKOFF)
    failed = [pod for pod in pods if pod["status"].get("phase") == "Failed"]
    if failed and min(_age(_ended(pod)) for pod in failed) < wait:
        return []
    before = {uid_of(pod) for pod in pods}
    for _ in range(wanted - active):
        extra = {"generateName": f"{name_of(job)}-", "name": ""}
        start_pod(registry, job, pod_from(job, spec["template"], extra, {}))
    return [pod for pod in owned(registry, PODS, job) if uid_of(pod) not in before]


def _ended(pod: Object) -> str:
    ends = [
        c["state"]["terminated"]["finishedAt"]
        for c in pod["status"].get("containerStatuses") or ()
        if "terminated" in c["state"]
    ]
    return str(max(ends, default=pod["metadata"]["creationTimestamp"]))


def _age(moment: str) -> timedelta:
    return now() - parse_timestamp(moment)


def _conclude(registry: Registry, job: Object, status: Object, why: tuple[str, str] | None, *, done: bool) -> None:
    held = list(status.get("conditions") or [])
    if why:
        held += [_condition(kind, why) for kind in ("FailureTarget", "Failed")]
        record(registry, job, *why, warning=True, by="job-controller")
    elif done:
        held += [_condition(kind, _REACHED) for kind in ("SuccessCriteriaMet", "Complete")]
        status["completionTime"] = timestamp()
        record(registry, job, "Completed", "Job completed", by="job-controller")
    elif job["spec"]["suspend"] != _is(job, "Suspended"):
        held = [entry for entry in held if entry["type"] != "Suspended"]
        word = "Suspended" if job["spec"]["suspend"] else "Resumed"
        entry = _condition("Suspended", (f"Job{word}", f"Job {word.lower()}"))
        held.append(entry | {"status": str(job["spec"]["suspend"])})
        status.pop("startTime", None)
        record(registry, job, word, f"Job {word.lower()}", by="job-controller")
    zero = ("active", "succeeded", "failed")
    kept = {key: value for key, value in status.items() if value or key not in zero}
    registry.set_status(JOBS, job, kept | ({"conditions": held} if held else {}))


def _condition(kind: str, words: tuple[str, str]) -> Object:
    moment = timestamp()
    reason, message = words
    return {
        "type": kind,
        "status": "True",
        "lastProbeTime": moment,
        "lastTransitionTime": moment,
        "reason": reason,
        "message": message,
    }


def _expire(registry: Registry, job: Object) -> None:
    """What ttlSecondsAfterFinished asks for."""
    after = job["spec"].get("ttlSecondsAfterFinished")
    ended = (condition(job, outcome(job)) or {}).get("lastTransitionTime", "")
    if after is not None and not is_deleting(job) and _age(ended) >= timedelta(seconds=after):
        registry.delete(JOBS, namespace_of(job), name_of(job), DeleteOptions(uid=uid_of(job)))


def sync_cron_job(registry: Registry, owner: Object) -> None:
    """The Job that is due, its predecessors' end and history."""
    if is_deleting(owner):
        return
    jobs = owned(registry, JOBS, owner)
    _forget(registry, owner, jobs)
    running = [job for job in jobs if not outcome(job) and not is_deleting(job)]
    status = dict(owner.get("status") or {})
    since = parse_timestamp(status.get("lastScheduleTime") or owner["metadata"]["creationTimestamp"])
    due = None if owner["spec"]["suspend"] else cron.parse(owner["spec"]["schedule"]).latest(since, now())
    if due is not None and not (running and owner["spec"]["concurrencyPolicy"] == "Forbid"):
        for job in running if owner["spec"]["concurrencyPolicy"] == "Replace" else ():
            registry.delete(JOBS, namespace_of(job), name_of(job), DeleteOptions())
        running.append(_launch(registry, owner, due))
        status["lastScheduleTime"] = timestamp(due)
    status["active"] = [_reference(job) for job in running]
    ends = [job["status"]["completionTime"] for job in jobs if outcome(job) == "Complete"]
    status |= {"lastSuccessfulTime": max(ends)} if ends else {}
    registry.set_status(CRONJOBS, owner, {key: value for key, value in status.items() if value})


def _launch(registry: Registry, owner: Object, due: datetime) -> Object:
    template = deepcopy(owner["spec"]["jobTemplate"])
    metadata = template.get("metadata") or {}
    name = f"{name_of(owner)}-{int(due.timestamp()) // 60}"
    metadata |= {"name": name, "ownerReferences": [owner_reference(owner)]}
    metadata["annotations"] = {**(metadata.get("annotations") or {}), _SCHEDULED: timestamp(due)}
    made = registry.create(JOBS, namespace_of(owner), {"metadata": metadata, "spec": template["spec"]})
    record(registry, owner, "SuccessfulCreate", f"Created job {name}", by="cronjob-controller")
    return made


def _reference(job: Object) -> Object:
    fields = {"kind": "Job", "apiVersion": "batch/v1", "namespace": namespace_of(job), "name": name_of(job)}
    return {**fields, "uid": uid_of(job), "resourceVersion": job["metadata"]["resourceVersion"]}


def _forget(registry: Registry, owner: Object, jobs: list[Object]) -> None:
    """Remove the oldest of the ended Jobs that are too many."""
    for end, field in (("Complete", "successfulJobsHistoryLimit"), ("Failed", "failedJobsHistoryLimit")):
        ended = sorted((j for j in jobs if outcome(j) == end), key=lambda job: job["metadata"]["creationTimestamp"])
        for job in ended[: max(0, len(ended) - int(owner["spec"][field]))]:
            if not is_deleting(job):
                registry.delete(JOBS, namespace_of(job), name_of(job), DeleteOptions())
