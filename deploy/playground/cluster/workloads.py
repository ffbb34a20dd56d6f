"""Deployments, ReplicaSets, StatefulSets and DaemonSets: what should run -> pods, and their status.

Each function brings one object a step nearer to its spec and may be called again at any time; the controller
loop calls it after every change.
"""

from __future__ import annotations

import json
import math
from copy import deepcopy

from .events import record
from .objects import (
    Object,
    controller_of,
    is_active,
    is_deleting,
    is_ready,
    name_of,
    namespace_of,
    owner_reference,
    safe_encode,
    timestamp,
    uid_of,
)
from .rbac import Attributes
from .registry import DeleteOptions, Registry
from .resources import DAEMONSETS, DEPLOYMENTS, NODES, PODS, REPLICASETS, STATEFULSETS, Resource
from .scheduling import why_not

HASH = "pod-template-hash"
_REVISION = "deployment.kubernetes.io/revision"
_CONTROLLER_HASH = "controller-revision-hash"
# What the DaemonSet controller adds, so that its pods stay where others have to go.
_DAEMON_TOLERATIONS = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect}
    for key, effect in (
        *(("not-ready", "NoExecute"), ("unreachable", "NoExecute"), ("disk-pressure", "NoSchedule")),
        *(("memory-pressure", "NoSchedule"), ("pid-pressure", "NoSchedule"), ("unschedulable", "NoSchedule")),
    )
]


def template_hash(template: Object) -> str:
    """FNV-1a of the pod template, spelt with the letters of generated names."""
    value = 0x811C9DC5
    for byte in json.dumps(template, sort_keys=True).encode():
        value = ((value ^ byte) * 0x01000193) & 0xFFFFFFFF
    return safe_encode(value)


def owned(registry: Registry, resource: Resource, owner: Object) -> list[Object]:
    """The objects an owner controls."""
    candidates = registry.store.all(resource, namespace_of(owner))
    return [obj for obj in candidates if (controller_of(obj) or {}).get("uid") == uid_of(owner)]


def pod_from(owner: Object, template: Object, extra: Object, labels: Object) -> Object:
    metadata = deepcopy(template.get("metadata") or {})
    metadata["labels"] = {**(metadata.get("labels") or {}), **labels}
    metadata["ownerReferences"] = [owner_reference(owner)]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {**metadata, **extra},
        "spec": deepcopy(template["spec"]),
    }


def _component(owner: Object) -> str:
    """The controller's name in events."""
    return f"{owner['kind'].lower()}-controller"


def start_pod(registry: Registry, owner: Object, pod: Object) -> None:
    registry.admit(Attributes("create", "", "pods", "", namespace_of(owner)))
    created = registry.create(PODS, namespace_of(owner), pod)
    record(registry, owner, "SuccessfulCreate", f"Created pod: {name_of(created)}", by=_component(owner))


def end_pod(registry: Registry, owner: Object, pod: Object) -> None:
    registry.delete(PODS, namespace_of(pod), name_of(pod), DeleteOptions())
    record(registry, owner, "SuccessfulDelete", f"Deleted pod: {name_of(pod)}", by=_component(owner))


def _condition(old: Object, kind: str, status: bool, reason: str, message: str) -> Object:
    """A condition whose transition time moves only when its status does."""
    held = next((c for c in old.get("conditions") or () if c["type"] == kind), None)
    value = "True" if status else "False"
    same = held is not None and held["status"] == value
    moment = held["lastTransitionTime"] if same and held else timestamp()
    updated = held["lastUpdateTime"] if same and held and held["reason"] == reason else timestamp()
    return {
        "type": kind,
        "status": value,
        "reason": reason,
        "message": message,
        "lastTransitionTime": moment,
        "lastUpdateTime": updated,
    }


def sync_replicaset(registry: Registry, owner: Object) -> None:
    """As many active pods as `replicas`; unready and young ones go first."""
    pods = [pod for pod in owned(registry, PODS, owner) if is_active(pod)]
    wanted = int(owner["spec"].get("replicas", 1))
    if not is_deleting(owner):
        for _ in range(wanted - len(pods)):
            extra = {"generateName": f"{name_of(owner)}-", "name": ""}
            start_pod(registry, owner, pod_from(owner, owner["spec"]["template"], extra, {}))
        surplus = sorted(pods, key=lambda pod: (is_ready(pod), _negated_age(pod)))
        for pod in surplus[: max(0, len(pods) - wanted)]:
            end_pod(registry, owner, pod)
    pods = [pod for pod in owned(registry, PODS, owner) if is_active(pod)]
    ready = sum(map(is_ready, pods))
    counts = {
        "replicas": len(pods),
        "fullyLabeledReplicas": len(pods),
        "readyReplicas": ready,
        "availableReplicas": ready,
    }
    status = {name: count for name, count in counts.items() if count or name == "replicas"}
    status["observedGeneration"] = owner["metadata"].get("generation", 1)
    registry.set_status(REPLICASETS, owner, status)


def _negated_age(pod: Object) -> int:
    return -int(pod["metadata"]["resourceVersion"])


def sync_deployment(registry: Registry, owner: Object) -> None:
    """One ReplicaSet for the present template, the older ones scaled down as it gets ready."""
    if is_deleting(owner):
        return
    sets = owned(registry, REPLICASETS, owner)
    digest = template_hash(owner["spec"]["template"])
    current = next((rs for rs in sets if rs["metadata"]["labels"].get(HASH) == digest), None)
    old = [rs for rs in sets if rs is not current]
    replicas = int(owner["spec"].get("replicas", 1))
    recreate = owner["spec"]["strategy"]["type"] == "Recreate"
    if recreate and any(rs.get("status", {}).get("replicas") for rs in old):
        for rs in old:
            _resize(registry, owner, rs, 0)
    else:
        if current is None:
            current = _new_replicaset(registry, owner, digest, old)
        surge, unavailable = _rolling_limits(owner, replicas)
        total = sum(int(rs["spec"]["replicas"]) for rs in old)
        held = int(current["spec"]["replicas"])
        grown = replicas if held > replicas else min(replicas, max(held, replicas + surge - total))
        _resize(registry, owner, current, grown)
        _shrink_old(registry, owner, old, current, replicas - unavailable)
    _deployment_status(registry, owner, digest)
    _forget_history(registry, owner, old)


def _rolling_limits(owner: Object, replicas: int) -> tuple[int, int]:
    """(maxSurge, maxUnavailable) as pods: percentages round up and down."""
    rolling = owner["spec"]["strategy"].get("rollingUpdate") or {}
    surge = _share(rolling.get("maxSurge", "25%"), replicas, math.ceil)
    unavailable = _share(rolling.get("maxUnavailable", "25%"), replicas, math.floor)
    return (surge, unavailable) if surge or unavailable else (0, 1)


def _share(value: object, whole: int, rounding: object) -> int:
    text = str(value)
    if not text.endswith("%"):
        return int(text)
    share = whole * int(text[:-1]) / 100
    return math.ceil(share) if rounding is math.ceil else math.floor(share)


def _shrink_old(registry: Registry, owner: Object, old: list[Object], current: Object, least: int) -> None:
    """Take from the old sets what is not needed to keep `least` pods available; unready pods cost nothing."""
    available = int(current.get("status", {}).get("availableReplicas", 0))
    available += sum(int(rs.get("status", {}).get("availableReplicas", 0)) for rs in old)
    spare = available - least
    for rs in old:
        size, ready = int(rs["spec"]["replicas"]), int(rs.get("status", {}).get("availableReplicas", 0))
        ending = max(0, min(ready, spare))
        spare -= ending
        _resize(registry, owner, rs, min(size, ready - ending))


def _resize(registry: Registry, owner: Object, rs: Object, replicas: int) -> None:
    if int(rs["spec"]["replicas"]) == replicas:
        return
    grown = replicas > int(rs["spec"]["replicas"])

    def change(obj: Object) -> Object:
        obj["spec"]["replicas"] = replicas
        return obj

    registry.update(REPLICASETS, namespace_of(rs), name_of(rs), change)
    direction = "up" if grown else "down"
    text = f"Scaled {direction} replica set {name_of(rs)} from {rs['spec']['replicas']} to {replicas}"
    record(registry, owner, "ScalingReplicaSet", text, by=_component(owner))


def _new_replicaset(registry: Registry, owner: Object, digest: str, old: list[Object]) -> Object:
    revision = 1 + max((int(rs["metadata"]["annotations"].get(_REVISION, 0)) for rs in old), default=0)
    template = deepcopy(owner["spec"]["template"])
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), HASH: digest}
    selector = deepcopy(owner["spec"]["selector"])
    selector["matchLabels"] = {**(selector.get("matchLabels") or {}), HASH: digest}
    body = {
        "metadata": {
            "name": f"{name_of(owner)}-{digest}",
            "labels": dict(metadata["labels"]),
            "annotations": {_REVISION: str(revision)},
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": {"replicas": 0, "selector": selector, "template": template},
    }
    created = registry.create(REPLICASETS, namespace_of(owner), body)
    _annotate_revision(registry, owner, str(revision))
    return created


def _annotate_revision(registry: Registry, owner: Object, revision: str) -> None:
    def change(obj: Object) -> Object:
        annotations = obj["metadata"].get("annotations") or {}
        obj["metadata"]["annotations"] = {**annotations, _REVISION: revision}
        return obj

    registry.update(DEPLOYMENTS, namespace_of(owner), name_of(owner), change)


def _deployment_status(registry: Registry, owner: Object, digest: str) -> None:
    owner = registry.get(DEPLOYMENTS, namespace_of(owner), name_of(owner))
    statuses = {rs["metadata"]["labels"].get(HASH): rs.get("status", {}) for rs in owned(registry, REPLICASETS, owner)}
    total = sum(int(s.get("replicas", 0)) for s in statuses.values())
    ready = sum(int(s.get("readyReplicas", 0)) for s in statuses.values())
    updated = int(statuses.get(digest, {}).get("replicas", 0))
    wanted, old = int(owner["spec"].get("replicas", 1)), owner.get("status", {})
    counts = {
        "replicas": total,
        "updatedReplicas": updated,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, wanted - ready),
    }
    status: Object = {"observedGeneration": owner["metadata"]["generation"]}
    status |= {name: count for name, count in counts.items() if count}
    least = wanted - _rolling_limits(owner, wanted)[1]
    enough, whole = ready >= least, updated == ready == total == wanted
    reason = ("MinimumReplicasAvailable", "Deployment has minimum availability.")
    if not enough:
        reason = ("MinimumReplicasUnavailable", "Deployment does not have minimum availability.")
    name = f'ReplicaSet "{name_of(owner)}-{digest}"'
    progress = ("NewReplicaSetAvailable", f"{name} has successfully progressed.")
    if not whole:
        progress = ("ReplicaSetUpdated", f"{name} is progressing.")
    status["conditions"] = [
        _condition(old, "Available", enough, *reason),
        _condition(old, "Progressing", True, *progress),
    ]
    registry.set_status(DEPLOYMENTS, owner, status)


def _forget_history(registry: Registry, owner: Object, old: list[Object]) -> None:
    """Remove emptied ReplicaSets beyond revisionHistoryLimit, oldest first."""
    empty = [rs for rs in old if not rs["spec"]["replicas"] and not rs.get("status", {}).get("replicas")]
    empty.sort(key=lambda rs: int(rs["metadata"]["annotations"].get(_REVISION, 0)))
    for rs in empty[: max(0, len(empty) - int(owner["spec"].get("revisionHistoryLimit", 10)))]:
        registry.delete(REPLICASETS, namespace_of(rs), name_of(rs))


def sync_statefulset(registry: Registry, owner: Object) -> None:
    """Pods name-0, name-1, …: made in order as each gets ready, ended and updated from the last."""
    pods = {name_of(pod): pod for pod in owned(registry, PODS, owner)}
    wanted, digest = int(owner["spec"].get("replicas", 1)), template_hash(owner["spec"]["template"])
    if not is_deleting(owner):
        _step_statefulset(registry, owner, pods, wanted, digest)
    active = [pod for pod in owned(registry, PODS, owner) if is_active(pod)]
    updated = sum(pod["metadata"]["labels"].get(_CONTROLLER_HASH) == digest for pod in active)
    ready, revision = sum(map(is_ready, active)), f"{name_of(owner)}-{digest}"
    status: Object = {
        "replicas": len(active),
        "readyReplicas": ready,
        "availableReplicas": ready,
        "currentReplicas": updated,
        "updatedReplicas": updated,
        "currentRevision": revision if updated == len(active) else owner.get("status", {}).get("currentRevision", ""),
        "updateRevision": revision,
        "collisionCount": 0,
        "observedGeneration": owner["metadata"].get("generation", 1),
    }
    registry.set_status(STATEFULSETS, owner, status)


def _step_statefulset(registry: Registry, owner: Object, pods: dict[str, Object], wanted: int, digest: str) -> None:
    names = [f"{name_of(owner)}-{index}" for index in range(wanted)]
    parallel = owner["spec"].get("podManagementPolicy") == "Parallel"
    for index, name in enumerate(names):
        pod = pods.get(name)
        if pod is None:
            start_pod(registry, owner, _stateful_pod(owner, name, index, digest))
        elif not is_active(pod) and not is_deleting(pod):
            end_pod(registry, owner, pod)
        if not parallel and (pod is None or not is_ready(pod) or is_deleting(pod)):
            return
    leaving = [pod for name, pod in pods.items() if name not in names and not is_deleting(pod)]
    outdated = [
        pods[name]
        for name in reversed(names)
        if name in pods and pods[name]["metadata"]["labels"].get(_CONTROLLER_HASH) != digest
    ]
    for pod in leaving or outdated[:1]:
        end_pod(registry, owner, pod)


def _stateful_pod(owner: Object, name: str, index: int, digest: str) -> Object:
    labels = {
        "statefulset.kubernetes.io/pod-name": name,
        "apps.kubernetes.io/pod-index": str(index),
        _CONTROLLER_HASH: digest,
    }
    pod = pod_from(owner, owner["spec"]["template"], {"name": name}, labels)
    pod["spec"] |= {"hostname": name, "subdomain": owner["spec"].get("serviceName", "")}
    return pod


def sync_daemonset(registry: Registry, owner: Object) -> None:
    """One pod on each node that it tolerates and selects."""
    digest = template_hash(owner["spec"]["template"])
    like = {"spec": {**owner["spec"]["template"]["spec"]}}
    like["spec"]["tolerations"] = [*(like["spec"].get("tolerations") or ()), *_DAEMON_TOLERATIONS]
    nodes = [name_of(node) for node in registry.store.all(NODES) if not why_not(like, node)]
    pods = [pod for pod in owned(registry, PODS, owner) if is_active(pod)]
    placed = {pod["spec"].get("nodeName") for pod in pods}
    if not is_deleting(owner):
        for node in (node for node in nodes if node not in placed):
            extra = {"generateName": f"{name_of(owner)}-", "name": ""}
            pod = pod_from(owner, owner["spec"]["template"], extra, {_CONTROLLER_HASH: digest})
            pod["spec"] |= {"nodeName": node, "tolerations": like["spec"]["tolerations"]}
            start_pod(registry, owner, pod)
        for pod in pods:
            if pod["metadata"]["labels"].get(_CONTROLLER_HASH) != digest:
                end_pod(registry, owner, pod)
    pods = [pod for pod in owned(registry, PODS, owner) if is_active(pod)]
    ready = sum(map(is_ready, pods))
    updated = sum(pod["metadata"]["labels"].get(_CONTROLLER_HASH) == digest for pod in pods)
    status = {
        "currentNumberScheduled": len(pods),
        "desiredNumberScheduled": len(nodes),
        "numberAvailable": ready,
        "numberMisscheduled": 0,
        "numberReady": ready,
        "updatedNumberScheduled": updated,
        "observedGeneration": owner["metadata"].get("generation", 1),
    }
    registry.set_status(DAEMONSETS, owner, status)
