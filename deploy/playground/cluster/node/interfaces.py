"""A pod's interface that loses, delays or reorders packets, worked at the node's end of its veth.

Loss is nftables' (numgen on the device, ARP spared), so a capture in the pod sees what the pod sent and not what
was lost on its way in. For delay and order the veth leaves the bridge and a relay of ours stands between: two
packet sockets that pass frames on with their virtio header (checksum and segmentation are left undone, as on the
veth itself). No sch_netem is needed, which some kernels lack.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Sequence

from .faults import Impairment
from .process import ToolError, ip, log, run

_ETH_P_ALL, _SOL_PACKET, _PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING = 3, 263, 15, 23  # linux/if_packet.h
_LARGEST = 10 + 14 + 4 + 65_536
_BURST = 64


class Interfaces:
    """The impaired interfaces of a node, by the name of the veth's end."""

    def __init__(self, bridge: str) -> None:
        self._bridge = bridge
        self._impaired: set[str] = set()
        self._relays: dict[str, Relay] = {}

    async def impair(self, veth: str, wanted: Impairment) -> None:
        """Replace what was done to an interface; ToolError or OSError when it can't be."""
        await self.restore(veth)
        if wanted == Impairment():
            return
        self._impaired.add(veth)
        if wanted.loss:
            await run(["nft", "-f", "-"], _lossy(veth, wanted.loss))
        if wanted.delay:
            await self._insert(veth, wanted)

    async def restore(self, veth: str) -> None:
        """Undo everything; an interface that is whole, or has gone, is fine."""
        if veth not in self._impaired:
            return
        self._impaired.discard(veth)
        relay = self._relays.pop(veth, None)
        if relay is not None:
            relay.close()
        await run(["nft", "-f", "-"], _cleared(veth))
        with contextlib.suppress(ToolError):
            await ip([f"link del {_near(veth)}"])
        with contextlib.suppress(ToolError):
            await ip(_join(veth, self._bridge))

    async def _insert(self, veth: str, wanted: Impairment) -> None:
        near, far = _near(veth), f"far-{veth}"
        with contextlib.suppress(ToolError):  # an earlier agent's
            await ip([f"link del {near}"])
        lines = [f"link add {near} type veth peer name {far}", f"link set {veth} nomaster"]
        lines += [f"link set {name} addrgenmode none" for name in (near, far)]
        await ip([*lines, f"link set {near} up", *_join(far, self._bridge)])
        # Only the relay may take what arrives here: the node itself would answer ARP on behalf of its bridge.
        await run(["nft", "-f", "-"], _deaf(veth, [veth, near]))
        self._relays[veth] = Relay(veth, near, wanted.delay, wanted.share)


class Relay:
    """Passes frames between two interfaces; a share of those from `pod` is held back for `delay` seconds."""

    def __init__(self, pod: str, near: str, delay: float, share: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._delay, self._share = delay, share
        self._pod, self._near = _packet_socket(pod), _packet_socket(near)
        self._loop.add_reader(self._pod, self._from_pod)
        self._loop.add_reader(self._near, self._to_pod)

    def close(self) -> None:
        for end in (self._pod, self._near):
            self._loop.remove_reader(end)
            end.close()

    def _from_pod(self) -> None:
        for frame in _frames(self._pod):
            if random.random() < self._share:
                self._loop.call_later(self._delay, _send, self._near, frame)
            else:
                _send(self._near, frame)

    def _to_pod(self) -> None:
        for frame in _frames(self._near):
            _send(self._pod, frame)


def _packet_socket(name: str) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
    for option in (_PACKET_VNET_HDR, _PACKET_IGNORE_OUTGOING):
        end.setsockopt(_SOL_PACKET, option, 1)
    end.bind((name, _ETH_P_ALL))
    return end


def _frames(end: socket.socket) -> list[bytes]:
    found: list[bytes] = []
    with contextlib.suppress(BlockingIOError):
        while len(found) < _BURST:
            found.append(end.recv(_LARGEST))
    return found


def _send(end: socket.socket, frame: bytes) -> None:
    """A wire makes no promises: what can't be sent is lost, but not in silence."""
    try:
        if end.fileno() >= 0:
            end.send(frame)
    except OSError as error:
        log("frame lost by the relay", bytes=len(frame), error=str(error))


def _near(veth: str) -> str:
    return f"near-{veth}"


def _join(name: str, bridge: str) -> list[str]:
    return [f"link set {name} master {bridge} up", f"link set {name} type bridge_slave isolated on"]


def _lossy(veth: str, share: float) -> str:
    rule = f"meta protocol {{ ip, ip6 }} numgen random mod 10000 < {round(share * 10_000)} drop"
    chains = [f"chain {hook} {{ type filter hook {hook} device {veth} priority 0; {rule}; }}" for hook in _HOOKS]
    return _table(veth, chains)


def _deaf(veth: str, names: Sequence[str]) -> str:
    devices = ", ".join(names)
    return _table(veth, [f"chain deaf {{ type filter hook ingress devices = {{ {devices} }} priority 0; drop; }}"])


def _table(veth: str, chains: list[str]) -> str:
    return "\n".join([_cleared(veth), f"table netdev threadcap_{veth} {{", *chains, "}"]) + "\n"


def _cleared(veth: str) -> str:
    return f"table netdev threadcap_{veth}\ndelete table netdev threadcap_{veth}\n"


_HOOKS = ("ingress", "egress")
