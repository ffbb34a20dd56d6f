"""The scale subresource: a workload's replicas seen and set as autoscaling/v1 Scale. Pure."""

from __future__ import annotations

from . import errors
from .objects import Object


def read_scale(obj: Object) -> Object:
    labels = (obj["spec"].get("selector") or {}).get("matchLabels") or {}
    fields = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {name: obj["metadata"][name] for name in fields},
        "spec": {"replicas": obj["spec"].get("replicas", 0)},
        "status": {
            "replicas": obj.get("status", {}).get("replicas", 0),
            "selector": ",".join(f"{key}={value}" for key, value in sorted(labels.items())),
        },
    }


def write_scale(obj: Object, scale: Object) -> Object:
    """The workload with the Scale's replicas; a resourceVersion in it must be current."""
    replicas = (scale.get("spec") or {}).get("replicas", 0)
    if not isinstance(replicas, int) or replicas < 0:
        raise errors.bad_request("spec.replicas: Invalid value: must be greater than or equal to 0")
    metadata = dict(obj["metadata"])
    metadata["resourceVersion"] = (scale.get("metadata") or {}).get("resourceVersion") or metadata["resourceVersion"]
    return {**obj, "metadata": metadata, "spec": {**obj["spec"], "replicas": replicas}}
