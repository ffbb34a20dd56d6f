"""What the server does for one node: tells its agent which pods and services there are, and writes down
what the agent reports. A kubelet does this from its side; here the agent has no credentials of its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
from typing import Any

from aiohttp import ClientError

from .endpoints import node_services
from .kubelet_events import tell
from .node_agent import NodeAgent
from .objects import Object, condition, is_deleting, micro_timestamp, name_of, namespace_of, timestamp, uid_of
from .registry import Registry
from .resources import CONFIGMAPS, ENDPOINTSLICES, LEASES, NODES, PODS, SECRETS, SERVICES
from .store import Change

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 0.25
_LEASE_SECONDS = 10.0
_LEASES = "kube-node-lease"
_UNREACHABLE = (ClientError, OSError, TimeoutError)
_WATCHED = (PODS, SERVICES, ENDPOINTSLICES)


class NodeLink:
    """Run `run()` as a task while `agent` is open; `index` picks the node's addresses 198.18.<index>.0/24."""

    def __init__(self, name: str, index: int, agent: NodeAgent, registry: Registry) -> None:
        self.name, self.agent = name, agent
        self._index, self._registry = index, registry
        self._dirty = asyncio.Event()
        self._placed: dict[str, int] = {}
        self._ending: dict[str, int] = {}
        self._services: Object | None = None
        registry.store.listen(self._noted)

    def _noted(self, change: Change) -> None:
        if change.resource in _WATCHED:
            self._dirty.set()

    async def run(self) -> None:
        self._register()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._follow())
            tasks.create_task(self._push())
            tasks.create_task(self._renew())

    async def _follow(self) -> None:
        """Read the agent's reports; when they end, the node isn't ready until they flow again."""
        while True:
            try:
                async for event in self.agent.events():
                    self._set_ready(True)
                    if event:
                        self._apply(event)
            except _UNREACHABLE as error:
                _LOG.info("node %s: %s", self.name, error)
            self._set_ready(False)
            # A new agent may know nothing: say everything again (puts are idempotent).
            self._placed.clear()
            self._ending.clear()
            self._services = None
            self._dirty.set()
            await asyncio.sleep(_RETRY_SECONDS)

    async def _push(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._push_services()
                await self._push_pods()
            except _UNREACHABLE:
                await asyncio.sleep(_RETRY_SECONDS)
                self._dirty.set()

    async def _push_services(self) -> None:
        services = node_services(self._registry.store)
        if services != self._services:
            await self.agent.put_services(services)
            self._services = services

    async def _push_pods(self) -> None:
        pods = {uid_of(pod): pod for pod in self._registry.store.all(PODS) if self._is_ours(pod)}
        for uid, pod in pods.items():
            if is_deleting(pod):
                await self._end(uid, int(pod["metadata"].get("deletionGracePeriodSeconds") or 0))
            elif self._placed.get(uid) != pod["metadata"].get("generation", 1):
                await self._place(uid, pod)
        for uid in [uid for uid in self._placed if uid not in pods]:
            await self._end(uid, 0)

    def _is_ours(self, pod: Object) -> bool:
        return bool(pod["spec"].get("nodeName") == self.name)

    async def _place(self, uid: str, pod: Object) -> None:
        code = await self.agent.put_pod(_with_files(self._registry, pod))
        if code >= 400:
            _LOG.warning("node %s refused pod %s/%s: %d", self.name, namespace_of(pod), name_of(pod), code)
        self._placed[uid] = pod["metadata"].get("generation", 1)

    async def _end(self, uid: str, grace: int) -> None:
        if self._ending.get(uid) == grace:
            return
        code = await self.agent.delete_pod(uid, grace)
        self._ending[uid] = grace
        if code == 404:
            self._gone(uid)

    def _find(self, uid: str) -> Object | None:
        return next((pod for pod in self._registry.store.all(PODS) if uid_of(pod) == uid), None)

    def _gone(self, uid: str) -> None:
        self._placed.pop(uid, None)
        self._ending.pop(uid, None)
        pod = self._find(uid)
        if pod is not None and is_deleting(pod):
            self._registry.remove(PODS, pod)
        self._dirty.set()

    def _apply(self, event: Object) -> None:
        uid = event["uid"]
        if event.get("gone"):
            self._gone(uid)
            return
        pod = self._find(uid)
        if pod is None:
            # A pod that was removed by force, or before this server started: the node must let go of it.
            self._placed.setdefault(uid, 0)
            self._dirty.set()
            return
        status = event.get("status") or {}
        tell(self._registry, pod, status)
        self._registry.set_status(PODS, pod, _merged(pod.get("status", {}), status))

    async def _renew(self) -> None:
        """The node's lease, as a kubelet renews it while it is well."""
        while True:
            node = self._registry.store.get(NODES, "", self.name)
            ready = (condition(node or {}, "Ready") or {}).get("status") == "True"
            if ready:
                self._write_lease()
            await asyncio.sleep(_LEASE_SECONDS if ready else _RETRY_SECONDS)

    def _write_lease(self) -> None:
        spec = {"holderIdentity": self.name, "leaseDurationSeconds": 40, "renewTime": micro_timestamp()}
        if self._registry.store.get(LEASES, _LEASES, self.name) is None:
            self._registry.create(LEASES, _LEASES, {"metadata": {"name": self.name}, "spec": spec})
        else:
            self._registry.update(LEASES, _LEASES, self.name, lambda lease: lease | {"spec": spec})

    def _register(self) -> None:
        labels = {
            "kubernetes.io/hostname": self.name,
            "kubernetes.io/os": "linux",
            "kubernetes.io/arch": "amd64" if platform.machine() == "x86_64" else platform.machine(),
        }
        metadata = {"name": self.name, "labels": labels}
        body = {"metadata": metadata, "spec": {}, "status": _node_status(self.name, self._index)}
        self._registry.create(NODES, "", body)

    def _set_ready(self, ready: bool) -> None:
        node = self._registry.store.get(NODES, "", self.name)
        held = condition(node or {}, "Ready") or {}
        if node is None or (held.get("status") == "True") == ready:
            return
        entry = _ready_condition(ready)
        others = [c for c in node["status"].get("conditions") or () if c["type"] != "Ready"]
        self._registry.set_status(NODES, node, {**node["status"], "conditions": [*others, entry]})


def _with_files(registry: Registry, pod: Object) -> Object:
    """The pod with the content of its configMap and secret volumes inline: the agent reads no API."""
    volumes = []
    for volume in pod["spec"].get("volumes") or ():
        for field, key, resource in (("configMap", "name", CONFIGMAPS), ("secret", "secretName", SECRETS)):
            if source := volume.get(field):
                found = registry.store.get(resource, namespace_of(pod), source.get(key, ""))
                data = {"data": found.get("data") or {}} if found else {}
                volume = {**volume, field: {**source, **data}}  # noqa: PLW2901
        volumes.append(volume)
    return {**pod, "spec": {**pod["spec"], "volumes": volumes}} if volumes else pod


def _merged(held: Object, reported: Object) -> Object:
    """The agent's status over what only the server knows (qosClass, PodScheduled)."""
    conditions: dict[str, Any] = {c["type"]: c for c in held.get("conditions") or ()}
    conditions |= {c["type"]: c for c in reported.get("conditions") or ()}
    return {"qosClass": held.get("qosClass", "BestEffort"), **reported, "conditions": list(conditions.values())}


def _ready_condition(ready: bool) -> Object:
    reason, message = ("KubeletReady", "the node's agent is posting ready status")
    if not ready:
        reason, message = "NodeStatusUnknown", "Kubelet stopped posting node status."
    moment = timestamp()
    return {
        "type": "Ready",
        "status": "True" if ready else "Unknown",
        "reason": reason,
        "message": message,
        "lastHeartbeatTime": moment,
        "lastTransitionTime": moment,
    }


def _node_status(name: str, index: int) -> Object:
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1024
    resources = {"cpu": str(os.cpu_count() or 1), "memory": f"{pages}Ki", "pods": "110"}
    return {
        "addresses": [
            {"type": "InternalIP", "address": f"198.18.{index}.1"},
            {"type": "Hostname", "address": name},
        ],
        "capacity": resources,
        "allocatable": resources,
        "conditions": [_ready_condition(False)],
        "daemonEndpoints": {"kubeletEndpoint": {"Port": 10250}},
        "nodeInfo": {
            "architecture": "amd64" if platform.machine() == "x86_64" else platform.machine(),
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
