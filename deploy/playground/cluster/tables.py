"""Objects as metav1.Table, as `kubectl get` asks for them: kind -> columns -> cells. Pure.

Columns follow k8s.io/kubernetes/pkg/printers/internalversion; priority 1 shows with `-o wide` only.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from .cells import AGE, NAME, NONE, Cell, Column, age, containers, count, fraction, pairs, path
from .jsonpath import find
from .objects import Object, condition, is_deleting, name_of
from .resources import Resource
from .tables_batch import BATCH


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
    return str(addresses[0]["ip"]) if addresses else str(pod.get("status", {}).get("podIP") or NONE)


def _gates(pod: Object) -> str:
    gates = pod.get("spec", {}).get("readinessGates") or ()
    met = sum((condition(pod, g["conditionType"]) or {}).get("status") == "True" for g in gates)
    return f"{met}/{len(gates)}" if gates else NONE


def _ports(service: Object) -> str:
    def one(port: Object) -> str:
        node = f":{port['nodePort']}" if port.get("nodePort") else ""
        return f"{port['port']}{node}/{port.get('protocol', 'TCP')}"

    return ",".join(one(port) for port in service["spec"].get("ports") or ()) or NONE


def _node_status(node: Object) -> str:
    ready = (condition(node, "Ready") or {}).get("status")
    text = {"True": "Ready", "False": "NotReady"}.get(str(ready), "Unknown" if ready is None else "NotReady")
    return f"{text},SchedulingDisabled" if node.get("spec", {}).get("unschedulable") else text


def _node_roles(node: Object) -> str:
    prefix = "node-role.kubernetes.io/"
    labels = node["metadata"].get("labels") or {}
    return ",".join(sorted(label[len(prefix) :] for label in labels if label.startswith(prefix))) or NONE


def _node_address(node: Object) -> str:
    addresses = node.get("status", {}).get("addresses") or ()
    return next((entry["address"] for entry in addresses if entry["type"] == "InternalIP"), NONE)


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


_WORKLOAD_WIDE: tuple[Column, ...] = (
    ("Containers", "string", 1, containers("name")),
    ("Images", "string", 1, containers("image")),
    ("Selector", "string", 1, pairs("spec.selector.matchLabels")),
)
_INFO = "status.nodeInfo."

COLUMNS: dict[str, tuple[Column, ...]] = {
    "Pod": (
        NAME,
        ("Ready", "string", 0, _pod_ready),
        ("Status", "string", 0, pod_status),
        ("Restarts", "string", 0, _restarts),
        AGE,
        ("IP", "string", 1, _pod_ip),
        ("Node", "string", 1, path("spec.nodeName", NONE)),
        ("Nominated Node", "string", 1, path("status.nominatedNodeName", NONE)),
        ("Readiness Gates", "string", 1, _gates),
    ),
    "Deployment": (
        NAME,
        ("Ready", "string", 0, fraction("status.readyReplicas", "spec.replicas")),
        ("Up-to-date", "integer", 0, path("status.updatedReplicas", 0)),
        ("Available", "integer", 0, path("status.availableReplicas", 0)),
        AGE,
        *_WORKLOAD_WIDE,
    ),
    "ReplicaSet": (
        NAME,
        ("Desired", "integer", 0, path("spec.replicas", 0)),
        ("Current", "integer", 0, path("status.replicas", 0)),
        ("Ready", "integer", 0, path("status.readyReplicas", 0)),
        AGE,
        *_WORKLOAD_WIDE,
    ),
    "StatefulSet": (
        NAME,
        ("Ready", "string", 0, fraction("status.readyReplicas", "spec.replicas")),
        AGE,
        *_WORKLOAD_WIDE[:2],
    ),
    "DaemonSet": (
        NAME,
        ("Desired", "integer", 0, path("status.desiredNumberScheduled", 0)),
        ("Current", "integer", 0, path("status.currentNumberScheduled", 0)),
        ("Ready", "integer", 0, path("status.numberReady", 0)),
        ("Up-to-date", "integer", 0, path("status.updatedNumberScheduled", 0)),
        ("Available", "integer", 0, path("status.numberAvailable", 0)),
        ("Node Selector", "string", 0, pairs("spec.template.spec.nodeSelector")),
        AGE,
        *_WORKLOAD_WIDE,
    ),
    "Service": (
        NAME,
        ("Type", "string", 0, path("spec.type")),
        ("Cluster-IP", "string", 0, path("spec.clusterIP", NONE)),
        ("External-IP", "string", 0, path("spec.externalName", NONE)),
        ("Port(s)", "string", 0, _ports),
        AGE,
        ("Selector", "string", 1, pairs("spec.selector")),
    ),
    "Node": (
        NAME,
        ("Status", "string", 0, _node_status),
        ("Roles", "string", 0, _node_roles),
        AGE,
        ("Version", "string", 0, path(f"{_INFO}kubeletVersion")),
        ("Internal-IP", "string", 1, _node_address),
        ("External-IP", "string", 1, lambda _: NONE),
        ("OS-Image", "string", 1, path(f"{_INFO}osImage")),
        ("Kernel-Version", "string", 1, path(f"{_INFO}kernelVersion")),
        ("Container-Runtime", "string", 1, path(f"{_INFO}containerRuntimeVersion")),
    ),
    "Namespace": (NAME, ("Status", "string", 0, path("status.phase")), AGE),
    "ConfigMap": (NAME, ("Data", "integer", 0, count("data")), AGE),
    "Secret": (
        NAME,
        ("Type", "string", 0, path("type")),
        ("Data", "integer", 0, count("data")),
        AGE,
    ),
    "ServiceAccount": (NAME, ("Secrets", "integer", 0, count("secrets")), AGE),
    "EndpointSlice": (
        NAME,
        ("AddressType", "string", 0, path("addressType")),
        ("Ports", "string", 0, _slice_ports),
        ("Endpoints", "string", 0, _endpoints),
        AGE,
    ),
    "Event": (
        ("Last Seen", "string", 0, lambda obj: age(last_seen(obj))),
        ("Type", "string", 0, path("type")),
        ("Reason", "string", 0, path("reason")),
        ("Object", "string", 0, _event_object),
        ("Subobject", "string", 1, path("involvedObject.fieldPath")),
        ("Source", "string", 1, _event_source),
        ("Message", "string", 0, lambda obj: str(obj.get("message", "")).strip()),
        ("First Seen", "string", 1, lambda obj: age(obj.get("firstTimestamp") or obj.get("eventTime"))),
        ("Count", "string", 1, _event_count),
        ("Name", "string", 1, name_of),
    ),
    "CustomResourceDefinition": (NAME, ("Created At", "date", 0, path("metadata.creationTimestamp"))),
    "Lease": (NAME, ("Holder", "string", 0, path("spec.holderIdentity")), AGE),
    "RoleBinding": (NAME, ("Role", "string", 0, _role_ref), AGE),
    "ClusterRoleBinding": (NAME, ("Role", "string", 0, _role_ref), AGE),
    "Role": (NAME, ("Created At", "date", 0, path("metadata.creationTimestamp"))),
    "ClusterRole": (NAME, ("Created At", "date", 0, path("metadata.creationTimestamp"))),
    **BATCH,
}
_GENERIC: tuple[Column, ...] = (NAME, AGE)


def partial(obj: Object) -> Object:
    """PartialObjectMetadata."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": obj["metadata"]}


def columns_of(resource: Resource) -> Sequence[Column]:
    if resource.custom is None:
        return COLUMNS.get(resource.kind, _GENERIC)
    return (
        NAME,
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
