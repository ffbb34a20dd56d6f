"""What a kubelet tells in events, read from the statuses that the node's agent reports."""

from __future__ import annotations

from .events import record
from .objects import Object, name_of, namespace_of, uid_of
from .registry import Registry

_FIELDS = (
    ("containers", "containerStatuses"),
    ("initContainers", "initContainerStatuses"),
    ("ephemeralContainers", "ephemeralContainerStatuses"),
)


def tell(registry: Registry, pod: Object, status: Object) -> None:
    """Record what changed for the pod and its containers between it as it is held and the status now reported."""
    reason = status.get("reason")
    if reason and reason != pod.get("status", {}).get("reason"):
        record(registry, pod, reason, status["message"], warning=reason == "Evicted", by="kubelet")
    for field, statuses in _FIELDS:
        images = {c["name"]: c["image"] for c in pod["spec"].get(field) or ()}
        held = {entry["name"]: entry for entry in pod.get("status", {}).get(statuses) or ()}
        for entry in status.get(statuses) or ():
            name = entry["name"]
            for warning, reason, message in _news(pod, held.get(name, {}), entry, images.get(name, "")):
                record(
                    registry,
                    pod | {"fieldPath": f"spec.{field}{{{name}}}"},
                    reason,
                    message,
                    warning=warning,
                    by="kubelet",
                )


def _news(pod: Object, before: Object, entry: Object, image: str) -> list[tuple[bool, str, str]]:
    """(warning, reason, message) of each event; wording from pkg/kubelet/{images,kuberuntime}."""
    name, state, waiting = entry["name"], entry.get("state") or {}, _waiting(entry)
    if "waiting" not in state and entry.get("containerID") and entry["containerID"] != before.get("containerID"):
        return [
            (False, "Pulled", f'Container image "{image}" already present on machine'),
            (False, "Created", f"Created container: {name}"),
            (False, "Started", f"Started container {name}"),
        ]
    if before.get("ready") and not entry.get("ready") and "running" in state and not _deleted(pod):
        return [(True, "Unhealthy", "Readiness probe failed: ")]  # what the probe said, the node does not report
    if waiting.get("reason") == _waiting(before).get("reason"):
        return []
    place = f"{name_of(pod)}_{namespace_of(pod)}({uid_of(pod)})"
    told = {
        "ErrImagePull": [
            (False, "Pulling", f'Pulling image "{image}"'),
            (True, "Failed", f'Failed to pull image "{image}": {waiting.get("message", "")}'),
            (True, "Failed", "Error: ErrImagePull"),
        ],
        "ImagePullBackOff": [
            (False, "BackOff", f'Back-off pulling image "{image}"'),
            (True, "Failed", "Error: ImagePullBackOff"),
        ],
        "CrashLoopBackOff": [(True, "BackOff", f"Back-off restarting failed container {name} in pod {place}")],
    }
    return told.get(str(waiting.get("reason")), [])


def _deleted(pod: Object) -> bool:
    return bool(pod["metadata"].get("deletionTimestamp"))


def _waiting(entry: Object) -> Object:
    return dict((entry.get("state") or {}).get("waiting") or {})
