"""Event objects about what controllers did, for `kubectl describe` and `kubectl get events`."""

from __future__ import annotations

from .objects import Object, name_of, random_suffix, timestamp, uid_of
from .registry import Registry
from .resources import EVENTS, NAMESPACES


def record(
    registry: Registry, about: Object, reason: str, message: str, *, warning: bool = False, by: str = "playground"
) -> None:
    """Note something about an object; the same sentence again only counts up."""
    namespace = about["metadata"].get("namespace") or "default"
    home = registry.store.get(NAMESPACES, "", namespace)
    if home is None or home["metadata"].get("deletionTimestamp"):
        return
    for event in registry.store.all(EVENTS, namespace):
        same = event.get("involvedObject", {}).get("uid") == uid_of(about)
        if same and (event.get("reason"), event.get("message")) == (reason, message):
            again = {"count": event.get("count", 1) + 1, "lastTimestamp": timestamp()}
            registry.store.put(EVENTS, {**event, "metadata": dict(event["metadata"]), **again})
            return
    registry.create(EVENTS, namespace, _event(about, namespace, reason, message, warning, by))


def _event(about: Object, namespace: str, reason: str, message: str, warning: bool, by: str) -> Object:
    moment = timestamp()
    return {
        "metadata": {"name": f"{name_of(about)}.{random_suffix(10)}", "namespace": namespace},
        "involvedObject": {
            "kind": about["kind"],
            "apiVersion": about["apiVersion"],
            "name": name_of(about),
            "namespace": about["metadata"].get("namespace", ""),
            "uid": uid_of(about),
            "resourceVersion": about["metadata"].get("resourceVersion", ""),
        },
        "reason": reason,
        "message": message,
        "type": "Warning" if warning else "Normal",
        "count": 1,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "source": {"component": by},
        "reportingComponent": by,
        "reportingInstance": "",
    }
