"""Nodes as objects: the status a kubelet writes, and what follows from it (taints, pods that are not ready).

Conditions and their words are those of pkg/kubelet/nodestatus; taints those of the node lifecycle controller.
"""

from __future__ import annotations

import os
import platform
import shutil

from .events import record
from .node.settings import DISK
from .objects import Object, condition, is_deleting, name_of, timestamp
from .registry import Registry
from .resources import NODES, PODS
from .scheduling import UNSCHEDULABLE, tolerates

# condition -> (reason and message when False, reason and message when True)
_PRESSURES = {
    "MemoryPressure": (
        ("KubeletHasSufficientMemory", "kubelet has sufficient memory available"),
        ("KubeletHasInsufficientMemory", "kubelet has insufficient memory available"),
    ),
    "DiskPressure": (
        ("KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
        ("KubeletHasDiskPressure", "kubelet has disk pressure"),
    ),
    "PIDPressure": (
        ("KubeletHasSufficientPID", "kubelet has sufficient PID available"),
        ("KubeletHasInsufficientPID", "kubelet has insufficient PID available"),
    ),
}
_TAINTS = {
    "MemoryPressure": ("True", "node.kubernetes.io/memory-pressure"),
    "DiskPressure": ("True", "node.kubernetes.io/disk-pressure"),
    "PIDPressure": ("True", "node.kubernetes.io/pid-pressure"),
}
_NOT_READY, _UNREACHABLE = "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"
_OURS = {UNSCHEDULABLE, _NOT_READY, _UNREACHABLE, *(key for _, key in _TAINTS.values())}


def address(index: int) -> str:
    return f"198.18.{index}.1"


def new_node(name: str, index: int) -> Object:
    """What a kubelet registers: not ready yet."""
    machine = "amd64" if platform.machine() == "x86_64" else platform.machine()
    labels = {"kubernetes.io/hostname": name, "kubernetes.io/os": "linux", "kubernetes.io/arch": machine}
    metadata = {"name": name, "labels": labels}
    return {"metadata": metadata, "spec": {}, "status": _status(name, index, machine)}


def healthy(pressures: set[str]) -> list[Object]:
    """The conditions a well kubelet reports; `pressures` names those that are True."""
    found = []
    for kind, words in _PRESSURES.items():
        pressed = kind in pressures
        found.append(_entry(kind, "True" if pressed else "False", *words[pressed]))
    return [*found, _entry("Ready", "True", "KubeletReady", "kubelet is posting ready status")]


def unknown() -> list[Object]:
    """The conditions the node controller writes when a kubelet is silent for too long."""
    words = ("Unknown", "NodeStatusUnknown", "Kubelet stopped posting node status.")
    return [_entry(kind, *words) for kind in (*_PRESSURES, "Ready")]


def write_conditions(registry: Registry, name: str, wanted: list[Object]) -> None:
    """Put conditions on a node unless they are there; one that keeps its status keeps its transition time."""
    node = registry.store.get(NODES, "", name)
    if node is None:
        return
    held = {kind: condition(node, kind) or {} for kind in (entry["type"] for entry in wanted)}
    if all(
        (held[e["type"]].get("status"), held[e["type"]].get("reason")) == (e["status"], e["reason"]) for e in wanted
    ):
        return
    for entry in wanted:
        old = held[entry["type"]]
        if old.get("status") == entry["status"]:
            entry["lastTransitionTime"] = old["lastTransitionTime"]
    others = [c for c in node["status"].get("conditions") or () if c["type"] not in held]
    registry.set_status(NODES, node, {**node["status"], "conditions": [*others, *wanted]})


def sync_node(registry: Registry, node: Object) -> None:
    """Taints that say what the conditions say; pods of a silent node are not ready."""
    held = (node.get("spec") or {}).get("taints") or []
    wanted = _taints(node)
    known = {(taint["key"], taint["effect"]): taint for taint in held}
    # A taint of somebody's own counts from when it was seen; it is written down here, since we keep nothing else.
    others = [_dated(taint) for taint in held if taint["key"] not in _OURS]
    taints = others + [known.get((key, effect), _taint(key, effect)) for key, effect in wanted]
    if taints != held:
        spec = {key: value for key, value in node["spec"].items() if key != "taints"}
        spec |= {"taints": taints} if taints else {}
        node = registry.store.put(NODES, {**node, "metadata": dict(node["metadata"]), "spec": spec})
    if (condition(node, "Ready") or {}).get("status") == "Unknown":
        for pod in registry.store.all(PODS):
            if pod["spec"].get("nodeName") == name_of(node):
                _mark_unready(registry, pod)


def refuses(node: Object, pod: Object) -> str:
    """Why the node's kubelet rejects a pod that was bound to it (eviction manager, Admit), or ""."""
    pressed = [kind for kind in _PRESSURES if (condition(node, kind) or {}).get("status") == "True"]
    memory = {"key": _TAINTS["MemoryPressure"][1], "effect": "NoSchedule"}
    mild = pressed == ["MemoryPressure"]
    if not pressed or (mild and (pod["status"].get("qosClass") != "BestEffort" or tolerates(pod, memory))):
        return ""
    return f"Pod was rejected: The node had condition: [{' '.join(pressed)}]. "


def _taints(node: Object) -> list[tuple[str, str]]:
    ready = (condition(node, "Ready") or {}).get("status")
    key = _UNREACHABLE if ready == "Unknown" else _NOT_READY
    found = [(key, "NoSchedule")] if ready != "True" else []
    for kind, (status, pressure) in _TAINTS.items():
        if (condition(node, kind) or {}).get("status") == status:
            found.append((pressure, "NoSchedule"))
    if node.get("spec", {}).get("unschedulable"):
        found.append((UNSCHEDULABLE, "NoSchedule"))
    return found + ([(key, "NoExecute")] if ready != "True" else [])


def _dated(taint: Object) -> Object:
    return {"timeAdded": timestamp(), **taint} if taint["effect"] == "NoExecute" else taint


def _taint(key: str, effect: str) -> Object:
    return {"key": key, "effect": effect, "timeAdded": timestamp()}


def _mark_unready(registry: Registry, pod: Object) -> None:
    ready = condition(pod, "Ready")
    if ready is None or ready["status"] != "True" or is_deleting(pod):
        return
    record(registry, pod, "NodeNotReady", "Node is not ready", warning=True, by="node-controller")
    entry = {**ready, "status": "False", "lastTransitionTime": timestamp()}
    conditions = [entry if c["type"] == "Ready" else c for c in pod["status"]["conditions"]]
    registry.set_status(PODS, pod, {**pod["status"], "conditions": conditions})


def _entry(kind: str, status: str, reason: str, message: str) -> Object:
    moment = timestamp()
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": moment,
        "lastTransitionTime": moment,
    }


def _status(name: str, index: int, machine: str) -> Object:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    disk = shutil.disk_usage(DISK if DISK.exists() else "/").total // 1024
    resources = {"cpu": str(os.cpu_count() or 1), "ephemeral-storage": f"{disk}Ki"}
    resources |= {"memory": f"{pages}Ki", "pods": "110"}
    why = "container runtime status check may not have completed yet"
    return {
        "addresses": [
            {"type": "InternalIP", "address": address(index)},
            {"type": "Hostname", "address": name},
        ],
        "capacity": resources,
        "allocatable": resources,
        "conditions": [*healthy(set())[:-1], _entry("Ready", "False", "KubeletNotReady", why)],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": machine,
            "bootID": "",
            "containerRuntimeVersion": "containerd://1.6.0",
            "kernelVersion": platform.release(),
            "kubeProxyVersion": "",
            "kubeletVersion": "v1.34.9",
            "machineID": "",
            "operatingSystem": "linux",
            "osImage": "Threadcap playground",
            "systemUUID": "",
        },
    }
