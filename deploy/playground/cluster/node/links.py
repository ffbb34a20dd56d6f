"""The wires between nodes: a veth pair for each two, its ends in the two nodes' network namespaces.

It is made from within a node's namespace, so nothing of it ever touches the host's interfaces. Routed, not
bridged: each node knows the way to the others' pod networks 198.18.<index>.0/24 and 2001:db8:<index>::/64.
"""

from __future__ import annotations

import asyncio
from itertools import combinations, permutations

from .launch import NodeProcess
from .process import ip


async def connect(nodes: list[NodeProcess]) -> None:
    """Lay the wires and routes between running nodes; raises ToolError with the tool's words."""
    for one, other in combinations(nodes, 2):
        ends = f"link add {_wire(other)} type veth peer name {_wire(one)} netns {_pid(other)}"
        await _ip(one, [ends])
    await asyncio.gather(*(_ip(one, _routes(one, other)) for one, other in permutations(nodes, 2)))


def _routes(one: NodeProcess, other: NodeProcess) -> list[str]:
    wire, here, there = _wire(other), one.settings.index, other.settings.index
    return [
        f"link set {wire} addrgenmode none",
        f"link set {wire} up",
        f"addr add fe80::{here:x}/64 dev {wire} nodad",
        f"route add 198.18.{there}.1/32 dev {wire} scope link src 198.18.{here}.1",
        f"route add 198.18.{there}.0/24 via 198.18.{there}.1 dev {wire} src 198.18.{here}.1",
        f"route add 2001:db8:{there:x}::/64 via fe80::{there:x} dev {wire} src 2001:db8:{here:x}::1",
    ]


def _wire(to: NodeProcess) -> str:
    return f"to-{to.settings.name}"


def _pid(node: NodeProcess) -> int:
    assert node.init_pid is not None, "started"
    return node.init_pid


async def _ip(node: NodeProcess, lines: list[str]) -> None:
    await ip(lines, netns=f"/proc/{_pid(node)}/ns/net")
