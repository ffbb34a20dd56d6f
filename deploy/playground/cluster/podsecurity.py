"""Pod Security admission: what a namespace's labels say about the pods in it. Pure.

In: a namespace, a pod or workload (and its former self). Out: a Refusal(403), or warnings to send along.
After k8s.io/pod-security-admission/{admission,api} at 1.34: enforce judges pods, warn judges workloads too; the
audit mode's labels are checked and otherwise unheard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from . import errors
from .errors import Cause, Refusal
from .objects import Object, name_of
from .podsecurity_checks import CHECKS, Violation
from .resources import PODS

_PREFIX = "pod-security.kubernetes.io/"
_LEVELS = ("privileged", "baseline", "restricted")
_VERSION = re.compile(r"^(latest|v1\.\d{1,3})$")
_TEMPLATED = ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "Job", "CronJob")


@dataclass(frozen=True)
class Standard:
    """A level at a version; every version is judged as 1.34 judges."""

    level: str = "privileged"
    version: str = "latest"

    def __str__(self) -> str:
        return f"{self.level}:{self.version}"

    def judge(self, spec: Object) -> list[Violation]:
        return [found for check in CHECKS[self.level] if (found := check(spec))]


def label_causes(namespace: Object) -> list[Cause]:
    """What is wrong with a namespace's Pod Security labels (422)."""
    labels, causes = _labels(namespace), []
    for mode in ("enforce", "audit", "warn"):
        level, version = labels.get(_PREFIX + mode), labels.get(f"{_PREFIX}{mode}-version")
        if level is not None and level not in _LEVELS:
            text = f"must be one of {', '.join(_LEVELS)}"
            causes.append(errors.invalid_value(f"metadata.labels[{_PREFIX}{mode}]", level, text))
        if version is not None and not _VERSION.match(version):
            text = 'must be "latest" or "v1.x"'
            causes.append(errors.invalid_value(f"metadata.labels[{_PREFIX}{mode}-version]", version, text))
    return causes


def enforced(namespace: Object) -> Standard:
    return _standard(_labels(namespace), "enforce", "restricted")


def warned(namespace: Object) -> Standard:
    """The warn standard; where nothing is said of it, a stricter enforce standard speaks for it."""
    labels, enforce = _labels(namespace), enforced(namespace)
    said = any(f"{_PREFIX}warn{ending}" in labels for ending in ("", "-version"))
    return _standard(labels, "warn", "privileged") if said else enforce


def admit(namespace: Object, pod: Object, before: Object | None = None) -> None:
    """Raises Refusal(403) when the pod breaks the enforced standard and the change is one that counts."""
    if before is not None and not _matters(before["spec"], pod["spec"]):
        return
    standard = enforced(namespace)
    if found := standard.judge(pod["spec"]):
        raise errors.forbidden(PODS, name_of(pod), f'violates PodSecurity "{standard}": {_listed(found)}')


def warnings(namespace: Object, obj: Object, before: Object | None = None) -> list[str]:
    """What a client is told about a pod or workload that was let in."""
    spec = obj["spec"]["jobTemplate"]["spec"] if obj["kind"] == "CronJob" else obj["spec"]
    spec = spec if obj["kind"] == "Pod" else spec["template"]["spec"]
    if obj["kind"] == "Pod" and before is not None and not _matters(before["spec"], spec):
        return []
    standard = warned(namespace)
    found = standard.judge(spec)
    return [f'would violate PodSecurity "{standard}": {_listed(found)}'] if found else []


def has_pods(obj: Object) -> bool:
    return obj.get("kind") == "Pod" or obj.get("kind") in _TEMPLATED


def tightened(before: Object, after: Object, pods: Sequence[Object]) -> list[str]:
    """What a client is told when a namespace's enforced standard gets stricter than its pods."""
    old, new = enforced(before), enforced(after)
    relaxed = new.version == old.version and _LEVELS.index(new.level) <= _LEVELS.index(old.level)
    if new == old or relaxed:
        return []
    names: dict[str, list[str]] = {}
    for pod in pods:
        if found := new.judge(pod["spec"]):
            names.setdefault(", ".join(v.reason for v in found), []).append(name_of(pod))
    if not names:
        return []
    home = name_of(after)
    head = f'existing pods in namespace "{home}" violate the new PodSecurity enforce level "{new}"'
    return [head, *sorted(f"{_first(found)}: {reasons}" for reasons, found in names.items())]


def _first(names: list[str]) -> str:
    others = len(names) - 1
    suffix = f" (and {others} other pod{'s' if others > 1 else ''})" if others else ""
    return min(names) + suffix


def _labels(namespace: Object) -> dict[str, str]:
    return namespace["metadata"].get("labels") or {}


def _standard(labels: dict[str, str], mode: str, fallback: str) -> Standard:
    """An unknown level (a label from before this was checked) closes enforce and opens warn."""
    level, version = labels.get(_PREFIX + mode, "privileged"), labels.get(f"{_PREFIX}{mode}-version", "latest")
    return Standard(level if level in _LEVELS else fallback, version if _VERSION.match(version) else "latest")


def _matters(before: Object, after: Object) -> bool:
    """Whether containers came, went or changed their image."""

    def images(spec: Object) -> list[tuple[object, object]]:
        fields = ("initContainers", "containers", "ephemeralContainers")
        return [(c.get("name"), c.get("image")) for field in fields for c in spec.get(field) or ()]

    return images(before) != images(after)


def _listed(found: Sequence[Violation]) -> str:
    return ", ".join(map(str, found))


__all__ = ["Refusal", "Standard", "admit", "enforced", "has_pods", "label_causes", "tightened", "warned", "warnings"]
