"""One stored form of what is served in several: versions of a custom resource, the two groups of events. Pure."""

from __future__ import annotations

from .objects import Object
from .resources import EVENTS, NEW_EVENTS, Resource

# events.k8s.io/v1 field -> core/v1 field (pkg/apis/events/v1/conversion.go).
_EVENT_FIELDS = {
    "regarding": "involvedObject",
    "note": "message",
    "reportingController": "reportingComponent",
    "deprecatedSource": "source",
    "deprecatedFirstTimestamp": "firstTimestamp",
    "deprecatedLastTimestamp": "lastTimestamp",
    "deprecatedCount": "count",
}


def kept(resource: Resource, obj: Object) -> Object:
    """What is stored of an object that came as `resource`."""
    if resource is NEW_EVENTS:
        return _renamed(obj, _EVENT_FIELDS) | {"apiVersion": EVENTS.group_version}
    if resource.custom:
        return {**obj, "apiVersion": f"{resource.group}/{resource.custom.storage}"}
    return obj


def shown(resource: Resource, obj: Object) -> Object:
    """A stored object as clients of `resource` see it."""
    if resource is NEW_EVENTS:
        back = {old: new for new, old in _EVENT_FIELDS.items()}
        return _renamed(obj, back) | {"apiVersion": resource.group_version}
    if obj.get("apiVersion") != resource.group_version:
        return {**obj, "apiVersion": resource.group_version}
    return obj


def _renamed(obj: Object, names: dict[str, str]) -> Object:
    return {names.get(key, key): value for key, value in obj.items()}
