"""What has to go because something else went: orphans of deleted owners, contents of ending namespaces."""

from __future__ import annotations

from functools import partial

from .objects import Object, is_deleting, name_of, namespace_of, uid_of
from .registry import FOREGROUND, ORPHAN, DeleteOptions, Registry
from .resources import CONFIGMAPS, NAMESPACES

_ROOT_CA = "kube-root-ca.crt"


def collect(registry: Registry) -> None:
    """Delete objects none of whose owners live any more; finish foreground and orphaning deletions."""
    everything = [(kind, obj) for kind in registry.catalogue.shelves() for obj in registry.store.all(kind)]
    alive = {uid_of(obj): obj for _, obj in everything}
    owned = set[str]()
    for resource, obj in everything:
        owners = obj["metadata"].get("ownerReferences") or ()
        if not owners:
            continue
        living = [alive[owner["uid"]] for owner in owners if owner["uid"] in alive]
        owned |= {uid_of(owner) for owner in living}
        ending = living and all(_in_foreground(owner) for owner in living)
        if (not living or ending) and not is_deleting(obj):
            policy = "Foreground" if ending else "Background"
            registry.delete(resource, namespace_of(obj), name_of(obj), DeleteOptions(policy=policy))
    for resource, obj in everything:
        finalizers = obj["metadata"].get("finalizers") or ()
        done = {FOREGROUND} if uid_of(obj) not in owned else set[str]()
        if is_deleting(obj) and ({ORPHAN} | done) & set(finalizers):
            kept = [name for name in finalizers if name not in {ORPHAN} | done]
            registry.update(resource, namespace_of(obj), name_of(obj), partial(_finalized, finalizers=kept))


def _in_foreground(obj: Object) -> bool:
    return is_deleting(obj) and FOREGROUND in (obj["metadata"].get("finalizers") or ())


def _finalized(obj: Object, finalizers: list[str]) -> Object:
    obj["metadata"]["finalizers"] = finalizers
    return obj


def sync_namespace(registry: Registry, namespace: Object, ca: str) -> None:
    """Give a new namespace its CA; empty an ending one and let it go."""
    name = name_of(namespace)
    if not is_deleting(namespace):
        if registry.store.get(CONFIGMAPS, name, _ROOT_CA) is None:
            registry.create(CONFIGMAPS, name, {"metadata": {"name": _ROOT_CA}, "data": {"ca.crt": ca}})
        return
    left = 0
    for resource in (r for r in registry.catalogue.shelves() if r.namespaced):
        for obj in registry.store.all(resource, name):
            if not is_deleting(obj):
                registry.delete(resource, name, name_of(obj))
            left += registry.store.get(resource, name, name_of(obj)) is not None
    if not left:
        registry.update(NAMESPACES, "", name, lambda obj: obj | {"spec": {"finalizers": []}})
