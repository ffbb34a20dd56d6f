"""The node's network: one routed bridge, a veth and a network namespace a pod.

Pods have /32 (and /128) addresses and an on-link default route to the bridge; bridge ports are isolated.
So all traffic between pods is routed by the node, and its NAT sees both directions without br_netfilter.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from pathlib import Path

from . import services
from .faults import Impairment
from .interfaces import Interfaces
from .process import Json, ToolError, ip, run

BRIDGE = "cbr0"
CLUSTER_DNS = "198.19.0.10"
SERVICES_V4 = "198.19.0.0/16"
SERVICES_V6 = "2001:db8:ffff::/112"
_NETNS = Path("/run/netns")
_SYSCTLS = {
    "net/ipv4/ip_forward": "1",
    "net/ipv6/conf/all/forwarding": "1",
    "net/ipv4/conf/all/send_redirects": "0",
    "net/ipv4/conf/default/send_redirects": "0",
    "net/ipv6/conf/default/accept_dad": "0",
    "net/ipv6/conf/default/accept_ra": "0",
}
# Where the module br_netfilter is loaded, bridged packets would pass our NAT before they are routed, and DNAT
# would send them to an isolated port. Both settings are the network namespace's own.
_BRIDGE_SYSCTLS = {"net/bridge/bridge-nf-call-iptables": "0", "net/bridge/bridge-nf-call-ip6tables": "0"}


@dataclass(frozen=True)
class PodNetwork:
    """Where one pod's network is: its namespace's file, the node's end of its veth, its addresses."""

    netns: str
    veth: str
    ipv4: str
    ipv6: str


class NodeNetwork:
    """The addresses, links and NAT rules of one node; all inside the node's network namespace."""

    def __init__(self, index: int) -> None:
        self._index = index
        self._hosts: dict[str, int] = {}
        self._next = 2
        self._services_text = ""
        self._services_lock = asyncio.Lock()
        self._interfaces = Interfaces(BRIDGE)

    @property
    def node_ip(self) -> str:
        return f"198.18.{self._index}.1"

    async def set_up(self) -> None:
        """Make the bridge; safe to call again after a restart of the agent."""
        for name, value in _SYSCTLS.items():
            (Path("/proc/sys") / name).write_text(value)
        for name, value in _BRIDGE_SYSCTLS.items():
            with contextlib.suppress(FileNotFoundError):  # no br_netfilter here
                (Path("/proc/sys") / name).write_text(value)
        if BRIDGE in await run(["ip", "-br", "link"]):
            return
        # An address of its own: otherwise the bridge takes that of a port, and pods' ARP entries go stale.
        address = f"02:c6:12:{self._index:02x}:00:01"
        lines = ["link set lo up", f"link add {BRIDGE} address {address} type bridge mcast_snooping 0 stp_state 0"]
        lines += [f"addr add {self.node_ip}/24 dev {BRIDGE}"]
        lines += [f"addr add 2001:db8:{self._index:x}::1/64 dev {BRIDGE} nodad", f"link set {BRIDGE} up"]
        lines += [f"route add {SERVICES_V4} dev {BRIDGE}", f"route add {SERVICES_V6} dev {BRIDGE}"]
        await ip(lines)

    async def add_pod(self, uid: str) -> PodNetwork:
        """A namespace with eth0, addresses and routes for one pod: two processes, a few milliseconds."""
        host = self._allocate(uid)
        try:
            return await self._connect(uid, host)
        except ToolError:
            await self.remove_pod(uid)
            raise

    async def _connect(self, uid: str, host: int) -> PodNetwork:
        name, veth = _names(uid, host)
        peer = f"type veth peer name eth0 netns {name}"
        lines = [f"netns add {name}", f"link add {veth} {peer}"]
        lines += [f"link set {veth} addrgenmode none", f"link set {veth} master {BRIDGE} up"]
        lines += [f"link set {veth} type bridge_slave isolated on"]
        await ip(lines)
        network = self._network(name, host)
        gateway6 = f"2001:db8:{self._index:x}::1"
        inside = ["link set lo up", f"addr add {network.ipv4}/32 dev eth0"]
        inside += [f"addr add {network.ipv6}/128 dev eth0 nodad", "link set eth0 addrgenmode none", "link set eth0 up"]
        inside += [f"route add {self.node_ip} dev eth0 scope link", f"route add default via {self.node_ip}"]
        inside += [f"route add {gateway6} dev eth0", f"route add default via {gateway6} dev eth0"]
        await ip(inside, netns=name)
        return network

    def adopt_pod(self, uid: str, ipv4: str) -> PodNetwork:
        """Know a pod again whose namespace outlived the agent."""
        host = int(ipv4.rpartition(".")[2])
        self._hosts[uid] = host
        return self._network(_names(uid, host)[0], host)

    async def remove_pod(self, uid: str) -> None:
        """Remove the pod's namespace, and with it its interfaces; unknown pods are fine."""
        host = self._hosts.pop(uid, None)
        if host is None:
            return
        name, veth = _names(uid, host)
        await self._interfaces.restore(veth)
        # The veth first: a namespace's own end is asynchronous, and the address may be given out again.
        for line in (f"link del {veth}", f"netns del {name}"):
            with contextlib.suppress(ToolError):
                await ip([line])

    async def apply_services(self, wanted: list[Json]) -> None:
        """Make NAT match the services, in one transaction."""
        text = services.ruleset(wanted, (SERVICES_V4, SERVICES_V6))
        async with self._services_lock:
            if text != self._services_text:
                await run(["nft", "-f", "-"], text)
                self._services_text = text

    async def apply_in_pod(self, network: PodNetwork, ruleset: str) -> None:
        """Load an nftables script inside a pod's namespace."""
        await run(["nsenter", f"--net={network.netns}", "nft", "-f", "-"], ruleset)

    async def impair(self, network: PodNetwork, wanted: Impairment) -> None:
        """Have a pod's interface lose or hold back packets; an Impairment of nothing heals it."""
        await self._interfaces.impair(network.veth, wanted)

    def _network(self, name: str, host: int) -> PodNetwork:
        ipv6 = f"2001:db8:{self._index:x}::{host:x}"
        return PodNetwork(str(_NETNS / name), f"veth{host}", f"198.18.{self._index}.{host}", ipv6)

    def _allocate(self, uid: str) -> int:
        if uid in self._hosts:
            return self._hosts[uid]
        taken = set(self._hosts.values())
        # Addresses go round, so that one freed just now isn't somebody else's a moment later.
        for step in range(253):
            host = 2 + (self._next - 2 + step) % 253
            if host not in taken:
                self._next = host + 1
                self._hosts[uid] = host
                return host
        raise RuntimeError("no pod address left on this node (253 at most)")


def _names(uid: str, host: int) -> tuple[str, str]:
    return f"threadcap-{uid[:40]}", f"veth{host}"
