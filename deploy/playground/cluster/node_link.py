"""What the server does for one node: tells its agent which pods and services there are, and writes down
what the agent reports. A kubelet does this from its side; here the agent has no credentials of its own.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

from aiohttp import ClientError

from .endpoints import node_services
from .events import record
from .kubelet_events import tell
from .node_agent import NodeAgent
from .nodes import healthy, new_node, refuses, unknown, write_conditions
from .objects import Object, condition, is_deleting, micro_timestamp, name_of, namespace_of, timestamp, uid_of
from .registry import Registry
from .resources import CONFIGMAPS, ENDPOINTSLICES, LEASES, NODES, PODS, SECRETS, SERVICES
from .store import Change

_LOG = logging.getLogger(__name__)
_RETRY_SECONDS = 0.25
_LEASE_SECONDS = 10.0
_LEASES = "kube-node-lease"
UNREACHABLE = (ClientError, OSError, TimeoutError)
_WATCHED = (PODS, SERVICES, ENDPOINTSLICES)


class NodeLink:
    """Run `run()` as a task while `agent` is open; `index` picks the node's addresses 198.18.<index>.0/24.

    grace: seconds of silence until the node is unknown (the node controller's node-monitor-grace-period, which is
    50 on a real cluster). pressures: the conditions that are True, by fault (see node_faults).
    """

    def __init__(self, name: str, index: int, agent: NodeAgent, registry: Registry, grace: float) -> None:
        self.name, self.agent = name, agent
        self._index, self._registry, self._grace = index, registry, grace
        self.pressures: set[str] = set()
        self._silent_since: float | None = None
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
        """Read the agent's reports; when they end for longer than the grace, nothing is known of the node."""
        while True:
            try:
                async for event in self.agent.events():
                    self._silent_since = None
                    if event:
                        self._apply(event)
                    else:
                        self._register()
                    self.report()
            except UNREACHABLE as error:
                _LOG.info("node %s: %s", self.name, error)
            self._silent_since = self._silent_since or time.monotonic()
            self.report()
            # A new agent may know nothing: say everything again (puts are idempotent).
            self._placed.clear()
            self._ending.clear()
            self._services = None
            self._dirty.set()
            await asyncio.sleep(_RETRY_SECONDS)

    def report(self) -> None:
        """Write the conditions a kubelet, or after a long silence the node controller, would write."""
        if self._silent_since is None:
            write_conditions(self._registry, self.name, healthy(self.pressures))
        elif time.monotonic() - self._silent_since >= self._grace:
            write_conditions(self._registry, self.name, unknown())

    async def _push(self) -> None:
        while True:
            await self._dirty.wait()
            self._dirty.clear()
            try:
                await self._push_services()
                await self._push_pods()
            except UNREACHABLE:
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
        if uid not in self._placed and (pod["status"].get("phase") == "Failed" or self._rejects(pod)):
            return
        code = await self.agent.put_pod(_with_files(self._registry, pod))
        if code >= 400:
            _LOG.warning("node %s refused pod %s/%s: %d", self.name, namespace_of(pod), name_of(pod), code)
        self._placed[uid] = pod["metadata"].get("generation", 1)

    def _rejects(self, pod: Object) -> bool:
        """A kubelet under pressure fails new pods that were bound to it."""
        node = self._registry.store.get(NODES, "", self.name)
        why = refuses(node, pod) if node and not pod["status"].get("startTime") else ""
        if why:
            record(self._registry, pod, "Evicted", why.removeprefix("Pod was rejected: "), warning=True, by="kubelet")
            failed = {"phase": "Failed", "reason": "Evicted", "message": why, "startTime": timestamp()}
            self._registry.set_status(PODS, pod, {**pod["status"], **failed})
        return bool(why)

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
        # The node has it, whoever told it: one removed by force, even before this server started, it must let go of.
        self._placed.setdefault(uid, 0)
        pod = self._find(uid)
        if pod is None:
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
        """As a kubelet does when it starts: a node that was deleted is there again after a restart."""
        if self._registry.store.get(NODES, "", self.name) is None:
            self._registry.create(NODES, "", new_node(self.name, self._index))


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
