"""What a new Job, CronJob or Ingress is completed with and refused for. Pure.

After k8s.io/kubernetes/pkg/apis/{batch,networking}/{v1,validation}. Left out: Indexed completion, policies for pod
failure and success, manual selectors, time zones.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import cron, errors
from .errors import Cause
from .objects import Object, name_of, uid_of

UID, NAME = "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name"
_OLD_UID, _OLD_NAME = "controller-uid", "job-name"
_PATH_TYPES = ("Exact", "ImplementationSpecific", "Prefix")
_CONCURRENCY = ("Allow", "Forbid", "Replace")


def job_template(obj: Object) -> Object:
    """The JobSpec of a Job, or the one in a CronJob."""
    spec: Object = obj.setdefault("spec", {})
    if obj["kind"] == "CronJob":
        spec = spec.setdefault("jobTemplate", {}).setdefault("spec", {})
    return spec


def complete_job(spec: Object) -> None:
    """Defaults of a JobSpec; those of its pods are filled in elsewhere."""
    if spec.get("completions") is None and spec.get("parallelism") is None:
        spec["completions"] = 1
    spec.setdefault("parallelism", 1)
    spec.setdefault("backoffLimit", 6)
    spec.setdefault("completionMode", "NonIndexed")
    spec.setdefault("suspend", False)
    spec.setdefault("podReplacementPolicy", "TerminatingOrFailed")


def complete_cron_job(obj: Object) -> None:
    spec = obj["spec"]
    spec.setdefault("concurrencyPolicy", "Allow")
    spec.setdefault("suspend", False)
    spec.setdefault("successfulJobsHistoryLimit", 3)
    spec.setdefault("failedJobsHistoryLimit", 1)


def select(job: Object) -> None:
    """Label a new Job's pods, and select them, by its uid (registry/batch/job, generateSelector)."""
    uid, name = uid_of(job), name_of(job)
    metadata = job["spec"]["template"].setdefault("metadata", {})
    labels = {UID: uid, _OLD_UID: uid, NAME: name, _OLD_NAME: name}
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    job["spec"]["selector"] = {"matchLabels": {UID: uid}}
    job["metadata"]["labels"] = {**(job["metadata"].get("labels") or {}), **metadata["labels"]}


def job_causes(obj: Object) -> list[Cause]:
    """Faults of a Job's or CronJob's own fields."""
    path, spec = "spec", job_template(obj)
    causes: list[Cause] = []
    if obj["kind"] == "CronJob":
        path = "spec.jobTemplate.spec"
        causes += _cron_causes(obj["spec"])
        if spec.get("selector"):
            causes.append(
                errors.invalid_value(f"{path}.selector", str(spec["selector"]), "`selector` will be auto-generated")
            )
    for field in ("parallelism", "completions", "backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"):
        if (value := spec.get(field)) is not None and value < 0:
            causes.append(errors.invalid_value(f"{path}.{field}", value, "must be greater than or equal to 0"))
    if spec["template"]["spec"].get("restartPolicy") not in ("OnFailure", "Never"):
        where = f"{path}.template.spec.restartPolicy"
        causes.append(errors.required(where, 'valid values: "OnFailure", "Never"'))
    return causes


def job_change(before: Object, after: Object) -> list[Cause]:
    """What may not change in a Job once it is there: a template only while it is suspended and has not begun."""
    old, new = before["spec"], after["spec"]
    free = old.get("suspend") and not before.get("status", {}).get("startTime")
    fixed = ("selector", "completions", "completionMode", *(() if free else ("template",)))
    return [
        errors.invalid_value(f"spec.{field}", str(new.get(field)), "field is immutable")
        for field in fixed
        if old.get(field) != new.get(field)
    ]


def _cron_causes(spec: Object) -> list[Cause]:
    schedule = str(spec.get("schedule") or "")
    if not schedule:
        return [errors.required("spec.schedule")]
    causes = []
    try:
        cron.parse(schedule)
    except ValueError as wrong:
        causes.append(errors.invalid_value("spec.schedule", schedule, str(wrong)))
    if spec["concurrencyPolicy"] not in _CONCURRENCY:
        causes.append(errors.unsupported("spec.concurrencyPolicy", spec["concurrencyPolicy"], _CONCURRENCY))
    return causes


def ingress_causes(spec: Object) -> list[Cause]:
    """Faults of an Ingress's spec."""
    rules, backend = spec.get("rules") or [], spec.get("defaultBackend")
    if not rules and backend is None:
        return [errors.invalid_value("spec", "[]", "either `defaultBackend` or `rules` must be specified")]
    causes = list(_backend(backend, "spec.defaultBackend")) if backend is not None else []
    for index, rule in enumerate(rules):
        if rule.get("http") is None:
            continue
        where, paths = f"spec.rules[{index}].http.paths", rule["http"].get("paths") or []
        causes += [] if paths else [errors.required(where)]
        for number, path in enumerate(paths):
            causes += _path(path, f"{where}[{number}]")
    return causes


def _path(path: Object, where: str) -> Iterator[Cause]:
    kind, text = path.get("pathType"), str(path.get("path") or "")
    if kind is None:
        yield errors.required(f"{where}.pathType", "pathType must be specified")
        return
    if kind not in _PATH_TYPES:
        yield errors.unsupported(f"{where}.pathType", kind, _PATH_TYPES)
    elif not text.startswith("/") and (text or kind != "ImplementationSpecific"):
        yield errors.invalid_value(f"{where}.path", text, "must be an absolute path")
    yield from _backend(path.get("backend") or {}, f"{where}.backend")


def _backend(backend: Object, where: str) -> Iterator[Cause]:
    service = backend.get("service")
    if service is None:
        if not backend.get("resource"):
            yield errors.invalid_value(where, "", "resource or service backend is required")
        return
    port = service.get("port") or {}
    if not service.get("name"):
        yield errors.required(f"{where}.service.name")
    if port.get("name") and port.get("number"):
        yield errors.invalid_value(where, "", "cannot set both port name & port number")
    elif not (port.get("name") or port.get("number")):
        yield errors.required(where, "port name or number is required")
