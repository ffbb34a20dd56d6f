"""What the registry does differently for built-in and for custom objects: defaults, judgement, generation."""

from __future__ import annotations

from . import defaults, schemas, validation
from .errors import Cause
from .objects import Object
from .resources import Resource

_BATCH = ("Job", "CronJob", "Ingress")
_WITH_GENERATION = ("Pod", "Deployment", "ReplicaSet", "StatefulSet", "DaemonSet", "CustomResourceDefinition", *_BATCH)


def complete(resource: Resource, obj: Object) -> None:
    """Fill in the defaults, in place."""
    if resource.custom:
        schemas.complete(resource.custom.schema, obj)
    else:
        defaults.complete(obj)


def judge(resource: Resource, before: Object | None, obj: Object) -> list[Cause]:
    """Faults of a new object, or of a change."""
    if resource.custom:
        return validation.name(obj) + schemas.causes(resource.custom.schema, obj)
    return validation.on_create(obj) if before is None else validation.on_update(before, obj)


def with_generation(resource: Resource) -> bool:
    """Whether its objects count the changes of what was asked of them."""
    return bool(resource.custom) or resource.kind in _WITH_GENERATION


def differ(resource: Resource, before: Object, after: Object) -> bool:
    """Whether a change counts: one of a built-in object's spec, of all of a custom one but metadata and status."""
    if resource.custom is None:
        return bool(before.get("spec") != after.get("spec"))
    aside = ("metadata", "status", "apiVersion") if resource.has_status else ("metadata", "apiVersion")
    fields = (before.keys() | after.keys()) - set(aside)
    return any(before.get(field) != after.get(field) for field in fields)
