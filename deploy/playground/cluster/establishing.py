"""What follows a CustomResourceDefinition: it is established, and when it goes, its objects go first."""

from __future__ import annotations

from .definitions import served
from .objects import Object, condition, is_deleting, name_of, namespace_of, timestamp
from .registry import Registry
from .resources import CRDS

CLEANUP = "customresourcecleanup.apiextensions.k8s.io"


def sync_definition(registry: Registry, crd: Object) -> None:
    """Establish a new definition; empty one that is being deleted, then let it go."""
    if not is_deleting(crd):
        _establish(registry, crd)
        return
    left = 0
    for kind in served(crd)[:1]:
        for obj in registry.store.all(kind):
            if not is_deleting(obj):
                registry.delete(kind, namespace_of(obj), name_of(obj))
            left += registry.store.get(kind, namespace_of(obj), name_of(obj)) is not None
    if not left:
        registry.update(CRDS, "", name_of(crd), _without_cleanup)


def _establish(registry: Registry, crd: Object) -> None:
    if CLEANUP not in (crd["metadata"].get("finalizers") or ()):
        crd = registry.update(CRDS, "", name_of(crd), _with_cleanup)
    names = crd["spec"]["names"]
    if (condition(crd, "Established") or {}).get("status") == "True" and crd["status"]["acceptedNames"] == names:
        return
    moment = timestamp()
    told = (
        ("NamesAccepted", "NoConflicts", "no conflicts found"),
        ("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    )
    conditions = [
        {"type": kind, "status": "True", "lastTransitionTime": moment, "reason": reason, "message": message}
        for kind, reason, message in told
    ]
    stored = [version["name"] for version in crd["spec"]["versions"] if version.get("storage")]
    status = {"acceptedNames": names, "conditions": conditions, "storedVersions": stored}
    registry.set_status(CRDS, crd, status)


def _with_cleanup(crd: Object) -> Object:
    crd["metadata"]["finalizers"] = [*(crd["metadata"].get("finalizers") or ()), CLEANUP]
    return crd


def _without_cleanup(crd: Object) -> Object:
    crd["metadata"]["finalizers"] = [name for name in crd["metadata"].get("finalizers") or () if name != CLEANUP]
    return crd
