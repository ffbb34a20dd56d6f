"""Columns of Jobs, CronJobs, Ingresses and ResourceQuotas. Pure."""

from __future__ import annotations

from .cells import AGE, NAME, NONE, Column, age, containers, pairs, path
from .objects import Object, condition, is_deleting, parse_timestamp


def _job_status(job: Object) -> str:
    def says(*kinds: str) -> str:
        return next((kind for kind in kinds if (condition(job, kind) or {}).get("status") == "True"), "")

    if ended := says("Complete", "Failed"):
        return ended
    return "Terminating" if is_deleting(job) else says("Suspended", "FailureTarget", "SuccessCriteriaMet") or "Running"


def _completions(job: Object) -> str:
    spec, succeeded = job["spec"], job.get("status", {}).get("succeeded", 0)
    if spec.get("completions") is not None:
        return f"{succeeded}/{spec['completions']}"
    return f"{succeeded}/1 of {spec['parallelism']}" if spec.get("parallelism", 0) > 1 else f"{succeeded}/1"


def _duration(job: Object) -> str:
    status = job.get("status", {})
    if not status.get("startTime"):
        return ""
    end = parse_timestamp(status["completionTime"]) if status.get("completionTime") else None
    return age(status["startTime"], end)


def _job_containers(field: str) -> Column:
    def cell(obj: Object) -> object:
        return containers(field)(obj["spec"]["jobTemplate"])

    return ("Containers" if field == "name" else "Images", "string", 1, cell)


def _last_schedule(obj: Object) -> str:
    moment = obj.get("status", {}).get("lastScheduleTime")
    return age(moment) if moment else NONE


def _hosts(ingress: Object) -> str:
    found = [rule["host"] for rule in ingress["spec"].get("rules") or () if rule.get("host")]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    return ",".join(found[:3]) + more or "*"


def _addresses(ingress: Object) -> str:
    held = ingress.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
    return ",".join(entry.get("ip") or entry.get("hostname", "") for entry in held)


def _quota(quota: Object) -> str:
    status = quota.get("status", {})
    used = status.get("used") or {}
    return ", ".join(f"{key}: {used.get(key, 0)}/{limit}" for key, limit in sorted((status.get("hard") or {}).items()))


BATCH: dict[str, tuple[Column, ...]] = {
    "Job": (
        NAME,
        ("Status", "string", 0, _job_status),
        ("Completions", "string", 0, _completions),
        ("Duration", "string", 0, _duration),
        AGE,
        ("Containers", "string", 1, containers("name")),
        ("Images", "string", 1, containers("image")),
        ("Selector", "string", 1, pairs("spec.selector.matchLabels")),
    ),
    "CronJob": (
        NAME,
        ("Schedule", "string", 0, path("spec.schedule")),
        ("Timezone", "string", 0, path("spec.timeZone", NONE)),
        ("Suspend", "boolean", 0, lambda obj: str(bool(obj["spec"].get("suspend")))),
        ("Active", "integer", 0, lambda obj: len(obj.get("status", {}).get("active") or ())),
        ("Last Schedule", "string", 0, _last_schedule),
        AGE,
        _job_containers("name"),
        _job_containers("image"),
        ("Selector", "string", 1, lambda _: NONE),
    ),
    "ResourceQuota": (NAME, ("Request", "string", 0, _quota), ("Limit", "string", 0, lambda _: ""), AGE),
    "Ingress": (
        NAME,
        ("Class", "string", 0, path("spec.ingressClassName", NONE)),
        ("Hosts", "string", 0, _hosts),
        ("Address", "string", 0, _addresses),
        ("Ports", "string", 0, lambda obj: "80, 443" if obj["spec"].get("tls") else "80"),
        AGE,
    ),
}
