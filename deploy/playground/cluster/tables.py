"""Objects as metav1.Table, as `kubectl get` asks for them: kind -> columns -> cells. Pure.

Columns follow k8s.io/kubernetes/pkg/printers/internalversion; priority 1 shows with `-o wide` only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from .jsonpath import find
from .objects import Object, condition, is_deleting, name_of, now, parse_timestamp
from .resources import Resource

Cell = Callable[[Object], Any]
Column = tuple[str, str, int, Cell]
_NONE = "<none>"


def age(moment: str | None, at: datetime | None = None) -> str:
    """duration.HumanDuration: 5s, 3m12s, 47m, 5h3m, 2d."""
    if not moment:
        return "<unknown>"
    seconds = int(((at or now()) - parse_timestamp(moment)).total_seconds())
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 120:
        return f"{max(seconds, 0)}s"
    if minutes < 10:
        return f"{minutes}m{seconds % 60}s" if seconds % 60 else f"{minutes}m"
    if minutes < 180:
        return f"{minutes}m"
    if hours < 8:
        return f"{hours}h{minutes % 60}m" if minutes % 60 else f"{hours}h"
    if hours < 48:
        return f"{hours}h"
    if hours < 192:
        return f"{days}d{hours % 24}h" if hours % 24 else f"{days}d"
    if days < 730:
        return f"{days}d"
    return f"{days // 365}y{days % 365}d" if days < 8 * 365 else f"{days // 365}y"


def pod_status(pod: Object) -> str:
    """The STATUS column: the most telling reason among phase and containers (printPod)."""
    status = pod.get("status", {})
    text = str(status.get("reason") or status.get("phase") or "Unknown")
    text = _init_reason(pod) or _container_reason(status.get("containerStatuses") or (), text, status)
    return "Terminating" if is_deleting(pod) else text


def _init_reason(pod: Object) -> str:
    statuses = pod.get("status", {}).get("initContainerStatuses") or ()
    total = len(pod.get("spec", {}).get("initContainers") or ())
    for index, entry in enumerate(statuses):
        state = entry.get("state") or {}
        ended, waiting = state.get("terminated"), state.get("waiting") or {}
        if ended and ended.get("exitCode") == 0:
            continue
        if ended:
            return f"Init:{ended.get('reason') or 'ExitCode:' + str(ended.get('exitCode'))}"
        if waiting.get("reason") not in (None, "", "PodInitializing"):
            return f"Init:{waiting['reason']}"
        return f"Init:{index}/{total}"
    return ""


def _container_reason(statuses: Sequence[Object], text: str, status: Object) -> str:
    running = False
    for entry in reversed(statuses):
        state = entry.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated")
        if waiting.get("reason"):
            text = waiting["reason"]
        elif ended:
            text = ended.get("reason") or f"ExitCode:{ended.get('exitCode')}"
        elif entry.get("ready") and "running" in state:
            running = True
    if text == "Completed" and running:
        return "Running" if (condition({"status": status}, "Ready") or {}).get("status") == "True" else "NotReady"
    return text


def _restarts(pod: Object) -> str:
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    count = sum(int(entry.get("restartCount") or 0) for entry in statuses)
    ends = [((e.get("lastState") or {}).get("terminated") or {}).get("finishedAt") for e in statuses]
    last = max((end for end in ends if end), default=None)
    return f"{count} ({age(last)} ago)" if count and last else str(count)


def _pod_ready(pod: Object) -> str:
    ready = sum(bool(entry.get("ready")) for entry in pod.get("status", {}).get("containerStatuses") or ())
    return f"{ready}/{len(pod.get('spec', {}).get('containers') or ())}"


def _pod_ip(pod: Object) -> str:
    addresses = pod.get("status", {}).get("podIPs") or ()
    return str(addresses[0]["ip"]) if addresses else str(pod.get("status", {}).get("podIP") or _NONE)


def _gates(pod: Object) -> str:
    gates = pod.get("spec", {}).get("readinessGates") or ()
    met = sum((condition(pod, g["conditionType"]) or {}).get("status") == "True" for g in gates)
    return f"{met}/{len(gates)}" if gates else _NONE


def _path(path: str, default: Any = "") -> Cell:
    """A cell that reads a dotted path."""

    def cell(obj: Object) -> Any:
        value: Any = obj
        for part in path.split("."):
            value = value.get(part) if isinstance(value, dict) else None
        return default if value is None else value

    return cell


def _fraction(part: str, whole: str) -> Cell:
    return lambda obj: f"{_path(part, 0)(obj)}/{_path(whole, 0)(obj)}"


def _count(path: str) -> Cell:
    return lambda obj: len(_path(path, ())(obj) or ())


def _pairs(path: str) -> Cell:
    def cell(obj: Object) -> str:
        held = _path(path, {})(obj) or {}
        return ",".join(f"{key}={held[key]}" for key in sorted(held)) or _NONE

    return cell


def _containers(field: str) -> Cell:
    return lambda obj: ",".join(str(c.get(field, "")) for c in obj["spec"]["template"]["spec"].get("containers") or ())


def _ports(service: Object) -> str:
    def one(port: Object) -> str:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"

    return ",".join(one(port) for port in service["spec"].get("ports") or ()) or _NONE


def _node_status(node: Object) -> str:
    ready = (condition(node, "Ready") or {}).get("status")
    text = {"True": "Ready", "False": "NotReady"}.get(str(ready), "Unknown" if ready is None else "NotReady")
    return f"{text},SchedulingDisabled" if node.get("spec", {}).get("unschedulable") else text


def _node_roles(node: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(label[len(prefix) :] for label in labels if label.startswith(prefix))) or _NONE


def _node_address(node: Object) -> str:
    addresses = node.get("status", {}).get("addresses") or ()
    return next((entry["address"] for entry in addresses if entry["type"] == "InternalIP"), _NONE)


def _endpoints(entry: Object) -> str:
    found = [address for endpoint in entry.get("endpoints") or () for address in endpoint.get("addresses") or ()]
    more = f" + {len(found) - 3} more..." if len(found) > 3 else ""
    return (",".join(found[:3]) + more) or "<unset>"


def _slice_ports(entry: Object) -> str:
    return ",".join(str(port.get("port")) for port in entry.get("ports") or ()) or "<unset>"


def _event_object(event: Object) -> str:
    about = event.get("involvedObject") or {}
    return f"{str(about.get('kind', '')).lower()}/{about.get('name', '')}"


def last_seen(event: Object) -> str | None:
    """When an event happened last: the newer API's events have a series or a moment only."""
    series = event.get("series") or {}
    moment = series.get("lastObservedTime") or event.get("lastTimestamp") or event.get("firstTimestamp")
    return moment or event.get("eventTime")


def _event_source(event: Object) -> str:
    source = event.get("source") or {}
    parts = (source.get("component") or event.get("reportingComponent"), source.get("host"))
    return ", ".join(part for part in parts if part)


def _event_count(event: Object) -> str:
    return str((event.get("series") or {}).get("count") or event.get("count") or 1)


def _role_ref(obj: Object) -> str:
    return f"{obj['roleRef']['kind']}/{obj['roleRef']['name']}"


_NAME: Column = ("Name", "string", 0, name_of)
_AGE: Column = ("Age", "string", 0, lambda obj: age(obj["metadata"].get("creationTimestamp")))
_WORKLOAD_WIDE: tuple[Column, ...] = (
    ("Containers", "string", 1, _containers("name")),
    ("Images", "string", 1, _containers("image")),
    ("Selector", "string", 1, _pairs("spec.selector.matchLabels")),
)
_INFO = "status.nodeInfo."

COLUMNS: dict[str, tuple[Column, ...]] = {
    "Pod": (
        _NAME,
        ("Ready", "string", 0, _pod_ready),
        ("Status", "string", 0, pod_status),
        ("Restarts", "string", 0, _restarts),
        _AGE,
        ("IP", "string", 1, _pod_ip),
        ("Node", "string", 1, _path("spec.nodeName", _NONE)),
        ("Nominated Node", "string", 1, _path("status.nominatedNodeName", _NONE)),
        ("Readiness Gates", "string", 1, _gates),
    ),
    "Deployment": (
        _NAME,
        ("Ready", "string", 0, _fraction("status.readyReplicas", "spec.replicas")),
        ("Up-to-date", "integer", 0, _path("status.updatedReplicas", 0)),
        ("Available", "integer", 0, _path("status.availableReplicas", 0)),
        _AGE,
        *_WORKLOAD_WIDE,
    ),
    "ReplicaSet": (
        _NAME,
        ("Desired", "integer", 0, _path("spec.replicas", 0)),
        ("Current", "integer", 0, _path("status.replicas", 0)),
        ("Ready", "integer", 0, _path("status.readyReplicas", 0)),
        _AGE,
        *_WORKLOAD_WIDE,
    ),
    "StatefulSet": (
        _NAME,
        ("Ready", "string", 0, _fraction("status.readyReplicas", "spec.replicas")),
        _AGE,
        *_WORKLOAD_WIDE[:2],
    ),
    "DaemonSet": (
        _NAME,
        ("Desired", "integer", 0, _path("status.desiredNumberScheduled", 0)),
        ("Current", "integer", 0, _path("status.currentNumberScheduled", 0)),
        ("Ready", "integer", 0, _path("status.numberReady", 0)),
        ("Up-to-date", "integer", 0, _path("status.updatedNumberScheduled", 0)),
        ("Available", "integer", 0, _path("status.numberAvailable", 0)),
        ("Node Selector", "string", 0, _pairs("spec.template.spec.nodeSelector")),
        _AGE,
        *_WORKLOAD_WIDE,
    ),
    "Service": (
        _NAME,
        ("Type", "string", 0, _path("spec.type")),
        ("Cluster-IP", "string", 0, _path("spec.clusterIP", _NONE)),
        ("External-IP", "string", 0, _path("spec.externalName", _NONE)),
        ("Port(s)", "string", 0, _ports),
        _AGE,
        ("Selector", "string", 1, _pairs("spec.selector")),
    ),
    "Node": (
        _NAME,
        ("Status", "string", 0, _node_status),
        ("Roles", "string", 0, _node_roles),
        _AGE,
        ("Version", "string", 0, _path(f"{_INFO}kubeletVersion")),
        ("Internal-IP", "string", 1, _node_address),
        ("External-IP", "string", 1, lambda _: _NONE),
        ("OS-Image", "string", 1, _path(f"{_INFO}osImage")),
        ("Kernel-Version", "string", 1, _path(f"{_INFO}kernelVersion")),
        ("Container-Runtime", "string", 1, _path(f"{_INFO}containerRuntimeVersion")),
    ),
    "Namespace": (_NAME, ("Status", "string", 0, _path("status.phase")), _AGE),
    "ConfigMap": (_NAME, ("Data", "integer", 0, _count("data")), _AGE),
    "Secret": (
        _NAME,
        ("Type", "string", 0, _path("type")),
        ("Data", "integer", 0, _count("data")),
        _AGE,
    ),
    "ServiceAccount": (_NAME, ("Secrets", "integer", 0, _count("secrets")), _AGE),
    "EndpointSlice": (
        _NAME,
        ("AddressType", "string", 0, _path("addressType")),
        ("Ports", "string", 0, _slice_ports),
        ("Endpoints", "string", 0, _endpoints),
        _AGE,
    ),
    "Event": (
        ("Last Seen", "string", 0, lambda obj: age(last_seen(obj))),
        ("Type", "string", 0, _path("type")),
        ("Reason", "string", 0, _path("reason")),
        ("Object", "string", 0, _event_object),
        ("Subobject", "string", 1, _path("involvedObject.fieldPath")),
        ("Source", "string", 1, _event_source),
        ("Message", "string", 0, lambda obj: str(obj.get("message", "")).strip()),
        ("First Seen", "string", 1, lambda obj: age(obj.get("firstTimestamp") or obj.get("eventTime"))),
        ("Count", "string", 1, _event_count),
        ("Name", "string", 1, name_of),
    ),
    "CustomResourceDefinition": (_NAME, ("Created At", "date", 0, _path("metadata.creationTimestamp"))),
    "Lease": (_NAME, ("Holder", "string", 0, _path("spec.holderIdentity")), _AGE),
    "RoleBinding": (_NAME, ("Role", "string", 0, _role_ref), _AGE),
    "ClusterRoleBinding": (_NAME, ("Role", "string", 0, _role_ref), _AGE),
    "Role": (_NAME, ("Created At", "date", 0, _path("metadata.creationTimestamp"))),
    "ClusterRole": (_NAME, ("Created At", "date", 0, _path("metadata.creationTimestamp"))),
}
_GENERIC: tuple[Column, ...] = (_NAME, _AGE)


def partial(obj: Object) -> Object:
    """PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def columns_of(resource: Resource) -> Sequence[Column]:
    if resource.custom is None:
        return COLUMNS.get(resource.kind, _GENERIC)
    return (
        _NAME,
        *((name, kind, priority, _found(path, kind)) for name, kind, priority, path in resource.custom.columns),
    )


def _found(path: str, kind: str) -> Cell:
    """A custom column's cell: the values at a JSONPath (apiextensions-apiserver tableconvertor)."""

    def cell(obj: Object) -> Any:
        values = [value for value in find(obj, path) if value is not None]
        if not values:
            return None
        if kind == "date":
            return age(str(values[0]))
        if kind in ("integer", "number", "boolean"):
            return values[0]
        return ",".join(value if isinstance(value, str) else json.dumps(value) for value in values)

    return cell


def table(resource: Resource, objects: Sequence[Object], listing: Object, include: str = "Metadata") -> Object:
    """A Table of objects of one kind; `listing` is its ListMeta, `include` None, Metadata or Object."""
    columns = columns_of(resource)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": listing,
        "columnDefinitions": [
            {
                "name": name,
                "type": type_,
                "format": "name" if name == "Name" and not priority else "",
                "description": "",
                "priority": priority,
            }
            for name, type_, priority, _ in columns
        ],
        "rows": [_row(columns, obj, include) for obj in objects],
    }


def _row(columns: Sequence[Column], obj: Object, include: str) -> Object:
    row: Object = {"cells": [cell(obj) for _, _, _, cell in columns]}
    if include == "Object":
        row["object"] = obj
    elif include != "None":
        row["object"] = partial(obj)
    return row
