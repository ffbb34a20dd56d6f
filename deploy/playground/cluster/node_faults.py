"""Faults of nodes, by the control endpoint (administrators only). kinds:

node-restart   node: its agent ends in order and is started again; processes and pods stay
node-lost      node: its agent ends and stays away until healed; processes live on
node-pressure  node, resource disk|memory|pid: the condition, its taint, and new pods refused
node-disk      node, bytes: what pods there write to from now on has so much room, then ENOSPC (node/small_disk)
node-clock     node, offsetSeconds: processes started from now on see a shifted wall clock, tcpdump too (node/clock)
evict          namespace, pod, message: the node's agent evicts the pod
node-heal      node: takes back what was done to it ("heal" does so for every node)

Pods' own faults are healed one by one (kind none); an evicted pod stays evicted.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from .errors import Refusal, bad_request, not_found
from .node.launch import NodeProcess
from .node_agent import NodeAgent
from .node_link import UNREACHABLE, NodeLink
from .objects import Object, uid_of
from .registry import Registry
from .resources import NODES, PODS

_LATE_TRIES, _LATE_PAUSE = 20, 0.1
NODE_KINDS = ("node-restart", "node-lost", "node-pressure", "node-disk", "node-clock", "node-heal", "evict")
_PRESSURES = {"disk": "DiskPressure", "memory": "MemoryPressure", "pid": "PIDPressure"}
_LOW = "The node was low on resource: ephemeral-storage. Threshold quantity: 2Gi, available: 1Gi. "
_LEAST_ROOM = 65_536
_LARGEST_OFFSET = 366 * 86400.0


@dataclass(frozen=True)
class FaultyNode:
    """What can be done to one node; `process` None: its agent is not ours to end."""

    agent: NodeAgent
    link: NodeLink
    process: NodeProcess | None


class NodeFaults:
    """`nodes` is filled as nodes join."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self.nodes: dict[str, FaultyNode] = {}
        self._shifted: set[str] = set()

    async def inject(self, body: Object) -> None:
        """Raises Refusal: 400 and 404 for what makes no sense, 503 while the agent is away, and the agent's own."""
        try:
            await self._strike(body)
        except UNREACHABLE as error:
            raise Refusal(503, "the node's agent does not listen") from error

    async def _strike(self, body: Object) -> None:
        kind, name = body["kind"], str(body.get("node", ""))
        if kind == "evict":
            await self._evict(body)
        elif kind == "node-pressure":
            self._press(self._node(name), body)
        elif kind == "node-disk":
            self._ours(self._node(name)).set_room(_room(body))
        elif kind == "node-clock":
            await self._node(name).agent.set_clock({"offsetSeconds": _offset(body)})
            self._shifted.add(name)
        elif kind == "node-heal":
            await self._heal(name)
        else:
            await self._end_agent(self._node(name), hold=kind == "node-lost")

    async def heal(self) -> None:
        """Take everything back."""
        for name in self.nodes:
            await self._heal(name)

    def _node(self, name: str) -> FaultyNode:
        if name not in self.nodes:
            raise not_found(NODES, name)
        return self.nodes[name]

    @staticmethod
    def _press(node: FaultyNode, body: Object) -> None:
        if body.get("resource") not in _PRESSURES:
            raise bad_request(f"resource must be one of {', '.join(_PRESSURES)}")
        node.link.pressures.add(_PRESSURES[body["resource"]])
        node.link.report()

    @staticmethod
    def _ours(node: FaultyNode) -> NodeProcess:
        if node.process is None:
            raise bad_request("this node's agent was not started by the playground")
        return node.process

    async def _end_agent(self, node: FaultyNode, *, hold: bool) -> None:
        process = self._ours(node)
        if not hold:
            await node.agent.stop()
            return
        process.hold_agent()
        for _ in range(_LATE_TRIES):  # one that is just starting does not listen yet; one that has ended never will
            with contextlib.suppress(*UNREACHABLE):
                await node.agent.stop()
                return
            await asyncio.sleep(_LATE_PAUSE)

    async def _heal(self, name: str) -> None:
        node = self._node(name)
        node.link.pressures.clear()
        node.link.report()
        if node.process is not None:
            node.process.release_agent()
            node.process.set_room(0)
        if name in self._shifted:
            # An agent that starts anew has no shift; any other takes its own back.
            with contextlib.suppress(*UNREACHABLE):
                await node.agent.set_clock({"offsetSeconds": 0})
            self._shifted.discard(name)

    async def _evict(self, body: Object) -> None:
        pod = self._registry.get(PODS, str(body.get("namespace", "")), str(body.get("pod", "")))
        node = self._node(pod["spec"].get("nodeName", ""))
        message = str(body.get("message") or _LOW)
        await node.agent.evict(uid_of(pod), {"message": message})


def _room(body: Object) -> int:
    value = body.get("bytes")
    if isinstance(value, bool) or not isinstance(value, int) or value < _LEAST_ROOM:
        raise bad_request(f"bytes must be a whole number from {_LEAST_ROOM}")
    return value


def _offset(body: Object) -> float:
    value = body.get("offsetSeconds")
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > _LARGEST_OFFSET:
        raise bad_request("offsetSeconds must be a number of seconds, a year at most")
    return float(value)
